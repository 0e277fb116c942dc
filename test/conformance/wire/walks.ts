import {
  type AdjustmentType,
  DescribeScalingActivitiesCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
} from '@aws-sdk/client-application-auto-scaling';
import type { ScalingPolicy, StepPolicy, TargetTrackingPolicy } from '../../../lib/scaling/decide/plan';
import { valueFor } from '../walk-runners';
import { WALK_START_SECONDS, type Walk } from '../vectors';
import { NAMESPACE, type Sample, targetOf, WireAccount } from './wire-account';

/** Result of a walk over the wire. */
export interface WiredWalk {
  /** Instances after each minute, by `DescribeEndpoint`. */
  readonly capacities: readonly number[];
  /** Changes of capacity in those minutes, by `DescribeScalingActivities`, oldest first. */
  readonly changes: readonly { readonly from: number; readonly to: number }[];
}

/** Endpoints of one emulator; fewer than the connections that a client of the SDK opens. */
const WALKS_AT_ONCE = 40;

/** Reason for which a walk cannot be made over the API; undefined for those that can. */
export function notOnTheWire({ policies }: Walk): string | undefined {
  const limited = policies.some((policy) => policy.kind === 'target-tracking' && policy.maxScaleInPerDecision);
  return limited ? 'maxScaleInPerDecision is an option of Tidegate, PutScalingPolicy has none' : undefined;
}

/**
 * Every walk through an emulator over HTTP, each on an endpoint of its own.
 *
 * A target-tracking policy of the API has the alarms that the service gives it: 3 datapoints above the target, 15 below 0.9 of it. A
 * walk's minute has one value. So before each minute the policy is put again on a metric of that minute, whose last twenty minutes
 * all have the value; the policy keeps its name, its alarms their state and the service its cooldowns. Alarms see a minute once it
 * has been over for a minute.
 */
export async function walkOverTheWire(walks: readonly Walk[]): Promise<ReadonlyMap<string, WiredWalk>> {
  const results: [string, WiredWalk][] = [];
  for (let first = 0; first < walks.length; first += WALKS_AT_ONCE) {
    results.push(...(await walkTogether(walks.slice(first, first + WALKS_AT_ONCE))));
  }
  return new Map(results);
}

async function walkTogether(walks: readonly Walk[]): Promise<[string, WiredWalk][]> {
  const wire = await WireAccount.start(WALK_START_SECONDS);
  try {
    const wired = walks.map((walk, index) => ({ walk, name: `walk-${index}`, capacities: [] as number[] }));
    await Promise.all(wired.map(({ walk, name }) => begin(wire, walk, name)));
    const stepAlarms = wire.account.engine.alarms.length;
    await wire.account.post('/hooks/alarms-changed', {});
    await wire.account.settle();
    expect(wire.account.emulator.snapshot().alarms.length).toBeGreaterThanOrEqual(stepAlarms);

    const longest = Math.max(...walks.map(({ minutes }) => minutes.length));
    for (let minute = 0; minute < longest; minute++) {
      const walking = wired.filter(({ walk }) => minute < walk.minutes.length);
      const samples = await Promise.all(walking.map(({ walk, name }) => beginMinute(wire, walk, name, minute)));
      await wire.putSamples(samples.flat());
      await wire.goTo(WALK_START_SECONDS + 60 * (minute + 1));
      await Promise.all(
        walking.map(async ({ walk, name, capacities }) => {
          if (minute === 0) await meantLimits(wire, walk, name);
          capacities.push(await wire.capacity(name));
        }),
      );
    }
    const results = wired.map(async ({ walk, name, capacities }): Promise<[string, WiredWalk]> => [
      walk.name,
      { capacities, changes: await changesOf(wire, walk, name) },
    ]);
    return await Promise.all(results);
  } finally {
    await wire.stop();
  }
}

