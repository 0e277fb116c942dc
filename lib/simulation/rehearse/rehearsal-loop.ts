import { periodStart, SECONDS_PER_HOUR, type EpochSeconds } from '../../core/time';
import { newSpan, type RequestEngine } from '../fleet';
import type { RequestSource } from '../traffic';
import { AlarmMetrics } from './alarm-metrics';
import { componentBilling, instanceBilling, type Billing } from './billing';
import { controlPlane, type ControlPlane } from './control-plane';
import { endpointEngine, inFlightOfShards } from './endpoint-engine';
import { leastUsdPerHour } from './least-cost';
import { requestsOf, type RehearsalSetup } from './options';
import { RehearsalRecord } from './rehearsal-record';
import { GUARD_PERIOD_SECONDS, RehearsedGuard } from './rehearsed-guard';
import { RehearsedShards } from './rehearsed-shards';
import { SpilledRequests } from './spilled-requests';
import { TimelineBuilder } from './timeline-builder';

/** Bounds of a rehearsal's result, as far as it has come. */
export interface RehearsalBounds {
  /** Requests served badly so far; there will not be fewer. */
  readonly missed: number;
  /** USD that the run will cost at least. */
  readonly leastUsd: number;
}

/** Seconds of a run between two looks at its bounds. */
const BOUNDS_SECONDS = 600;
/** Keeps a bound below the sums that the bill adds up in another order. */
const ROUNDING = 1 - 1e-9;

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
  /** Shards of the stream in front of the fleet; undefined where they are not scaled. */
  public readonly shards: RehearsedShards | undefined;
  public readonly timeline: TimelineBuilder;
  public readonly record: RehearsalRecord;
  /** Records that left the stream for the asynchronous endpoint of the setup. */
  public readonly spilled = new SpilledRequests();

  private readonly requests: RequestSource;
  /** CloudWatch and Application Auto Scaling. */
  private readonly control: ControlPlane;
  private readonly metrics: AlarmMetrics;
  private readonly capacityChanges: CapacityChange[];
  private readonly end: EpochSeconds;
  private nextPublication: EpochSeconds;
  private nextGuardEvaluation: EpochSeconds;
  private nextBounds: EpochSeconds;
  private reportedRatio = 0;
  /** Measurements between two publications of metrics, overwritten by the next ones. */
  private readonly span = newSpan();

  /** @throws InputError when AWS would refuse a part of the fleet's plan. */
  public constructor(public readonly setup: RehearsalSetup) {
    const { blueprint, startSeconds, durationSeconds, startInstances, cloudWatch } = setup;
    const record = new RehearsalRecord(setup);
    const { spilled } = this;
    const engine = endpointEngine(setup, setup.spill && ((second, service) => spilled.add(second, service)));
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
    const { stream } = blueprint;
    this.shards =
      stream?.scaling === undefined ? undefined : new RehearsedShards(stream.scaling, stream.shards, startSeconds);
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
    this.nextBounds = startSeconds;
  }

  /** Runs from the first second to the last; returns false if it has ended before because its bounds do not matter. */
  public run(mayMatter: (bounds: RehearsalBounds) => boolean): boolean {
    const { setup, engine, end } = this;
    for (let now = setup.startSeconds; now < end;) {
      if (now >= this.nextBounds) {
        if (!mayMatter(this.boundsAt(now))) return false;
        this.nextBounds = now + BOUNDS_SECONDS;
      }
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
    return true;
  }

  private boundsAt(now: EpochSeconds): RehearsalBounds {
    const { setup, billing, engine } = this;
    const { blueprint, pricesPerHourUsd, capacityFailures } = setup;
    const perHour = leastUsdPerHour(blueprint, pricesPerHourUsd, capacityFailures.length > 0);
    const { usd } = billing.bill(now - setup.startSeconds);
    const leastUsd = (usd + (perHour * (this.end - now)) / SECONDS_PER_HOUR) * ROUNDING;
    return { missed: engine.missed, leastUsd };
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
    const span = engine.takeSpan(this.span);
    this.setup.onSpan?.({ ...span });
    metrics.publish(span, now - metrics.spanSeconds);
    const billed = this.billing.instances;
    const maximum = this.control.limits().maxCapacity;
    this.record.addSpan(span, engine, billed, maximum, this.guard?.limitsFleet === true);
    this.timeline.add(span, { desired: engine.roster.desired, billed, maximum });
    this.nextPublication += metrics.spanSeconds;
    if (this.shards !== undefined) this.changeShards(this.shards, now, span.arrived);
  }

  private changeShards(shards: RehearsedShards, now: EpochSeconds, arrived: number): void {
    const { blueprint, startSeconds } = this.setup;
    const before = shards.openShards;
    for (const { from, to, reason } of shards.advance(now, arrived)) {
      this.record.events.push({
        second: now - startSeconds,
        kind: 'shards',
        title: `shards: ${from} to ${to}`,
        reason,
      });
    }
    if (shards.openShards === before) return;
    const scaled = inFlightOfShards(blueprint, shards.openShards);
    this.engine.setMaxInFlight(scaled);
    this.metrics.setShards(shards.openShards, scaled);
  }

  /** Alarms are evaluated, policies and schedules decide, and the engine's capacity changes. */
  private scale(now: EpochSeconds): void {
    const { cloudWatch, scaling } = this.control;
    scaling.advanceTo(now);
    scaling.onAlarms(cloudWatch.invocationsUntil(now));
  }

  private evaluateGuard(guard: RehearsedGuard, now: EpochSeconds): void {
    const { engine, control } = this;
    const { minCapacity, maxCapacity } = control.limits();
    const { changes, action } = guard.evaluate(now, {
      byType: engine.roster.countsByType(),
      inService: engine.inService,
      desired: engine.roster.desired,
      limits: { minCapacity, maxCapacity },
    });
    const second = now - this.setup.startSeconds;
    for (const { level, reason } of changes) {
      this.record.events.push({ second, kind: 'guard', title: `guard: ${level}`, reason });
    }
    if (action !== undefined) {
      const limits = { minCapacity: action.minCapacity, maxCapacity: action.maxCapacity };
      control.scaling.registerScalableTarget({ ...control.target, ...limits }, now);
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
