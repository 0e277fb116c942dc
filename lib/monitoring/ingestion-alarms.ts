import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { KafkaIngestion, StreamIngestion } from '../ingestion';
import { handlerAlarms } from './handler-alarms';
import type { AlarmSet } from './alarm-set';

const { BREACHING, MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** Returns the alarms of a stream ingestion by id. */
export function ingestionAlarms(ingestion: StreamIngestion): AlarmSet {
  return {
    IteratorAge: {
      metric: ingestion.metricIteratorAge(),
      threshold: Duration.minutes(5).toMilliseconds(),
      evaluationPeriods: 5,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          'The oldest record has waited 5 minutes or longer in the stream; records expire at the retention of the stream.',
        lookAt: 'Demand and capacity of the endpoint, then errors and duration of the consumer, then its throttles.',
        whatToDo:
          'If the endpoint is full, let it scale out. If the consumer is the bottleneck, raise its concurrency, the parallelization ' +
          'factor or the number of shards.',
      },
    },
    DeadLetters: {
      metric: ingestion.metricDeadLetters({ period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'Records that no retry can help became dead letters with their payload; other records are not affected.',
        lookAt: `The objects below ${ingestion.deadLettersPrefix} in the results bucket: each contains the record and the error.`,
        whatToDo:
          'Correct the model and put the records into the stream again with `npx tidegate redrive --stack NAME`, or correct the producer.',
      },
    },
    UnansweredBatches: {
      metric: ingestion.metricUnansweredBatches({ period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'The endpoint answers no record of the stream, for 15 minutes or longer. Nothing is lost or becomes a dead letter: records are ' +
          'retried, one at a time, until they are older than the maximum age.',
        lookAt: 'The log of the consumer for the error; the status and the log of the endpoint; its last deployment.',
        whatToDo:
          'Repair or roll back the endpoint within the maximum age of records; the backlog is then processed in order. Records that became ' +
          'older are in the failure destination: put them into the stream again with `npx tidegate redrive --stack NAME`.',
      },
    },
    ThrottledPuts: {
      metric: ingestion.metricThrottledPuts(),
      threshold: 1,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'The stream throttles producers; those that do not retry lose records.',
        lookAt: 'Incoming bytes and records of the stream, and their distribution over the partition keys.',
        whatToDo:
          'Add shards, or distribute the keys. Make sure that producers retry the failed records of PutRecords.',
      },
    },
    ...handlerAlarms('Consumer', ingestion.consumer, 'Whole batches of the stream fail and are retried.'),
    ...shardAlarms(ingestion),
    ...spillAlarms('SpillCollector', ingestion),
  };
}

/** Returns the alarms of an ingestion whose old records spill. */
function spillAlarms(id: string, { spillCollector }: StreamIngestion | KafkaIngestion): AlarmSet {
  if (spillCollector === undefined) return {};
  return handlerAlarms(
    id,
    spillCollector,
    'The results of records that the asynchronous endpoint took over are not written; their responses wait in its bucket.',
  );
}

/** Returns the alarms of a stream whose shards are scaled. */
function shardAlarms(ingestion: StreamIngestion): AlarmSet {
  if (ingestion.shardScaler === undefined) return {};
  return {
    MissingShards: {
      metric: ingestion.metricMissingShards(),
      threshold: 1,
      evaluationPeriods: 10,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          'The writes have needed more shards than the stream may have for 10 minutes: maxShards, the ten changes that Kinesis allows in 24 ' +
          'hours, or the quota of shards of the account hold it back. Producers will be throttled.',
        lookAt:
          'The log of the shard scaler: the reason of its last decision; the metrics OpenShards and ShardChangesLeft of the stream; the quota ' +
          'of shards of the account.',
        whatToDo:
          'Raise maxShards, or the quota. If all changes are used, the next is possible 24 hours after the oldest of the ten: move producers ' +
          'to a second stream, or switch this one to on-demand mode for the rest of the day.',
      },
    },
    ShardScalerSilence: {
      metric: ingestion.metricOpenShards({ statistic: cloudwatch.Stats.SAMPLE_COUNT, period: Duration.minutes(5) }),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 2,
      treatMissingData: BREACHING,
      runbook: {
        meaning: 'The shard scaler has not run for 10 minutes: the number of shards does not follow the writes.',
        lookAt: 'Errors and throttles of the shard scaler, and the state of its schedule.',
        whatToDo:
          'Correct the handler, or raise the concurrency of the account. Until then change the number of shards manually.',
      },
    },
    ...handlerAlarms(
      'ShardScaler',
      ingestion.shardScaler,
      'The number of shards does not follow the writes: the stream keeps those that it has.',
    ),
  };
}

/** Minimum number of records of a topic that are not done, for which its lag counts as one. */
const MIN_LAG_RECORDS = 1_000;

/** Returns the alarms of a Kafka ingestion by id. */
export function kafkaIngestionAlarms(ingestion: KafkaIngestion): AlarmSet {
  return {
    TopicOffsetLag: {
      metric: ingestion.metricOffsetLag(),
      threshold: MIN_LAG_RECORDS,
      evaluationPeriods: 15,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          `${MIN_LAG_RECORDS} records or more of the topic have waited for 15 minutes; records expire at the retention of the topic, and go to ` +
          'the failure destination at the maximum age.',
        lookAt: 'Demand and capacity of the endpoint, then errors and duration of the consumer, then its throttles.',
        whatToDo:
          'If the endpoint is full, let it scale out. If the consumer is the bottleneck, raise its concurrency, the number of partitions or ' +
          'the event pollers.',
      },
    },
    TopicDeadLetters: {
      metric: ingestion.metricDeadLetters({ period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'Records that no retry can help became dead letters with their whole record; other records are not affected.',
        lookAt: `The objects below ${ingestion.deadLettersPrefix}${ingestion.consumerGroupId}/ in the results bucket: each contains the record and the error.`,
        whatToDo:
          'Correct the model and put the records into the topic again with `npx tidegate redrive --stack NAME`, or correct the producer.',
      },
    },
    TopicUnansweredBatches: {
      metric: ingestion.metricUnansweredBatches({ period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'The endpoint answers no record of the topic, for 15 minutes or longer. Nothing is lost or becomes a dead letter: records are ' +
          'retried until they are older than the maximum age.',
        lookAt: 'The log of the consumer for the error; the status and the log of the endpoint; its last deployment.',
        whatToDo:
          'Repair or roll back the endpoint within the maximum age of records; the backlog is then processed in order. Records that became ' +
          'older are in the failure destination.',
      },
    },
    TopicFailedRecords: {
      metric: ingestion.metricFailedRecords({ period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'Lambda gave up records of the topic, because they were older than the maximum age or retried too often, and sent them to the failure ' +
          'destination. They have no answer.',
        lookAt:
          'The failure destination: the condition of its records, and when they failed; the log of the consumer at that time.',
        whatToDo:
          'Repair the endpoint, then put the records into the topic again with `npx tidegate redrive --stack NAME`. A queue or an SNS topic has offsets ' +
          'alone: read the records from the topic while it keeps them.',
      },
    },
    ...handlerAlarms('TopicConsumer', ingestion.consumer, 'Whole batches of the topic fail and are retried.'),
    ...spillAlarms('TopicSpillCollector', ingestion),
  };
}
