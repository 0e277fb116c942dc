import { Annotations, Aspects, Duration, Lazy, RemovalPolicy, type Size } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { CheckedCall } from '../catalog/dependent-permissions';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import {
  acknowledgeControl,
  acknowledgeInlinePolicy,
  acknowledgeRule,
  acknowledgeWildcards,
} from '../runtime/acknowledge';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import { HandlerFunction } from '../runtime/handler-function';
import { hardenedBucket } from '../runtime/hardened-bucket';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { PayloadMappings } from './consumer-checks';
import {
  CONTROL_REQUESTS_PREFIX,
  DEAD_LETTERS_PREFIX,
  FAILED_BATCHES_PREFIX,
  INGESTION_ENVIRONMENT,
  MEASUREMENTS_PREFIX,
  RESPONSES_PREFIX,
  RESULTS_PREFIX,
} from './contract';
import type { FleetAtMaximum } from './decide/requests-in-flight';
import { fleetsAtMaximum } from './endpoint-fleets';
import type { RecordField } from './record-field';
import { grantSpill, spillEnvironment } from './spill-collector';
import type { SpillProps } from './spill-props';

/** Settings of a consumer, with their defaults applied. */
interface ConsumerSettings {
  readonly contentType: string;
  readonly accept: string;
  readonly orderKey: RecordField;
  readonly recordId: RecordField;
  readonly maxRecordSize: Size;
  readonly maxModelFailures: number;
  readonly timeout: Duration;
  readonly memorySize: Size;
}

/** Prefixes whose objects expire, by the ids of their lifecycle rules. */
const EXPIRING_PREFIXES = {
  Results: RESULTS_PREFIX,
  Responses: RESPONSES_PREFIX,
  Measurements: MEASUREMENTS_PREFIX,
} as const;

/** Returns the bucket of the results: the given one, or a new one that is encrypted, versioned, TLS only and closed to the public. */
export function resultsBucketOf(
  scope: Construct,
  props: {
    readonly resultsBucket?: s3.IBucket;
    readonly accessLogsBucket?: s3.IBucket;
    readonly removalPolicy?: RemovalPolicy;
    readonly autoDeleteObjects?: boolean;
    readonly expiration?: Duration;
  },
): s3.IBucket {
  if (props.resultsBucket !== undefined) return props.resultsBucket;
  const bucket = hardenedBucket(scope, 'Results', {
    accessLogsBucket: props.accessLogsBucket,
    accessLogsPrefix: `${scope.node.id}/`,
    removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    autoDeleteObjects: props.autoDeleteObjects,
    noncurrentVersionExpiration: Duration.days(7),
  });
  const expiration = props.expiration ?? Duration.days(400);
  for (const [id, prefix] of Object.entries(EXPIRING_PREFIXES)) bucket.addLifecycleRule({ id, prefix, expiration });
  bucket.addLifecycleRule({ id: 'DeleteMarkers', expiredObjectDeleteMarker: true });
  return bucket;
}

/** Creates the function that sends records to the endpoint. */
export function consumerFunction(
  scope: Construct,
  options: {
    readonly handlerName: string;
    readonly description: string;
    readonly endpoint: IInvocableEndpoint;
    readonly bucket: s3.IBucket;
    readonly settings: ConsumerSettings;
    readonly reservedConcurrentExecutions?: number;
    /** Maximum number of keys in flight, by the fleets of the endpoint as far as they are known. */
    readonly concurrency: (fleets: readonly FleetAtMaximum[] | undefined) => number;
    /** Problems of the requests in flight. */
    readonly problems: (fleets: readonly FleetAtMaximum[] | undefined) => readonly string[];
    readonly mappings: PayloadMappings;
    readonly spillTo?: SpillProps;
    /** Further variables of the environment. */
    readonly environment: { readonly [name: string]: string };
  },
): HandlerFunction {
  const { endpoint, bucket, settings } = options;
  const consumer = new HandlerFunction(scope, 'Consumer', {
    handlerName: options.handlerName,
    description: options.description,
    timeout: settings.timeout,
    memorySize: settings.memorySize.toMebibytes(),
    reservedConcurrentExecutions: options.reservedConcurrentExecutions,
    invokesFunctions: mappingFunctionArns(options.mappings).length > 0,
    environment: {
      [INGESTION_ENVIRONMENT.endpointName]: endpoint.endpointName,
      [INGESTION_ENVIRONMENT.resultsBucketName]: bucket.bucketName,
      // The scaling of the endpoint may be declared after its stream.
      [INGESTION_ENVIRONMENT.concurrency]: Lazy.string({
        produce: () => String(options.concurrency(fleetsAtMaximum(endpoint))),
      }),
      [INGESTION_ENVIRONMENT.maxModelFailures]: String(settings.maxModelFailures),
      [INGESTION_ENVIRONMENT.contentType]: settings.contentType,
      [INGESTION_ENVIRONMENT.accept]: settings.accept,
      [INGESTION_ENVIRONMENT.orderKey]: settings.orderKey.expression,
      [INGESTION_ENVIRONMENT.recordId]: settings.recordId.expression,
      [INGESTION_ENVIRONMENT.maxRecordBytes]: String(settings.maxRecordSize.toBytes()),
      ...mappingEnvironment(options.mappings),
      ...spillEnvironment(options.spillTo),
      ...options.environment,
    },
  });
  acknowledgeControl(
    consumer,
    'LambdaDLQ',
    'The event source mapping calls the function synchronously; failed batches go to the results bucket.',
  );
  Aspects.of(scope).add({
    visit: (node) => {
      if (node !== scope) return;
      for (const problem of options.problems(fleetsAtMaximum(endpoint)))
        Annotations.of(scope).addWarningV2('tidegate:ingestionRequestsInFlight', problem);
    },
  });
  return consumer;
}

