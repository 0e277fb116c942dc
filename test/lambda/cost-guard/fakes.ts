import type { GuardConfiguration, GuardRecord, GuardState } from '../../../lib/cost/contract';
import { DEFAULT_THRESHOLDS } from '../../../lib/cost/decide/plan';
import type { CapacityBounds } from '../../../lib/cost/decide/plan';
import type { TrainingJobSeen } from '../../../lib/cost/decide/meter';
import type { Notice } from '../../../lambda/clients/notifier';
import type { MetricValue } from '../../../lambda/clients/metrics';
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
  training: { jobNamePrefix: 'tidegate-', pricesPerHourUsd: { 'ml.g5.xlarge': 3 } },
  thresholds: DEFAULT_THRESHOLDS,
  forecastSmoothingSeconds: 3600,
};

/** A small world: two endpoints with a scalable target each, training jobs, a budget, a table, a topic. */
export class World {
  public now = NOVEMBER;
  public budget = JSON.stringify({ amountUsd: 10, periodStart: NOVEMBER, periodEnd: NOVEMBER + 3600 });
  public readonly instances: { [endpointName: string]: number } = { a: 4, b: 4 };
  public readonly bounds: { [resourceId: string]: CapacityBounds } = Object.fromEntries(
    configuration.fleets.map(({ resourceId }) => [resourceId, { minCapacity: 1, maxCapacity: 8 }]),
  );
  public readonly jobs: TrainingJobSeen[] = [];
  public readonly broken = new Set<string>();
  public readonly effects: string[] = [];
  public readonly records: GuardRecord[] = [];
  public readonly notices: Notice[] = [];
  public readonly metrics: (readonly MetricValue[])[] = [];
  public readonly errors: string[] = [];
  public state: GuardState | undefined;
  /** Called after the state was read, to play another run that is faster. */
  public afterLoad: () => Promise<unknown> = () => Promise.resolve();

  public constructor(private readonly overrides: Partial<GuardConfiguration> = {}) {}

  public run(): Promise<GuardRun> {
    const check = (what: string): void => {
      if (this.broken.has(what)) throw new Error(`${what} is broken`);
    };
    const later = async <T>(what: string, answer: () => T): Promise<T> => {
      await Promise.resolve();
      check(what);
      return answer();
    };
    const write = (state: GuardState, stored: number): boolean => {
      if ((this.state?.generation ?? 0) !== stored) return false;
      this.state = JSON.parse(JSON.stringify(state)) as GuardState;
      return true;
    };
    const handler = createHandler({
      configuration: { ...configuration, ...this.overrides },
      budgetParameter: '/tidegate/budget',
      parameters: { read: () => later('budget', () => this.budget) },
      fleets: {
        capacity: (endpointName) =>
          later(`endpoint ${endpointName}`, () => {
            const count = this.instances[endpointName]!;
            return { currentByType: { 'ml.g5.xlarge': count }, currentCapacity: count, desiredCapacity: count };
          }),
        bounds: ({ resourceId }) => later('bounds', () => this.bounds[resourceId]!),
        setBounds: ({ resourceId }, bounds) =>
          later(`scaling of ${resourceId}`, () => {
            this.bounds[resourceId] = bounds;
            this.effects.push(`${resourceId} ${bounds.minCapacity}..${bounds.maxCapacity}`);
            const endpointName = resourceId.split('/')[1]!;
            this.instances[endpointName] = Math.min(this.instances[endpointName]!, bounds.maxCapacity);
          }),
      },
      trainingJobs: {
        changedSince: () => later('training', () => this.jobs.map(({ name }) => name)),
        describe: (name) => later(`job ${name}`, () => this.jobs.find((job) => job.name === name)!),
      },
      store: {
        load: async () => {
          const loaded = this.state;
          await this.afterLoad();
          return loaded;
        },
        claim: (state) => later('claim', () => write(state, state.generation - 1)),
        settle: (state, records) =>
          later('settle', () => {
            const written = write(state, state.generation);
            if (written) this.records.push(...records);
            return written;
          }),
      },
      metrics: { put: (values) => later('metrics', () => void this.metrics.push(values)) },
      notifier: { notify: (notice) => later('topic', () => void this.notices.push(notice)) },
      clock: { now: () => this.now },
      logger: {
        info: () => undefined,
        warn: (message) => void this.errors.push(message),
        error: (message) => void this.errors.push(message),
      },
    });
    return handler({});
  }

  /** What the last look published under a name, one value for each fleet or just one. */
  public lastValues(metricName: string): number[] {
    const published = this.metrics.at(-1) ?? [];
    return published.filter((one) => one.metricName === metricName).map(({ value }) => value);
  }

  /** Runs once a minute for so many minutes. */
  public async runMinutes(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute++) {
      await this.run();
      this.now += 60;
    }
  }
}
