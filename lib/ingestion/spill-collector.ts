import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import type { AsynchronousStorage } from '../runtime/asynchronous-endpoint';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import { emptiedObjects } from '../runtime/emptied-bucket';
import { HandlerFunction } from '../runtime/handler-function';
import {
  DEAD_LETTERS_PREFIX,
  INGESTION_ENVIRONMENT,
  MEASUREMENTS_PREFIX,
  RESPONSES_PREFIX,
  RESULTS_PREFIX,
  SPILLED_PREFIX,
} from './contract';
import { SPILL_COLLECTOR_ENVIRONMENT } from './decide/spilled-record';
import type { PayloadMapping } from './payload-mapping';
import { spillSeconds, type SpillProps } from './spill-props';

const OBJECTS_BELOW_PREFIXES = 'The keys of the objects are not known before they are written.';

/** Variables of a consumer whose old records go to an asynchronous endpoint; none without one. */
export function spillEnvironment(spillTo: SpillProps | undefined): { readonly [name: string]: string } {
  if (spillTo === undefined) return {};
  const { bucket, requestPrefix } = storageOf(spillTo);
  const { afterSeconds, ttlSeconds, timeoutSeconds } = spillSeconds(spillTo);
  return {
    [INGESTION_ENVIRONMENT.spillEndpointName]: spillTo.endpoint.endpointName,
    [INGESTION_ENVIRONMENT.spillAfterSeconds]: String(afterSeconds),
    [INGESTION_ENVIRONMENT.spillBucketName]: bucket.bucketName,
    [INGESTION_ENVIRONMENT.spillRequestPrefix]: requestPrefix,
    [INGESTION_ENVIRONMENT.spillTtlSeconds]: String(ttlSeconds),
    [INGESTION_ENVIRONMENT.spillTimeoutSeconds]: String(timeoutSeconds),
  };
}

/** Allows a consumer to hand records over: to write requests, to invoke the endpoint, and to write what it owns. */
export function grantSpill(
  consumer: HandlerFunction,
  {
    spillTo,
    bucket,
    policy,
  }: { readonly spillTo: SpillProps; readonly bucket: s3.IBucket; readonly policy: iam.Policy },
): void {
  const storage = storageOf(spillTo);
  const written = [
    storage.bucket.arnForObjects(`${storage.requestPrefix}*`),
    bucket.arnForObjects(`${SPILLED_PREFIX}*`),
  ];
  policy.addStatements(
    new iam.PolicyStatement({ sid: 'SpillRecords', actions: ['s3:PutObject'], resources: written }),
    new iam.PolicyStatement({
      sid: 'InvokeAsync',
      actions: ['sagemaker:InvokeEndpointAsync'],
      resources: [spillTo.endpoint.endpointArn],
    }),
  );
  grantKeyUse(storage.bucket.encryptionKey, consumer, 's3:PutObject')?.applyBefore(policy);
  acknowledgeWildcards(policy, written, OBJECTS_BELOW_PREFIXES);
}

