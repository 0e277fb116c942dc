import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { CostGuard } from '../cost';
import { handlerAlarms } from './handler-alarms';
import type { AlarmSet } from './alarm-set';

const { MISSING, BREACHING } = cloudwatch.TreatMissingData;

/** Returns the alarms of a cost guard by id. */
export function guardAlarms(guard: CostGuard): AlarmSet {
  return {
    GuardLimits: {
      metric: guard.metricLevel(),
      threshold: 2,
      evaluationPeriods: 1,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          'What is spent and committed nearly reaches the budget: the cost guard limits the fleets and stops training that starts.',
        lookAt:
          'Committed amount and budget on the dashboard, and the records of the guard, which have the numbers and the limits.',
        whatToDo:
          'If the spend is intended, raise the amount in the budget parameter: the limits are removed within a minute. If not, find ' +
          'the fleet or the training job that causes it.',
      },
    },
    GuardProblems: {
      metric: guard.metricProblems(),
      threshold: 1,
      evaluationPeriods: 5,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          'For 5 minutes the cost guard could not observe, price, limit or stop a resource, or refuses the budget parameter; it uses the last ' +
          'good values.',
        lookAt: 'The log of its handler: `problems` of the last evaluation, and lines that begin with "cannot".',
        whatToDo: 'Add the missing price or permission, or correct the budget parameter; then deploy.',
      },
    },
    GuardSilence: {
      metric: guard.metricLevel({ statistic: cloudwatch.Stats.SAMPLE_COUNT, period: Duration.minutes(5) }),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 2,
      treatMissingData: BREACHING,
      runbook: {
        meaning: 'The cost guard has not run for 10 minutes: the spend is not limited by the budget.',
        lookAt: 'Errors and throttles of its handler, and the state of its schedule.',
        whatToDo: 'Correct the handler. Until then watch the fleet, or lower its maximum manually.',
      },
    },
    ...handlerAlarms(
      'Guard',
      guard.handler,
      'Evaluations of the cost guard fail; the spend of that time is charged later.',
    ),
  };
}
