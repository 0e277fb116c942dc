import { createHandler as createForecaster } from '../../../lambda/capacity-forecaster/handler';
import type { StoredForecast } from '../../../lambda/clients/forecast-store';
import type { GuardConfiguration } from '../../../lib/cost/contract';
import type { CapacityLimits } from '../../../lib/scaling/decide/limits';
import { Random } from '../../../lib/simulation/random';
import { levelNotification } from '../../../lambda/cost-guard/notification';
import { configuration, NOVEMBER, World, type Fault } from './fakes';

/** Minutes with faults, and evaluations after them within which the declared limits have to be back. */
const FAULTY_MINUTES = 8;
const EVALUATIONS_TO_RESTORE = 2;

const FAULTS: readonly Fault[] = ['fails', 'fails after its effect', 'dies', 'dies after its effect'];
const CLOCK_ERRORS_SECONDS = [0, 0, 0, 900, -900];

const fleets = configuration.fleets.map((fleet, index) => ({
  ...fleet,
  minCapacity: 1 + index,
  maxCapacity: 8,
  protectedFloor: 1,
}));
const [fleetA, fleetB] = fleets as [(typeof fleets)[0], (typeof fleets)[0]];

/**
 * Plays one guarded hour with everything that can happen between two calls, and returns the laws that it broke.
 *
 * Every choice follows from the seed: faults at calls, deaths of runs, two runs at every interleaving, wrong clocks, the forecaster beside
 * the guard, budgets that are raised and lowered, fleets that leave and come back, targets that are deregistered, dry runs. Then the
 * faults stop and the budget is raised.
 */
export async function playScenario(seed: number): Promise<readonly string[]> {
  const scenario = new Scenario(seed);
  for (let minute = 0; minute < FAULTY_MINUTES; minute++) await scenario.faultyMinute();
  return scenario.end();
}

/** Limits that an owner sets on the second fleet; the guard never sets such ones by itself, so that they can be told apart. */
const OWNERS_LIMITS: readonly CapacityLimits[] = [
  { minCapacity: 2, maxCapacity: 8 },
  { minCapacity: 10, maxCapacity: 20 },
  { minCapacity: 12, maxCapacity: 30 },
];

class Scenario {
  private readonly random: Random;
  private readonly world: World;
  private readonly faultShare: number;
  private readonly forecasts: boolean;
  private readonly broken: string[] = [];
  private readonly waiting: { readonly what: string; readonly proceed: (fault: Fault) => void }[] = [];
  private registered = new Set<string>();
  private forecast: StoredForecast | undefined;
  private readonly forecastMinimums = new Set<number>();
  /** Fleets as the guard is told of them: the limits of the second may be those of somebody else. */
  private readonly stated: readonly GuardConfiguration['fleets'][number][];
  /** Limits that the second fleet has by its owner. */
  private owners: CapacityLimits = OWNERS_LIMITS[0]!;

  public constructor(seed: number) {
    this.random = new Random(seed);
    this.faultShare = this.pick([0, 0.02, 0.1, 0.3]);
    this.forecasts = this.random.uniform() < 0.1;
    const foreign = this.random.uniform() < 0.5;
    this.stated = [fleetA, foreign ? { ...fleetB, minCapacity: null, maxCapacity: null } : fleetB];
    this.world = new World({ fleets: this.stated, training: null });
    this.world.limits[fleetB.resourceId] = { ...this.owners };
    this.world.now = NOVEMBER + 3600;
    this.setBudget(this.pick([1, 5, 1e6]));
    this.registered = new Set(Object.keys(this.world.limits));
    this.world.onEffect = () => this.check();
  }

  /** One minute: something may change, then one run or two at once, and the forecaster. */
  public async faultyMinute(): Promise<void> {
    this.change();
    const runs = this.random.uniform() < 0.35 ? 2 : 1;
    const started: (() => Promise<unknown>)[] = [];
    for (let run = 0; run < runs; run++) {
      const clockError = this.pick(CLOCK_ERRORS_SECONDS);
      started.push(() => this.world.run(clockError));
    }
    if (this.forecasts) started.push(() => this.runForecaster());
    await this.interleave(started);
    this.world.now += 60;
  }

