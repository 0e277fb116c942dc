import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { InputError } from '../core/errors';
import type { IModelComponent } from '../inference';
import type { ModelComponentAlarmsProps } from './fleet-alarms-props';
import type { RunbookAlarmProps } from './runbook-alarm';

const FIVE_MINUTES = Duration.minutes(5);
const { MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** The alarms of a model on a shared endpoint, by id; throws an {@link InputError} for times it cannot watch. */
export function modelComponentAlarms(
  component: IModelComponent,
  props: ModelComponentAlarmsProps,
): { readonly [id: string]: RunbookAlarmProps } {
  const maxErrorRate = props.maxErrorRate ?? 0.05;
  const maxModelLatency = props.maxModelLatency ?? Duration.seconds(20);
  const overloadMinutes = (props.maxOverload ?? Duration.minutes(15)).toMinutes();
  const emptyMinutes = (props.maxTimeWithoutCapacity ?? Duration.minutes(20)).toMinutes();
  if (emptyMinutes < 5 || emptyMinutes % 5 !== 0) {
    throw new InputError(
      `${component.node.path}: maxTimeWithoutCapacity (${emptyMinutes} minutes) must be a multiple of 5 minutes, in which failed ` +
        'requests are counted; round it up',
    );
  }
  return {
    ComponentErrors: {
      metric: component.metric5xx({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxErrorRate,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `At least ${maxErrorRate * 100} % of the requests to the model fail as the server's fault.`,
        lookAt: 'The log group /aws/sagemaker/InferenceComponents/<component> and the last rollout of the model.',
        whatToDo:
          'After a rollout, deploy the version before. If other models of the endpoint fail too, look for a sick instance.',
      },
    },
    ComponentLatency: {
      metric: component.metricModelLatency({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxModelLatency.toMilliseconds() * 1000,
      evaluationPeriods: 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `A request takes the model ${maxModelLatency.toHumanString()} or longer on average; at 60 seconds it fails.`,
        lookAt: 'Concurrent requests of a copy, then the length of requests, then what the neighbours on the GPU do.',
        whatToDo: 'If copies are full, let the model grow. If not, lower the target concurrency, or load-test again.',
      },
    },
    ComponentOverload: {
      metric: component.metricConcurrentRequests({ statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: component.maxConcurrencyPerInstance,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: overloadMinutes,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          `For ${overloadMinutes} minutes a copy has had more than the ${component.maxConcurrencyPerInstance} concurrent requests it was ` +
          'tested with: requests queue and the copies do not catch up.',
        lookAt: 'Copies against their maximum, then instances of the shared endpoint against theirs.',
        whatToDo: 'Raise the maximum that was reached. Without capacity, add another instance type or ask for quota.',
      },
    },
    ComponentWithoutCapacity: {
      metric: component.metricNoCapacity({ statistic: cloudwatch.Stats.SUM, period: FIVE_MINUTES }),
      threshold: 1,
      evaluationPeriods: emptyMinutes / 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `For ${emptyMinutes} minutes requests have failed because the model has no copy: it does not come up from zero.`,
        lookAt:
          'Whether the model has a policy that wakes it (scaleToZero) and its maximum is above 0; then whether the shared endpoint has ' +
          'room or may grow; then the log of the newest copy.',
        whatToDo:
          'Without a policy, call scaleToZero. Without room, raise the maximum of the shared endpoint, or add another instance type. ' +
          'Until then raise MinCapacity by hand.',
      },
    },
  };
}
