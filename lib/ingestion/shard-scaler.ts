import { Duration, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kinesis from 'aws-cdk-lib/aws-kinesis';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { grantKeyUse } from '../runtime/dependent-grants';
import { HandlerFunction } from '../runtime/handler-function';
import { SHARD_CHANGES_PREFIX, SHARD_SCALING_ENVIRONMENT } from './contract';
import type { ShardPlan } from './decide/shard-count';

/** Creates the function that changes the number of shards, and the rule that runs it every minute. */
export function shardScaler(
  scope: Construct,
  { stream, bucket, plan }: { readonly stream: kinesis.IStream; readonly bucket: s3.IBucket; readonly plan: ShardPlan },
): HandlerFunction {
  const scaler = new HandlerFunction(scope, 'ShardScaler', {
    handlerName: 'shard-scaler',
    description: 'Changes the number of shards of the stream with its writes',
    // Looks, a note, the change, another note and the metrics, each with a deadline of 10 s, and the notices with one of 5 s.
    timeout: Duration.seconds(55),
    environment: {
      [SHARD_SCALING_ENVIRONMENT.streamName]: stream.streamName,
      [SHARD_SCALING_ENVIRONMENT.resultsBucketName]: bucket.bucketName,
      [SHARD_SCALING_ENVIRONMENT.plan]: Stack.of(scope).toJsonString(plan),
    },
  });
  const changes = bucket.arnForObjects(`${SHARD_CHANGES_PREFIX}*`);
  const policy = new iam.Policy(scope, 'ShardScalerPolicy', {
    statements: [
      new iam.PolicyStatement({
        sid: 'ChangeShards',
        actions: ['kinesis:DescribeStreamSummary', 'kinesis:UpdateShardCount'],
        resources: [stream.streamArn],
      }),
      new iam.PolicyStatement({ sid: 'ReadWrites', actions: ['cloudwatch:GetMetricData'], resources: ['*'] }),
      new iam.PolicyStatement({
        sid: 'PublishShards',
        actions: ['cloudwatch:PutMetricData'],
        resources: ['*'],
        conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
      }),
      new iam.PolicyStatement({ sid: 'Changes', actions: ['s3:GetObject', 's3:PutObject'], resources: [changes] }),
      new iam.PolicyStatement({ sid: 'FindChanges', actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
    ],
  });
  policy.attachToRole(scaler.role!);
  grantKeyUse(bucket.encryptionKey, scaler, 's3:PutObject', 's3:GetObject')?.applyBefore(policy);
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(
    policy,
    ['*', changes],
    'GetMetricData and PutMetricData do not support resource-level permissions, and a condition limits the second to one namespace. The ' +
      'name of the stream, which the object has in its key, is known when it is created.',
  );
  const rule = new events.Rule(scope, 'ShardScalerSchedule', {
    description: 'Looks at the shards of the stream every minute',
    schedule: events.Schedule.rate(Duration.minutes(1)),
    targets: [new targets.LambdaFunction(scaler, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
  });
  scaler.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
  const reason = 'The next minute makes up for a missed look.';
  acknowledgeControl(rule, 'EventBusDLQ', reason);
  acknowledgeControl(scaler, 'LambdaDLQ', reason);
  acknowledgeControl(scaler, 'LambdaAsyncFailureDestination', reason);
  return scaler;
}

/** Lets the function tell a topic of the changes of the shards, and of what holds them back. */
export function notifyOf(scaler: HandlerFunction, topic: sns.ITopic): void {
  scaler.addEnvironment(SHARD_SCALING_ENVIRONMENT.notificationTopicArn, topic.topicArn);
  const policy = new iam.Policy(scaler, 'NoticesPolicy', {
    statements: [new iam.PolicyStatement({ sid: 'Notices', actions: ['sns:Publish'], resources: [topic.topicArn] })],
  });
  policy.attachToRole(scaler.role!);
  acknowledgeInlinePolicy(policy);
  grantKeyUse(topic.masterKey, scaler, 'sns:Publish')?.applyBefore(policy);
}
