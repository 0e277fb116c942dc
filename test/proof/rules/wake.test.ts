import { WAKE_RULES } from '../../../lib/proof/rules/wake';
import { scaledAsync, scaledComponents } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import {
  alarm,
  asynchronous,
  backlog,
  components,
  onEndpoint,
  step,
  tracking,
  trackingOf,
  variantTarget,
} from '../support/templates';

testRules(WAKE_RULES, {
  'zero-without-wake': [
    [
      scaledComponents({ Step: step(), A: alarm('ConcurrentRequestsPerCopy', { InferenceComponentName: 'chat' }) }),
      scaledComponents({ Step: step(), A: alarm('Pending', { Queue: 'x' }, { Namespace: 'Mine' }) }),
    ],
    [
      scaledAsync({
        Step: step({ AdjustmentType: 'PercentChangeInCapacity' }),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint),
      }),
      scaledAsync({
        Step: step({ AdjustmentType: 'PercentChangeInCapacity', MinAdjustmentMagnitude: 1 }),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint),
      }),
    ],
    [scaledAsync({ P: trackingOf(backlog) }), scaledAsync({ P: trackingOf(backlog) }, { MinCapacity: 1 })],
    [
      scaledComponents({
        P: tracking({
          PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerInferenceComponentInvocationsPerCopy' },
        }),
      }),
      scaledComponents(
        {
          P: tracking({
            PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerInferenceComponentInvocationsPerCopy' },
          }),
        },
        { ScheduledActions: [{ ScalableTargetAction: { MinCapacity: 1 } }] },
      ),
    ],
  ],
  'wake-misses-first-request': [
    [
      scaledAsync({
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { ComparisonOperator: 'GreaterThanThreshold' }),
      }),
      scaledAsync({
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { ComparisonOperator: 'GreaterThanThreshold', Threshold: 0 }),
      }),
    ],
    [
      {
        ...components(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }, { Threshold: 2 }),
      },
      { ...components(), A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }) },
    ],
  ],
  'wake-needs-many-failures': [
    [
      scaledComponents({
        Step: step(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }, { EvaluationPeriods: 5 }),
      }),
      scaledComponents({
        Step: step(),
        A: alarm(
          'NoCapacityInvocationFailures',
          { InferenceComponentName: 'chat' },
          { EvaluationPeriods: 5, DatapointsToAlarm: 1 },
        ),
      }),
    ],
  ],
  'wake-never-rests': [
    [
      scaledComponents({
        Step: step(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }, { TreatMissingData: 'breaching' }),
      }),
      scaledComponents({
        Step: step(),
        A: alarm(
          'NoCapacityInvocationFailures',
          { InferenceComponentName: 'chat' },
          { TreatMissingData: 'notBreaching' },
        ),
      }),
    ],
    [
      {
        ...asynchronous(),
        Target: variantTarget({ MinCapacity: 0 }),
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { TreatMissingData: 'breaching' }),
      },
      {
        ...asynchronous(),
        Target: variantTarget({ MinCapacity: 0 }),
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { TreatMissingData: 'ignore' }),
      },
    ],
  ],
});
