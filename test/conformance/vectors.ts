import type {
  ScalingPolicy,
  ScheduledAction,
  StepAdjustment,
  StepPolicy,
  SuspendedScaling,
  TargetTrackingPolicy,
} from '../../lib/scaling/decide/plan';

/** The value of a minute for every policy, for each by name, or null where the metric is missing. */
export type MinuteValues = number | null | { readonly [policyName: string]: number | null };

/**
 * A fleet followed minute by minute: the metric's value in the minute and the capacity after its evaluation. The same walk goes
 * through `decide()` alone and through CloudWatch and Application Auto Scaling, with alarms of one datapoint.
 */
export interface Walk {
  readonly name: string;
  /** Where the expected numbers come from. */
  readonly source: string;
  readonly start: number;
  readonly min?: number;
  readonly max?: number;
  readonly policies: readonly ScalingPolicy[];
  readonly schedules?: readonly ScheduledAction[];
  readonly suspended?: SuspendedScaling;
  /** Step policies whose alarm fires at or below the threshold; the others' fire at or above it. */
  readonly lowAlarms?: readonly string[];
  readonly minutes: readonly (readonly [values: MinuteValues, expected: number])[];
}

/** Walks begin at this moment: 2026-11-02T00:00:00Z, a Monday. */
export const WALK_START_SECONDS = 1_793_577_600;

const TARGET_TRACKING_GUIDE = 'Application Auto Scaling user guide, target tracking scaling policies';
const EC2_TARGET_TRACKING = 'EC2 Auto Scaling user guide, as-scaling-target-tracking';
const EC2_STEP = 'EC2 Auto Scaling user guide, as-scaling-simple-step';
const STEP_API = 'API_StepScalingPolicyConfiguration';
const TRACKING_API = 'API_TargetTrackingScalingPolicyConfiguration';
const PUT_POLICY_API = 'API_PutScalingPolicy';
const ASYNC_GUIDE = 'SageMaker developer guide, async-inference-autoscale';
const ARITHMETIC = 'capacity × metric ÷ target';

export function tracking(overrides: Partial<TargetTrackingPolicy> = {}): TargetTrackingPolicy {
  return {
    kind: 'target-tracking',
    policyName: 'track',
    targetValue: 100,
    alarmShape: { scaleOutDatapoints: 1, scaleInDatapoints: 1 },
    ...overrides,
  };
}

export function stepping(
  steps: readonly (readonly [lower: number | undefined, upper: number | undefined, adjustment: number])[],
  overrides: Partial<StepPolicy> = {},
): StepPolicy {
  return {
    kind: 'step',
    policyName: 'step',
    adjustmentType: 'ChangeInCapacity',
    threshold: 50,
    steps: steps.map(([lowerBound, upperBound, adjustment]): StepAdjustment => ({
      ...(lowerBound !== undefined && { lowerBound }),
      ...(upperBound !== undefined && { upperBound }),
      adjustment,
    })),
    ...overrides,
  };
}

const percent = { adjustmentType: 'PercentChangeInCapacity' } as const;
const always: readonly [undefined, undefined][] = [[undefined, undefined]];

export function byPercent(name: string, start: number, percentage: number, expected: number): Walk {
  return {
    name,
    source: EC2_STEP,
    start,
    max: 1000,
    policies: [stepping([[...always[0]!, percentage]], percent)],
    minutes: [[60, expected]],
  };
}

/** The worked example: threshold 50, steps of 0, 10 and 30 percent on both sides. */
const WALKTHROUGH_OUT = stepping(
  [
    [0, 10, 0],
    [10, 20, 10],
    [20, undefined, 30],
  ],
  { ...percent, policyName: 'out', cooldownSeconds: 60 },
);
const WALKTHROUGH_IN = stepping(
  [
    [-10, 0, 0],
    [-20, -10, -10],
    [undefined, -20, -30],
  ],
  { ...percent, policyName: 'in', cooldownSeconds: 60 },
);

function bound(name: string, value: number, expected: number): Walk {
  return {
    name,
    source: EC2_STEP,
    start: 10,
    policies: [WALKTHROUGH_OUT, WALKTHROUGH_IN],
    lowAlarms: ['in'],
    minutes: [[value, expected]],
  };
}

const pair = [tracking({ policyName: 'a' }), tracking({ policyName: 'b' })];

