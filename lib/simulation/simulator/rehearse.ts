import { InputError } from '../../core/errors';
import { periodStart, SECONDS_PER_HOUR, type EpochSeconds } from '../../core/time';
import type { ScalingActivity } from '../application-auto-scaling';
import type { EngineSpan, RequestEngine } from '../fleet';
import type { FleetBlueprint } from '../template';
import { requestSource, type RequestSource, type Workload } from '../workload';
import { ComponentBill, HOURS_PER_MONTH, fleetPrices, guardPriceNotes, instanceBill, type Bill } from './billing';
import { controlPlane } from './control-plane';
import { endpointEngine } from './endpoint-engine';
import { GUARD_PERIOD_SECONDS, GuardWatch } from './guard-watch';
import { MetricsPublisher } from './metrics-publisher';
import type { MissCause, Rehearsal, RehearsedAction, RehearsedEvent } from './rehearsal';
import { DEFAULT_START_SECONDS, readScenario, type RehearsalOptions, type Scenario } from './scenario';
import { checkStartInstances, neededAtStart } from './start-capacity';
import { describeProvisioning, describeService, medianProvisioning, summary } from './summary';
import { round, Timeline } from './timeline';

const ASYNC_TIMEOUT_SECONDS = 6 * SECONDS_PER_HOUR;

/**
 * Says what would happen to a fleet under some traffic: its exact policies, schedules, alarms, limits and guard, played through
 * CloudWatch and Application Auto Scaling as they behave, request by request.
 *
 * Pure and deterministic: the same blueprint, traffic and options give the same result to the last byte.
 *
 * @throws InputError when the plan would be refused, a price is not known, or an option makes no sense.
 */
export function rehearse(blueprint: FleetBlueprint, traffic: Workload, options: RehearsalOptions = {}): Rehearsal {
  return new RehearsalRun(blueprint, traffic, options).run();
}

class RehearsalRun {
  private readonly scenario: Scenario;
  private readonly prices: { readonly [instanceType: string]: number };
  private readonly from: number;
  private readonly seconds: number;
  private readonly start: EpochSeconds;
  private readonly timeout: number;
  private readonly actions: RehearsedAction[] = [];
  private readonly events: RehearsedEvent[] = [];
  private readonly missedBy: { [cause in MissCause]?: number } = {};
  private readonly notes: string[];
  private readonly seenActivities = new Set<string>();
  private scaleOuts = 0;
  private scaleIns = 0;
  private capacityErrors = 0;
  private peak = 0;
  private least = Infinity;
  private slotSeconds = 0;
  private busySeconds = 0;
  private work = 0;
  private componentBill: ComponentBill | undefined;

  public constructor(
    private readonly blueprint: FleetBlueprint,
    private readonly traffic: Workload,
    private readonly options: RehearsalOptions,
  ) {
    this.scenario = readScenario(options);
    this.prices = fleetPrices(blueprint, options.pricesPerHourUsd);
    this.from = options.fromSeconds ?? 0;
    if (this.from > 0 && this.from >= traffic.durationSeconds) {
      throw new InputError(
        `the run begins ${this.from} s into ${traffic.name}, which ends after ${Math.ceil(traffic.durationSeconds)} s; begin earlier`,
      );
    }
    checkStartInstances(blueprint, options.startInstances);
    this.seconds = Math.max(1, Math.ceil(Math.min(options.toSeconds ?? Infinity, traffic.durationSeconds) - this.from));
    const first =
      options.startSeconds ?? (traffic.startsAt === undefined ? DEFAULT_START_SECONDS : traffic.startsAt + this.from);
    // Periods of metrics lie on the minute; so does the run's first second.
    this.start = Math.floor(first / 60) * 60;
    this.timeout = options.requestTimeoutSeconds ?? (blueprint.kind === 'async' ? ASYNC_TIMEOUT_SECONDS : 60);
    this.notes = [...blueprint.notes, ...shareNotes(blueprint), ...guardPriceNotes(blueprint, this.prices)];
  }

