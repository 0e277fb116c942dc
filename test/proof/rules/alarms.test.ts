import { ALARM_RULES } from '../../../lib/proof/rules/alarms';
import { quiet, scaledRealTime, watched } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import { alarm, onVariant, realTime, resource, type Resources, step, tracking } from '../support/templates';

const percentile = (ExtendedStatistic: string): Resources => ({
  ...realTime(),
  A: alarm('ModelLatency', onVariant, { AlarmActions: [], Statistic: undefined, ExtendedStatistic }),
});

testRules(ALARM_RULES, {
  'alarm-invalid': [
    [percentile('p101'), percentile('p99.9')],
    [
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], DatapointsToAlarm: 2 }) },
      {
        ...realTime(),
        A: alarm('ModelLatency', onVariant, { AlarmActions: [], DatapointsToAlarm: 2, EvaluationPeriods: 3 }),
      },
    ],
    [
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Period: 900, EvaluationPeriods: 97 }) },
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Period: 3600, EvaluationPeriods: 97 }) },
    ],
    [
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Period: 1e308, EvaluationPeriods: 2 }) },
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Period: 3600, EvaluationPeriods: 2 }) },
    ],
    [
      watched('Invocations', { ComparisonOperator: '>' }),
      watched('Invocations', { ComparisonOperator: { Ref: 'Operator' } }),
    ],
    [
      watched('Invocations', { TreatMissingData: 'not_breaching' }),
      watched('Invocations', { TreatMissingData: 'ignore' }),
    ],
    [
      watched('Invocations', { Statistic: 'p95' }),
      watched('Invocations', { Statistic: undefined, ExtendedStatistic: 'p95' }),
    ],
    [watched('Invocations', { ExtendedStatistic: 'p95' }), watched('Invocations', {})],
    [
      watched('Invocations', { Statistic: undefined }),
      { A: alarm('Errors', {}, { ...quiet, Namespace: 'AWS/Lambda', Statistic: undefined }) },
    ],
  ],
  'alarm-action-invalid': [
    [
      scaledRealTime({ A: alarm('ModelLatency', onVariant, { AlarmActions: ['scale-out'] }) }),
      scaledRealTime({ A: alarm('ModelLatency', onVariant, { AlarmActions: { Ref: 'ListParameter' } }) }),
    ],
    [
      scaledRealTime({ A: alarm('ModelLatency', onVariant, { AlarmActions: [{ Ref: 'Target' }] }) }),
      scaledRealTime({
        Topic: resource('AWS::SNS::Topic', {}),
        A: alarm('ModelLatency', onVariant, { AlarmActions: [{ Ref: 'Topic' }, 'arn:aws:sns:us-east-1:1:x'] }),
      }),
    ],
    [
      scaledRealTime({ P: tracking(), A: alarm('ModelLatency', onVariant, { AlarmActions: [{ Ref: 'P' }] }) }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
    ],
    [
      scaledRealTime({
        Step: step(),
        A: alarm('ModelLatency', onVariant, { AlarmActions: [{ 'Fn::GetAtt': ['Step', 'PolicyName'] }] }),
      }),
      scaledRealTime({
        Step: step(),
        A: alarm('ModelLatency', onVariant, { AlarmActions: [{ 'Fn::GetAtt': ['Step', 'Arn'] }] }),
      }),
    ],
  ],
  'steps-miss-breach': [
    [
      scaledRealTime({
        Step: step(),
        A: alarm('ConcurrentRequestsPerModel', onVariant, { ComparisonOperator: 'LessThanThreshold' }),
      }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
    ],
    [
      scaledRealTime({
        Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }),
        A: alarm('ConcurrentRequestsPerModel', onVariant),
      }),
      scaledRealTime({
        Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }),
        A: alarm('ConcurrentRequestsPerModel', onVariant, {
          AlarmActions: [],
          OKActions: [{ Ref: 'Step' }],
        }),
      }),
    ],
  ],
  'missing-data-scales-out': [
    [
      scaledRealTime({
        Step: step(),
        A: alarm('Invocations', onVariant, { Statistic: 'Sum', TreatMissingData: 'breaching' }),
      }),
      scaledRealTime({
        Step: step(),
        A: alarm('Invocations', onVariant, { Statistic: 'Sum', TreatMissingData: 'missing' }),
      }),
    ],
    [
      scaledRealTime({
        Step: step(),
        A: alarm('ConcurrentRequestsPerModel', onVariant, { TreatMissingData: 'breaching' }),
      }),
      scaledRealTime({
        Step: step(),
        A: alarm('ConcurrentRequestsPerModel', onVariant, { TreatMissingData: 'notBreaching' }),
      }),
    ],
    [
      scaledRealTime({ Step: step(), A: alarm('ModelLatency', onVariant, { TreatMissingData: 'breaching' }) }),
      // Silence is a reason to give capacity up.
      scaledRealTime({
        Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }),
        A: alarm('Invocations', onVariant, {
          Statistic: 'Sum',
          ComparisonOperator: 'LessThanThreshold',
          TreatMissingData: 'breaching',
        }),
      }),
    ],
  ],
});
