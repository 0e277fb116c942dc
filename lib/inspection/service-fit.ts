import { quantile } from '../core/statistics';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../inference/contract';
import type { FleetRecording, RecordedSeries, ServiceFit, ServiceFitMethod, SlotSource } from './contract';

/** Quantiles of the latency of a period, seconds. */
export interface LatencyQuantiles {
  readonly p50: RecordedSeries;
  readonly p90: RecordedSeries;
}

/** Concurrency of one instance, and its origin. */
export interface Slots {
  readonly value: number;
  readonly from: SlotSource;
}

/** Measured service of a fleet. */
export interface ServiceMeasurement {
  /** Null where the metrics do not suffice. */
  readonly fit: ServiceFit | null;
  readonly slots: Slots;
  readonly notes: readonly string[];
}

/** Minimum number of periods with requests that a measurement rests on. */
const MIN_PERIODS = 10;

/** Latency of a full instance: this many times that of an idle one. */
const SATURATED_RATIO = 1.5;

/** Share of the periods, those with the lowest concurrency, whose requests do not wait in the instance. */
const IDLE_SHARE = 0.25;

/** Requests of a period that suffice for its quantiles. */
const MIN_REQUESTS_FOR_QUANTILES = 20;

/** z-value of the 90th percentile of the standard normal distribution. */
const Z90 = 1.2815515655446004;

const COEFFICIENT_LIMITS = { minimum: 0.05, maximum: 3 } as const;

interface BusyPeriod {
  readonly requests: number;
  /** Mean requests in one instance; null without a recording of it. */
  readonly concurrency: number | null;
  readonly maxConcurrency: number | null;
  /** Requests of one instance in a second. */
  readonly ratePerInstance: number | null;
  /** Mean seconds by Little's law. */
  readonly little: number | null;
  /** Mean seconds of `ModelLatency`. */
  readonly latency: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
}

/**
 * Measures the time that a request occupies an instance. By Little's law the mean number of requests in an instance is their rate times
 * their mean time in it; `ModelLatency` is that time as SageMaker measures it. Both contain waiting inside the instance, so only periods
 * in which the instances had room count.
 *
 * @param declared concurrency of an instance that a tag or the configuration states
 */
export function measureService(
  { series, periodSeconds }: FleetRecording,
  { p50, p90 }: LatencyQuantiles,
  declared: Slots | undefined,
): ServiceMeasurement {
  const busy: BusyPeriod[] = [];
  for (let index = 0; index < series.invocations.length; index++) {
    const at = (one: RecordedSeries): number | null => one[index] ?? null;
    const requests = at(series.invocations) ?? 0;
    if (requests <= 0) continue;
    const instances = at(series.instances);
    const concurrency = at(series.concurrencyPerInstance);
    busy.push({
      requests,
      concurrency,
      maxConcurrency: at(series.maxConcurrencyPerInstance),
      ratePerInstance: instances === null || instances <= 0 ? null : requests / (instances * periodSeconds),
      little:
        concurrency === null || concurrency <= 0 || instances === null || instances <= 0
          ? null
          : (concurrency * instances * periodSeconds) / requests,
      latency: at(series.modelLatencySeconds),
      p50: at(p50),
      p90: at(p90),
    });
  }
  const slots = declared ?? measuredSlots(busy);
  const roomy = busy.filter(({ concurrency, maxConcurrency }) => {
    const present = maxConcurrency ?? concurrency;
    return present === null || present <= slots.value;
  });
  const littlePeriods = roomy.filter(({ little }) => little !== null);
  const latencyPeriods = roomy.filter(({ latency }) => latency !== null && latency > 0);
  const method: ServiceFitMethod | undefined =
    littlePeriods.length >= MIN_PERIODS ? 'little' : latencyPeriods.length >= MIN_PERIODS ? 'latency' : undefined;
  if (method === undefined) {
    return { fit: null, slots, notes: [tooFew(busy.length, roomy.length, slots)] };
  }
  const used = method === 'little' ? littlePeriods : latencyPeriods;
  const littleSeconds = weightedMean(littlePeriods, ({ little }) => little);
  const latencySeconds = weightedMean(latencyPeriods, ({ latency }) => latency);
  const meanSeconds = (method === 'little' ? littleSeconds : latencySeconds)!;
  const spread = used.map((period) => (method === 'little' ? period.little! : period.latency!));
  const variation = coefficientOfVariation(latencyPeriods);
  return {
    fit: {
      method,
      periods: used.length,
      meanSeconds: digits(meanSeconds),
      coefficientOfVariation: digits(variation.value),
      p10Seconds: digits(quantile(spread, 0.1)),
      p50Seconds: digits(quantile(spread, 0.5)),
      p90Seconds: digits(quantile(spread, 0.9)),
      littleSeconds: littleSeconds === null ? null : digits(littleSeconds),
      latencySeconds: latencySeconds === null ? null : digits(latencySeconds),
    },
    slots,
    notes: [
      ...(littleSeconds !== null && latencySeconds !== null && isFar(littleSeconds, latencySeconds)
        ? [
            `concurrency ÷ rate gives ${digits(littleSeconds)} s a request and ModelLatency ${digits(latencySeconds)} s: they differ by more than a ` +
              'quarter, so check the profile with your own measurement',
          ]
        : []),
      ...(variation.note === undefined ? [] : [variation.note]),
    ],
  };
}

