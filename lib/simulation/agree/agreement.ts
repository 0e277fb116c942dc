import { SECONDS_PER_HOUR } from '../../core/time';
import type { FleetRecording, RecordedSeries, ServiceFit } from '../../inspection/contract';
import { round } from '../number-text';
import type { RehearsedPeriod } from './replay';
import { withinPercent, type ValuePair } from './within';

/** Share of the time for which the instances have to be within one, in percent, for a rehearsal to agree with the past. */
export const DEFAULT_MIN_AGREEMENT_PERCENT = 80;

/** Share of the periods that has to be comparable, in percent: agreement about less says too little. */
const MIN_COMPARED_PERCENT = 50;

/** A recorded and a rehearsed figure of the same periods, and how far the rehearsal is off. */
export interface ComparedFigure {
  readonly recorded: number;
  readonly rehearsed: number;
  /** Rehearsed above recorded, in percent; null where nothing was recorded. */
  readonly errorPercent: number | null;
  /** Periods with both. */
  readonly periods: number;
}

/** Error of the fitted service times. */
export interface ProfileError {
  readonly meanSeconds: number;
  /** Mean of the profile above the recorded latency of the model, in percent; null without a recording of it. */
  readonly againstLatencyPercent: number | null;
  /** Spread of the periods: from the 10th to the 90th percentile, in percent of the median. */
  readonly spreadPercent: number;
  readonly periods: number;
}

/** Agreement of a rehearsal of recorded days with what happened. Periods that miss a value are left out of its comparison. */
export interface Agreement {
  readonly resourceId: string;
  readonly periodSeconds: number;
  /** Periods of the recording from its first metric on, and those of them that have a number of instances and are rehearsed. */
  readonly periods: number;
  readonly comparedPeriods: number;
  readonly comparedPercent: number;
  /** Share of the compared time with instances at most one apart; null without a compared period. */
  readonly withinOnePercent: number | null;
  /** The same of a fleet that never scales: its first number of instances. */
  readonly constantFleetPercent: number | null;
  /** Mean number of instances. */
  readonly instances: ComparedFigure | null;
  readonly invocations: ComparedFigure | null;
  /** Mean requests present in an instance. */
  readonly concurrencyPerInstance: ComparedFigure | null;
  readonly latencySeconds: ComparedFigure | null;
  /** Cost of the instances in service, in USD; null where the capacity is not instances. */
  readonly costUsd: ComparedFigure | null;
  readonly profile: ProfileError | null;
  readonly minAgreementPercent: number;
  readonly agrees: boolean;
  /** Reasons why it does not agree, a sentence each; empty if it does. */
  readonly reasons: readonly string[];
}

/** Facts of a comparison besides the recording and its replay. */
export interface AgreementFacts {
  /** USD per instance-hour; null where the capacity is not instances. */
  readonly priceUsdPerHour: number | null;
  readonly service: ServiceFit | null;
  readonly minAgreementPercent?: number;
}

