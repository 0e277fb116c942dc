import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { ModelRollout } from '../rollout';
import type { AlarmSet } from './alarm-set';

/** Returns the alarms of a rollout: executions that failed, were rolled back or took too long, and events that started none. */
export function rolloutAlarms(rollout: ModelRollout): AlarmSet {
  return {
    RolloutFailures: {
      metric: new cloudwatch.MathExpression({
        // An execution that ends by its time-out counts as no failure.
        expression: 'FILL(failed, 0) + FILL(timedOut, 0)',
        usingMetrics: {
          failed: rollout.metricFailed(),
          timedOut: rollout.stateMachine.metricTimedOut({ statistic: 'Sum', period: Duration.minutes(5) }),
        },
        period: Duration.minutes(5),
        label: 'rollouts that failed or took too long',
      }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning: 'A version of the model was rolled back, or could not be judged; the endpoint keeps its model.',
        lookAt: 'The cause of the failed execution: it names the reason and the next step.',
        whatToDo:
          'After a rollback train or compress another version. After a failed evaluation correct the cause and start an execution with the version again.',
      },
    },
    RolloutStarts: {
      metric: rollout.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        statistic: cloudwatch.Stats.MAXIMUM,
        period: Duration.minutes(5),
      }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      runbook: {
        meaning: 'A version was registered or approved, and no execution has started for it.',
        lookAt: 'The messages of the dead-letter queue: each has the event.',
        whatToDo: 'Start an execution with the ModelPackageArn of the event, then delete the message.',
      },
    },
  };
}