  public run(): Rehearsal {
    const { blueprint, scenario, start, seconds } = this;
    const source = this.source();
    const startInstances =
      this.options.startInstances ?? neededAtStart(blueprint, this.source(), Math.min(300, seconds));
    const engine = endpointEngine(blueprint, scenario, this.traffic, this.timeout);
    engine.setDesired(startInstances, true);
    if (blueprint.placement !== undefined)
      this.componentBill = new ComponentBill(blueprint.placement, startInstances, 0);
    const control = controlPlane(
      blueprint,
      {
        desiredCapacity: () => engine.roster.desired,
        setDesiredCapacity: (capacity) => engine.setDesired(capacity),
        isUpdating: () => false,
        inServiceCapacity: () => engine.inService,
      },
      start,
      {
        ...(this.options.cloudWatch !== undefined && { cloudWatch: this.options.cloudWatch }),
        onActivity: (activity) => this.note(activity),
      },
    );
    const { cloudWatch, scaling } = control;
    const publisher = new MetricsPublisher(cloudWatch, blueprint.slotsPerInstance);
    for (const metric of publisher.unknown)
      this.notes.push(`no rehearsed endpoint publishes ${metric}; its alarms stay without data`);
    const guard = blueprint.guard === undefined ? undefined : new GuardWatch(blueprint.guard, blueprint.resourceId);
    const { spanSeconds } = publisher;
    const timeline = new Timeline(blueprint.slotsPerInstance, engine.wait, seconds, spanSeconds);
    const failures = this.failureMoments();
    let nextSpan = periodStart(start, spanSeconds) + spanSeconds;
    let nextLook = start + GUARD_PERIOD_SECONDS;
    let told = 0;
    const end = start + seconds;

    for (let now = start; now < end;) {
      now = Math.min(
        end,
        nextSpan,
        cloudWatch.nextEvaluationAt() ?? Infinity,
        scaling.nextEventAt() ?? Infinity,
        guard === undefined ? Infinity : nextLook,
        start + (failures[0]?.second ?? Infinity),
      );
      const second = now - start;
      engine.run(source, second);
      while (failures[0] !== undefined && failures[0].second <= second) {
        const failure = failures.shift()!;
        engine.setCapacity(failure.instanceType, failure.state);
        this.tellCapacity(failure.instanceType, failure.state, second);
      }
      if (now >= nextSpan || now >= end) {
        const span = engine.drain();
        publisher.publish(span, now - spanSeconds);
        const limits = control.limits();
        this.measure(span, engine, limits.maxCapacity, guard);
        timeline.add(span, {
          desired: engine.roster.desired,
          billed: this.componentBill?.present ?? engine.roster.billed,
          maximum: limits.maxCapacity,
          usd: this.bill(engine, second).usd,
        });
        nextSpan += spanSeconds;
      }
      scaling.advanceTo(now);
      scaling.onAlarms(cloudWatch.advanceTo(now));
      if (guard !== undefined && now >= nextLook) {
        const look = guard.look(now, {
          byType: engine.roster.countsByType(),
          inService: engine.inService,
          desired: engine.roster.desired,
          limits: control.limits(),
        });
        for (const { level, reason } of look.changes) {
          this.events.push({ second, kind: 'guard', title: `guard: ${level}`, reason });
        }
        if (look.action !== undefined) {
          const { minCapacity, maxCapacity } = look.action;
          scaling.registerScalableTarget({ ...control.target, minCapacity, maxCapacity }, now);
        }
        nextLook += GUARD_PERIOD_SECONDS;
      }
      this.takeEvents(engine, second);
      if (this.options.onProgress !== undefined && second / seconds >= told + 0.001) {
        told = second / seconds;
        this.options.onProgress(Math.min(1, told));
      }
    }
    return this.result(engine, timeline, guard, startInstances, scenario);
  }

