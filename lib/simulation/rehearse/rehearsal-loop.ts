import { periodStart, type EpochSeconds } from '../../core/time';
import type { RequestEngine } from '../fleet';
import type { RequestSource } from '../traffic';
import { AlarmMetrics } from './alarm-metrics';
import { componentBilling, instanceBilling, type Billing } from './billing';
import { controlPlane, type ControlPlane } from './control-plane';
import { endpointEngine } from './endpoint-engine';
import { requestsOf, type RehearsalSetup } from './options';
import { RehearsalRecord } from './rehearsal-record';
import { GUARD_PERIOD_SECONDS, RehearsedGuard } from './rehearsed-guard';
import { TimelineBuilder } from './timeline-builder';

/** A moment at which the scenario changes the capacity of an instance type. */
interface CapacityChange {
  readonly at: EpochSeconds;
  readonly second: number;
  readonly instanceType: string;
  readonly state: 'available' | 'insufficient';
}

/**
 * The loop of a rehearsal: requests → metrics → alarms → scaling → capacity → requests.
 *
 * Each round of {@link run} goes to the next moment at which anything but a request happens: a metric is published, an alarm is evaluated,
 * a scaling event is due, the guard is invoked, or the scenario changes the capacity of an instance type. Between two such moments the
 * engine serves requests by itself.
 */
export class RehearsalLoop {
  /** Serves the requests on instances that start, drain and are billed. */
  public readonly engine: RequestEngine;
  public readonly billing: Billing;
  public readonly guard: RehearsedGuard | undefined;
  public readonly timeline: TimelineBuilder;
  public readonly record: RehearsalRecord;

  private readonly requests: RequestSource;
  /** CloudWatch and Application Auto Scaling. */
  private readonly control: ControlPlane;
  private readonly metrics: AlarmMetrics;
  private readonly capacityChanges: CapacityChange[];
  private readonly end: EpochSeconds;
  private nextPublication: EpochSeconds;
  private nextGuardEvaluation: EpochSeconds;
  private reportedRatio = 0;

  /** @throws InputError when AWS would refuse a part of the fleet's plan. */
  public constructor(public readonly setup: RehearsalSetup) {
    const { blueprint, startSeconds, durationSeconds, startInstances, cloudWatch } = setup;
    const record = new RehearsalRecord(setup);
    const engine = endpointEngine(setup);
    engine.setDesired(startInstances, true);
    this.record = record;
    this.engine = engine;
    this.requests = requestsOf(setup);
    this.billing =
      blueprint.placement === undefined
        ? instanceBilling(engine, setup.pricesPerHourUsd)
        : componentBilling(engine, blueprint.placement, blueprint.pools[0]!.instanceType, setup.pricesPerHourUsd);
    this.control = controlPlane(
      blueprint,
      {
        desiredCapacity: () => engine.roster.desired,
        setDesiredCapacity: (capacity) => engine.setDesired(capacity),
        isUpdating: () => false,
        inServiceCapacity: () => engine.inService,
      },
      startSeconds,
      { ...(cloudWatch !== undefined && { cloudWatch }), onActivity: (activity) => record.addActivity(activity) },
    );
    this.metrics = new AlarmMetrics(this.control.cloudWatch, blueprint, setup.quietMetrics);
    for (const metric of this.metrics.unknown) {
      record.notes.push(`no rehearsed endpoint publishes ${metric}; its alarms stay without data`);
    }
    if (setup.quietMetrics === 'missing') {
      record.notes.push('in minutes without requests the metrics of requests are missing');
    }
    this.guard = blueprint.guard === undefined ? undefined : new RehearsedGuard(blueprint.guard, blueprint.resourceId);
    const { spanSeconds } = this.metrics;
    this.timeline = new TimelineBuilder(
      blueprint.slotsPerInstance,
      engine.wait,
      (second) => this.billing.bill(second).usd,
      durationSeconds,
      spanSeconds,
    );
    this.capacityChanges = capacityChanges(setup);
    this.end = startSeconds + durationSeconds;
    this.nextPublication = periodStart(startSeconds, spanSeconds) + spanSeconds;
    this.nextGuardEvaluation = startSeconds + GUARD_PERIOD_SECONDS;
  }

