import type { GuardConfiguration, GuardRecord, GuardState } from '../../../lib/cost/contract';
import { DEFAULT_THRESHOLDS } from '../../../lib/cost/decide/plan';
import type { TrainingJobSeen } from '../../../lib/cost/decide/meter';
import type { CapacityLimits } from '../../../lib/scaling/decide/limits';
import type { Notification } from '../../../lambda/clients/notifier';
import type { MetricValue } from '../../../lambda/clients/metrics';
import type { ScalableTargets } from '../../../lambda/clients/scalable-target';
import { createHandler, type GuardRun } from '../../../lambda/cost-guard/handler';

/** 2026-11-01T00:00:00Z. */
export const NOVEMBER = 1_793_491_200;

export const configuration: GuardConfiguration = {
  name: 'chat',
  dryRun: false,
  fleets: ['a', 'b'].map((endpointName) => ({
    resourceId: `endpoint/${endpointName}/variant/main`,
    endpointName,
    variantName: 'main',
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    minCapacity: 1,
    maxCapacity: 8,
    protectedFloor: 1,
    pricesPerHourUsd: { 'ml.g5.xlarge': 3 },
  })),
  training: { jobNamePrefix: 'tidegate-', runningJobs: 'FINISH', pricesPerHourUsd: { 'ml.g5.xlarge': 3 } },
  thresholds: DEFAULT_THRESHOLDS,
  forecastSmoothingSeconds: 3600,
};

/**
 * Budget of an hour. The floors of both fleets, 2 x 3 USD/h, cost 6 USD of it.
 */
export function budgetOf(amountUsd: number): string {
  return JSON.stringify({ amountUsd, periodStart: NOVEMBER, periodEnd: NOVEMBER + 3600 });
}

/** Job of one instance that runs since the start of November, for an hour at most. */
export const job: TrainingJobSeen = {
  name: 'tidegate-1',
  instanceType: 'ml.g5.xlarge',
  instanceCount: 1,
  startedAt: NOVEMBER,
  endedAt: null,
  billableSeconds: null,
  maxRuntimeSeconds: 3600,
  isStopping: false,
};

/** Metered Spark pipeline. */
export const spark = { stateMachineArn: 'arn:machine', maxUsdPerHour: 4, maxRuntimeSeconds: 3600 };

/** Execution of {@link spark}. */
export const run: TrainingJobSeen = { ...job, name: 'arn:execution:features:1', instanceType: spark.stateMachineArn };

/** End of a call: with its effect or without it, with an answer, an error, or the death of the run. */
export type Fault = 'none' | 'fails' | 'fails after its effect' | 'dies' | 'dies after its effect';

/** A call of a client, by its name. */
export type Call = <T>(what: string, effect: () => T) => Promise<T>;

/** A small world: two endpoints with a scalable target each, training jobs, a budget, a table, a topic. */
export class World {
  public now = NOVEMBER;
  public budget = budgetOf(14.38);
  public readonly instances: { [endpointName: string]: number } = { a: 4, b: 4 };
  /** Limits of the registered targets. */
  public readonly limits: { [resourceId: string]: CapacityLimits } = {};
  public readonly jobs: TrainingJobSeen[] = [];
  /** Executions of metered state machines. */
  public readonly executions: TrainingJobSeen[] = [];
  /** Names of the calls that fail. */
  public readonly broken = new Set<string>();
  public readonly effects: string[] = [];
  public readonly records: GuardRecord[] = [];
  /** Records by the write that stored them. */
  public readonly recordWrites: (readonly GuardRecord[])[] = [];
  public readonly notices: Notification[] = [];
  public readonly metrics: (readonly MetricValue[])[] = [];
  public readonly errors: string[] = [];
  public state: GuardState | undefined;
  /** Called after the state was read, to play another run that is faster. */
  public afterLoad: () => Promise<unknown> = () => Promise.resolve();
  /** Called before the effect of every call; decides its end. */
  public gate: (what: string) => Fault | Promise<Fault> = () => 'none';

  /** Called after the limits of a target were changed. */
  public onEffect: () => void = () => undefined;

  private configuration: GuardConfiguration;

  public constructor(overrides: Partial<GuardConfiguration> = {}) {
    this.configuration = { ...configuration, ...overrides };
    for (const { resourceId, minCapacity, maxCapacity } of this.configuration.fleets)
      if (minCapacity !== null && maxCapacity !== null) this.limits[resourceId] = { minCapacity, maxCapacity };
  }

  /** Deploys the guard again with other settings. */
  public deploy(overrides: Partial<GuardConfiguration>): void {
    this.configuration = { ...this.configuration, ...overrides };
  }

  /** Application Auto Scaling, as strict as the service, for the calls of one run. */
  public targets(call: Call): ScalableTargets {
    return {
      limits: ({ resourceId }) =>
        call('limits', () => {
          const limits = this.limits[resourceId];
          return limits === undefined ? { kind: 'not-registered' } : { kind: 'in-force', ...limits };
        }),
      setLimits: ({ resourceId }, changes, _signal, before) =>
        call(`scaling of ${resourceId}`, () => {
          const { minCapacity, maxCapacity } = changes;
          const raises = minCapacity !== undefined && before !== undefined && minCapacity > before.maxCapacity;
          if (raises && maxCapacity !== undefined) this.register(resourceId, { maxCapacity });
          if (minCapacity !== undefined) this.register(resourceId, { minCapacity });
          if (!raises && maxCapacity !== undefined) this.register(resourceId, { maxCapacity });
          const limits = this.limits[resourceId]!;
          this.effects.push(`${resourceId} ${limits.minCapacity}..${limits.maxCapacity}`);
        }),
    };
  }