  private source(): RequestSource {
    return requestSource(this.traffic, {
      service: this.scenario.service,
      seed: this.scenario.seed,
      fromSeconds: this.from,
      toSeconds: this.from + this.seconds,
      ...(this.blueprint.share !== undefined && { share: this.blueprint.share }),
    });
  }

  private failureMoments(): { second: number; instanceType: string; state: 'available' | 'insufficient' }[] {
    return this.scenario.capacityFailures
      .flatMap(({ instanceType, fromSeconds, toSeconds }) => [
        { second: fromSeconds, instanceType, state: 'insufficient' as const },
        { second: toSeconds, instanceType, state: 'available' as const },
      ])
      .sort((a, b) => a.second - b.second);
  }

  private tellCapacity(instanceType: string, state: 'available' | 'insufficient', second: number): void {
    const title = state === 'insufficient' ? `no capacity for ${instanceType}` : `${instanceType} can be had again`;
    this.events.push({ second, kind: 'capacity', title, reason: 'asked for by the scenario' });
  }

  private takeEvents(engine: RequestEngine, second: number): void {
    for (const event of engine.takeEvents()) {
      if (event.kind === 'capacity-error') {
        this.capacityErrors++;
        const types = event.refusedTypes.join(', ');
        const reason = `no capacity for ${types}; another attempt in 60 s`;
        this.events.push({ second: event.at, kind: 'capacity', title: `${event.missing} instances missing`, reason });
      } else if (event.kind === 'launched' && event.refusedTypes.length > 0) {
        const reason = `${event.refusedTypes.join(', ')} had no capacity`;
        this.events.push({ second: event.at, kind: 'capacity', title: `fell back to ${event.instanceType}`, reason });
      }
      if (event.kind === 'launched' || event.kind === 'terminated')
        this.componentBill?.change(engine.roster.billed, second);
    }
  }

  private note(activity: ScalingActivity): void {
    const { activityId, fromCapacity, toCapacity, startTimeSeconds, cause, steps, decidedBy } = activity;
    if (fromCapacity === toCapacity || activity.notScaledReasons !== undefined) return;
    if (this.seenActivities.has(activityId)) return;
    this.seenActivities.add(activityId);
    if (toCapacity > fromCapacity) this.scaleOuts++;
    else this.scaleIns++;
    const decisive = steps.find((step) => decidedBy !== undefined && step.includes(`:${decidedBy}:`));
    this.actions.push({
      second: round(startTimeSeconds - this.start, 1),
      from: fromCapacity,
      to: toCapacity,
      decidedBy: decidedBy ?? 'limits',
      reason: decisive?.replace(/^[^:]*:[^:]*: \d+ -> \d+: /, '') ?? cause,
      steps,
    });
  }

  private measure(span: EngineSpan, engine: RequestEngine, maximum: number, guard: GuardWatch | undefined): void {
    const seconds = span.toSeconds - span.fromSeconds;
    const billed = this.componentBill?.present ?? engine.roster.billed;
    this.peak = Math.max(this.peak, billed);
    this.least = Math.min(this.least, billed);
    this.slotSeconds += span.inService * engine.slots * seconds;
    this.busySeconds += span.meanBusy * seconds;
    this.work += span.workArrived;
    if (span.missed === 0) return;
    const cause: MissCause =
      span.inService === 0
        ? 'no-instance'
        : engine.roster.missing > 0
          ? 'no-capacity'
          : engine.roster.provisioning > 0
            ? 'provisioning'
            : engine.roster.desired < maximum
              ? 'reaction'
              : guard?.holds === true
                ? 'guard'
                : 'maximum';
    this.missedBy[cause] = (this.missedBy[cause] ?? 0) + span.missed;
  }

  private bill(engine: RequestEngine, second: number): Bill {
    if (this.componentBill === undefined) return instanceBill(engine, second, this.prices);
    const type = this.blueprint.pools[0]!.instanceType;
    return this.componentBill.bill(second, type, this.prices[type]!);
  }

