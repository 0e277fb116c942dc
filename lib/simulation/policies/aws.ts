import {
  alarmShapes,
  decide,
  EMPTY_MEMORY,
  type AlarmShape,
  type AlarmStanding,
  type FleetPlan,
  type ScalingPolicy,
  type StepPolicy,
  type TargetTrackingPolicy,
} from '../../scaling/decide';
import {
  initialCapacity,
  type CapacityPolicy,
  type PlayedPolicy,
  type PolicySettings,
  type PolicyView,
} from './policy';

/** Application Auto Scaling's target tracking on `SageMakerVariantInvocationsPerInstance`, in minutes. */
export function invocationsTracking(name: string, safetyFactor: number): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    play: (settings) =>
      playAws(settings, safetyFactor, [
        {
          policy: {
            kind: 'target-tracking',
            policyName: name,
            metric: { kind: 'predefined', predefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
            // The load-test recipe: requests an instance answers in a second × safety factor × 60.
            targetValue: (settings.slotsPerInstance / settings.serviceMeanSeconds) * safetyFactor * 60,
          },
          read: (view, from, to) => view.invocationsPerInstance(from, to),
        },
      ]),
  };
}

/** Target tracking on `SageMakerVariantConcurrentRequestsPerModelHighResolution`, every 10 seconds. */
export function concurrencyTracking(name: string, share: number): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    play: (settings) => playAws(settings, share, [concurrencyOf(name, settings, share)]),
  };
}

/** Step scaling on the concurrency of an instance, the shape the SageMaker guide shows: add by the breach, remove one at a time. */
export function stepScaling(name: string): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    play(settings) {
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
      return playAws(settings, 0.7, [
        step(
          'out',
          0.7 * slots,
          [
            { lowerBound: 0, upperBound: 0.15 * slots, adjustment: 10 },
            { lowerBound: 0.15 * slots, upperBound: 0.3 * slots, adjustment: 30 },
            { lowerBound: 0.3 * slots, adjustment: 60 },
          ],
          {
            ...shape,
            comparisonOperator: 'GreaterThanThreshold',
            threshold: 0.7 * slots,
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

/** A scaling policy, what it reads and, for a step policy, its alarm. */
interface Watched {
  readonly policy: ScalingPolicy;
  readonly read: (view: PolicyView, from: number, to: number) => number;
  readonly alarm?: AlarmShape;
}

/** Target tracking on 10-second concurrency with a share of the slots as its target. */
export function concurrencyOf(policyName: string, settings: PolicySettings, share: number): Watched {
  return {
    policy: {
      kind: 'target-tracking',
      policyName,
      metric: {
        kind: 'predefined',
        predefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
      },
      targetValue: settings.slotsPerInstance * share,
    },
    read: (view, from, to) => view.concurrencyPerInstance(from, to),
  };
}

/** The alarm of one direction: so many datapoints in a row on its side. */
class AlarmCount {
  private inARow = 0;
  private next = -Infinity;
  public value = NaN;

  public constructor(
    private readonly shape: AlarmShape,
    private readonly read: Watched['read'],
  ) {}

  /** Takes the datapoints that have become known; true when the alarm is in ALARM and was evaluated now. */
  public evaluate(view: PolicyView, since: number): boolean {
    const { periodSeconds, threshold, datapointsToAlarm, comparisonOperator } = this.shape;
    if (this.next === -Infinity) this.next = Math.ceil(since / periodSeconds) * periodSeconds;
    let evaluated = false;
    while (this.next + periodSeconds <= view.knownUntilSeconds) {
      this.value = this.read(view, this.next, this.next + periodSeconds);
      this.next += periodSeconds;
      const breaching = comparisonOperator === 'GreaterThanThreshold' ? this.value > threshold : this.value < threshold;
      this.inARow = breaching ? this.inARow + 1 : 0;
      evaluated = true;
    }
    return evaluated && this.inARow >= datapointsToAlarm;
  }

  public get standing(): boolean {
    return this.inARow >= this.shape.datapointsToAlarm;
  }
}

/**
 * Plays policies of Application Auto Scaling by the code that decides in production: alarms count datapoints in a row, `decide` does
 * the rest.
 *
 * @param floor a minimum that moves, written by whoever forecasts; the registered minimum when left out
 */
export function playAws(
  settings: PolicySettings,
  utilisation: number,
  watched: readonly Watched[],
  floor?: (view: PolicyView) => number,
): PlayedPolicy {
  const { minCapacity, maxCapacity } = settings;
  const policies = watched.map(({ policy }) => policy);
  const alarms = watched.map(({ policy, read, alarm }) => {
    if (alarm !== undefined) {
      const count = new AlarmCount(alarm, read);
      return alarm.comparisonOperator === 'GreaterThanThreshold' ? { high: count } : { low: count };
    }
    const { high, low } = alarmShapes(policy as TargetTrackingPolicy);
    return { high: new AlarmCount(high, read), ...(low !== undefined && { low: new AlarmCount(low, read) }) };
  });
  let memory = EMPTY_MEMORY;
  let begin: number | undefined;
  return {
    initial(view) {
      begin = view.atSeconds;
      const wanted = initialCapacity(view, settings, utilisation);
      return floor === undefined ? wanted : Math.max(wanted, Math.min(maxCapacity, floor(view)));
    },
    decide(view) {
      const triggered: string[] = [];
      const signals: { [name: string]: { value: number; alarm: AlarmStanding } } = {};
      watched.forEach(({ policy }, index) => {
        const { high, low }: { high?: AlarmCount; low?: AlarmCount } = alarms[index];
        const up = high?.evaluate(view, begin ?? 0) ?? false;
        const down = low?.evaluate(view, begin ?? 0) ?? false;
        if (up || down) triggered.push(policy.policyName);
        const standing: AlarmStanding = high?.standing === true ? 'high' : low?.standing === true ? 'low' : 'ok';
        signals[policy.policyName] = { value: (high ?? low)!.value, alarm: standing };
      });
      const least = floor === undefined ? minCapacity : Math.min(maxCapacity, Math.max(minCapacity, floor(view)));
      if (triggered.length === 0) return Math.max(view.desired, least);
      const plan: FleetPlan = { minCapacity: least, maxCapacity, policies, schedules: [] };
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
