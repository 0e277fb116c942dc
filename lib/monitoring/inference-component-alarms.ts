import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { InputError } from '../core/errors';
import type { IInferenceComponent } from '../inference';
import type { InferenceComponentAlarmsProps } from './fleet-alarms-props';
import type { AlarmSet } from './alarm-set';

const FIVE_MINUTES = Duration.minutes(5);
const { MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** Returns the alarms of an inference component by id; throws an {@link InputError} for a time that is no multiple of the period. */
export function inferenceComponentAlarms(
  component: IInferenceComponent,
  props: InferenceComponentAlarmsProps,
): AlarmSet {
  const maxErrorRatio = props.maxErrorRatio ?? 0.05;
  const maxModelLatency = props.maxModelLatency ?? Duration.seconds(20);
  const overloadMinutes = (props.maxOverload ?? Duration.minutes(15)).toMinutes();
  const emptyMinutes = (props.maxTimeWithoutCapacity ?? Duration.minutes(20)).toMinutes();
  if (emptyMinutes < 5 || emptyMinutes % 5 !== 0) {
    throw new InputError(
      `${component.node.path}: maxTimeWithoutCapacity (${emptyMinutes} minutes) must be a multiple of 5 minutes, the period ` +
        'of the alarm; round it up',
    );
  }
  return {
    ComponentErrors: {
      metric: component.metric5xx({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxErrorRatio,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `At least ${maxErrorRatio * 100} % of the requests to the component end with a server error.`,
        lookAt: 'The log group /aws/sagemaker/InferenceComponents/<component> and the last rollout of the model.',
        whatToDo:
          'After a rollout, deploy the previous version. If other components of the endpoint fail too, look for a faulty instance.',
      },
    },
    ComponentLatency: {
      metric: component.metricModelLatency({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxModelLatency.toMilliseconds() * 1000,
      evaluationPeriods: 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `The mean latency of the model is ${maxModelLatency.toHumanString()} or more; a request fails at 60 seconds.`,
        lookAt:
          'Concurrent requests of a copy, then the length of requests, then the load of other components on the GPU.',
        whatToDo:
          'If copies are full, let the component scale out. If not, lower the target concurrency, or repeat the load test.',
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
          `For ${overloadMinutes} minutes a copy has had more than ${component.maxConcurrencyPerInstance} concurrent requests, the ` +
          "component's maxConcurrencyPerCopy: requests queue and the scale-out is not sufficient.",
        lookAt: 'Copies and their maximum, then instances of the shared endpoint and their maximum.',
        whatToDo:
          'Raise the maximum that was reached. Without capacity, add an instance type or request quota. If latency is good, the value is ' +
          'too low: take that of a load test.',
      },
    },
    ComponentWithoutCapacity: {
      metric: component.metricNoCapacity({ statistic: cloudwatch.Stats.SUM, period: FIVE_MINUTES }),
      threshold: 1,
      evaluationPeriods: emptyMinutes / 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `For ${emptyMinutes} minutes requests have failed because the component has no copy: it does not scale from zero.`,
        lookAt:
          'The policy that scales from zero (scaleToZero) and the maximum, which must be above 0; then the free capacity and the ' +
          'maximum of the shared endpoint; then the log of the newest copy.',
        whatToDo:
          'Without a policy, call scaleToZero. Without free capacity, raise the maximum of the shared endpoint, or add an instance ' +
          'type. Until then raise MinCapacity manually.',
      },
    },
  };
}
