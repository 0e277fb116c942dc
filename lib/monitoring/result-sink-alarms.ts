import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { ResultSink } from '../ingestion';
import type { AlarmSet } from './alarm-set';
import { deadLetterAlarms, handlerAlarms } from './handler-alarms';

/** Returns the alarms of a sink of results by id: results that wait, results that were given up, and errors of its function. */
export function resultSinkAlarms(sink: ResultSink): AlarmSet {
  return {
    ResultSinkLag: {
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
    ...deadLetterAlarms('ResultSink', sink.deadLetterQueue, {
      meaning:
        'Results could not be delivered for half a day; they are in the results bucket, and the target lacks them.',
      lookAt:
        'The messages of the dead-letter queue, each with the key of a result object, and the log of the deliverer.',
      whatToDo: 'Repair the target, then move the messages back to the queue with StartMessageMoveTask.',
    }),
    ...handlerAlarms('ResultSink', sink.deliverer, 'Results are not delivered; they wait in the queue.'),
  };
}