/** Functions of mappings, each once. */
function mappingFunctionArns({ requestMapping, responseMapping }: PayloadMappings): string[] {
  return [...new Set([requestMapping, responseMapping].flatMap((mapping) => mapping?.handler?.functionArn ?? []))];
}

function mappingEnvironment({ requestMapping, responseMapping }: PayloadMappings): { [name: string]: string } {
  return {
    ...(requestMapping === undefined ? {} : { [INGESTION_ENVIRONMENT.requestMapping]: requestMapping.definition }),
    ...(responseMapping === undefined ? {} : { [INGESTION_ENVIRONMENT.responseMapping]: responseMapping.definition }),
  };
}

/** Returns the statement that allows the functions of mappings, these alone, to be invoked. */
function mappingStatements(mappings: PayloadMappings): iam.PolicyStatement[] {
  const resources = mappingFunctionArns(mappings);
  if (resources.length === 0) return [];
  return [new iam.PolicyStatement({ sid: 'MapPayloads', actions: ['lambda:InvokeFunction'], resources })];
}

/**
 * Grants the consumer least privilege: read its source as the event source mapping does, invoke the endpoint and the functions of mappings, read and
 * write below prefixes, publish metrics, and hand records over to the endpoint that they spill to. Lambda checks the returned policy when the mapping is created.
 */
export function grantConsumer(
  scope: Construct,
  {
    consumer,
    bucket,
    endpoint,
    mappings,
    spillTo,
    source,
    failures,
  }: {
    readonly consumer: HandlerFunction;
    readonly bucket: s3.IBucket;
    readonly endpoint: IInvocableEndpoint;
    readonly mappings: PayloadMappings;
    readonly spillTo?: SpillProps;
    /** ARNs that the mapping needs beside those of the bucket, and the cases of its call. */
    readonly source: Omit<CheckedCall, 'call'>;
    /** ARNs of the failure destination. @default - those of the bucket */
    readonly failures?: CheckedCall['arns'];
  },
): iam.Policy {
  const below = (prefix: string): string => bucket.arnForObjects(`${prefix}*`);
  const read = [RESULTS_PREFIX, CONTROL_REQUESTS_PREFIX].map(below);
  const objects = [...read, ...[RESPONSES_PREFIX, MEASUREMENTS_PREFIX, DEAD_LETTERS_PREFIX].map(below)];
  const failedBatches = below(FAILED_BATCHES_PREFIX);
  const mapping: CheckedCall = {
    ...source,
    call: 'lambda:CreateEventSourceMapping',
    arns: {
      ...source.arns,
      ...(failures ?? { FailedBatchArns: [failedBatches], FailureBucketArn: [bucket.bucketArn] }),
    },
  };
  const policy = new iam.Policy(scope, 'ConsumerPolicy', {
    statements: [
      ...dependentStatements(scope, [mapping]),
      // It looks for the results of an earlier delivery. A mapping whose failures go there needs the permission, too.
      ...(failures === undefined
        ? []
        : [new iam.PolicyStatement({ sid: 'ListResults', actions: ['s3:ListBucket'], resources: [bucket.bucketArn] })]),
      new iam.PolicyStatement({ sid: 'ReadObjects', actions: ['s3:GetObject'], resources: read }),
      new iam.PolicyStatement({ sid: 'WriteObjects', actions: ['s3:PutObject'], resources: objects }),
      ...mappingStatements(mappings),
      new iam.PolicyStatement({
        sid: 'PublishCounts',
        actions: ['cloudwatch:PutMetricData'],
        resources: ['*'],
        conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
      }),
    ],
  });
  policy.attachToRole(consumer.role!);
  grantKeyUse(bucket.encryptionKey, consumer, 's3:PutObject', 's3:GetObject')?.applyBefore(policy);
  endpoint.grantInvoke(consumer);
  if (spillTo !== undefined) grantSpill(consumer, { spillTo, bucket, policy });
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(
    policy,
    [...objects, ...(mapping.arns?.['FailedBatchArns'] ?? [])],
    'The keys of the objects are not known before they are written.',
  );
  acknowledgeRule(
    policy,
    'IAM5[Resource::*]',
    source.cases?.includes('vpc') === true
      ? 'PutMetricData and the actions on network interfaces, by which Lambda reaches the brokers, are checked without a resource; a condition ' +
          'limits the first to one namespace.'
      : 'PutMetricData does not support resource-level permissions; a condition limits it to one namespace.',
  );
  return policy;
}
