import { Duration, type RemovalPolicy, Size, Token } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { checkConsumerProps, outside, outsideWhole } from './consumer-checks';
import { DEFAULT_CONCURRENCY, DEFAULT_MAX_MODEL_FAILURES, DEFAULT_MEDIA_TYPE } from './contract';
import { checkPartitionDrain } from './decide/partition-drain';
import { checkFilledFleets, checkLeastRequests } from './decide/in-flight-limit';
import {
  checkRequestsInFlight,
  largestConcurrency,
  requestsInService,
  type FleetAtMaximum,
} from './decide/requests-in-flight';
import type { IngestionProps } from './ingestion-props';
import { checkFailureDestination } from './failure-path';
import type { KafkaFailureDestination } from './kafka-failure-destination';
import type { KafkaSource, TopicCreation } from './kafka-source';
import { checkTopic, DEFAULT_TOPIC_RETENTION } from './kafka-topic';
import { RecordField } from './record-field';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/** Topic of requests. */
export interface KafkaTopic {
  /** Name: up to 249 letters, digits, points, underscores and hyphens. */
  readonly topicName: string;

  /**
   * Number of partitions. Lambda has at most one batch of each at a time, so that the number limits the requests in flight. It can be raised only, and
   * a key may then be in another partition.
   */
  readonly partitions: number;

  /**
   * Creates the topic with the stack: on a provisioned MSK cluster with Kafka 3.6 or later.
   *
   * @default - the topic exists
   */
  readonly create?: TopicCreation;
}

/** Properties of {@link KafkaIngestion}. */
export interface KafkaIngestionProps extends IngestionProps {
  /** Cluster of the topic. */
  readonly source: KafkaSource;

  /** Topic of the requests. */
  readonly topic: KafkaTopic;

  /**
   * Consumer group: 1 to 200 letters, digits, points, underscores and hyphens. It names the results, because its offsets say which records are done;
   * a new group begins at `startingTimestamp` again.
   *
   * @default - a name from the construct's path
   */
  readonly consumerGroupId?: string;

  /**
   * Time of the first record that a new consumer group reads, as seconds since 1970.
   *
   * @default - the oldest record of the topic
   */
  readonly startingTimestamp?: number;

  /**
   * Minimum number of event pollers of Lambda's provisioned mode, 1 to 200; they are billed by the hour. Lambda has retries with a limit, the
   * age of records, bisection and partial batch responses in this mode.
   *
   * https://docs.aws.amazon.com/lambda/latest/dg/kafka-scaling-modes.html
   *
   * @default 1
   */
  readonly minPollers?: number;

  /**
   * Maximum number of event pollers, 1 to 2000 and at least `minPollers`. One takes up to 5 MB a second.
   *
   * @default - `minPollers`, or 2 where that is 1
   */
  readonly maxPollers?: number;

  /**
   * Follow the capacity of the endpoint: all partitions together have as many requests in flight as its instances in service hold, by their tested
   * concurrency; each partition has an equal share. For an endpoint whose instances or copies the app scales; the consumer then may read their number.
   *
   * @default false - `concurrency` is what an invocation has in flight
   */
  readonly followsCapacity?: boolean;

  /**
   * Field that orders records: those with the same value are sent one after the other. Lambda keeps the order within a partition, so records with the same
   * value need the same key. Records without key have no order.
   *
   * @default RecordField.partitionKey()
   */
  readonly orderKey?: RecordField;

  /**
   * Field that identifies a record in the results; with a value that the producer chose, readers recognise a record that was sent twice.
   *
   * @default RecordField.sequenceNumber() - topic, partition and offset
   */
  readonly recordId?: RecordField;

  /**
   * Schema registry against which Lambda checks keys or values before it delivers records: a `GlueSchemaRegistry` or a `ConfluentSchemaRegistry` of
   * `aws-cdk-lib/aws-lambda-event-sources`. The consumer gets what the format of the registry makes of them. Lambda takes the schema's id out of a
   * record, so that one that was set aside cannot be put into the topic again: there is no redrive.
   *
   * https://docs.aws.amazon.com/lambda/latest/dg/services-consume-kafka-events.html
   *
   * @default - records are delivered as they are
   */
  readonly schemaRegistry?: lambda.ISchemaRegistry;

  /**
   * Maximum size of a record, 1 to 4 MiB: larger ones become dead letters without a request.
   *
   * @default Size.mebibytes(1)
   */
  readonly maxRecordSize?: Size;

