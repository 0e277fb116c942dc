import type {
  CloudWatchClient,
  GetMetricDataCommand,
  Metric,
  MetricDataQuery,
  MetricDatum,
} from '@aws-sdk/client-cloudwatch';
import { createHandler as createForecaster, type ForecasterRun } from '../../../lambda/capacity-forecaster/handler';
import { createEndpointStates } from '../../../lambda/clients/endpoint-state';
import type { StoredForecast } from '../../../lambda/clients/forecast-store';
import { createRequestHistory } from '../../../lambda/clients/request-history';
import { createScalableTargets } from '../../../lambda/clients/scalable-target';
import { createHandler as createGuard, type GuardRun } from '../../../lambda/cost-guard/handler';
import type { GuardState } from '../../../lib/cost/contract';
import type { ForecasterConfiguration } from '../../../lib/scaling/contract';
import { QUIET_METRICS } from '../../../lib/simulation/aws/sagemaker-metrics';
import { EmulatedAccount, invoke, VARIANT_DIMENSION } from '../../support/emulated-account';
import { deployScaledFleet, desiredInstances } from '../../support/scaled-fleet';

/** Requests of one minute by day. */
const REQUESTS_PER_MINUTE = 5;
const DAY_MINUTES = 15;
const NIGHT_MINUTES = 50;

const resourceId = 'endpoint/chat/variant/main';
const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

let account: EmulatedAccount;
afterEach(() => account.stop());

/** CloudWatch's GetMetricData over what the emulator has published, as far as it is not lost. */
class PublishedMetrics {
  /** Moment from which on nothing arrives any more. */
  public lostFrom = Infinity;

  private readonly data = new Map<string, MetricDatum[]>();
  private calls = 0;

  public send({ input }: GetMetricDataCommand): Promise<unknown> {
    for (const { namespace, data } of account.engine.metricCalls.slice(this.calls)) {
      this.calls++;
      for (const datum of data) {
        const key = metricKey(namespace, datum);
        this.data.set(key, [...(this.data.get(key) ?? []), datum]);
      }
    }
    const [from, to] = [input.StartTime!, Math.min(input.EndTime!.getTime(), this.lostFrom * 1000)];
    const MetricDataResults = input.MetricDataQueries!.map(({ Id, MetricStat }: MetricDataQuery) => {
      const { Metric, Stat } = MetricStat!;
      const found = (this.data.get(metricKey(Metric!.Namespace!, Metric!)) ?? []).filter(
        ({ Timestamp }) => Timestamp! >= from && Timestamp!.getTime() < to,
      );
      return {
        Id,
        StatusCode: 'Complete',
        Timestamps: found.map(({ Timestamp }) => Timestamp!),
        Values: found.map((datum) => valueOf(datum, Stat!)),
      };
    });
    return Promise.resolve({ MetricDataResults });
  }
}

function metricKey(namespace: string, { MetricName, Dimensions }: Metric | MetricDatum): string {
  const named = Dimensions!.map(({ Name, Value }) => `${Name}=${Value}`).sort();
  return [namespace, MetricName, ...named].join(' ');
}

function valueOf({ StatisticValues }: MetricDatum, statistic: string): number {
  return statistic === 'SampleCount' ? StatisticValues!.SampleCount! : StatisticValues!.Sum!;
}

/** The forecaster and the guard as they are deployed, over the emulator's APIs, with their tables in memory. */
class Handlers {
  public readonly published = new PublishedMetrics();
  public budgetUsd = 1e6;
  private forecast: StoredForecast | undefined;
  private state: GuardState | undefined;
  private readonly forecaster: (event: unknown) => Promise<ForecasterRun>;
  private readonly guard: (event: unknown) => Promise<GuardRun>;

