import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { ResultSink, ResultTable } from '../ingestion';
import type { AlarmSet } from './alarm-set';
import { deadLetterAlarms, handlerAlarms } from './handler-alarms';

/**
 * Returns the alarms of a sink of results by id: results that wait, results that were given up, and errors of its function.
 *
 * @param id prefix of the ids
 */
export function resultSinkAlarms(sink: ResultSink, id = 'ResultSink'): AlarmSet {
  return {
    [`${id}Lag`]: {
      metric: sink.metricLag(),
      threshold: Duration.minutes(15).toSeconds(),
      evaluationPeriods: 5,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning:
          'Results have waited for their delivery for 15 minutes; they are in the results bucket, and nothing is lost.',
        lookAt: 'The log of the deliverer, its throttles, and the target: its throttles and its policy.',
        whatToDo:
          'Repair the target or raise its throughput; the queue then delivers what waits. Raise maxConcurrency for more at once.',
      },
    },
    ...deadLetterAlarms(id, sink.deadLetterQueue, {
      meaning:
        'Results could not be delivered for half a day; they are in the results bucket, and the target lacks them.',
      lookAt:
        'The messages of the dead-letter queue, each with the key of a result object, and the log of the deliverer.',
      whatToDo: 'Repair the target, then move the messages back to the queue with StartMessageMoveTask.',
    }),
    ...handlerAlarms(id, sink.deliverer, 'Results are not delivered; they wait in the queue.'),
  };
}

/** Age at which a result is late for the table: twice the longest buffering of Firehose. */
const LATE = Duration.minutes(30);

/** Returns the alarms of a table of results by id: those of its sink, results that Firehose does not deliver, and results that are no row. */
export function resultTableAlarms(table: ResultTable): AlarmSet {
  return {
    ...resultSinkAlarms(table.sink, 'ResultTable'),
    ResultTableFreshness: {
      metric: table.metricFreshness(),
      threshold: LATE.toSeconds(),
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      // Without results there is nothing to deliver.
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning: `Results have waited for ${LATE.toMinutes()} minutes for their row in the table; they are in the results bucket, and the stream keeps them for seven days.`,
        lookAt:
          'The log group of the Firehose stream: the last error names the bucket, the key or the table of the Glue catalog.',
        whatToDo:
          "Repair the bucket's policy, the key's policy or the table; Firehose then delivers what waits. Results older than seven days are only in the results bucket.",
      },
    },
    ResultTableFailedRecords: {
      metric: table.metricFailedRecords({ period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning:
          'Results could not be made a row of the table; they are in the results bucket, and the table lacks them.',
        lookAt:
          "The objects below the table's error prefix, each with the record and the error, and the columns of the table.",
        whatToDo: 'Restore the columns of the table, then put the records into its stream again.',
      },
    },
  };
}