  private result(
    engine: RequestEngine,
    timeline: Timeline,
    guard: GuardWatch | undefined,
    startInstances: number,
    scenario: Scenario,
  ): Rehearsal {
    const { blueprint, traffic, seconds } = this;
    const { arrived, completed, timedOut, rejected, missed, present } = engine.totals;
    const { usd, instanceSeconds } = this.bill(engine, seconds);
    const hours = Object.values(instanceSeconds).reduce((sum, each) => sum + each, 0) / SECONDS_PER_HOUR;
    const { plan } = blueprint;
    if (blueprint.slotsFrom === 'default') {
      this.notes.push(
        `the template does not say how many requests an instance works on at once; ${blueprint.slotsPerInstance} is taken ` +
          '(tag tidegate:max-concurrency-per-instance)',
      );
    }
    return {
      fleet: {
        resourceId: blueprint.resourceId,
        template: blueprint.templateName,
        kind: blueprint.kind,
        instanceTypes: blueprint.pools.map(({ instanceType }) => instanceType),
        slotsPerInstance: blueprint.slotsPerInstance,
        minCapacity: plan.minCapacity,
        maxCapacity: plan.maxCapacity,
        policies: plan.policies.map((policy) =>
          policy.kind === 'target-tracking'
            ? `${policy.policyName}: target tracking at ${policy.targetValue}`
            : `${policy.policyName}: steps`,
        ),
        schedules: plan.schedules.map(({ scheduledActionName, schedule }) => `${scheduledActionName}: ${schedule}`),
      },
      traffic: {
        name: traffic.name,
        description: traffic.description,
        fromSeconds: this.from,
        seconds,
        meanServiceSeconds: arrived === 0 ? 0 : round(this.work / arrived, 4),
      },
      settings: {
        seed: scenario.seed,
        startSeconds: this.start,
        startInstances,
        service: describeService(scenario.service),
        provisioning: describeProvisioning(scenario.provisioning),
        provisioningMedianSeconds: medianProvisioning(scenario.provisioning),
        sloWaitSeconds: scenario.sloWaitSeconds,
        sloPercent: scenario.sloPercent,
        requestTimeoutSeconds: this.timeout,
      },
      requests: { arrived, completed, timedOut, rejected, unfinished: present },
      sloPercent: arrived === 0 ? 100 : round(100 * (1 - missed / arrived), 4),
      missedBy: this.missedBy,
      latencySeconds: summary(engine.latency),
      waitSeconds: summary(engine.wait),
      capacity: {
        instanceHours: round(hours, 4),
        instanceHoursByType: Object.fromEntries(
          Object.entries(instanceSeconds).map(([type, each]) => [type, round(each / SECONDS_PER_HOUR, 4)]),
        ),
        meanInstances: round((hours * SECONDS_PER_HOUR) / seconds, 3),
        peakInstances: this.peak,
        leastInstances: this.least === Infinity ? 0 : this.least,
        utilisationPercent: this.slotSeconds === 0 ? 0 : round((100 * this.busySeconds) / this.slotSeconds, 2),
      },
      cost: {
        usd: round(usd, 4),
        usdPerMonth: round((usd / seconds) * SECONDS_PER_HOUR * HOURS_PER_MONTH, 2),
        usdPerMillionRequests: arrived === 0 ? 0 : round((usd / arrived) * 1e6, 2),
        pricesPerHourUsd: this.prices,
        budgetUsd: blueprint.guard?.budget.amountUsd ?? null,
        guardLevel: guard?.highest ?? null,
      },
      scaling: {
        scaleOuts: this.scaleOuts,
        scaleIns: this.scaleIns,
        capacityErrors: this.capacityErrors,
        actions: this.actions,
      },
      events: this.events,
      timeline: timeline.points(),
      advice: [],
      notes: this.notes,
    };
  }
}

function shareNotes({ share }: FleetBlueprint): string[] {
  if (share === undefined) return [];
  const percent = round(100 * (share.to - share.from), 2);
  return [
    `it is one of several variants: ${percent} % of the requests are drawn for it, as the weights of the template say`,
  ];
}