  public constructor() {
    const clock = { now: () => account.clock.now() };
    const targets = createScalableTargets(account.scaling);
    const demand: ForecasterConfiguration['demand'] = {
      namespace: 'AWS/SageMaker',
      metricName: 'Invocations',
      dimensions: { EndpointName: 'chat', VariantName: 'main' },
      statistic: 'Sum',
    };
    this.forecaster = createForecaster({
      configuration: {
        active: true,
        resourceId,
        scalableDimension: VARIANT_DIMENSION,
        serviceNamespace: 'sagemaker',
        demand,
        settings: { slotsPerInstance: 1, serviceSeconds: 20, provisioningSeconds: 240, minCapacity: 1, maxCapacity: 8 },
      },
      history: createRequestHistory(demand, this.published as unknown as CloudWatchClient),
      store: {
        load: () => Promise.resolve(this.forecast),
        claim: (stored) => {
          this.forecast = stored;
          return Promise.resolve(true);
        },
      },
      targets,
      metrics: { put: () => Promise.resolve() },
      clock,
      logger,
    });
    this.guard = createGuard({
      configuration: {
        name: 'chat',
        dryRun: false,
        fleets: [
          {
            resourceId,
            endpointName: 'chat',
            variantName: 'main',
            scalableDimension: VARIANT_DIMENSION,
            minCapacity: 1,
            maxCapacity: 8,
            protectedFloor: 1,
            pricesPerHourUsd: { 'ml.g5.xlarge': 1.408, 'ml.g6.xlarge': 1.127 },
          },
        ],
        training: null,
        // Growth is frozen long before the fleet is shrunk.
        thresholds: { warnAtPercent: 5, freezeAtPercent: 10, shrinkAtPercent: 100, releasePercent: 5 },
        forecastSmoothingSeconds: 3600,
      },
      budgetParameter: '/budget',
      parameters: {
        read: () => Promise.resolve(JSON.stringify({ amountUsd: this.budgetUsd, periodStart: null, periodEnd: null })),
      },
      endpoints: createEndpointStates(account.sageMaker),
      targets,
      trainingJobs: {
        changedSince: () => Promise.resolve([]),
        describe: (name) => Promise.reject(new Error(`no job ${name}`)),
        stop: () => Promise.resolve(),
      },
      executions: {
        since: () => Promise.resolve([]),
        describe: (name) => Promise.reject(new Error(`no execution ${name}`)),
        stop: () => Promise.resolve(),
      },
      store: {
        load: () => Promise.resolve(this.state),
        write: (state) => {
          this.state = state;
          return Promise.resolve(true);
        },
      },
      metrics: { put: () => Promise.resolve() },
      notifier: { notify: () => Promise.resolve() },
      clock,
      logger,
    });
  }

  /** One minute: requests, and an evaluation of both. */
  public async minute(requests: number): Promise<{ readonly forecaster: ForecasterRun; readonly guard: GuardRun }> {
    for (let request = 0; request < requests; request++)
      void invoke(account, 200, `r-${request}`).catch(() => undefined);
    await account.advance(60);
    return { guard: await this.guard({}), forecaster: await this.forecaster({}) };
  }

  public async minutes(count: number, requests: number): Promise<ForecasterRun[]> {
    const runs: ForecasterRun[] = [];
    for (let minute = 0; minute < count; minute++) runs.push((await this.minute(requests)).forecaster);
    return runs;
  }

  public limits() {
    return createScalableTargets(account.scaling).limits({ resourceId, scalableDimension: VARIANT_DIMENSION });
  }
}

describe.each(QUIET_METRICS)('with metrics of requests that are %s at night', (quietMetrics) => {
  test('the forecaster grows the fleet by day, and under a guard that froze its growth it shrinks at night', async () => {
    account = await EmulatedAccount.start({ quietMetrics });
    await deployScaledFleet(account, { instances: 1, withStep: true });
    const handlers = new Handlers();
    await handlers.minutes(DAY_MINUTES, REQUESTS_PER_MINUTE);
    const byDay = desiredInstances(account);
    expect(byDay).toBeGreaterThanOrEqual(3);
    expect(byDay).toBeLessThan(8);

    const { guard } = await handlers.minute(REQUESTS_PER_MINUTE);
    handlers.budgetUsd = guard.decision.committedUsd + 20;
    await handlers.minutes(NIGHT_MINUTES, 0);
    const end = await handlers.minute(0);
    expect(end.guard.decision.level).toBe('freeze-growth');
    expect(end.forecaster.outcome).toBe('decided');
    expect(await handlers.limits()).toEqual({ kind: 'in-force', minCapacity: 1, maxCapacity: byDay });
    expect(desiredInstances(account)).toBe(1);
  });

  test('metrics that are lost are no quiet night: the minimum is held, and follows the requests once they are counted again', async () => {
    account = await EmulatedAccount.start({ quietMetrics });
    await deployScaledFleet(account, { instances: 1, withStep: true });
    const handlers = new Handlers();
    await handlers.minutes(DAY_MINUTES, REQUESTS_PER_MINUTE);
    const before = await handlers.limits();
    expect(before).toMatchObject({ minCapacity: desiredInstances(account) });
    expect(desiredInstances(account)).toBeGreaterThanOrEqual(3);

    handlers.published.lostFrom = account.clock.now();
    const lost = await handlers.minutes(15, 0);
    expect(lost.slice(4).map(({ outcome }) => outcome)).toEqual(Array(11).fill('held'));
    expect(await handlers.limits()).toEqual(before);

    handlers.published.lostFrom = Infinity;
    const counted = await handlers.minutes(20, 0);
    expect(counted.at(-1)).toMatchObject({ outcome: 'decided', decision: { capacity: 1 } });
    expect(await handlers.limits()).toMatchObject({ minCapacity: 1 });
  });
});