export const WALKS: readonly Walk[] = [
  // Target tracking: rounding and direction.
  {
    name: 'jumps from 1 to the maximum of 4 in one step',
    source: 'seen on a live SageMaker endpoint',
    start: 1,
    max: 4,
    policies: [tracking()],
    minutes: [[900, 4]],
  },
  {
    name: 'adds 2 where 1.5 are needed',
    source: EC2_TARGET_TRACKING,
    start: 3,
    policies: [tracking()],
    minutes: [[150, 5]],
  },
  {
    name: 'removes 1 where 1.5 could go',
    source: EC2_TARGET_TRACKING,
    start: 3,
    policies: [tracking()],
    minutes: [[50, 2]],
  },
  { name: 'doubles at twice the target', source: ARITHMETIC, start: 4, policies: [tracking()], minutes: [[200, 8]] },
  { name: 'holds at the target', source: ARITHMETIC, start: 10, policies: [tracking()], minutes: [[100, 10]] },
  {
    name: 'adds one just above the target',
    source: ARITHMETIC,
    start: 10,
    policies: [tracking()],
    minutes: [[100.1, 11]],
  },
  {
    name: 'holds between the low threshold and the target',
    source: ARITHMETIC,
    start: 10,
    policies: [tracking()],
    minutes: [[95, 10]],
  },
  {
    name: 'holds at exactly 0.9 of the target',
    source: ARITHMETIC,
    start: 10,
    policies: [tracking()],
    minutes: [[90, 10]],
  },
  {
    name: 'removes one just below 0.9 of the target',
    source: ARITHMETIC,
    start: 10,
    policies: [tracking()],
    minutes: [[89, 9]],
  },
  {
    name: 'holds a small fleet below 0.9 when one fewer would exceed the target',
    source: ARITHMETIC,
    start: 4,
    policies: [tracking()],
    minutes: [[80, 4]],
  },
  {
    name: 'goes to the minimum without traffic',
    source: 'SageMaker publishes 0 without traffic',
    start: 6,
    min: 2,
    policies: [tracking()],
    minutes: [[0, 2]],
  },
  {
    name: 'goes to zero without traffic where the minimum is 0',
    source: ASYNC_GUIDE,
    start: 6,
    min: 0,
    policies: [tracking()],
    minutes: [[0, 0]],
  },
  {
    name: 'stops at the maximum',
    source: TARGET_TRACKING_GUIDE,
    start: 4,
    max: 6,
    policies: [tracking()],
    minutes: [[300, 6]],
  },
  {
    name: 'stays at the maximum when more is wanted',
    source: TARGET_TRACKING_GUIDE,
    start: 6,
    max: 6,
    policies: [tracking()],
    minutes: [[300, 6]],
  },
  {
    name: 'is not misled by floating-point sums',
    source: '3 × 0.7 ÷ 0.7 is 3',
    start: 3,
    policies: [tracking({ targetValue: 0.1 + 0.2 })],
    minutes: [[0.3, 3]],
  },
  {
    name: 'never removes capacity with scale-in disabled',
    source: TARGET_TRACKING_GUIDE,
    start: 6,
    policies: [tracking({ disableScaleIn: true })],
    minutes: [[0, 6]],
  },
  {
    name: 'follows the target of 1500 invocations',
    source: 'alarms 1500 and 1350 seen',
    start: 2,
    policies: [tracking({ targetValue: 1500 })],
    minutes: [[2400, 4]],
  },
  {
    name: 'holds at 1350 of 1500 invocations',
    source: 'alarms 1500 and 1350 seen',
    start: 10,
    policies: [tracking({ targetValue: 1500 })],
    minutes: [[1350, 10]],
  },
  {
    name: 'scales in at 1349 of 1500 invocations',
    source: 'alarms 1500 and 1350 seen',
    start: 10,
    policies: [tracking({ targetValue: 1500 })],
    minutes: [[1349, 9]],
  },

  // Missing data and zero replicas.
  {
    name: 'holds while the metric has never been seen',
    source: TARGET_TRACKING_GUIDE,
    start: 3,
    policies: [tracking()],
    minutes: [
      [null, 3],
      [null, 3],
      [null, 3],
      [null, 3],
    ],
  },
  {
    name: 'acts when the first data arrives',
    source: TARGET_TRACKING_GUIDE,
    start: 3,
    policies: [tracking()],
    minutes: [
      [null, 3],
      [null, 3],
      [200, 6],
    ],
  },
  {
    name: 'cannot grow from zero by proportion',
    source: 'a share of zero stays zero',
    start: 0,
    min: 0,
    policies: [tracking()],
    minutes: [[500, 0]],
  },
  {
    name: 'grows from zero by a step policy on backlog without capacity',
    source: ASYNC_GUIDE,
    start: 0,
    min: 0,
    policies: [stepping([[0, undefined, 1]], { threshold: 1, cooldownSeconds: 300 })],
    minutes: [
      [1, 1],
      [1, 1],
    ],
  },
  {
    name: 'brings a fleet below the minimum up whatever the metric says',
    source: TARGET_TRACKING_GUIDE,
    start: 1,
    min: 3,
    policies: [tracking()],
    minutes: [[95, 3]],
  },
  {
    name: 'brings a fleet above the maximum down whatever the metric says',
    source: TARGET_TRACKING_GUIDE,
    start: 9,
    max: 5,
    policies: [tracking()],
    minutes: [[200, 5]],
  },

  // Cooldowns.
  {
    name: 'does not repeat a scale-out in its cooldown',
    source: TRACKING_API,
    start: 2,
    policies: [tracking()],
    minutes: [
      [200, 4],
      [200, 4],
      [200, 4],
    ],
  },
  {
    name: 'makes only a larger scale-out in the cooldown, counting what was added',
    source: TRACKING_API,
    start: 2,
    policies: [tracking()],
    minutes: [
      [200, 4],
      [250, 5],
      [220, 5],
    ],
  },
  {
    name: 'scales out again when the cooldown is over',
    source: TRACKING_API,
    start: 2,
    policies: [tracking({ scaleOutCooldownSeconds: 120 })],
    minutes: [
      [200, 4],
      [200, 4],
      [200, 8],
    ],
  },
  {
    name: 'scales out every minute with no cooldown',
    source: TRACKING_API,
    start: 1,
    policies: [tracking({ scaleOutCooldownSeconds: 0 })],
    minutes: [
      [200, 2],
      [200, 4],
      [200, 8],
    ],
  },
  {
    name: 'blocks a second scale-in in the cooldown and makes it afterwards',
    source: TRACKING_API,
    start: 16,
    policies: [tracking({ scaleInCooldownSeconds: 180 })],
    minutes: [
      [50, 8],
      [50, 8],
      [50, 8],
      [50, 4],
    ],
  },
  {
    name: 'waits 300 seconds between scale-ins by default',
    source: 'SageMaker developer guide, endpoint-auto-scaling-add-code-define',
    start: 16,
    policies: [tracking()],
    minutes: [
      [50, 8],
      [50, 8],
      [50, 8],
      [50, 8],
      [50, 8],
      [50, 4],
    ],
  },
  {
    name: 'scales out at once in a scale-in cooldown',
    source: TRACKING_API,
    start: 10,
    policies: [tracking()],
    minutes: [
      [50, 5],
      [160, 8],
    ],
  },
  {
    name: 'ends the scale-in cooldown with a scale-out',
    source: TRACKING_API,
    start: 10,
    policies: [tracking()],
    minutes: [
      [50, 5],
      [160, 8],
      [50, 4],
    ],
  },
  {
    name: 'removes at most so many at a time where a limit is set',
    source: 'own option: the pace of scale-in is not published',
    start: 10,
    policies: [tracking({ maxScaleInPerDecision: 2, scaleInCooldownSeconds: 60 })],
    minutes: [
      [10, 8],
      [10, 6],
      [10, 4],
      [10, 2],
      [10, 1],
    ],
  },

  // Step scaling.
  {
    name: 'walks from 10 to 11, 14, 13 and 10 by percentages',
    source: EC2_STEP,
    start: 10,
    policies: [WALKTHROUGH_OUT, WALKTHROUGH_IN],
    lowAlarms: ['in'],
    minutes: [
      [50, 10],
      [60, 11],
      [70, 14],
      [50, 14],
      [40, 13],
      [30, 10],
    ],
  },
  bound('takes the lower bound above the threshold as inside', 60, 11),
  bound('takes the upper bound above the threshold as outside', 70, 13),
  bound('does nothing in the step of zero above the threshold', 59.9, 10),
  bound('does nothing at the threshold', 50, 10),
  bound('does nothing in the step of zero below the threshold', 40.1, 10),
  bound('takes the upper bound below the threshold as inside', 40, 9),
  bound('takes the lower bound below the threshold as outside', 30, 7),
  bound('takes the last step far above the threshold', 500, 13),
  bound('takes the last step far below the threshold', -500, 7),
  byPercent('rounds 12.7 down to 12', 127, 10, 139),
  byPercent('rounds 0.67 up to 1', 67, 1, 68),
  byPercent('rounds -0.58 to -1', 58, -1, 57),
  byPercent('rounds -6.67 to -6', 667, -1, 661),
  byPercent('changes exactly by a whole percentage', 10, 50, 15),
  byPercent('goes down by all with -100 percent, to the minimum', 8, -100, 1),
  {
    name: 'adds at least the minimum magnitude: 25 percent of 4 with 2',
    source: STEP_API,
    start: 4,
    policies: [stepping([[0, undefined, 25]], { ...percent, minAdjustmentMagnitude: 2 })],
    minutes: [[60, 6]],
  },
  {
    name: 'removes at least the minimum magnitude',
    source: STEP_API,
    start: 10,
    policies: [stepping([[undefined, 0, -10]], { ...percent, minAdjustmentMagnitude: 3 })],
    lowAlarms: ['step'],
    minutes: [[40, 7]],
  },
  {
    name: 'leaves zero replicas at zero by percentage',
    source: EC2_STEP,
    start: 0,
    min: 0,
    policies: [stepping([[0, undefined, 100]], percent)],
    minutes: [[60, 0]],
  },
  {
    name: 'adds only 1 when an alarm for 3 follows one for 2 in the cooldown',
    source: STEP_API,
    start: 10,
    policies: [
      stepping([
        [0, 20, 2],
        [20, undefined, 3],
      ]),
    ],
    minutes: [
      [60, 12],
      [80, 13],
      [80, 13],
    ],
  },
  {
    name: 'adds the same step again after the cooldown',
    source: STEP_API,
    start: 10,
    policies: [stepping([[0, undefined, 2]], { cooldownSeconds: 120 })],
    minutes: [
      [60, 12],
      [60, 12],
      [60, 14],
    ],
  },
  {
    name: 'blocks scale-in steps in their cooldown',
    source: STEP_API,
    start: 10,
    policies: [stepping([[undefined, 0, -2]], { cooldownSeconds: 120 })],
    lowAlarms: ['step'],
    minutes: [
      [40, 8],
      [40, 8],
      [40, 6],
    ],
  },
  {
    name: 'sets an exact capacity upwards',
    source: EC2_STEP,
    start: 3,
    policies: [stepping([[0, undefined, 7]], { adjustmentType: 'ExactCapacity' })],
    minutes: [
      [60, 7],
      [60, 7],
    ],
  },
  {
    name: 'sets an exact capacity downwards',
    source: EC2_STEP,
    start: 9,
    policies: [stepping([[undefined, 0, 2]], { adjustmentType: 'ExactCapacity' })],
    lowAlarms: ['step'],
    minutes: [[40, 2]],
  },
  {
    name: 'limits a step to the maximum',
    source: EC2_STEP,
    start: 9,
    max: 10,
    policies: [stepping([[0, undefined, 5]])],
    minutes: [[60, 10]],
  },

  // Several policies.
  {
    name: 'takes 200 percent of 10 before 3 more',
    source: PUT_POLICY_API,
    start: 10,
    max: 50,
    policies: [
      stepping([[0, undefined, 3]], { policyName: 'three' }),
      stepping([[0, undefined, 200]], { ...percent, policyName: 'percent' }),
    ],
    minutes: [[60, 30]],
  },
  {
    name: 'scales out when any policy wants it',
    source: TARGET_TRACKING_GUIDE,
    start: 4,
    policies: pair,
    minutes: [[{ a: 95, b: 200 }, 8]],
  },
  {
    name: 'takes the largest of several scale-outs',
    source: TARGET_TRACKING_GUIDE,
    start: 4,
    policies: pair,
    minutes: [[{ a: 150, b: 200 }, 8]],
  },
  {
    name: 'scales out for one although another is low',
    source: TARGET_TRACKING_GUIDE,
    start: 4,
    policies: pair,
    minutes: [[{ a: 10, b: 200 }, 8]],
  },
  {
    name: 'does not scale in while one policy is not ready',
    source: TARGET_TRACKING_GUIDE,
    start: 8,
    policies: pair,
    minutes: [[{ a: 10, b: 95 }, 8]],
  },
  {
    name: 'scales in to the largest when all are ready',
    source: TARGET_TRACKING_GUIDE,
    start: 8,
    policies: pair,
    minutes: [[{ a: 10, b: 50 }, 4]],
  },
  {
    name: 'does not scale in while one metric is missing',
    source: TARGET_TRACKING_GUIDE,
    start: 8,
    policies: pair,
    minutes: [[{ a: 10, b: null }, 8]],
  },
  {
    name: 'scales out although one metric is missing',
    source: TARGET_TRACKING_GUIDE,
    start: 4,
    policies: pair,
    minutes: [[{ a: 200, b: null }, 8]],
  },
  {
    name: 'does not ask a policy with scale-in disabled about scaling in',
    source: TARGET_TRACKING_GUIDE,
    start: 8,
    policies: [tracking({ policyName: 'a' }), tracking({ policyName: 'b', disableScaleIn: true })],
    minutes: [[{ a: 50, b: 95 }, 4]],
  },
  {
    name: 'lets a step policy scale in before target tracking is ready',
    source: PUT_POLICY_API,
    start: 8,
    policies: [tracking({ policyName: 'a' }), stepping([[undefined, 0, -2]], { policyName: 'b' })],
    lowAlarms: ['b'],
    minutes: [[{ a: 95, b: 40 }, 6]],
  },
  {
    name: 'takes the larger capacity when a step and target tracking both scale in',
    source: PUT_POLICY_API,
    start: 8,
    policies: [tracking({ policyName: 'a' }), stepping([[undefined, 0, -1]], { policyName: 'b' })],
    lowAlarms: ['b'],
    minutes: [[{ a: 25, b: 40 }, 7]],
  },

  // Suspended scaling.
  {
    name: 'does not scale out while that is suspended',
    source: 'API_SuspendedState',
    start: 4,
    policies: [tracking()],
    suspended: { dynamicScalingOutSuspended: true },
    minutes: [[200, 4]],
  },
  {
    name: 'does not scale in while that is suspended',
    source: 'API_SuspendedState',
    start: 4,
    policies: [tracking()],
    suspended: { dynamicScalingInSuspended: true },
    minutes: [[10, 4]],
  },
  {
    name: 'scales out while only scaling in is suspended',
    source: 'API_SuspendedState',
    start: 4,
    policies: [tracking()],
    suspended: { dynamicScalingInSuspended: true },
    minutes: [[200, 8]],
  },

  // Schedules; a walk's minutes end at 00:01, 00:02 and so on.
  {
    name: 'raises the fleet to a scheduled minimum and lets it back only by policy',
    source: 'Application Auto Scaling user guide, scheduled scaling',
    start: 2,
    policies: [tracking()],
    schedules: [{ scheduledActionName: 'early', schedule: 'at(2026-11-02T00:02:00)', minCapacity: 6 }],
    minutes: [
      [95, 2],
      [95, 6],
      [95, 6],
      [10, 6],
    ],
  },
  {
    name: 'lowers the fleet to a scheduled maximum',
    source: 'Application Auto Scaling user guide, scheduled scaling',
    start: 8,
    policies: [tracking()],
    schedules: [{ scheduledActionName: 'night', schedule: 'cron(3 0 * * ? *)', minCapacity: 1, maxCapacity: 3 }],
    minutes: [
      [95, 8],
      [95, 8],
      [95, 3],
      [500, 3],
    ],
  },
  {
    name: 'ignores cooldowns with scheduled actions',
    source: 'Application Auto Scaling user guide, scheduled scaling',
    start: 2,
    policies: [tracking()],
    schedules: [{ scheduledActionName: 'more', schedule: 'at(2026-11-02T00:02:00)', minCapacity: 9 }],
    minutes: [
      [200, 4],
      [95, 9],
    ],
  },
  {
    name: 'does not run scheduled actions while they are suspended',
    source: 'API_SuspendedState',
    start: 2,
    policies: [tracking()],
    schedules: [{ scheduledActionName: 'more', schedule: 'rate(1 minute)', minCapacity: 9 }],
    suspended: { scheduledScalingSuspended: true },
    minutes: [
      [95, 2],
      [95, 2],
    ],
  },
];
