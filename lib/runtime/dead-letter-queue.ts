import { Duration } from 'aws-cdk-lib';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledgeControl, acknowledgeRule } from './acknowledge';

/** A queue for what could not be handled, kept for 14 days: encrypted, TLS only. `of` tells whose dead letters it takes. */
export function deadLetterQueue(scope: Construct, id: string, of: string): sqs.Queue {
  const queue = new sqs.Queue(scope, id, {
    encryption: sqs.QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  const reason = `This queue is the dead-letter queue of ${of}.`;
  acknowledgeRule(queue, 'SQS3', reason);
  acknowledgeControl(queue, 'SQSRedrivePolicy', reason);
  return queue;
}