  /** Stops the faults, raises the budget, and returns what is wrong after the evaluations that remain. */
  public async end(): Promise<readonly string[]> {
    this.world.gate = () => 'none';
    this.setBudget(1e9);
    for (let evaluation = 0; evaluation < EVALUATIONS_TO_RESTORE; evaluation++) {
      await this.world.run();
      if (this.forecasts) await this.runForecaster().catch(() => undefined);
      this.world.now += 60;
    }
    for (const { resourceId } of fleets) {
      const { minCapacity, maxCapacity } = this.limitsByOwner(resourceId);
      const limits = this.world.limits[resourceId];
      if (limits === undefined) continue;
      const minimums = [minCapacity, ...(resourceId === fleetA.resourceId ? this.forecastMinimums : [])];
      if (limits.maxCapacity !== maxCapacity || !minimums.includes(limits.minCapacity))
        this.broken.push(`${resourceId} stays at ${limits.minCapacity}..${limits.maxCapacity}`);
    }
    this.checkNotices();
    return this.broken;
  }

  private limitsByOwner(resourceId: string): CapacityLimits {
    return resourceId === fleetB.resourceId ? this.owners : fleetA;
  }

  /** Laws that hold after every effect. */
  private check(): void {
    for (const [resourceId, { minCapacity, maxCapacity }] of Object.entries(this.world.limits)) {
      if (!this.registered.has(resourceId)) this.broken.push(`${resourceId} was registered`);
      if (minCapacity > maxCapacity) this.broken.push(`${resourceId} has ${minCapacity}..${maxCapacity}`);
      if (maxCapacity < 1) this.broken.push(`${resourceId} is below its floor`);
      if (maxCapacity > this.limitsByOwner(resourceId).maxCapacity)
        this.broken.push(`${resourceId} is above its owner's`);
    }
  }

  /** Every change of level was told at least once; every further telling is marked. */
  private checkNotices(): void {
    const changes = new Map<string, number>();
    let level = 'ok';
    for (const record of this.world.records) {
      if (record.previousLevel !== level) this.broken.push(`from ${record.previousLevel} at level ${level}`);
      level = record.level;
    }
    for (const records of this.world.recordWrites) {
      const changed = records.filter((record) => record.level !== record.previousLevel);
      if (changed.length === 0) continue;
      const { subject, message } = levelNotification(configuration, changed, '/tidegate/budget', false);
      const text = `${subject}\n${message}`;
      changes.set(text, (changes.get(text) ?? 0) + 1);
    }
    // Notices on the budget itself tell no change of level.
    const notices = this.world.notices.filter(({ subject }) => !/: notice( \(repeated\))?$/.test(subject));
    for (const [text, count] of changes) {
      const unmarked = notices.filter(({ subject, message }) => text === `${subject}\n${message}`).length;
      const told = notices.filter(
        ({ subject, message }) => text === `${subject.replace(' (repeated)', '')}\n${message}`,
      ).length;
      if (told < count) this.broken.push(`told ${told} times of ${count}: ${text}`);
      if (unmarked > count) this.broken.push(`told ${unmarked} times without a mark: ${text}`);
    }
    if (notices.some(({ subject, message }) => !changes.has(`${subject.replace(' (repeated)', '')}\n${message}`)))
      this.broken.push('told what never happened');
    if (this.world.state?.notices.length !== 0) this.broken.push('notices wait');
  }