function tooFew(busy: number, roomy: number, slots: Slots): string {
  if (busy === 0) return 'no service times are measured: there was no request';
  const room = roomy === busy ? '' : ` with at most ${slots.value} requests in an instance`;
  return (
    `no service times are measured: ${roomy} periods${room} have requests beside concurrency or latency, and ${MIN_PERIODS} are needed; ` +
    'state them with --profile or --service-mean'
  );
}

const isFar = (one: number, other: number): boolean => Math.max(one, other) > 1.25 * Math.min(one, other);

/**
 * Concurrency at which an instance is full: once latency grows, an instance completes concurrency ÷ service time requests a second, whatever
 * waits in it. Without such periods the highest recorded concurrency is a lower bound.
 */
function measuredSlots(busy: readonly BusyPeriod[]): Slots {
  const rated = busy.flatMap((period) => {
    const seconds = period.latency ?? period.little;
    const { concurrency, ratePerInstance } = period;
    return seconds === null || seconds <= 0 || concurrency === null || ratePerInstance === null
      ? []
      : [{ seconds, concurrency, ratePerInstance, requests: period.requests }];
  });
  const highest = busy.reduce(
    (most, { maxConcurrency, concurrency }) => Math.max(most, maxConcurrency ?? concurrency ?? 0),
    0,
  );
  if (rated.length >= MIN_PERIODS) {
    const limit = quantile(
      rated.map(({ concurrency }) => concurrency),
      IDLE_SHARE,
    );
    const idle = rated.filter(({ concurrency }) => concurrency <= limit);
    const idleSeconds = weightedMean(idle, ({ seconds }) => seconds)!;
    const full = rated.filter(({ seconds }) => seconds >= SATURATED_RATIO * idleSeconds);
    if (full.length >= MIN_PERIODS) {
      const rate = quantile(
        full.map(({ ratePerInstance }) => ratePerInstance),
        0.75,
      );
      const value = Math.min(Math.max(1, Math.round(rate * idleSeconds)), Math.max(1, Math.ceil(highest)));
      return { value, from: 'measured' };
    }
  }
  return highest > DEFAULT_MAX_CONCURRENCY_PER_INSTANCE
    ? { value: Math.ceil(highest), from: 'lower-bound' }
    : { value: DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, from: 'default' };
}

/**
 * Standard deviation ÷ mean of single requests: that of the lognormal distribution with the recorded quantiles, or else from the means of
 * the periods, whose variance is that of a request divided by their number of requests.
 */
function coefficientOfVariation(periods: readonly BusyPeriod[]): { readonly value: number; readonly note?: string } {
  const shapes = periods.flatMap(({ requests, p50, p90 }) =>
    p50 === null || p90 === null || p50 <= 0 || p90 < p50 || requests < MIN_REQUESTS_FOR_QUANTILES
      ? []
      : [{ requests, sigma: Math.log(p90 / p50) / Z90 }],
  );
  const sigma = weightedMean(shapes, (one) => one.sigma);
  if (sigma !== null && shapes.length >= MIN_PERIODS) return { value: limited(Math.sqrt(Math.exp(sigma * sigma) - 1)) };
  const mean = weightedMean(periods, ({ latency }) => latency);
  if (mean === null || periods.length < MIN_PERIODS) {
    return {
      value: 1,
      note: 'the spread of service times is unknown, so the profile has a coefficient of variation of 1',
    };
  }
  const variance =
    periods.reduce((sum, { requests, latency }) => sum + requests * (latency! - mean) ** 2, 0) / (periods.length - 1);
  return {
    value: limited(Math.sqrt(variance) / mean),
    note: 'CloudWatch has no percentiles of ModelLatency here: the spread of service times is estimated from the means of the periods',
  };
}

function limited(value: number): number {
  return Math.min(COEFFICIENT_LIMITS.maximum, Math.max(COEFFICIENT_LIMITS.minimum, value));
}

/** Mean weighted by requests of the values that are present; null without any. */
function weightedMean<Period extends { readonly requests: number }>(
  periods: readonly Period[],
  valueOf: (period: Period) => number | null,
): number | null {
  let [sum, requests] = [0, 0];
  for (const period of periods) {
    const value = valueOf(period);
    if (value === null) continue;
    sum += value * period.requests;
    requests += period.requests;
  }
  return requests === 0 ? null : sum / requests;
}

/** Four significant digits. */
const digits = (value: number): number => Number(value.toPrecision(4));
