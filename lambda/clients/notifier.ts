import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';

/** A message to people. */
export interface Notice {
  /** One line; longer than 100 characters is cut, as SNS allows no more. */
  readonly subject: string;
  readonly message: string;
}

/** Tells people. */
export interface Notifier {
  notify(notice: Notice): Promise<void>;
}

/** {@link Notifier} on an SNS topic. */
export function createNotifier(topicArn: string, sns = new SNSClient({})): Notifier {
  return {
    async notify({ subject, message }) {
      await sns.send(new PublishCommand({ TopicArn: topicArn, Subject: subject.slice(0, 100), Message: message }));
    },
  };
}