/** Compares a recording with its replay. */
export function agreementOf(
  { resourceId, periodSeconds, series }: FleetRecording,
  rehearsed: readonly RehearsedPeriod[],
  { priceUsdPerHour, service, minAgreementPercent = DEFAULT_MIN_AGREEMENT_PERCENT }: AgreementFacts,
): Agreement {
  // A period that is rehearsed in part, as the first and the last may be, has other sums.
  const isWhole = ({ seconds }: RehearsedPeriod): boolean => seconds >= periodSeconds - 1e-6;
  const pairs = (recorded: RecordedSeries, of: (period: RehearsedPeriod) => number | null): ValuePair[] =>
    rehearsed.flatMap((period, index): ValuePair[] => {
      const was = recorded[index] ?? null;
      const is = of(period);
      return was === null || is === null || !isWhole(period) ? [] : [[was, is]];
    });
  const instances = pairs(series.instances, (period) => period.instances);
  const invocations = pairs(series.invocations, (period) => period.invocations);
  const concurrency = pairs(series.concurrencyPerInstance, (period) => period.concurrencyPerInstance);
  const latency = weighted(
    series.modelLatencySeconds,
    series.invocations,
    rehearsed.map((one) => (isWhole(one) ? one : undefined)),
  );

  // Before its first metric the fleet did not exist, or CloudWatch has forgotten it.
  const recorded = Object.values<RecordedSeries>(series);
  const begin = series.instances.findIndex((_, index) => recorded.some((values) => values[index] != null));
  const count = begin < 0 ? 0 : series.instances.length - begin;
  const comparedPercent = count === 0 ? 0 : (100 * instances.length) / count;
  const within = withinPercent(instances, 1);
  const first = instances[0]?.[0];
  const constant =
    first === undefined
      ? null
      : withinPercent(
          instances.map(([recorded]) => [recorded, Math.round(first)]),
          1,
        );
  const hours = (total: number): number => (total * periodSeconds) / SECONDS_PER_HOUR;
  const reasons = [
    ...(comparedPercent < MIN_COMPARED_PERCENT
      ? [
          `only ${text(comparedPercent)} % of the recorded periods have a number of instances and are rehearsed; at least ` +
            `${MIN_COMPARED_PERCENT} % have to`,
        ]
      : []),
    ...(within !== null && within < minAgreementPercent
      ? [`the instances are within one for ${text(within)} % of the time, less than ${minAgreementPercent} %`]
      : []),
  ];
  return {
    resourceId,
    periodSeconds,
    periods: count,
    comparedPeriods: instances.length,
    comparedPercent: round(comparedPercent, 2),
    withinOnePercent: within === null ? null : round(within, 2),
    constantFleetPercent: constant === null ? null : round(constant, 2),
    instances: figure(instances, (values) => sum(values) / values.length),
    invocations: figure(invocations, sum),
    concurrencyPerInstance: figure(concurrency, (values) => sum(values) / values.length),
    latencySeconds: latency,
    costUsd: priceUsdPerHour === null ? null : figure(instances, (values) => hours(sum(values)) * priceUsdPerHour),
    profile: service === null ? null : profileError(service),
    minAgreementPercent,
    agrees: reasons.length === 0,
    reasons,
  };
}

function figure(pairs: readonly ValuePair[], reduce: (values: readonly number[]) => number): ComparedFigure | null {
  if (pairs.length === 0) return null;
  return compared(reduce(pairs.map(([was]) => was)), reduce(pairs.map(([, is]) => is)), pairs.length);
}

/** Mean latency over the requests of the periods that have both. */
function weighted(
  latency: RecordedSeries,
  invocations: RecordedSeries,
  rehearsed: readonly (RehearsedPeriod | undefined)[],
): ComparedFigure | null {
  let [wasSum, was, isSum, is, periods] = [0, 0, 0, 0, 0];
  rehearsed.forEach((period, index) => {
    const [seconds, requests] = [latency[index] ?? null, invocations[index] ?? null];
    if (period === undefined || seconds === null || requests === null || requests <= 0 || period.completed === 0)
      return;
    wasSum += seconds * requests;
    was += requests;
    isSum += period.latencySumSeconds;
    is += period.completed;
    periods++;
  });
  return periods === 0 ? null : compared(wasSum / was, isSum / is, periods);
}

function compared(recorded: number, rehearsed: number, periods: number): ComparedFigure {
  return {
    recorded: round(recorded, 4),
    rehearsed: round(rehearsed, 4),
    errorPercent: recorded === 0 ? null : round(100 * (rehearsed / recorded - 1), 2),
    periods,
  };
}

function profileError({
  meanSeconds,
  latencySeconds,
  p10Seconds,
  p50Seconds,
  p90Seconds,
  periods,
}: ServiceFit): ProfileError {
  return {
    meanSeconds,
    againstLatencyPercent: latencySeconds === null ? null : round(100 * (meanSeconds / latencySeconds - 1), 2),
    spreadPercent: round((100 * (p90Seconds - p10Seconds)) / p50Seconds, 2),
    periods,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function text(percent: number): string {
  return String(round(percent, 1));
}