  private register(resourceId: string, changes: Partial<CapacityLimits>): void {
    const { minCapacity, maxCapacity } = { ...this.limits[resourceId], ...changes };
    if (minCapacity === undefined || maxCapacity === undefined)
      throw new Error('MinCapacity and MaxCapacity are required when registering a new scalable target');
    if (minCapacity > maxCapacity) throw new Error('Maximum capacity cannot be less than minimum capacity');
    this.limits[resourceId] = { minCapacity, maxCapacity };
    this.onEffect();
    const endpointName = resourceId.split('/')[1]!;
    this.instances[endpointName] = Math.min(maxCapacity, Math.max(minCapacity, this.instances[endpointName]!));
  }

  /** Returns the calls of one run: each takes a turn, and ends as the world says. A run that died makes no further call. */
  public calls(): Call {
    let dead = false;
    return async (what, effect) => {
      await Promise.resolve();
      const fault = this.broken.has(what) ? 'fails' : await this.gate(what);
      if (dead || fault === 'dies') {
        dead = true;
        return new Promise(() => undefined);
      }
      if (fault === 'fails') throw new Error(`${what} is broken`);
      if (fault === 'dies after its effect') {
        dead = true;
        try {
          effect();
        } catch {
          // A refusal of the service is not received either.
        }
        return new Promise(() => undefined);
      }
      const result = effect();
      if (fault === 'fails after its effect') throw new Error(`${what} is broken after its effect`);
      return result;
    };
  }

  /** Runs once, with a clock that may be wrong. */
  public run(clockErrorSeconds = 0): Promise<GuardRun> {
    const call = this.calls();
    const write = (state: GuardState): boolean => {
      if ((this.state?.generation ?? 0) !== state.generation - 1) return false;
      this.state = JSON.parse(JSON.stringify(state)) as GuardState;
      return true;
    };
    const handler = createHandler({
      configuration: this.configuration,
      budgetParameter: '/tidegate/budget',
      parameters: { read: () => call('budget', () => this.budget) },
      endpoints: {
        variantCapacity: (endpointName) =>
          call(`endpoint ${endpointName}`, () => {
            const count = this.instances[endpointName]!;
            return { currentByType: { 'ml.g5.xlarge': count }, currentCapacity: count, desiredCapacity: count };
          }),
      },
      targets: this.targets(call),
      trainingJobs: {
        changedSince: (_, since) => call('training', () => this.changedSince(since)),
        describe: (name) => call(`job ${name}`, () => this.describe(name)),
        stop: (name) =>
          call(`stop of ${name}`, () => {
            this.effects.push(`stop ${name}`);
            const index = this.jobs.findIndex((one) => one.name === name);
            this.jobs[index] = { ...this.jobs[index]!, isStopping: true };
          }),
      },
      executions: {
        since: (machine, since) =>
          call('executions', () =>
            this.executions.filter(
              ({ instanceType, endedAt }) =>
                instanceType === machine.stateMachineArn && (endedAt === null || endedAt >= since),
            ),
          ),
        describe: (name) => call(`execution ${name}`, () => this.executions.find((one) => one.name === name)!),
        stop: (name) =>
          call(`stop of ${name}`, () => {
            this.effects.push(`stop ${name}`);
            const index = this.executions.findIndex((one) => one.name === name);
            this.executions[index] = { ...this.executions[index]!, endedAt: this.now, billableSeconds: 0 };
          }),
      },
      store: {
        load: async () => {
          const loaded = await call('load', () => this.state);
          await this.afterLoad();
          return loaded;
        },
        write: (state, records = []) =>
          call(this.nameOf(state, records), () => {
            const written = write(state);
            if (written) this.records.push(...records);
            if (written && records.length > 0) this.recordWrites.push(records);
            return written;
          }),
      },
      metrics: { put: (values) => call('metrics', () => void this.metrics.push(values)) },
      notifier: { notify: (notice) => call('topic', () => void this.notices.push(notice)) },
      clock: { now: () => this.now + clockErrorSeconds },
      logger: {
        info: () => undefined,
        warn: (message) => void this.errors.push(message),
        error: (message) => void this.errors.push(message),
      },
    });
    return handler({});
  }

  /** Names of the jobs that were described, in order. */
  public readonly described: string[] = [];
  /** Moments since which changed jobs were listed, in order. */
  public readonly listedSince: number[] = [];

  private changedSince(since: number): string[] {
    this.listedSince.push(since);
    return this.jobs
      .filter(({ startedAt, endedAt }) => (endedAt ?? startedAt ?? Infinity) > since)
      .map(({ name }) => name);
  }

  private describe(name: string): TrainingJobSeen {
    this.described.push(name);
    return this.jobs.find((one) => one.name === name)!;
  }

  /** A run claims, settles what changed, and removes the notices that were sent. */
  private nameOf(state: GuardState, records: readonly GuardRecord[]): string {
    if (records.length > 0) return 'settle';
    return state.notices.length < (this.state?.notices.length ?? 0) ? 'removal of notices' : 'claim';
  }

  /** Values of a metric in the last evaluation: one for each fleet, or one. */
  public lastValues(metricName: string): number[] {
    const published = this.metrics.at(-1) ?? [];
    return published.filter((one) => one.metricName === metricName).map(({ value }) => value);
  }

  /** Runs once a minute for a number of minutes. */
  public async runMinutes(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute++) {
      await this.run();
      this.now += 60;
    }
  }
}
