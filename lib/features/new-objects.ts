import { Duration, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as pipes from 'aws-cdk-lib/aws-pipes';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { acknowledgeInlinePolicy } from '../runtime/acknowledge';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { dependentStatements } from '../runtime/dependent-grants';
import { sendObjectEvents } from '../runtime/object-events';
import type { NewObjectsTrigger } from './spark-pipeline-props';

/** Number of deliveries of an event after which it is a dead letter. */
const MAX_DELIVERIES = 5;

/**
 * Starts an execution for many landed objects: a rule puts the events into a queue, and a pipe starts the state machine with a batch of
 * them, when it is full or its first event is old enough.
 *
 * @returns the queue of events that started nothing
 */
export function startOnNewObjects(
  scope: Construct,
  machine: sfn.IStateMachine,
  landing: { readonly bucket: s3.IBucket; readonly prefixes: readonly string[] },
  { maxObjects = 1000, maxWait = Duration.minutes(5) }: NewObjectsTrigger,
): sqs.Queue {
  sendObjectEvents(landing.bucket);
  const letters = deadLetterQueue(
    scope,
    'NewObjectDeadLetters',
    'a queue of object events and of the rule that fills it',
    true,
  );
  const queue = new sqs.Queue(scope, 'NewObjects', {
    encryption: sqs.QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    visibilityTimeout: Duration.minutes(10),
    retentionPeriod: Duration.days(4),
    deadLetterQueue: { queue: letters, maxReceiveCount: MAX_DELIVERIES },
  });
  new events.Rule(scope, 'Landed', {
    description: 'Collects the events of landed objects',
    eventPattern: {
      source: ['aws.s3'],
      detailType: ['Object Created'],
      detail: {
        bucket: { name: [landing.bucket.bucketName] },
        object: { key: landing.prefixes.map((prefix) => ({ prefix })) },
      },
    },
    targets: [new targets.SqsQueue(queue, { deadLetterQueue: letters })],
  });
  const role = new iam.Role(scope, 'PipeRole', {
    assumedBy: new iam.ServicePrincipal('pipes.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    description: 'Starts Spark jobs on landed objects',
  });
  const policy = new iam.Policy(scope, 'PipePolicy', {
    statements: dependentStatements(scope, [
      {
        call: 'pipes:CreatePipe',
        arns: { SourceQueueArn: [queue.queueArn], StateMachineArn: [machine.stateMachineArn] },
      },
    ]),
  });
  policy.attachToRole(role);
  acknowledgeInlinePolicy(policy);
  const pipe = new pipes.CfnPipe(scope, 'Pipe', {
    description: 'Starts a Spark job on landed objects',
    roleArn: role.roleArn,
    source: queue.queueArn,
    sourceParameters: {
      sqsQueueParameters: { batchSize: maxObjects, maximumBatchingWindowInSeconds: maxWait.toSeconds() },
    },
    target: machine.stateMachineArn,
    targetParameters: {
      // The job lists the objects itself; a thousand whole events are more than an execution takes.
      inputTemplate: '{"messageId": <$.messageId>}',
      stepFunctionStateMachineParameters: { invocationType: 'FIRE_AND_FORGET' },
    },
  });
  pipe.node.addDependency(policy);
  return letters;
}
