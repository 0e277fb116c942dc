import {
  alarmShapes,
  decide,
  EMPTY_MEMORY,
  TARGET_UTILIZATION,
  type AlarmShape,
  type AlarmStanding,
  type FleetPlan,
  type ScalingPolicy,
  type StepPolicy,
  type TargetTrackingPolicy,
} from '../../../scaling/decide';
import { AlarmCount } from '../../aws/cloudwatch';
import {
  initialCapacity,
  type CapacityPolicy,
  type RunningPolicy,
  type PolicySettings,
  type PolicyView,
} from './policy';

/** Application Auto Scaling's target tracking on `SageMakerVariantInvocationsPerInstance`, in minutes. */
export function invocationsTracking(name: string, targetRatio: number): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    start: (settings) =>
      startAws(settings, targetRatio, [
        {
          policy: {
            kind: 'target-tracking',
            policyName: name,
            metric: { kind: 'predefined', predefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
            // The load-test recipe: requests that an instance serves in a second × safety factor × 60.
            targetValue: (settings.slotsPerInstance / settings.serviceMeanSeconds) * targetRatio * 60,
          },
          read: (view, from, to) => view.invocationsPerInstance(from, to),
        },
      ]),
  };
}

/** Target tracking on `SageMakerVariantConcurrentRequestsPerModelHighResolution`, every 10 seconds. */
export function concurrencyTracking(name: string, targetRatio: number): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    start: (settings) => startAws(settings, targetRatio, [concurrencyOf(name, settings, targetRatio)]),
  };
}

/** Step scaling on the concurrency of an instance as in the SageMaker guide: adds by the size of the breach, removes 10 %. */
export function stepScaling(name: string): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    start(settings) {
      const slots = settings.slotsPerInstance;
      const step = (policyName: string, threshold: number, steps: StepPolicy['steps'], alarm: AlarmShape): Watched => ({
        policy: {
          kind: 'step',
          policyName,
          adjustmentType: 'PercentChangeInCapacity',
          steps,
          threshold,
          minAdjustmentMagnitude: 1,
        },
        read: (view, from, to) => view.concurrencyPerInstance(from, to),
        alarm,
      });
      const shape = { periodSeconds: 60, statistic: 'Average' } as const;
      return startAws(settings, TARGET_UTILIZATION, [
        step(
          'out',
          TARGET_UTILIZATION * slots,
          [
            { lowerBound: 0, upperBound: 0.15 * slots, adjustment: 10 },
            { lowerBound: 0.15 * slots, upperBound: 0.3 * slots, adjustment: 30 },
            { lowerBound: 0.3 * slots, adjustment: 60 },
          ],
          {
            ...shape,
            comparisonOperator: 'GreaterThanThreshold',
            threshold: TARGET_UTILIZATION * slots,
            evaluationPeriods: 3,
            datapointsToAlarm: 3,
          },
        ),
        step('in', 0.5 * slots, [{ upperBound: 0, adjustment: -10 }], {
          ...shape,
          comparisonOperator: 'LessThanThreshold',
          threshold: 0.5 * slots,
          evaluationPeriods: 15,
          datapointsToAlarm: 15,
        }),
      ]);
    },
  };
}

/** A scaling policy, its metric and, for a step policy, its alarm. */
interface Watched {
  readonly policy: ScalingPolicy;
  readonly read: (view: PolicyView, from: number, to: number) => number;
  readonly alarm?: AlarmShape;
}

/** Target tracking on 10-second concurrency; the target is a ratio of the slots. */
export function concurrencyOf(policyName: string, settings: PolicySettings, targetRatio: number): Watched {
  return {
    policy: {
      kind: 'target-tracking',
      policyName,
      metric: {
        kind: 'predefined',
        predefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
      },
      targetValue: settings.slotsPerInstance * targetRatio,
    },
    read: (view, from, to) => view.concurrencyPerInstance(from, to),
  };
}

/** Alarm of one direction, fed with the datapoints of a policy's view. */
class PolicyAlarm {
  private readonly count: AlarmCount;
  private next = -Infinity;
  public value = NaN;

  public constructor(
    private readonly shape: AlarmShape,
    private readonly read: Watched['read'],
  ) {
    this.count = new AlarmCount(shape);
  }

  /** Evaluates the datapoints that have become visible; true if there were any and the alarm is in ALARM. */
  public evaluate(view: PolicyView, since: number): boolean {
    const { periodSeconds } = this.shape;
    if (this.next === -Infinity) this.next = Math.ceil(since / periodSeconds) * periodSeconds;
    let evaluated = false;
    while (this.next + periodSeconds <= view.knownUntilSeconds) {
      this.value = this.read(view, this.next, this.next + periodSeconds);
      this.next += periodSeconds;
      this.count.take(this.value);
      evaluated = true;
    }
    return evaluated && this.count.inAlarm;
  }

  public get standing(): boolean {
    return this.count.inAlarm;
  }
}

/**
 * Starts policies of Application Auto Scaling with the code that decides in production: alarms count datapoints, `decide` sets the capacity.
 *
 * @param floor minimum that a forecast raises; without it, the registered minimum applies
 */
export function startAws(
  settings: PolicySettings,
  utilization: number,
  watched: readonly Watched[],
  floor?: (view: PolicyView) => number,
): RunningPolicy {
  const { minCapacity, maxCapacity } = settings;
  const policies = watched.map(({ policy }) => policy);
  const alarms = watched.map(({ policy, read, alarm }) => {
    if (alarm !== undefined) {
      const count = new PolicyAlarm(alarm, read);
      return alarm.comparisonOperator === 'GreaterThanThreshold' ? { high: count } : { low: count };
    }
    const { high, low } = alarmShapes(policy as TargetTrackingPolicy);
    return { high: new PolicyAlarm(high, read), ...(low !== undefined && { low: new PolicyAlarm(low, read) }) };
  });
  let memory = EMPTY_MEMORY;
  let start: number | undefined;
  return {
    initial(view) {
      start = view.atSeconds;
      const capacity = initialCapacity(view, settings, utilization);
      return floor === undefined ? capacity : Math.max(capacity, Math.min(maxCapacity, floor(view)));
    },
    decide(view) {
      const triggered: string[] = [];
      const signals: { [name: string]: { value: number; alarm: AlarmStanding } } = {};
      watched.forEach(({ policy }, index) => {
        const { high, low }: { high?: PolicyAlarm; low?: PolicyAlarm } = alarms[index];
        const up = high?.evaluate(view, start ?? 0) ?? false;
        const down = low?.evaluate(view, start ?? 0) ?? false;
        if (up || down) triggered.push(policy.policyName);
        const standing: AlarmStanding = high?.standing === true ? 'high' : low?.standing === true ? 'low' : 'ok';
        signals[policy.policyName] = { value: (high ?? low)!.value, alarm: standing };
      });
      const minimum = floor === undefined ? minCapacity : Math.min(maxCapacity, Math.max(minCapacity, floor(view)));
      if (triggered.length === 0) return Math.max(view.desired, minimum);
      const plan: FleetPlan = { minCapacity: minimum, maxCapacity, policies, schedules: [] };
      const decided = decide(
        plan,
        {
          atSeconds: view.atSeconds,
          desiredCapacity: view.desired,
          inServiceCapacity: view.inService,
          signals,
          triggered,
        },
        memory,
      );
      memory = decided.memory;
      return decided.decision.desiredCapacity;
    },
  };
}
