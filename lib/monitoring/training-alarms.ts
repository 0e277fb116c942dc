import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { AlarmSet } from './alarm-set';

/** Returns the alarm on failed executions of a training pipeline. */
export function trainingAlarms(stateMachine: sfn.IStateMachine): AlarmSet {
  return {
    TrainingFailures: {
      metric: stateMachine.metricFailed({ statistic: cloudwatch.Stats.SUM, period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning: 'A training execution has failed; the endpoint keeps its model.',
        lookAt: 'The failed execution of the state machine, then the log group /aws/sagemaker/TrainingJobs.',
        whatToDo:
          'Correct the cause and start a new execution: it trains on the data in the bucket and needs nothing else.',
      },
    },
  };
}