  /**
   * Maximum number of records in a batch, 1 to 10,000. The next batch of a partition comes when all records of this one have an outcome.
   *
   * @default 100
   */
  readonly batchSize?: number;

  /**
   * Maximum time that Lambda gathers records for a batch, whole seconds up to 5 minutes. Once given, it cannot go back to the default.
   *
   * @default - 500 ms
   */
  readonly maxBatchingWindow?: Duration;

  /**
   * Maximum number of retries of a batch before the rest of it goes to the failure destination, 0 to 10,000. Without a number Lambda would end after ten,
   * because there is a failure destination.
   *
   * @default 10000 - records are retried until they are older than `maxRecordAge`
   */
  readonly retryAttempts?: number;

  /**
   * Maximum age of a record by its timestamp, 1 minute to 7 days and at most the retention of a topic that is created. Older records go to the failure
   * destination.
   *
   * @default Duration.days(1)
   */
  readonly maxRecordAge?: Duration;

  /**
   * Place to which Lambda sends the records that it gives up: a bucket, a queue, an SNS topic, or another topic of the cluster.
   *
   * @default - `resultsBucket`
   */
  readonly failureDestination?: KafkaFailureDestination;

  /**
   * Maximum time of an invocation, 10 seconds to 14 minutes.
   *
   * @default Duration.minutes(2)
   */
  readonly timeout?: Duration;

  /**
   * Reserved concurrency of the consumer, taken from the account's pool. At least the number of partitions, or partitions wait.
   *
   * @default - no reservation
   */
  readonly reservedConcurrentExecutions?: number;

  /**
   * Expected records per second in the whole topic. Together with `expectedServiceTime` the throughput of the consumer is checked: a topic
   * that is too fast for it is refused.
   *
   * @default - not checked
   */
  readonly expectedRecordsPerSecond?: number;