  private change(): void {
    const { world } = this;
    const chance = this.random.uniform();
    if (chance < 0.35) this.setBudget(this.pick([1, 2, 5, 20, 1e6]));
    else if (chance < 0.42) {
      if (this.registered.delete(fleetB.resourceId)) delete world.limits[fleetB.resourceId];
      else {
        this.registered.add(fleetB.resourceId);
        world.limits[fleetB.resourceId] = { ...this.owners };
      }
    } else if (chance < 0.49) {
      const [first, second] = this.stated;
      world.deploy({ fleets: this.pick([this.stated, [first!], [second!]]) });
    } else if (chance < 0.56)
      world.deploy({ dryRun: this.random.uniform() < 0.5 } satisfies Partial<GuardConfiguration>);
    else if (chance < 0.63) {
      // A deployment or a scheduled action loosens the limits, or sets other ones where they are the owner's.
      const { resourceId } = this.pick(fleets);
      if (this.stated[1]!.maxCapacity === null && resourceId === fleetB.resourceId)
        this.owners = this.pick(OWNERS_LIMITS);
      if (this.registered.has(resourceId)) world.limits[resourceId] = { ...this.limitsByOwner(resourceId) };
    } else if (chance < 0.8) world.instances['a'] = 1 + this.random.integer(8);
  }

  /** Runs at once: at every step one of the calls that wait proceeds. A run that dies is left behind. */
  private async interleave(starts: readonly (() => Promise<unknown>)[]): Promise<void> {
    let running = starts.length;
    const { world } = this;
    if (running === 1) {
      let died!: () => void;
      const death = new Promise<void>((resolve) => (died = resolve));
      world.gate = () => {
        const fault = this.fault();
        if (fault.startsWith('dies')) died();
        return fault;
      };
      await Promise.race([starts[0]!().catch(() => undefined), death]);
      return;
    }
    world.gate = (what) => new Promise((proceed) => this.waiting.push({ what, proceed }));
    for (const start of starts)
      void start()
        .catch(() => undefined)
        .finally(() => running--);
    while (running > 0) {
      for (let turn = 0; turn < 24 && running > 0; turn++) await Promise.resolve();
      if (this.waiting.length === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        // Whoever waits for nothing now has died.
        if (this.waiting.length === 0) break;
      }
      if (this.random.uniform() < 0.02) this.setBudget(this.pick([1, 1e6]));
      const [next] = this.waiting.splice(this.random.integer(this.waiting.length), 1);
      next!.proceed(this.fault());
    }
    this.waiting.length = 0;
  }

  private fault(): Fault {
    return this.random.uniform() < this.faultShare ? this.pick(FAULTS) : 'none';
  }

  private runForecaster(): Promise<unknown> {
    const { resourceId, scalableDimension, minCapacity, maxCapacity } = fleetA;
    const { world } = this;
    const call = world.calls();
    const targets = world.targets(call);
    const handler = createForecaster({
      configuration: {
        active: true,
        resourceId,
        scalableDimension,
        serviceNamespace: 'sagemaker',
        demand: { namespace: 'AWS/SageMaker', metricName: 'Invocations', dimensions: {}, statistic: 'Sum' },
        settings: { slotsPerInstance: 1, serviceSeconds: 1, provisioningSeconds: 240, minCapacity, maxCapacity },
      },
      history: {
        read: async function* (from, to) {
          await Promise.resolve();
          const page = [];
          for (let minute = Math.max(from, to - 20); minute < to; minute++)
            page.push({ minute, requests: 60 * (1 + (minute % 5)) });
          yield page;
        },
      },
      store: {
        load: () => call('load', () => this.forecast),
        claim: (stored) =>
          call('claim', () => {
            if ((this.forecast?.generation ?? 0) !== stored.generation - 1) return false;
            this.forecast = stored;
            return true;
          }),
      },
      targets: {
        ...targets,
        setLimits: (target, limits, signal) => {
          if (limits.minCapacity !== undefined) this.forecastMinimums.add(limits.minCapacity);
          return targets.setLimits(target, limits, signal);
        },
      },
      metrics: { put: () => Promise.resolve() },
      clock: { now: () => world.now },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    return handler({});
  }

  private setBudget(amountUsd: number): void {
    this.world.budget = JSON.stringify({ amountUsd, periodStart: NOVEMBER, periodEnd: NOVEMBER + 86_400 });
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.random.integer(values.length)]!;
  }
}
