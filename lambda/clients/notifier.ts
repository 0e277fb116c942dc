import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { awsClient } from './aws-client';

/** Maximum length of a subject (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). */
export const MAX_SUBJECT_LENGTH = 100;

/** A notification to people. */
export interface Notification {
  /** One line of at most {@link MAX_SUBJECT_LENGTH} characters. */
  readonly subject: string;
  readonly message: string;
}

/** Sends notifications. */
export interface Notifier {
  notify(notification: Notification): Promise<void>;
}

/** {@link Notifier} of an SNS topic. */
export function createNotifier(topicArn: string, sns = awsClient(SNSClient)): Notifier {
  return {
    async notify({ subject, message }) {
      await sns.send(
        new PublishCommand({ TopicArn: topicArn, Subject: subject.slice(0, MAX_SUBJECT_LENGTH), Message: message }),
      );
    },
  };
}
