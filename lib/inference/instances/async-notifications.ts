import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { encryptionGrants, type ExecutionGrant } from '../endpoint/execution-policy';
import type { Resolved } from '../value-checks';

/** SNS topics for success and failure notifications. */
export interface AsyncNotificationProps {
  /**
   * Topic that is notified of each response.
   *
   * @default - no notification
   */
  readonly successTopic?: sns.ITopic;

  /**
   * Topic that is notified of each failure.
   *
   * @default - no notification
   */
  readonly errorTopic?: sns.ITopic;

  /**
   * Include the response itself in the notification, where it has at most 128 KB.
   *
   * @default false
   */
  readonly includeResponse?: boolean;
}

/**
 * Resolves the notifications of an asynchronous endpoint.
 *
 * @internal
 */
export function resolveNotifications(props: AsyncNotificationProps = {}): Resolved<AsyncNotificationProps> {
  const isUnsent = props.includeResponse === true && props.successTopic === undefined && props.errorTopic === undefined;
  return {
    value: props,
    problems: isUnsent ? ['notifications.includeResponse needs a topic; give successTopic or errorTopic'] : [],
  };
}

/**
 * Renders the notifications; undefined without a topic.
 *
 * @internal
 */
export function notificationConfig({
  successTopic,
  errorTopic,
  includeResponse,
}: AsyncNotificationProps): sagemaker.CfnEndpointConfig.AsyncInferenceNotificationConfigProperty | undefined {
  if (successTopic === undefined && errorTopic === undefined) return undefined;
  const included = [
    ...(successTopic === undefined ? [] : ['SUCCESS_NOTIFICATION_TOPIC']),
    ...(errorTopic === undefined ? [] : ['ERROR_NOTIFICATION_TOPIC']),
  ];
  return {
    successTopic: successTopic?.topicArn,
    errorTopic: errorTopic?.topicArn,
    includeInferenceResponseIn: includeResponse === true ? included : undefined,
  };
}

/**
 * Permissions to publish to the topics.
 *
 * @internal
 */
export function notificationGrants({ successTopic, errorTopic }: AsyncNotificationProps): ExecutionGrant[] {
  const topics = [...new Set([successTopic, errorTopic].filter((topic) => topic !== undefined))];
  if (topics.length === 0) return [];
  const keys = new Set(topics.flatMap(({ masterKey }) => masterKey ?? []));
  return [
    { actions: ['sns:Publish'], resources: [...new Set(topics.map(({ topicArn }) => topicArn))] },
    ...[...keys].flatMap((key) => encryptionGrants(key)),
  ];
}
