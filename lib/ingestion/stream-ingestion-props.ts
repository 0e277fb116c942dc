import { Duration, type RemovalPolicy, Size, SizeRoundingBehavior, Token } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import { DEFAULT_CONCURRENCY, DEFAULT_MAX_MODEL_FAILURES, DEFAULT_MEDIA_TYPE } from './contract';
import { checkDrainRate, ON_DEMAND_SHARDS_AT_START } from './decide/drain-rate';
import { checkRequestsInFlight, largestConcurrency, type FleetAtMaximum } from './decide/requests-in-flight';
import { RecordField } from './record-field';

/** Properties of {@link StreamIngestion}. */
export interface StreamIngestionProps {
  /** Endpoint that serves the requests. */
  readonly endpoint: IInvocableEndpoint;

  /**
   * Number of shards of a provisioned stream. One shard accepts 1000 records or 1 MB per second.
   *
   * @default - an on-demand stream, which adds shards automatically
   */
  readonly shardCount?: number;

  /**
   * Retention period of the stream, 1 to 365 days.
   *
   * @default Duration.days(7)
   */
  readonly retention?: Duration;

  /**
   * Media type of the payloads. The endpoint receives the bytes of a record unchanged.
   *
   * @default 'application/json'
   */
  readonly contentType?: string;

  /**
   * Media type of the responses that the container is asked for.
   *
   * @default 'application/json'
   */
  readonly accept?: string;

  /**
   * Field that orders records: those with the same value are sent one after the other. Lambda keeps the order within a partition key only,
   * so records with the same value need the same partition key, or a stream of one shard with a `parallelizationFactor` of 1.
   *
   * @default RecordField.partitionKey()
   */
  readonly orderKey?: RecordField;

  /**
   * Field that identifies a record in the results; with a value that the producer chose, readers recognise a record that was put twice.
   *
   * @default RecordField.sequenceNumber()
   */
  readonly recordId?: RecordField;

  /**
   * Maximum size of a record, 1 to 4 MiB: Kinesis refuses larger ones. Lambda passes a batch of 6 MB at most, in which a payload of 4 MiB
   * takes 5.6 MB as text.
   *
   * @default Size.mebibytes(1)
   */
  readonly maxRecordSize?: Size;

  /**
   * Maximum number of records in a batch, 1 to 10,000. An invocation reads on behind its batch; a larger batch lets Lambda pass what is
   * written already in fewer invocations.
   *
   * @default 1000
   */
  readonly batchSize?: number;

  /**
   * Maximum time that Lambda gathers records for a batch, at most 5 minutes.
   *
   * @default Duration.seconds(0) - Lambda reads each shard once a second
   */
  readonly maxBatchingWindow?: Duration;

  /**
   * Concurrent batches of one shard, 1 to 10; the order within each partition key is kept. With 1, an invocation has its shard to itself and
   * reads it ahead: no record waits for a record of another key. With more, each batch is waited for as a whole.
   *
   * @default 1
   */
  readonly parallelizationFactor?: number;

  /**
   * Maximum number of keys of an invocation with a concurrent request to the endpoint, 1 to 1000. More requests in flight, over all
   * shards and batches, than the endpoint serves at its maximum get a warning.
   *
   * @default - 64, or fewer where the app scales the endpoint and its maximum serves fewer
   */
  readonly concurrency?: number;

  /**
   * Maximum number of failures of one record (any error of the container, or no response in time), each of them followed by a response to
   * another request, before it becomes a dead letter; 1 to 100. A record that fails while nothing else is answered is retried.
   *
   * @default 5
   */
  readonly maxModelFailures?: number;

  /**
   * Maximum number of retries of a batch before the rest of it goes to the failure destination, 0 to 10,000. Each retry takes at most
   * `timeout`, so that a number ends the retries earlier than `maxRecordAge`.
   *
   * @default - no maximum: records are retried until they are older than `maxRecordAge`
   */
  readonly retryAttempts?: number;

  /**
   * Maximum age of a record, 1 minute to 7 days and at most `retention`. Older records go to the failure destination.
   *
   * @default Duration.days(1)
   */
  readonly maxRecordAge?: Duration;

  /**
   * Maximum time of an invocation, 10 seconds to 15 minutes. The age that Lambda reports of the records in a stream that is never idle grows to
   * it, because Lambda goes on in the stream at the end of an invocation.
   *
   * @default Duration.minutes(2)
   */
  readonly timeout?: Duration;

  /**
   * Memory of the consumer.
   *
   * @default Size.mebibytes(512)
   */
  readonly memorySize?: Size;

  /**
   * Reserved concurrency of the consumer, taken from the account's pool. At least shards x parallelizationFactor, or shards wait.
   *
   * @default - no reservation
   */
  readonly reservedConcurrentExecutions?: number;

  /**
   * Expected records per second in the whole stream. Together with `expectedServiceTime` the throughput of the consumer is checked: a
   * provisioned stream that is too fast for it is refused, an on-demand one gets a warning.
   *
   * @default - not checked
   */
  readonly expectedRecordsPerSecond?: number;