  /** Runs from the first second to the last. */
  public run(): void {
    const { setup, engine, end } = this;
    for (let now = setup.startSeconds; now < end;) {
      now = this.nextMoment();
      const second = now - setup.startSeconds;
      engine.run(this.requests, second);
      this.changeCapacity(now);
      if (now >= end) engine.countWaiting();
      if (now >= this.nextPublication || now >= end) this.publishMetrics(now);
      this.scale(now);
      if (this.guard !== undefined && now >= this.nextGuardEvaluation) this.evaluateGuard(this.guard, now);
      this.recordEvents(second);
      this.reportProgress(second / setup.durationSeconds);
    }
  }

  private nextMoment(): EpochSeconds {
    const { cloudWatch, scaling } = this.control;
    return Math.min(
      this.end,
      this.nextPublication,
      cloudWatch.nextEvaluationAt() ?? Infinity,
      scaling.nextEventAt() ?? Infinity,
      this.guard === undefined ? Infinity : this.nextGuardEvaluation,
      this.capacityChanges[0]?.at ?? Infinity,
    );
  }

  private changeCapacity(now: EpochSeconds): void {
    while (this.capacityChanges[0] !== undefined && this.capacityChanges[0].at <= now) {
      const { second, instanceType, state } = this.capacityChanges.shift()!;
      this.engine.setCapacity(instanceType, state);
      const title =
        state === 'insufficient' ? `no capacity for ${instanceType}` : `capacity for ${instanceType} available again`;
      this.record.events.push({ second, kind: 'capacity', title, reason: 'set by the scenario' });
    }
  }

  private publishMetrics(now: EpochSeconds): void {
    const { engine, metrics } = this;
    const span = engine.takeSpan();
    this.setup.onSpan?.(span);
    metrics.publish(span, now - metrics.spanSeconds);
    const billed = this.billing.instances;
    const maximum = this.control.limits().maxCapacity;
    this.record.addSpan(span, engine, billed, maximum, this.guard?.limitsFleet === true);
    this.timeline.add(span, { desired: engine.roster.desired, billed, maximum });
    this.nextPublication += metrics.spanSeconds;
  }

  /** Alarms are evaluated, policies and schedules decide, and the engine's capacity changes. */
  private scale(now: EpochSeconds): void {
    const { cloudWatch, scaling } = this.control;
    scaling.advanceTo(now);
    scaling.onAlarms(cloudWatch.invocationsUntil(now));
  }

  private evaluateGuard(guard: RehearsedGuard, now: EpochSeconds): void {
    const { engine, control } = this;
    const { changes, action } = guard.evaluate(now, {
      byType: engine.roster.countsByType(),
      inService: engine.inService,
      desired: engine.roster.desired,
      limits: control.limits(),
    });
    const second = now - this.setup.startSeconds;
    for (const { level, reason } of changes) {
      this.record.events.push({ second, kind: 'guard', title: `guard: ${level}`, reason });
    }
    if (action !== undefined) {
      const { minCapacity, maxCapacity } = action;
      control.scaling.registerScalableTarget({ ...control.target, minCapacity, maxCapacity }, now);
    }
    this.nextGuardEvaluation += GUARD_PERIOD_SECONDS;
  }

  private recordEvents(second: number): void {
    for (const event of this.engine.takeEvents()) {
      this.record.addEngineEvent(event);
      if (event.kind === 'launched' || event.kind === 'terminated') this.billing.capacityChanged(second);
    }
  }

  private reportProgress(ratio: number): void {
    if (this.setup.onProgress === undefined || ratio < this.reportedRatio + 0.001) return;
    this.reportedRatio = ratio;
    this.setup.onProgress(Math.min(1, ratio));
  }
}

/** Changes in order of time, at moments of the clock of the run: a moment minus its start is not exact for fractions of a second. */
function capacityChanges({ capacityFailures, startSeconds }: RehearsalSetup): CapacityChange[] {
  return capacityFailures
    .flatMap(({ instanceType, fromSeconds, toSeconds }) => [
      { at: startSeconds + fromSeconds, second: fromSeconds, instanceType, state: 'insufficient' as const },
      { at: startSeconds + toSeconds, second: toSeconds, instanceType, state: 'available' as const },
    ])
    .sort((a, b) => a.at - b.at);
}