async function begin(wire: WireAccount, walk: Walk, name: string): Promise<void> {
  const { start, min = 1, max = 20, suspended } = walk;
  await wire.createEndpoint(name, start, min === 0);
  // The limits of a fleet outside them are set after its first minute, so that a walk can begin there.
  await wire.register(name, Math.min(min, start), Math.max(max, start), {
    DynamicScalingInSuspended: suspended?.dynamicScalingInSuspended ?? false,
    DynamicScalingOutSuspended: suspended?.dynamicScalingOutSuspended ?? false,
    ScheduledScalingSuspended: suspended?.scheduledScalingSuspended ?? false,
  });
  for (const policy of walk.policies) {
    if (policy.kind === 'step') await putStepPolicy(wire, name, policy, walk.lowAlarms?.includes(policy.policyName));
  }
  for (const action of walk.schedules ?? []) {
    await wire.account.scaling.send(
      new PutScheduledActionCommand({
        ...targetOf(name),
        ScheduledActionName: action.scheduledActionName,
        Schedule: action.schedule,
        Timezone: action.timezone,
        ScalableTargetAction: { MinCapacity: action.minCapacity, MaxCapacity: action.maxCapacity },
      }),
    );
  }
}

async function meantLimits(wire: WireAccount, { start, min = 1, max = 20, schedules }: Walk, name: string) {
  if (schedules === undefined && (start < min || start > max)) await wire.register(name, min, max);
}

async function beginMinute(wire: WireAccount, walk: Walk, name: string, minute: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const seenUntil = WALK_START_SECONDS + 60 * minute;
  for (const policy of walk.policies) {
    const metricName = metricOf(name, policy, minute);
    if (policy.kind === 'target-tracking') await putTrackingPolicy(wire, name, policy, metricName);
    const value = valueFor(walk.minutes[minute]![0], policy);
    if (value === null) continue;
    const before = policy.kind === 'target-tracking' ? 20 : 1;
    for (let back = 1; back <= before; back++) {
      samples.push({ metricName, atSeconds: seenUntil - 60 * back + 30, value });
    }
  }
  return samples;
}

const metricOf = (name: string, policy: ScalingPolicy, minute: number): string =>
  policy.kind === 'step' ? `${name}-${policy.policyName}` : `${name}-${policy.policyName}-${minute}`;

async function putTrackingPolicy(
  wire: WireAccount,
  name: string,
  policy: TargetTrackingPolicy,
  MetricName: string,
): Promise<void> {
  await wire.account.scaling.send(
    new PutScalingPolicyCommand({
      ...targetOf(name),
      PolicyName: policy.policyName,
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: policy.targetValue,
        CustomizedMetricSpecification: { Namespace: NAMESPACE, MetricName, Statistic: 'Average' },
        ScaleOutCooldown: policy.scaleOutCooldownSeconds,
        ScaleInCooldown: policy.scaleInCooldownSeconds,
        DisableScaleIn: policy.disableScaleIn,
      },
    }),
  );
}

async function putStepPolicy(wire: WireAccount, name: string, policy: StepPolicy, low = false): Promise<void> {
  const { PolicyARN } = await wire.account.scaling.send(
    new PutScalingPolicyCommand({
      ...targetOf(name),
      PolicyName: policy.policyName,
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: policy.adjustmentType as AdjustmentType,
        StepAdjustments: policy.steps.map(({ lowerBound, upperBound, adjustment }) => ({
          MetricIntervalLowerBound: lowerBound,
          MetricIntervalUpperBound: upperBound,
          ScalingAdjustment: adjustment,
        })),
        MinAdjustmentMagnitude: policy.minAdjustmentMagnitude,
        Cooldown: policy.cooldownSeconds,
      },
    }),
  );
  wire.account.engine.alarms.push({
    AlarmName: `${name}-${policy.policyName}`,
    Namespace: NAMESPACE,
    MetricName: metricOf(name, policy, 0),
    Dimensions: [],
    Statistic: 'Average',
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: policy.threshold!,
    ComparisonOperator: low ? 'LessThanOrEqualToThreshold' : 'GreaterThanOrEqualToThreshold',
    AlarmActions: [PolicyARN!],
  });
}

async function changesOf(wire: WireAccount, walk: Walk, name: string): Promise<WiredWalk['changes']> {
  const end = WALK_START_SECONDS + 60 * walk.minutes.length;
  const { ScalingActivities } = await wire.account.scaling.send(new DescribeScalingActivitiesCommand(targetOf(name)));
  return ScalingActivities!
    .filter(({ StartTime }) => StartTime!.getTime() / 1000 <= end)
    .map(({ Details, StatusCode, ActivityId }) => {
      if (StatusCode !== 'Successful') throw new Error(`activity ${ActivityId} of ${walk.name} is ${StatusCode}`);
      const { fromCapacity, toCapacity } = JSON.parse(Details!) as { fromCapacity: number; toCapacity: number };
      return { from: fromCapacity, to: toCapacity };
    })
    .reverse();
}