/** Creates the function that collects the responses to spilled records every minute, with least privilege. */
export function spillCollector(
  scope: Construct,
  options: {
    readonly spillTo: SpillProps;
    readonly bucket: s3.IBucket;
    /** Name of the stream, or the consumer group of a topic. */
    readonly streamName: string;
    readonly accept: string;
    readonly responseMapping?: PayloadMapping;
  },
): HandlerFunction {
  const { bucket, responseMapping } = options;
  const collector = new HandlerFunction(scope, 'SpillCollector', {
    handlerName: 'spill-collector',
    description: 'Writes the results of records that an asynchronous endpoint took over',
    timeout: Duration.minutes(1),
    // A record of 4 MiB and its response, some of them at once.
    memorySize: 512,
    invokesFunctions: responseMapping?.handler !== undefined,
    environment: {
      [SPILL_COLLECTOR_ENVIRONMENT.streamName]: options.streamName,
      [SPILL_COLLECTOR_ENVIRONMENT.resultsBucketName]: bucket.bucketName,
      [SPILL_COLLECTOR_ENVIRONMENT.accept]: options.accept,
      ...(responseMapping === undefined
        ? {}
        : { [SPILL_COLLECTOR_ENVIRONMENT.responseMapping]: responseMapping.definition }),
    },
  });
  const policy = grantCollector(scope, collector, options);
  const rule = new events.Rule(scope, 'SpillCollectorSchedule', {
    description: 'Looks for the responses to spilled records every minute',
    schedule: events.Schedule.rate(Duration.minutes(1)),
    targets: [new targets.LambdaFunction(collector, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
  });
  rule.node.addDependency(policy);
  // The results end before the bucket is emptied.
  rule.node.addDependency(...emptiedObjects(bucket));
  collector.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
  const reason = 'The next minute makes up for a missed look.';
  acknowledgeControl(rule, 'EventBusDLQ', reason);
  acknowledgeControl(collector, 'LambdaDLQ', reason);
  acknowledgeControl(collector, 'LambdaAsyncFailureDestination', reason);
  return collector;
}

function grantCollector(
  scope: Construct,
  collector: HandlerFunction,
  {
    spillTo,
    bucket,
    responseMapping,
  }: { readonly spillTo: SpillProps; readonly bucket: s3.IBucket; readonly responseMapping?: PayloadMapping },
): iam.Policy {
  const storage = storageOf(spillTo);
  const below = (prefix: string): string => bucket.arnForObjects(`${prefix}*`);
  const spilled = below(SPILLED_PREFIX);
  const written = [RESULTS_PREFIX, RESPONSES_PREFIX, MEASUREMENTS_PREFIX, DEAD_LETTERS_PREFIX].map(below);
  const read = [
    spilled,
    below(RESULTS_PREFIX),
    ...[storage.responsePrefix, storage.failurePrefix].map((prefix) => storage.bucket.arnForObjects(`${prefix}*`)),
  ];
  const policy = new iam.Policy(scope, 'SpillCollectorPolicy', {
    statements: [
      ...dependentStatements(scope, [
        // The results bucket is listed for the spilled records, too.
        {
          call: 's3:GetObject',
          cases: ['missing-object'],
          arns: { BucketArn: [bucket.bucketArn, storage.bucket.bucketArn] },
        },
      ]),
      new iam.PolicyStatement({ sid: 'ReadObjects', actions: ['s3:GetObject'], resources: read }),
      new iam.PolicyStatement({ sid: 'WriteResults', actions: ['s3:PutObject'], resources: written }),
      new iam.PolicyStatement({ sid: 'SettleRecords', actions: ['s3:DeleteObject'], resources: [spilled] }),
      ...(responseMapping?.handler === undefined
        ? []
        : [
            new iam.PolicyStatement({
              sid: 'MapPayloads',
              actions: ['lambda:InvokeFunction'],
              resources: [responseMapping.handler.functionArn],
            }),
          ]),
      new iam.PolicyStatement({
        sid: 'PublishCounts',
        actions: ['cloudwatch:PutMetricData'],
        resources: ['*'],
        conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
      }),
    ],
  });
  policy.attachToRole(collector.role!);
  grantKeyUse(bucket.encryptionKey, collector, 's3:PutObject', 's3:GetObject')?.applyBefore(policy);
  grantKeyUse(storage.bucket.encryptionKey, collector, 's3:GetObject')?.applyBefore(policy);
  grantKeyUse(storage.responseEncryptionKey, collector, 's3:GetObject')?.applyBefore(policy);
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(policy, [...read, ...written], OBJECTS_BELOW_PREFIXES);
  acknowledgeWildcards(
    policy,
    ['*'],
    'PutMetricData does not support resource-level permissions; a condition limits it to one namespace.',
  );
  return policy;
}

/** Returns the places of an endpoint that the checks have let pass. */
function storageOf({ endpoint }: SpillProps): AsynchronousStorage {
  return endpoint.asynchronousStorage!;
}
