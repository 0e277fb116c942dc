import { InputError } from '../../core/errors';
import { nearestNames } from '../../core/nearest';
import { round } from '../number-text';
import type { Rehearsal } from './rehearsal';

/** Condition under which a rehearsal counts as failed, for example `slo<99` or `cost>1200/month`. */
export interface FailureThreshold {
  /** The condition as written. */
  readonly text: string;
  readonly measure: string;
  readonly operator: '<' | '<=' | '>' | '>=';
  readonly limit: number;
  readonly perMonth: boolean;
}

/** Threshold that a rehearsal crosses. */
export interface CrossedThreshold {
  readonly threshold: string;
  readonly value: number;
}

interface Measure {
  readonly unit: string;
  readonly of: (rehearsal: Rehearsal, perMonth: boolean) => number;
}

const percentOf = (count: number, { requests }: Rehearsal): number =>
  requests.arrived === 0 ? 0 : (100 * count) / requests.arrived;

const MEASURES: { readonly [name: string]: Measure } = {
  slo: { unit: '% of requests', of: (rehearsal) => rehearsal.sloPercent },
  cost: { unit: 'USD', of: ({ cost }, perMonth) => (perMonth ? cost.usdPerMonth : cost.usd) },
  'cost-per-million': { unit: 'USD', of: ({ cost }) => cost.usdPerMillionRequests },
  'latency-p50': { unit: 's', of: ({ latencySeconds }) => latencySeconds.p50 },
  'latency-p95': { unit: 's', of: ({ latencySeconds }) => latencySeconds.p95 },
  'latency-p99': { unit: 's', of: ({ latencySeconds }) => latencySeconds.p99 },
  'wait-p50': { unit: 's', of: ({ waitSeconds }) => waitSeconds.p50 },
  'wait-p95': { unit: 's', of: ({ waitSeconds }) => waitSeconds.p95 },
  'wait-p99': { unit: 's', of: ({ waitSeconds }) => waitSeconds.p99 },
  'wait-max': { unit: 's', of: ({ waitSeconds }) => waitSeconds.maximum },
  drops: {
    unit: '% of requests',
    of: (rehearsal) => percentOf(rehearsal.requests.timedOut + rehearsal.requests.rejected, rehearsal),
  },
  timeouts: { unit: '% of requests', of: (rehearsal) => percentOf(rehearsal.requests.timedOut, rehearsal) },
  rejected: { unit: '% of requests', of: (rehearsal) => percentOf(rehearsal.requests.rejected, rehearsal) },
  retries: { unit: '% of requests', of: ({ retries }) => retries.extraLoadPercent },
  spilled: { unit: '% of requests', of: ({ spill }) => spill?.percent ?? 0 },
  'peak-instances': { unit: '', of: ({ capacity }) => capacity.peakInstances },
  'instance-hours': { unit: 'h', of: ({ capacity }) => capacity.instanceHours },
  utilisation: { unit: '%', of: ({ capacity }) => capacity.utilisationPercent },
  'scale-actions': { unit: '', of: ({ scaling }) => scaling.scaleOuts + scaling.scaleIns },
};

const FORM = /^([a-z0-9-]+)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*(?:(?:%|s|usd)\s*)?(\/\s*month)?$/i;

/** Maximum number of a condition, above every measure. */
const MAX_LIMIT = 1e15;

/**
 * Parses a condition such as `slo<99`, `cost>1200/month` or `wait-p99>1`.
 *
 * @throws InputError naming the possible forms and measures.
 */
export function parseThreshold(text: string): FailureThreshold {
  const match = FORM.exec(text.trim());
  if (match === null) {
    throw new InputError(
      `--fail-if is '${text}'; write a measure, < or >, and a number, such as slo<99, cost>1200/month or wait-p99>1`,
    );
  }
  const measure = match[1]!.toLowerCase();
  if (!Object.hasOwn(MEASURES, measure)) {
    throw new InputError(
      `--fail-if is '${text}', and there is no measure '${measure}'; nearest: ${nearestNames(measure, Object.keys(MEASURES)).join(', ')}`,
    );
  }
  const perMonth = match[4] !== undefined;
  if (perMonth && measure !== 'cost') throw new InputError(`--fail-if is '${text}'; only cost can be given per month`);
  const limit = Number(match[3]);
  if (!(Math.abs(limit) <= MAX_LIMIT)) throw new InputError(`--fail-if is '${text}'; its number is above ${MAX_LIMIT}`);
  return {
    text: text.trim(),
    measure,
    operator: match[2] as FailureThreshold['operator'],
    limit,
    perMonth,
  };
}

/** Returns the thresholds that a rehearsal crosses. */
export function crossedThresholds(rehearsal: Rehearsal, thresholds: readonly FailureThreshold[]): CrossedThreshold[] {
  return thresholds.flatMap((threshold) => {
    const value = MEASURES[threshold.measure]!.of(rehearsal, threshold.perMonth);
    return crosses(value, threshold) ? [{ threshold: threshold.text, value }] : [];
  });
}

/** Threshold and value with its unit, for messages. */
export function thresholdValueText({ text, measure }: FailureThreshold, value: number): string {
  const { unit } = MEASURES[measure]!;
  return `${text}: it is ${round(value, 3)}${unit === '' ? '' : ` ${unit}`}`;
}

function crosses(value: number, { operator, limit }: FailureThreshold): boolean {
  switch (operator) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
  }
}
