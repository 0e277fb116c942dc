import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { AlarmSet } from './alarm-set';

/** Returns the alarm on failed executions of a Spark pipeline. */
export function featureAlarms(stateMachine: sfn.IStateMachine): AlarmSet {
  return {
    FeatureFailures: {
      metric: stateMachine.metricFailed({ statistic: cloudwatch.Stats.SUM, period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning: 'A Spark run has failed; the features stay as the last commit left them.',
        lookAt: 'The failed execution of the state machine, then the log group of the drivers and executors.',
        whatToDo: 'Correct the cause and start a new execution: it reads every object that no commit has read.',
      },
    },
  };
}
