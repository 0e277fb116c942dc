import { Duration, type RemovalPolicy, Token } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import { DEFAULT_CONCURRENCY, DEFAULT_MAX_MODEL_FAILURES } from './contract';
import { checkDrainRate, ON_DEMAND_SHARDS_AT_START } from './decide/drain-rate';

/** Properties of {@link StreamIngestion}. */
export interface StreamIngestionProps {
  /** The endpoint that answers the requests. */
  readonly endpoint: IInvocableEndpoint;

  /**
   * Shards of a provisioned stream. One shard takes 1000 records or 1 MB a second.
   *
   * @default - an on-demand stream, which adds shards by itself
   */
  readonly shardCount?: number;

  /**
   * How long the stream keeps records, 1 to 365 days.
   *
   * @default Duration.days(7)
   */
  readonly retention?: Duration;

  /**
   * Most records in one batch, 1 to 10,000.
   *
   * @default 100
   */
  readonly batchSize?: number;

  /**
   * How long Lambda gathers records for a batch, up to 5 minutes.
   *
   * @default Duration.seconds(1)
   */
  readonly maxBatchingWindow?: Duration;

  /**
   * Batches of one shard that are worked on at once, 1 to 10; the order of each partition key is kept.
   *
   * @default 2
   */
  readonly parallelizationFactor?: number;

  /**
   * Partition keys of one batch in flight at the endpoint at once.
   *
   * @default 64
   */
  readonly concurrency?: number;

  /**
   * How often the model may break (5xx) on one record, while it answers others, before the record is set aside as a dead letter.
   *
   * @default 8
   */
  readonly maxModelFailures?: number;

  /**
   * How often a batch is repeated before what is left of it goes to the failure destination, 0 to 10,000. Each repetition itself tries
   * for as long as `timeout` allows.
   *
   * @default 100
   */
  readonly retryAttempts?: number;

  /**
   * Older records go to the failure destination instead of the endpoint; 1 minute to 7 days, and within `retention`.
   *
   * @default Duration.days(1)
   */
  readonly maxRecordAge?: Duration;

  /**
   * How long one batch may take, retries of its records included; up to 15 minutes.
   *
   * @default Duration.minutes(2)
   */
  readonly timeout?: Duration;

  /**
   * Memory of the consumer in MiB.
   *
   * @default 512
   */
  readonly memorySize?: number;

  /**
   * How many consumers may run at once, taken out of the account's pool. At least shards x parallelizationFactor, or shards wait.
   *
   * @default - no reservation
   */
  readonly reservedConcurrentExecutions?: number;

  /**
   * Records per second that you expect in the whole stream. With `expectedServiceTime` the plan is checked: a provisioned stream that the
   * consumer cannot keep up with is refused, an on-demand one gets a warning.
   *
   * @default - not checked
   */
  readonly expectedRecordsPerSecond?: number;

  /**
   * How long you expect the endpoint to take for one record.
   *
   * @default - not checked
   */
  readonly expectedServiceTime?: Duration;

  /**
   * Where results, dead letters and failed batches go.
   *
   * @default - a new bucket: encrypted, versioned, TLS only, closed to the public
   */
  readonly resultsBucket?: s3.IBucket;

  /**
   * Where server access logs of the new results bucket go.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * What happens to the stream and the new bucket when they leave the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** The properties with every default filled in. */
export function withDefaults(props: StreamIngestionProps) {
  return {
    retention: props.retention ?? Duration.days(7),
    batchSize: props.batchSize ?? 100,
    maxBatchingWindow: props.maxBatchingWindow ?? Duration.seconds(1),
    parallelizationFactor: props.parallelizationFactor ?? 2,
    concurrency: props.concurrency ?? DEFAULT_CONCURRENCY,
    maxModelFailures: props.maxModelFailures ?? DEFAULT_MAX_MODEL_FAILURES,
    retryAttempts: props.retryAttempts ?? 100,
    maxRecordAge: props.maxRecordAge ?? Duration.days(1),
    timeout: props.timeout ?? Duration.minutes(2),
    memorySize: props.memorySize ?? 512,
  };
}

type Settings = ReturnType<typeof withDefaults>;

function outside(name: string, value: number, from: number, to: number, unit = ''): string[] {
  if (Token.isUnresolved(value) || (Number.isFinite(value) && value >= from && value <= to)) return [];
  return [`${name} (${value}${unit}) is out of range; ${from} to ${to}${unit} is allowed`];
}

function outsideWhole(name: string, value: number | undefined, from: number, to: number): string[] {
  if (value === undefined || Token.isUnresolved(value)) return [];
  return Number.isInteger(value) ? outside(name, value, from, to) : [`${name} (${value}) must be a whole number`];
}

const DAY_SECONDS = 86_400;

/** An endpoint that answers later has nothing to give to the consumer. */
export function checkEndpoint({ endpoint }: StreamIngestionProps): string[] {
  if (endpoint.isAsynchronous !== true) return [];
  return [
    'endpoint is asynchronous: it has a queue of its own and answers in S3, so a stream in front of it would only wait; ' +
      'give a real-time, shared or serverless endpoint, or call InvokeEndpointAsync without a stream',
  ];
}

/** Everything that AWS would refuse or that would lose data; limits are those of the Lambda and Kinesis API references. */
export function checkProps(props: StreamIngestionProps, settings: Settings): string[] {
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
      `maxRecordAge (${recordAge} s) is above retention (${retention} s): records would expire in the stream without reaching the ` +
        'failure destination; lower maxRecordAge or raise retention',
    );
  }
  if (props.resultsBucket !== undefined && props.accessLogsBucket !== undefined) {
    problems.push('accessLogsBucket has no effect on a given resultsBucket; turn its access logs on where it is made');
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

/** Why the consumer would fall behind the expected traffic; empty when it keeps up or nothing is expected. */
export function checkExpectations(props: StreamIngestionProps, settings: Settings): string[] {
  const { expectedRecordsPerSecond: recordsPerSecond, expectedServiceTime } = props;
  if (recordsPerSecond === undefined || expectedServiceTime === undefined) return [];
  return checkDrainRate({
    shardCount: props.shardCount ?? ON_DEMAND_SHARDS_AT_START,
    parallelizationFactor: settings.parallelizationFactor,
    concurrency: settings.concurrency,
    batchSize: settings.batchSize,
    serviceTimeSeconds: expectedServiceTime.toMilliseconds() / 1000,
    recordsPerSecond,
  });
}
