import { decide } from '../../lib/scaling/decide/decide';
import { EMPTY_MEMORY, type ScalingMemory } from '../../lib/scaling/decide/memory';
import type { PolicySignal } from '../../lib/scaling/decide/observation';
import type { ScalingPolicy } from '../../lib/scaling/decide/plan';
import { ApplicationAutoScaling, type ScalableFleet } from '../../lib/simulation/aws/application-auto-scaling';
import { CloudWatch, type MetricId } from '../../lib/simulation/aws/cloudwatch';
import { WALK_START_SECONDS, type MinuteValues, type Walk } from './vectors';

/** The capacities after each minute, by `decide()` alone. */
export function walkThroughDecide(walk: Walk): number[] {
  let memory: ScalingMemory = { ...EMPTY_MEMORY, schedulesAppliedUntil: WALK_START_SECONDS };
  let desiredCapacity = walk.start;
  const plan = {
    minCapacity: walk.min ?? 1,
    maxCapacity: walk.max ?? 20,
    policies: walk.policies,
    schedules: walk.schedules ?? [],
    ...(walk.suspended !== undefined && { suspended: walk.suspended }),
  };
  return walk.minutes.map(([values], minute) => {
    const signals: { [policyName: string]: PolicySignal } = {};
    for (const policy of walk.policies) {
      const value = valueFor(values, policy);
      if (value !== null) signals[policy.policyName] = { value };
    }
    const atSeconds = WALK_START_SECONDS + 60 * (minute + 1);
    const decided = decide(plan, { atSeconds, desiredCapacity, signals }, memory);
    memory = decided.memory;
    desiredCapacity = decided.decision.desiredCapacity;
    return desiredCapacity;
  });
}

/** The capacities after each minute, with metrics in CloudWatch, alarms of one datapoint and Application Auto Scaling. */
export function walkThroughServices(walk: Walk): number[] {
  const key = {
    serviceNamespace: 'sagemaker',
    resourceId: 'endpoint/chat/variant/main',
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  };
  const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
  const fleet = new CountedFleet(walk.start);
  const scaling = new ApplicationAutoScaling(cloudWatch, () => fleet);
  const at = WALK_START_SECONDS;
  scaling.registerScalableTarget(
    {
      ...key,
      // The limits of a fleet outside them are set after its first minute, so that a walk can begin there.
      minCapacity: Math.min(walk.min ?? 1, walk.start),
      maxCapacity: Math.max(walk.max ?? 20, walk.start),
      ...(walk.suspended !== undefined && { suspendedState: walk.suspended }),
    },
    at,
  );
  for (const policy of walk.policies) putPolicy(scaling, cloudWatch, key, policy, walk, at);
  for (const action of walk.schedules ?? []) scaling.putScheduledAction({ ...key, action }, at);

  return walk.minutes.map(([values], minute) => {
    const startSeconds = at + 60 * minute;
    for (const policy of walk.policies) {
      const value = valueFor(values, policy);
      if (value === null) continue;
      const sample = { sum: value, sampleCount: 1, minimum: value, maximum: value };
      cloudWatch.putMetric({ metric: metricOf(policy), atSeconds: startSeconds + 30, ...sample });
    }
    const endSeconds = startSeconds + 60;
    const evaluations = cloudWatch.advanceTo(endSeconds);
    scaling.advanceTo(endSeconds);
    scaling.onAlarms(evaluations);
    if (minute === 0) {
      const limits = { minCapacity: walk.min ?? 1, maxCapacity: walk.max ?? 20 };
      const target = scaling.describeScalableTargets(key)[0]!;
      const asMeant = target.minCapacity === limits.minCapacity && target.maxCapacity === limits.maxCapacity;
      if (!asMeant && walk.schedules === undefined) scaling.registerScalableTarget({ ...key, ...limits }, endSeconds);
    }
    return fleet.desiredCapacity();
  });
}

/** A fleet whose capacity arrives at once. */
export class CountedFleet implements ScalableFleet {
  public updating = false;

  public constructor(private capacity: number) {}

  public desiredCapacity(): number {
    return this.capacity;
  }

  public setDesiredCapacity(capacity: number): void {
    this.capacity = capacity;
  }

  public isUpdating(): boolean {
    return this.updating;
  }
}

function putPolicy(
  scaling: ApplicationAutoScaling,
  cloudWatch: CloudWatch,
  key: { serviceNamespace: string; resourceId: string; scalableDimension: string },
  policy: ScalingPolicy,
  walk: Walk,
  at: number,
): void {
  const metric = metricOf(policy);
  if (policy.kind === 'target-tracking') {
    scaling.putScalingPolicy(
      { ...key, policy: { ...policy, metric: { kind: 'custom', statistic: 'Average', ...metric } } },
      at,
    );
    return;
  }
  const { policyArn } = scaling.putScalingPolicy({ ...key, policy }, at);
  const low = walk.lowAlarms?.includes(policy.policyName) ?? false;
  cloudWatch.putAlarm(
    {
      alarmName: `${policy.policyName}-alarm`,
      metric,
      statistic: 'Average',
      periodSeconds: 60,
      evaluationPeriods: 1,
      threshold: policy.threshold!,
      comparisonOperator: low ? 'LessThanOrEqualToThreshold' : 'GreaterThanOrEqualToThreshold',
      alarmActions: [policyArn],
    },
    at,
  );
}

function metricOf(policy: ScalingPolicy): MetricId {
  return { namespace: 'Walk', metricName: policy.policyName, dimensions: {} };
}

export function valueFor(values: MinuteValues, policy: ScalingPolicy): number | null {
  return values === null || typeof values === 'number' ? values : (values[policy.policyName] ?? null);
}
