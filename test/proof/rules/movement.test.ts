import { MOVEMENT_RULES } from '../../../lib/proof/rules/movement';
import { scaledRealTime } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import { alarm, onVariant, policy, type Properties, resource, type Resources, tracking } from '../support/templates';

interface Move {
  readonly step: number;
  readonly cooldown: number;
  readonly periods?: number;
  readonly type?: string;
}

const move = (name: string, { step, cooldown, periods = 1, type = 'ChangeInCapacity' }: Move): Resources => ({
  [name]: resource('AWS::ApplicationAutoScaling::ScalingPolicy', {
    PolicyName: name,
    PolicyType: 'StepScaling',
    ScalingTargetId: { Ref: 'Target' },
    StepScalingPolicyConfiguration: {
      AdjustmentType: type,
      Cooldown: cooldown,
      StepAdjustments: [
        step > 0
          ? { MetricIntervalLowerBound: 0, ScalingAdjustment: step }
          : { MetricIntervalUpperBound: 0, ScalingAdjustment: step },
      ],
    },
  }),
  [`${name}Alarm`]: alarm('ConcurrentRequestsPerModel', onVariant, {
    EvaluationPeriods: periods,
    ComparisonOperator: step > 0 ? 'GreaterThanThreshold' : 'LessThanThreshold',
    AlarmActions: [{ Ref: name }],
  }),
});
const pair = (out: Move, back: Move, max = 10): Resources =>
  scaledRealTime({ ...move('Out', out), ...move('Back', back) }, { MaxCapacity: max });
const suspended = (SuspendedState: unknown, more: Properties = {}): Resources =>
  scaledRealTime({ P: tracking() }, { SuspendedState, ...more });
const schedules = { ScheduledActions: [{ ScheduledActionName: 'am', ScalableTargetAction: { MinCapacity: 2 } }] };

/** A policy that sets a capacity, on a fleet of 1 to 10 instances. */
const exact = (replicas: unknown, more: Properties = {}): Resources => {
  const { Out, OutAlarm } = move('Out', { step: 1, cooldown: 300, type: 'ExactCapacity' });
  const configuration = {
    AdjustmentType: 'ExactCapacity',
    StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: replicas }],
  };
  return scaledRealTime(
    {
      Out: resource(Out!.Type, { ...Out!.Properties, StepScalingPolicyConfiguration: configuration }),
      OutAlarm: OutAlarm!,
    },
    { MinCapacity: 1, MaxCapacity: 10, ...more },
  );
};
const season = (limits: Properties): Properties => ({
  ScheduledActions: [{ ScheduledActionName: 'sale', Schedule: 'cron(0 8 * * ? *)', ScalableTargetAction: limits }],
});

testRules(MOVEMENT_RULES, {
  'exact-capacity-outside-limits': [
    [exact(20), exact(10)],
    [exact(0), exact(1)],
    [exact('12'), exact({ Ref: 'Replicas' })],
    [exact(20, season({ MaxCapacity: 15 })), exact(20, season({ MaxCapacity: 20 }))],
    [exact(20, season({ MinCapacity: 2 })), exact(20, season({ MaxCapacity: { Ref: 'Most' } }))],
    [exact(20), exact(20, { MaxCapacity: { Ref: 'Most' } })],
    [exact(20), { ...exact(20), P: policy('application-autoscaling:RegisterScalableTarget', '*') }],
  ],
  'scale-out-too-slow': [
    [
      pair({ step: 2, cooldown: 7200 }, { step: -1, cooldown: 7200, periods: 60 }),
      pair({ step: 2, cooldown: 600 }, { step: -1, cooldown: 7200, periods: 60 }),
    ],
    [
      pair({ step: 2, cooldown: 300, periods: 90 }, { step: -1, cooldown: 300, periods: 90 }),
      pair({ step: 2, cooldown: 300, periods: 5 }, { step: -1, cooldown: 300, periods: 90 }),
    ],
    [
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 5400, ScaleInCooldown: 5400 }) }),
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 300, ScaleInCooldown: 5400 }) }),
    ],
  ],
  'steps-shrink-faster': [
    [
      pair({ step: 1, cooldown: 300 }, { step: -4, cooldown: 300 }),
      pair({ step: 4, cooldown: 300 }, { step: -1, cooldown: 300 }),
    ],
    [
      pair({ step: 1, cooldown: 600 }, { step: -1, cooldown: 60 }),
      pair({ step: 1, cooldown: 300 }, { step: -1, cooldown: 300, periods: 15 }),
    ],
    [
      pair(
        { step: 10, cooldown: 300, type: 'PercentChangeInCapacity' },
        { step: -50, cooldown: 300, type: 'PercentChangeInCapacity' },
      ),
      pair(
        { step: 50, cooldown: 300, type: 'PercentChangeInCapacity' },
        { step: -10, cooldown: 300, type: 'PercentChangeInCapacity' },
      ),
    ],
    [
      pair({ step: 1, cooldown: 300 }, { step: -50, cooldown: 300, type: 'PercentChangeInCapacity' }),
      pair({ step: 2, cooldown: 300 }, { step: -50, cooldown: 300, type: 'PercentChangeInCapacity' }, 4),
    ],
    [
      pair({ step: 1, cooldown: 300, periods: 10 }, { step: -1, cooldown: 120 }),
      // An idle fleet is set to its minimum at once.
      pair({ step: 1, cooldown: 300 }, { step: -0, cooldown: 60, type: 'ExactCapacity' }),
    ],
  ],
  'scaling-suspended': [
    [suspended({ DynamicScalingOutSuspended: true }), suspended({ DynamicScalingOutSuspended: false })],
    [
      suspended({ DynamicScalingInSuspended: 'true' }),
      suspended({ DynamicScalingInSuspended: { 'Fn::If': ['C', true, false] } }),
    ],
    [suspended({ ScheduledScalingSuspended: true }, schedules), suspended({ ScheduledScalingSuspended: true })],
  ],
});
