import { Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { NotificationTopic } from '../cost';
import { acknowledgeControl } from '../runtime/acknowledge';
import { deadLetterQueue, failureDestination } from '../runtime/dead-letter-queue';
import { HandlerFunction } from '../runtime/handler-function';
import { WEBHOOK_ENVIRONMENT } from './contract';
import { checkNotificationRecipients } from './notification-checks';
import type { NotificationRecipients } from './notification-recipients';

/** Properties of {@link Notifications}. */
export interface NotificationsProps extends NotificationRecipients {
  /**
   * Topic whose messages the recipients get.
   *
   * @default - a new encrypted topic that accepts TLS only
   */
  readonly topic?: sns.ITopic;
}

/**
 * Recipients of the notifications of a topic: alarms of `PlatformAlarms`, notices of a `CostGuard`.
 *
 * Creates a subscription for each recipient, and for each webhook a function that posts to it, with a dead-letter queue.
 *
 * @example
 * new monitoring.Notifications(this, 'Notifications', { topic: guard.topic, emailAddresses: ['oncall@example.com'] });
 */
export class Notifications extends Construct {
  /** Topic whose messages the recipients get. */
  public readonly topic: sns.ITopic;

  /** Functions that post to the webhooks, in the order of their parameters. */
  public readonly webhookHandlers: lambda.IFunction[];

  /** Queues of notifications that a webhook did not accept three times, which should be empty. */
  public readonly webhookDeadLetterQueues: sqs.IQueue[] = [];

  public constructor(scope: Construct, id: string, props: NotificationsProps) {
    super(scope, id);
    throwProblems(this.node.path, checkNotificationRecipients(props));
    this.topic = props.topic ?? new NotificationTopic(this, 'Topic').topic;
    const subscribed = [
      ...(props.emailAddresses ?? []).map((address) => new subscriptions.EmailSubscription(address)),
      ...(props.httpsEndpoints ?? []).map((url) => new subscriptions.UrlSubscription(url)),
    ].map((subscription) => this.topic.addSubscription(subscription));
    for (const subscription of subscribed) acknowledgeLostDelivery(subscription);
    this.webhookHandlers = (props.webhookParameterNames ?? []).map((name, index) => this.addWebhook(name, index + 1));
  }

  private addWebhook(parameterName: string, number: number): lambda.IFunction {
    const queue = deadLetterQueue(this, `Webhook${number}DeadLetters`, 'a function');
    this.webhookDeadLetterQueues.push(queue);
    const handler = new HandlerFunction(this, `Webhook${number}`, {
      handlerName: 'notification-webhook',
      description: `Posts notifications to the webhook in the parameter ${parameterName}`,
      environment: { [WEBHOOK_ENVIRONMENT.urlParameter]: parameterName },
    });
    // Lambda repeats a failed asynchronous invocation after one minute, and then after two.
    handler.configureAsyncInvoke({
      onFailure: failureDestination(queue),
      retryAttempts: 2,
      maxEventAge: Duration.hours(1),
    });
    acknowledgeControl(
      handler,
      'LambdaDLQ',
      'Failed invocations go to the on-failure destination, with the error; a dead-letter queue would repeat them.',
    );
    // The key aws/ssm admits every principal of the account that may read the parameter through Systems Manager.
    // https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html
    handler.addToRolePolicy(
      new iam.PolicyStatement({
        sid: 'ReadWebhook',
        actions: ['ssm:GetParameter'],
        resources: [
          Stack.of(this).formatArn({
            service: 'ssm',
            resource: 'parameter',
            resourceName: parameterName.replace(/^\//, ''),
          }),
        ],
      }),
    );
    acknowledgeLostDelivery(this.topic.addSubscription(new subscriptions.LambdaSubscription(handler)));
    return handler;
  }
}

/** Accepts that a subscription has no dead-letter queue. */
function acknowledgeLostDelivery(subscription: sns.Subscription): void {
  acknowledgeControl(
    subscription,
    'SNSRedrivePolicy',
    'SNS repeats a delivery for hours; the message stays readable in the alarm and in the records of the guard, and a queue would have no reader.',
  );
}
