import { POLICY_RULES } from '../../../lib/proof/rules/policies';
import { calls, custom, scaledAsync, scaledRealTime } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import {
  alarm,
  onEndpoint,
  onVariant,
  resource,
  type Resources,
  step,
  tracking,
  trackingOf,
  variantTarget,
} from '../support/templates';

const without = (given: Resources[string], ...names: readonly string[]): Resources[string] => ({
  ...given,
  Properties: Object.fromEntries(Object.entries(given.Properties).filter(([name]) => !names.includes(name))),
});

testRules(POLICY_RULES, {
  'predictive-on-sagemaker': [
    [scaledRealTime({ P: tracking({}, { PolicyType: 'PredictiveScaling' }) }), scaledRealTime({ P: tracking() })],
    [
      scaledRealTime({
        P: resource('AWS::ApplicationAutoScaling::ScalingPolicy', {
          PolicyName: 'p',
          ScalingTargetId: { Ref: 'Target' },
          PredictiveScalingPolicyConfiguration: { MetricSpecifications: [] },
        }),
      }),
      scaledRealTime({ P: tracking() }),
    ],
  ],
  'policy-incomplete': [
    [
      scaledRealTime({ P: tracking({ PredefinedMetricSpecification: undefined }) }),
      scaledRealTime({
        P: tracking(
          {},
          {
            TargetTrackingScalingPolicyConfiguration: {
              'Fn::If': ['C', { TargetValue: 1, CustomizedMetricSpecification: calls }, { TargetValue: 2 }],
            },
          },
        ),
      }),
    ],
    [scaledRealTime({ P: tracking({}, { PolicyType: 'TargetTracking' }) }), scaledRealTime({ P: tracking() })],
    [
      scaledRealTime({ P: without(tracking(), 'PolicyType') }),
      scaledRealTime({ P: tracking({}, { PolicyType: { Ref: 'Type' } }) }),
    ],
    [
      scaledRealTime({ P: tracking({ TargetValue: undefined }) }),
      scaledRealTime({ P: tracking({ TargetValue: { Ref: 'Target' } }) }),
    ],
    [
      scaledRealTime({ P: trackingOf(custom('InvocationsPerInstance', 'AWS/SageMaker', { Statistic: 'sum' })) }),
      scaledRealTime({ P: trackingOf(custom('InvocationsPerInstance', 'AWS/SageMaker', { Statistic: 'Sum' })) }),
    ],
  ],
  'step-adjustments-invalid': [
    [0, 1].map((ScalingAdjustment) =>
      scaledRealTime({ Step: step({ StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment }] }) }),
    ) as [Resources, Resources],
    [
      scaledRealTime({
        Step: step({
          StepAdjustments: [
            { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 5, ScalingAdjustment: 1 },
            { MetricIntervalLowerBound: 6, ScalingAdjustment: 2 },
          ],
        }),
      }),
      scaledRealTime({
        Step: step({
          StepAdjustments: [
            { MetricIntervalLowerBound: 5, ScalingAdjustment: 2 },
            { MetricIntervalLowerBound: '0', MetricIntervalUpperBound: 5, ScalingAdjustment: 1 },
          ],
        }),
      }),
    ],
    [
      scaledRealTime({
        Step: step({
          StepAdjustments: [{ MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 5, ScalingAdjustment: 1 }],
        }),
      }),
      scaledRealTime({ Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }) }),
    ],
    [
      scaledRealTime({ Step: step({ AdjustmentType: 'CHANGE_IN_CAPACITY' }) }),
      scaledRealTime({ Step: step({ AdjustmentType: 'ExactCapacity' }) }),
    ],
    [scaledRealTime({ Step: step({ AdjustmentType: undefined }) }), scaledRealTime({ Step: step() })],
    [
      scaledRealTime({ Step: step({ MetricAggregationType: 'Sum' }) }),
      scaledRealTime({ Step: step({ MetricAggregationType: 'Maximum' }) }),
    ],
  ],
  'step-policy-without-alarm': [
    [
      scaledRealTime({ Step: step() }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
    ],
  ],
  'cooldown-shorter-than-provisioning': [
    [
      scaledRealTime({ Step: step({ Cooldown: 30 }), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
      scaledAsync({ Step: step({ Cooldown: 60 }), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
    ],
    [
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 0 }) }),
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 60 }) }),
    ],
    [
      { Target: variantTarget(), P: tracking({ ScaleOutCooldown: 20 }) },
      { Target: variantTarget(), P: tracking({ ScaleOutCooldown: 30 }) },
    ],
    [
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 30 }) }),
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 60 }) }),
    ],
  ],
  'scale-in-faster-than-scale-out': [
    [
      scaledRealTime({ P: tracking({ ScaleInCooldown: 60, ScaleOutCooldown: 300 }) }),
      scaledRealTime({ P: tracking({ ScaleInCooldown: 600, ScaleOutCooldown: 300 }) }),
    ],
    [scaledRealTime({ P: tracking({ ScaleOutCooldown: 400 }) }), scaledRealTime({ P: tracking() })],
  ],
  'never-scales-in': [
    [
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant), P: tracking() }),
    ],
    [
      scaledRealTime({ P: tracking({ DisableScaleIn: true }) }),
      scaledRealTime({ P: tracking({ DisableScaleIn: true }), Q: tracking({}, { PolicyName: 'other' }) }),
    ],
  ],
});