  /**
   * Expected time of the endpoint for one record.
   *
   * @default - not checked
   */
  readonly expectedServiceTime?: Duration;

  /**
   * Bucket for results, dead letters and failed batches.
   *
   * @default - a new bucket: encrypted, versioned, TLS only, closed to the public
   */
  readonly resultsBucket?: s3.IBucket;

  /**
   * Bucket for the server access logs of the new results bucket.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * Removal policy of the stream and the new bucket.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** Applies the defaults. */
export function ingestionSettings(props: StreamIngestionProps) {
  return {
    retention: props.retention ?? Duration.days(7),
    contentType: props.contentType ?? DEFAULT_MEDIA_TYPE,
    accept: props.accept ?? DEFAULT_MEDIA_TYPE,
    orderKey: props.orderKey ?? RecordField.partitionKey(),
    recordId: props.recordId ?? RecordField.sequenceNumber(),
    maxRecordSize: props.maxRecordSize ?? Size.mebibytes(1),
    batchSize: props.batchSize ?? 1000,
    maxBatchingWindow: props.maxBatchingWindow ?? Duration.seconds(0),
    parallelizationFactor: props.parallelizationFactor ?? 1,
    concurrency: props.concurrency ?? DEFAULT_CONCURRENCY,
    maxModelFailures: props.maxModelFailures ?? DEFAULT_MAX_MODEL_FAILURES,
    retryAttempts: props.retryAttempts,
    maxRecordAge: props.maxRecordAge ?? Duration.days(1),
    timeout: props.timeout ?? Duration.minutes(2),
    memorySize: props.memorySize ?? Size.mebibytes(512),
  };
}

type IngestionSettings = ReturnType<typeof ingestionSettings>;

function outside(name: string, value: number, from: number, to: number, unit = ''): string[] {
  if (Token.isUnresolved(value) || (Number.isFinite(value) && value >= from && value <= to)) return [];
  return [`${name} (${value}${unit}) is out of range; ${from} to ${to}${unit} is allowed`];
}

function outsideWhole(name: string, value: number | undefined, from: number, to: number): string[] {
  if (value === undefined || Token.isUnresolved(value)) return [];
  return Number.isInteger(value) ? outside(name, value, from, to) : [`${name} (${value}) must be a whole number`];
}

const DAY_SECONDS = 86_400;

const MEDIA_TYPE = /^[\w.+*-]+\/[\w.+*-]+(\s*;\s*[\w-]+=("[^"]*"|[\w.+-]+))*$/;
const KIB = 1024;
/** Maximum record of a batch, in which Lambda passes it as base64: 6 MB x 3 / 4, and room for the record's other fields. */
const MAX_RECORD_KIB = 4 * KIB;
/** Maximum request of a serverless endpoint: 4 MB (https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-invoke.html). */
const MAX_SERVERLESS_KIB = Math.floor(4_000_000 / KIB);

/** Returns every problem of the size of records: Kinesis takes 10 MiB, Lambda and some endpoints less. */
export function checkRecordSize({ maxRecordSize }: IngestionSettings, isServerless: boolean): string[] {
  const kib = maxRecordSize.toKibibytes({ rounding: SizeRoundingBehavior.NONE });
  if (Token.isUnresolved(kib)) return [];
  const problems = outside('maxRecordSize', kib / KIB, 1, MAX_RECORD_KIB / KIB, ' MiB').map(
    (problem) =>
      `${problem}: Lambda passes a batch of 6 MB at most, and a payload takes a third more in it; put larger payloads into S3 and ` +
      'their keys into the stream, or call InvokeEndpointAsync',
  );
  if (isServerless && kib > MAX_SERVERLESS_KIB && problems.length === 0) {
    problems.push(
      `maxRecordSize (${kib} KiB) is above the ${MAX_SERVERLESS_KIB} KiB (4 MB) that a serverless endpoint takes; lower it`,
    );
  }
  return problems;
}

/** Returns the problem of an order key that Lambda does not keep in order. */
export function checkOrderKey(props: StreamIngestionProps, settings: IngestionSettings): string[] {
  const { shardCount, parallelizationFactor } = consumerShape(props, settings);
  if (settings.orderKey.expression === RecordField.partitionKey().expression) return [];
  if (Token.isUnresolved(shardCount) || shardCount * parallelizationFactor === 1) return [];
  return [
    `orderKey is ${settings.orderKey.expression}, and Lambda delivers ${shardCount} shards x ${parallelizationFactor} batches at once: order is ` +
      'kept among records that have the partition key in common too; use the same value as partition key, or shardCount: 1 and ' +
      'parallelizationFactor: 1',
  ];
}

/** Refuses an asynchronous endpoint: its response is not part of the reply to the consumer. */
export function checkIngestionEndpoint({ endpoint }: StreamIngestionProps): string[] {
  if (endpoint.isAsynchronous !== true) return [];
  return [
    'endpoint is asynchronous: it has a queue of its own and writes its responses to S3, so a stream in front of it adds only delay; ' +
      'give a real-time, shared or serverless endpoint, or call InvokeEndpointAsync without a stream',
  ];
}

/** Returns every setting that AWS refuses or that loses data; limits are those of the Lambda and Kinesis API references. */
export function checkIngestionProps(props: StreamIngestionProps, settings: IngestionSettings): string[] {
  const retention = settings.retention.toSeconds();
  const recordAge = settings.maxRecordAge.toSeconds();
  const timeout = settings.timeout.toSeconds();
  const problems = [
    ...outsideWhole('shardCount', props.shardCount, 1, 100_000),
    ...outsideWhole('batchSize', settings.batchSize, 1, 10_000),
    ...outsideWhole('parallelizationFactor', settings.parallelizationFactor, 1, 10),
    ...outsideWhole('concurrency', settings.concurrency, 1, 1000),
    ...outsideWhole('maxModelFailures', settings.maxModelFailures, 1, 100),
    ...outsideWhole('retryAttempts', settings.retryAttempts, 0, 10_000),
    ...outside('retention', retention / DAY_SECONDS, 1, 365, ' days'),
    ...outside('maxBatchingWindow', settings.maxBatchingWindow.toSeconds(), 0, 300, ' s'),
    ...outside('maxRecordAge', recordAge, 60, 7 * DAY_SECONDS, ' s'),
    ...outside('timeout', timeout, 10, 900, ' s'),
  ];
  if (recordAge > retention) {
    problems.push(
      `maxRecordAge (${recordAge} s) is above retention (${retention} s): records would expire in the stream before they reach the ` +
        'failure destination; lower maxRecordAge or raise retention',
    );
  }
  for (const [name, type] of [
    ['contentType', settings.contentType],
    ['accept', settings.accept],
  ] as const) {
    if (Token.isUnresolved(type) || MEDIA_TYPE.test(type)) continue;
    problems.push(
      `${name} ('${type}') is no media type; give one such as application/json, application/jsonlines or image/png`,
    );
  }
  if (props.resultsBucket !== undefined && props.accessLogsBucket !== undefined) {
    problems.push(
      'accessLogsBucket has no effect on an existing resultsBucket; enable access logs where that bucket is created',
    );
  }
  const lanes = (props.shardCount ?? 1) * settings.parallelizationFactor;
  const reserved = props.reservedConcurrentExecutions;
  if (reserved !== undefined && !Token.isUnresolved(reserved) && reserved < lanes) {
    problems.push(
      `reservedConcurrentExecutions (${reserved}) is below shardCount x parallelizationFactor (${lanes}), so shards would wait for ` +
        'each other; raise it or lower parallelizationFactor',
    );
  }
  return problems;
}

/** Number of records of a batch in flight at most, by default no more than fleets that are known serve at their maximum. */
export function consumerConcurrency(
  props: StreamIngestionProps,
  settings: IngestionSettings,
  fleets: readonly FleetAtMaximum[] | undefined,
): number {
  if (props.concurrency !== undefined || fleets === undefined) return settings.concurrency;
  return Math.min(settings.concurrency, largestConcurrency(consumerShape(props, settings), fleets));
}

/** Returns the problem of more requests in flight than known fleets serve at their maximum. */
export function checkFleetConcurrency(
  props: StreamIngestionProps,
  settings: IngestionSettings,
  fleets: readonly FleetAtMaximum[] | undefined,
): string[] {
  if (fleets === undefined) return [];
  const shape = consumerShape(props, settings);
  const plan = {
    ...shape,
    concurrency: consumerConcurrency(props, settings, fleets),
    batchSize: recordsAtOnce(settings),
  };
  return Object.values(plan).some((value) => Token.isUnresolved(value)) ? [] : checkRequestsInFlight(plan, fleets);
}

/** Number of records that an invocation can have in flight at once, whatever its concurrency. */
function recordsAtOnce({ parallelizationFactor, batchSize, concurrency }: IngestionSettings): number {
  return parallelizationFactor === 1 ? Math.max(batchSize, concurrency) : batchSize;
}

function consumerShape({ shardCount = ON_DEMAND_SHARDS_AT_START }: StreamIngestionProps, settings: IngestionSettings) {
  return { shardCount, parallelizationFactor: settings.parallelizationFactor };
}

/** Returns the reasons why the consumer would fall behind the expected traffic; none without an expectation. */
export function checkExpectations(props: StreamIngestionProps, settings: IngestionSettings): string[] {
  const { expectedRecordsPerSecond: recordsPerSecond, expectedServiceTime } = props;
  if (recordsPerSecond === undefined || expectedServiceTime === undefined) return [];
  return checkDrainRate({
    shardCount: props.shardCount ?? ON_DEMAND_SHARDS_AT_START,
    parallelizationFactor: settings.parallelizationFactor,
    concurrency: settings.concurrency,
    batchSize: recordsAtOnce(settings),
    serviceTimeSeconds: expectedServiceTime.toMilliseconds() / 1000,
    recordsPerSecond,
  });
}
