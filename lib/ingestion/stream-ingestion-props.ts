import { Duration, type RemovalPolicy, Size, Token } from 'aws-cdk-lib';
import { checkConsumerProps, outside, outsideWhole } from './consumer-checks';
import { DEFAULT_CONCURRENCY, DEFAULT_MAX_MODEL_FAILURES, DEFAULT_MEDIA_TYPE } from './contract';
import { checkDrainRate, ON_DEMAND_SHARDS_AT_START } from './decide/drain-rate';
import { checkFilledFleets, checkLeastRequests } from './decide/in-flight-limit';
import {
  checkRequestsInFlight,
  largestConcurrency,
  requestsInService,
  type FleetAtMaximum,
} from './decide/requests-in-flight';
import type { IngestionProps } from './ingestion-props';
import { RecordField } from './record-field';
import { checkShardScaling, type ShardScalingProps } from './shard-scaling-props';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/** Properties of {@link StreamIngestion}. */
export interface StreamIngestionProps extends IngestionProps {
  /**
   * Number of shards of a provisioned stream. One shard accepts 1000 records or 1 MB per second.
   *
   * @default - an on-demand stream, which adds shards automatically
   */
  readonly shardCount?: number;

  /**
   * Changes the number of shards of a provisioned stream with its writes. Deployments leave the number alone as long as `shardCount` stays the same; a
   * new `shardCount` is set by CloudFormation, within the same limits of Kinesis.
   *
   * @default - the stream keeps `shardCount` shards
   */
  readonly shardScaling?: ShardScalingProps;

  /**
   * Writes that an on-demand stream takes at once, MiB per second, 1 to 10,240: for launches and other jumps, which outgrow the 4 MB per second
   * that it begins with, or twice the peak of its last 30 days. The account needs the minimum throughput billing commitment (On-demand Advantage).
   * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateStreamWarmThroughput.html
   *
   * @default - none
   */
  readonly warmThroughputMebibytesPerSecond?: number;

  /**
   * Gives the batches of the consumer a throughput of their own, 2 MB per second of each shard, by enhanced fan-out. For streams that more than
   * two consumers read: without it, all share 2 MB and five reads per second of a shard. Costs by the hour and shard, and by the data read. To read on
   * behind a batch, twice a second, the consumer uses the shared reads. A later change starts a new event source mapping, which finds the records
   * of the stream answered.
   * https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
   *
   * @default false
   */
  readonly enhancedFanOut?: boolean;

  /**
   * Retention period of the stream, 1 to 365 days.
   *
   * @default Duration.days(7)
   */
  readonly retention?: Duration;

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
   * Keeps the requests in flight at what the instances in service hold: their number, which the consumer reads every ten seconds, times their
   * tested concurrency, in equal shares for the shards; half of it while the endpoint throttles. The rest waits in the stream, and
   * `FleetScaling.scaleOnStreamBacklog` scales on it. Has an effect where the app scales the endpoint. With `false`, all shards together have up
   * to shards x `parallelizationFactor` x `concurrency` requests in flight at any capacity. For service times of a second and more: between a
   * response and the next request a slot is free for some tens of milliseconds.
   *
   * Useful where what waits in the instances would time out there, or where other clients share the endpoint. It needs `scaleOnStreamBacklog`: the
   * endpoint's own metrics then show a full fleet and not what waits, so that policies on them alone grow the fleet several times more slowly.
   *
   * @default false - what waits is in the instances, where every policy sees it
   */
  readonly followsCapacity?: boolean;

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
    followsCapacity: props.followsCapacity ?? false,
    maxModelFailures: props.maxModelFailures ?? DEFAULT_MAX_MODEL_FAILURES,
    retryAttempts: props.retryAttempts,
    maxRecordAge: props.maxRecordAge ?? Duration.days(1),
    timeout: props.timeout ?? Duration.minutes(2),
    memorySize: props.memorySize ?? Size.mebibytes(512),
  };
}

type IngestionSettings = ReturnType<typeof ingestionSettings>;

const DAY_SECONDS = 86_400;

/** Returns the problem of an order key that Lambda does not keep in order. */
export function checkOrderKey(props: StreamIngestionProps, settings: IngestionSettings): string[] {
  const { parallelizationFactor } = settings;
  const shardCount = mostShards(props);
  if (settings.orderKey.expression === RecordField.partitionKey().expression) return [];
  if (Token.isUnresolved(shardCount) || shardCount * parallelizationFactor === 1) return [];
  return [
    `orderKey is ${settings.orderKey.expression}, and Lambda delivers ${shardCount} shards x ${parallelizationFactor} batches at once: order is ` +
      'kept among records that have the partition key in common too; use the same value as partition key, or shardCount: 1 and ' +
      'parallelizationFactor: 1',
  ];
}

