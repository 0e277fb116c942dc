import { Duration } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledgeControl, acknowledgeRule } from './acknowledge';
import { dependentStatements } from './dependent-grants';

/**
 * Creates a dead-letter queue with a retention of 14 days: encrypted, TLS only.
 *
 * @param source text on its source in findings
 * @param isOfQueue true where a queue of the stack names it in its redrive policy, by which checks know it
 */
export function deadLetterQueue(scope: Construct, id: string, source: string, isOfQueue = false): sqs.Queue {
  const queue = new sqs.Queue(scope, id, {
    encryption: sqs.QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  const reason = `This queue is the dead-letter queue of ${source}.`;
  if (!isOfQueue) acknowledgeRule(queue, 'SQS3', reason);
  acknowledgeControl(queue, 'SQSRedrivePolicy', reason);
  return queue;
}

/** Sends failed asynchronous invocations of a function to a dead-letter queue; the function's role may send to it, and no more. */
export function failureDestination(queue: sqs.Queue): lambda.IDestination {
  return {
    bind: (_scope, handler) => {
      const call = { call: 'lambda:PutFunctionEventInvokeConfig', arns: { FailureQueueArn: [queue.queueArn] } };
      for (const statement of dependentStatements(handler, [call])) handler.addToRolePolicy(statement);
      return { destination: queue.queueArn };
    },
  };
}
