import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { DriftMonitor } from '../drift';
import type { AlarmSet } from './alarm-set';
import { deadLetterAlarms } from './handler-alarms';

/** Returns the alarms of a drift monitor: on a drift, on hours without an evaluation, and on evaluations that failed or did not start. */
export function driftAlarms(monitor: DriftMonitor): AlarmSet {
  const hours = monitor.maxTimeUnevaluated.toHours();
  return {
    Drift: {
      metric: monitor.metricDriftedColumns(),
      threshold: 1,
      evaluationPeriods: 1,
      // An hour that was not compared says nothing: the alarm keeps its state.
      treatMissingData: cloudwatch.TreatMissingData.IGNORE,
      runbook: {
        meaning:
          'The traffic of an hour differs from the baseline in one column or more; the model may answer it worse.',
        lookAt:
          'The output of the last execution of the monitor, which names the columns and the report with their numbers.',
        whatToDo:
          'Train on the new traffic and roll the model out, then learn the baseline again with the input {"Rebaseline": true}. Where the change is harmless, only learn it again.',
      },
    },
    DriftNotEvaluated: {
      metric: monitor.metricEvaluatedRows({ period: Duration.hours(1) }),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: hours,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      runbook: {
        meaning: `No traffic was compared with the baseline for ${hours} h, so a drift would stay unseen.`,
        lookAt:
          'The executions of the monitor: their status is no-data or too-few-rows, or they failed, or there are none.',
        whatToDo:
          'Check that the endpoint captures data below the prefix of the monitor, and that there is traffic. Lower minRows, or raise maxTimeUnevaluated, where there is little on purpose.',
      },
    },
    DriftFailures: {
      metric: monitor.stateMachine.metricFailed({ statistic: cloudwatch.Stats.SUM, period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning: 'An evaluation of the drift has failed; that hour is not compared.',
        lookAt: 'The failed execution of the monitor, then the log group /aws/sagemaker/ProcessingJobs.',
        whatToDo: 'Correct the cause and start an execution with the hour, {"Hour": "2026/12/01/08"}.',
      },
    },
    ...deadLetterAlarms('DriftStarts', monitor.scheduleDeadLetterQueue, {
      meaning: 'The hourly rule could not start an evaluation of the drift; that hour is not compared.',
      lookAt: 'The messages of the dead-letter queue: their attributes have the error.',
      whatToDo: 'Correct the cause, start an execution with the hour of each message, then delete the messages.',
    }),
  };
}