/** Returns every setting that AWS refuses or that loses data; limits are those of the Lambda and Kinesis API references. */
export function checkIngestionProps(props: StreamIngestionProps, settings: IngestionSettings): string[] {
  const { maxBatchingWindow } = settings;
  const retention = secondsOf(settings.retention);
  const recordAge = secondsOf(settings.maxRecordAge);
  const problems = [
    ...checkWholeDurations('hours', { retention: settings.retention }),
    ...checkWholeDurations('seconds', {
      maxBatchingWindow,
      maxRecordAge: settings.maxRecordAge,
      timeout: settings.timeout,
    }),
    ...outsideWhole('shardCount', props.shardCount, 1, 100_000),
    ...outsideWhole('batchSize', settings.batchSize, 1, 10_000),
    ...outsideWhole('parallelizationFactor', settings.parallelizationFactor, 1, 10),
    ...outsideWhole('concurrency', settings.concurrency, 1, 1000),
    ...outsideWhole('maxModelFailures', settings.maxModelFailures, 1, 100),
    ...outsideWhole('retryAttempts', settings.retryAttempts, 0, 10_000),
    ...outside('retention', retention / DAY_SECONDS, 1, 365, ' days'),
    ...outside('maxBatchingWindow', secondsOf(maxBatchingWindow), 0, 300, ' s'),
    ...outside('maxRecordAge', recordAge, 60, 7 * DAY_SECONDS, ' s'),
    ...outside('timeout', secondsOf(settings.timeout), 10, 900, ' s'),
  ];
  if (recordAge > retention) {
    problems.push(
      `maxRecordAge (${recordAge} s) is above retention (${retention} s): records would expire in the stream before they reach the ` +
        'failure destination; lower maxRecordAge or raise retention',
    );
  }
  problems.push(
    ...checkConsumerProps(props, settings),
    ...checkWarmThroughput(props),
    ...checkShardScaling(props.shardScaling, props.shardCount),
  );
  const most = mostShards(props);
  const lanes = (props.shardCount === undefined ? 1 : most) * settings.parallelizationFactor;
  const reserved = props.reservedConcurrentExecutions;
  if (reserved !== undefined && !Token.isUnresolved(reserved) && reserved < lanes) {
    problems.push(
      `reservedConcurrentExecutions (${reserved}) is below ${props.shardScaling === undefined ? 'shardCount' : 'maxShards'} x parallelizationFactor (${lanes}), so shards would wait for ` +
        'each other; raise it or lower parallelizationFactor',
    );
  }
  return problems;
}

/** Returns the problem of a warm throughput that Kinesis refuses. */
function checkWarmThroughput({ warmThroughputMebibytesPerSecond: warm, shardCount }: StreamIngestionProps): string[] {
  if (warm === undefined) return [];
  if (shardCount !== undefined) {
    return [
      `warmThroughputMebibytesPerSecond (${warm}) is for on-demand streams, and shardCount (${shardCount}) makes a provisioned one; omit one of them`,
    ];
  }
  return outsideWhole('warmThroughputMebibytesPerSecond', warm, 1, 10_240);
}

/** Number of records of a batch in flight at most, by default no more than fleets that are known serve at their maximum. */
export function consumerConcurrency(
  props: StreamIngestionProps,
  settings: IngestionSettings,
  fleets: readonly FleetAtMaximum[] | undefined,
): number {
  if (props.concurrency !== undefined || fleets === undefined) return settings.concurrency;
  const { parallelizationFactor } = settings;
  // With the fewest shards it has to fill the fleet where it follows it; with the most it must not exceed it where it does not. The remainder of a
  // shared capacity is one request more for some shards.
  const largest = settings.followsCapacity
    ? Math.ceil(requestsInService(fleets) / (fewestShards(props) * parallelizationFactor))
    : largestConcurrency({ shardCount: mostShards(props), parallelizationFactor }, fleets);
  return Math.min(settings.concurrency, largest);
}

/** Returns the problems of more requests in flight than known fleets serve, or of fewer than they serve at their maximum. */
export function checkFleetConcurrency(
  props: StreamIngestionProps,
  settings: IngestionSettings,
  fleets: readonly FleetAtMaximum[] | undefined,
): string[] {
  if (fleets === undefined) return [];
  const { parallelizationFactor } = settings;
  const most = {
    shardCount: mostShards(props),
    parallelizationFactor,
    concurrency: consumerConcurrency(props, settings, fleets),
    batchSize: recordsAtOnce(settings),
  };
  const fewest = { ...most, shardCount: fewestShards(props) };
  if ([...Object.values(most), fewest.shardCount].some((value) => Token.isUnresolved(value))) return [];
  if (!settings.followsCapacity) return checkRequestsInFlight(most, fleets);
  // A concurrency that is given may be low on purpose, for other clients of the endpoint.
  const isGiven = props.concurrency !== undefined;
  return [...(isGiven ? [] : checkFilledFleets(fewest, fleets)), ...checkLeastRequests(most, fleets)];
}

/** Number of records that an invocation can have in flight at once, whatever its concurrency. */
function recordsAtOnce({ parallelizationFactor, batchSize, concurrency }: IngestionSettings): number {
  return parallelizationFactor === 1 ? Math.max(batchSize, concurrency) : batchSize;
}

/** Largest number of shards that the stream may have; of an on-demand one the number at its beginning. */
function mostShards(props: StreamIngestionProps): number {
  return props.shardScaling?.maxShards ?? shardsOf(props);
}

/** Smallest number of shards that the stream may have. */
function fewestShards(props: StreamIngestionProps): number {
  return props.shardScaling?.minShards ?? shardsOf(props);
}

/** Number of shards, at its beginning for an on-demand stream: a shard takes 1 MiB per second. */
function shardsOf({ shardCount, warmThroughputMebibytesPerSecond = 0 }: StreamIngestionProps): number {
  return shardCount ?? Math.max(ON_DEMAND_SHARDS_AT_START, warmThroughputMebibytesPerSecond);
}

/** Returns the reasons why the consumer would fall behind the expected traffic; none without an expectation. */
export function checkExpectations(props: StreamIngestionProps, settings: IngestionSettings): string[] {
  const { expectedRecordsPerSecond: recordsPerSecond, expectedServiceTime } = props;
  if (recordsPerSecond === undefined || expectedServiceTime === undefined) return [];
  return checkDrainRate({
    shardCount: mostShards(props),
    parallelizationFactor: settings.parallelizationFactor,
    concurrency: settings.concurrency,
    batchSize: recordsAtOnce(settings),
    serviceTimeSeconds: secondsOf(expectedServiceTime),
    recordsPerSecond,
  });
}