  /**
   * Removal policy of the new bucket.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * Number of retries that lasts longer than records do: with unlimited ones and a failure destination Lambda ends after ten.
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
 */
const MAX_RETRY_ATTEMPTS = 10_000;

/** Applies the defaults. */
export function kafkaSettings(props: KafkaIngestionProps) {
  const minPollers = props.minPollers ?? 1;
  return {
    contentType: props.contentType ?? DEFAULT_MEDIA_TYPE,
    accept: props.accept ?? DEFAULT_MEDIA_TYPE,
    orderKey: props.orderKey ?? RecordField.partitionKey(),
    recordId: props.recordId ?? RecordField.sequenceNumber(),
    maxRecordSize: props.maxRecordSize ?? Size.mebibytes(1),
    batchSize: props.batchSize ?? 100,
    maxBatchingWindow: props.maxBatchingWindow,
    concurrency: props.concurrency ?? DEFAULT_CONCURRENCY,
    followsCapacity: props.followsCapacity ?? false,
    maxModelFailures: props.maxModelFailures ?? DEFAULT_MAX_MODEL_FAILURES,
    retryAttempts: props.retryAttempts ?? MAX_RETRY_ATTEMPTS,
    maxRecordAge: props.maxRecordAge ?? Duration.days(1),
    timeout: props.timeout ?? Duration.minutes(2),
    memorySize: props.memorySize ?? Size.mebibytes(512),
    minPollers,
    maxPollers: props.maxPollers ?? Math.max(2, minPollers),
    topicRetention: props.topic.create && (props.topic.create.retention ?? DEFAULT_TOPIC_RETENTION),
  };
}

type KafkaSettings = ReturnType<typeof kafkaSettings>;

/** End of the year 9999, seconds since 1970. */
const MAX_TIMESTAMP = 253_402_300_799;

const GROUP_ID = /^[A-Za-z0-9._-]{1,200}$/;

/** Returns every setting that AWS refuses or that loses data; limits are those of the Lambda API reference and of Kafka. */
export function checkKafkaProps(props: KafkaIngestionProps, settings: KafkaSettings): string[] {
  const { topic, source, consumerGroupId } = props;
  const { maxBatchingWindow, topicRetention, timeout } = settings;
  const recordAge = secondsOf(settings.maxRecordAge);
  const retention = topicRetention && secondsOf(topicRetention);
  const problems = [
    ...checkTopic({ ...topic, create: topic.create, cluster: source, partitionsProperty: 'topic.partitions' }),
    ...checkFailureDestination(props.failureDestination, props),
    ...checkWholeDurations('seconds', { maxBatchingWindow, maxRecordAge: settings.maxRecordAge, timeout }),
    ...outsideWhole('startingTimestamp', props.startingTimestamp, 1, MAX_TIMESTAMP),
    ...outsideWhole('batchSize', settings.batchSize, 1, 10_000),
    ...outsideWhole('concurrency', settings.concurrency, 1, 1000),
    ...outsideWhole('maxModelFailures', settings.maxModelFailures, 1, 100),
    ...outsideWhole('retryAttempts', settings.retryAttempts, 0, MAX_RETRY_ATTEMPTS),
    ...outsideWhole('minPollers', settings.minPollers, 1, 200),
    ...outsideWhole('maxPollers', settings.maxPollers, 1, 2000),
    ...outside('maxRecordAge', recordAge, 60, 604_800, ' s'),
    ...outside('timeout', secondsOf(timeout), 10, 840, ' s'),
    ...(maxBatchingWindow === undefined
      ? []
      : outside('maxBatchingWindow', secondsOf(maxBatchingWindow), 0, 300, ' s')),
    ...checkConsumerProps(props, settings),
  ];
  if (consumerGroupId !== undefined && !Token.isUnresolved(consumerGroupId) && !GROUP_ID.test(consumerGroupId)) {
    problems.push(
      `consumerGroupId ('${consumerGroupId}') has other characters than letters, digits, points, underscores and hyphens, or more than 200; ` +
        'the results have it in their keys',
    );
  }
  if (retention !== undefined && recordAge > retention) {
    problems.push(
      `maxRecordAge (${recordAge} s) is above topic.create.retention (${retention} s): records would expire in the topic before they reach ` +
        'the failure destination; lower maxRecordAge or raise retention',
    );
  }
  if (settings.maxPollers < settings.minPollers) {
    problems.push(`maxPollers (${settings.maxPollers}) is below minPollers (${settings.minPollers}); raise it`);
  }
  const reserved = props.reservedConcurrentExecutions;
  if (reserved !== undefined && !Token.isUnresolved(reserved) && reserved < topic.partitions) {
    problems.push(
      `reservedConcurrentExecutions (${reserved}) is below topic.partitions (${topic.partitions}), so partitions would wait for each other; ` +
        'raise it or leave it out',
    );
  }
  return problems;
}

/** Number of keys of an invocation in flight at most, by default no more than fleets that are known serve at their maximum. */
export function kafkaConcurrency(
  props: KafkaIngestionProps,
  settings: KafkaSettings,
  fleets: readonly FleetAtMaximum[] | undefined,
): number {
  if (props.concurrency !== undefined || fleets === undefined) return settings.concurrency;
  const shape = shapeOf(props);
  const largest = settings.followsCapacity
    ? Math.ceil(requestsInService(fleets) / shape.shardCount)
    : largestConcurrency(shape, fleets);
  return Math.min(settings.concurrency, largest);
}

/** Returns the problems of more requests in flight than known fleets serve, or of fewer than they serve at their maximum. */
export function checkKafkaConcurrency(
  props: KafkaIngestionProps,
  settings: KafkaSettings,
  fleets: readonly FleetAtMaximum[] | undefined,
): string[] {
  if (fleets === undefined) return [];
  const concurrency = kafkaConcurrency(props, settings, fleets);
  const plan = { ...shapeOf(props), concurrency, batchSize: settings.batchSize, isTopic: true };
  if (Object.values(plan).some((value) => Token.isUnresolved(value))) return [];
  if (!settings.followsCapacity) return checkRequestsInFlight(plan, fleets);
  // A concurrency that is given may be low on purpose, for other clients of the endpoint.
  const isGiven = props.concurrency !== undefined;
  return [...(isGiven ? [] : checkFilledFleets(plan, fleets)), ...checkLeastRequests(plan, fleets)];
}

function shapeOf({ topic }: KafkaIngestionProps) {
  return { shardCount: topic.partitions, parallelizationFactor: 1 };
}

/** Returns the reason why the consumer would fall behind the expected traffic; none without an expectation. */
export function checkKafkaExpectations(props: KafkaIngestionProps, settings: KafkaSettings): string[] {
  const { expectedRecordsPerSecond: recordsPerSecond, expectedServiceTime, topic } = props;
  if (recordsPerSecond === undefined || expectedServiceTime === undefined) return [];
  return checkPartitionDrain({
    partitions: topic.partitions,
    concurrency: settings.concurrency,
    batchSize: settings.batchSize,
    serviceTimeSeconds: secondsOf(expectedServiceTime),
    recordsPerSecond,
  });
}
