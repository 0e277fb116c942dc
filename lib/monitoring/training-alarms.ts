import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { TrainingTriggers } from '../training';
import type { AlarmSet } from './alarm-set';
import { deadLetterAlarms } from './handler-alarms';

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

/** Returns the alarms of the triggers of a pipeline: on decisions that failed, and on triggers that were not delivered. */
export function trainingTriggersAlarms({ stateMachine, deadLetterQueue }: TrainingTriggers): AlarmSet {
  return {
    TrainingTriggersFailures: {
      metric: stateMachine.metricFailed({ statistic: cloudwatch.Stats.SUM, period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning:
          'A trigger could not decide whether training is due, or could not start it; the endpoint keeps its model.',
        lookAt: "The failed execution of the triggers' state machine: its cause names the call.",
        whatToDo: 'Correct the cause, then start an execution with {"Trigger": "manual"} where training is due.',
      },
    },
    ...deadLetterAlarms('TrainingTriggers', deadLetterQueue, {
      meaning: 'A trigger of training was not delivered; the endpoint keeps its model.',
      lookAt: 'The messages of the dead-letter queue: their attributes have the error.',
      whatToDo:
        'Correct the cause, start an execution with {"Trigger": "manual"} where training is due, then delete the messages.',
    }),
  };
}
