import { InputError, throwProblems } from '../../core/errors';
import type { AbandonedWork } from '../fleet/engine/request-engine';
import type { Workload } from '../traffic/workload';

/** Window of a trace, and the fleet that every policy scales in it; the defaults are those of the command line. */
export interface ComparisonSettings {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  /** Standard deviation ÷ mean of the lognormal service time. */
  readonly serviceCoefficientOfVariation: number;
  /** Maximum wait for a slot of a request that is on time. */
  readonly sloWaitSeconds: number;
  /** Objective: ratio of requests that are on time. */
  readonly sloRatio: number;
  readonly provisioningSeconds: number;
  readonly provisioningSigma: number;
  /** Seconds from the end of a period until its metric is visible. */
  readonly metricDelaySeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** Number of seeds, from 1 on. */
  readonly seeds: number;
  /**
   * Work of requests that time out in the queue of an instance: their container does it after all (`served`) or leaves it (`dropped`).
   */
  readonly abandonedWork: AbandonedWork;
  /** Numbers of requests from which less is played. @default {@link PLAY_LIMITS} */
  readonly limits?: PlayLimits;
}

/** Maximum numbers of requests in the window, of all seeds together. */
export interface PlayLimits {
  /** Requests that are kept and played for every proposal of a schedule; of more, schedules are searched second by second. */
  readonly kept: number;
  /** Requests that are played one by one for each policy; more are played second by second. */
  readonly played: number;
  /** Maximum number of changes by which the best schedule gets cheaper, for services of more than five seconds. */
  readonly changes: number;
}

/**
 * Up to four million requests are kept: a search plays them about forty times, a quarter of a microsecond each. A hundred million take about
 * half a minute for each policy.
 */
export const PLAY_LIMITS: PlayLimits = { kept: 4e6, played: 1e8, changes: 20_000 };

/** Maximum number of requests up to the end of the window, of all seeds together: each is drawn once, which takes about five minutes. */
const MAX_REQUESTS = 1e10;

/** Default settings of `tidegate compare`. */
export const COMPARISON_DEFAULTS = {
  slotsPerInstance: 16,
  serviceMeanSeconds: 2,
  serviceCoefficientOfVariation: 1,
  sloWaitSeconds: 1,
  sloRatio: 0.99,
  provisioningSeconds: 258,
  provisioningSigma: 0.2,
  metricDelaySeconds: 10,
  minCapacity: 1,
  maxCapacity: 10_000,
  seeds: 5,
  abandonedWork: 'served',
} as const;

/** Mean of the lognormal provisioning time. */
export function meanProvisioningSeconds({ provisioningSeconds, provisioningSigma }: ComparisonSettings): number {
  return provisioningSeconds * Math.exp(provisioningSigma ** 2 / 2);
}

/** @throws InputError naming every setting that is out of range */
export function checkSettings(workload: Workload, settings: ComparisonSettings): void {
  const problems: string[] = [];
  const { fromSeconds: from, toSeconds: to } = settings;
  const end = Math.floor(workload.durationSeconds);
  const check = (name: string, value: number, ok: boolean, allowed: string): void => {
    if (!ok) problems.push(`${name} is ${value}; it must be ${allowed}`);
  };
  check('--from', from, Number.isInteger(from) && from >= 0, 'a whole number of seconds of at least 0');
  check('--to', to, Number.isInteger(to) && to <= end, `a whole number of seconds up to the trace's end (${end})`);
  if (to - from < 600) problems.push(`the window from ${from} to ${to} is shorter than 600 seconds; widen it`);
  const { slotsPerInstance: slots, provisioningSeconds, sloWaitSeconds, seeds } = settings;
  check('--slots', slots, Number.isInteger(slots) && slots >= 1 && slots <= 1000, 'a whole number from 1 to 1000');
  check(
    '--slo-wait',
    sloWaitSeconds,
    Number.isInteger(sloWaitSeconds) && sloWaitSeconds >= 1 && sloWaitSeconds <= 30,
    'a whole number of seconds from 1 to 30',
  );
  check(
    '--provisioning',
    provisioningSeconds,
    provisioningSeconds >= 1 && provisioningSeconds <= 7200,
    'a number of seconds from 1 to 7200',
  );
  check('--seeds', seeds, Number.isInteger(seeds) && seeds >= 1 && seeds <= 100, 'a whole number from 1 to 100');
  const { requestCount, durationSeconds } = workload;
  const requests = Math.round(requestCount * seeds * (durationSeconds > 0 ? Math.min(1, to / durationSeconds) : 1));
  if (requests > MAX_REQUESTS) {
    problems.push(
      `the trace has about ${requests} requests up to ${to} s, of all ${seeds} seeds together; at most ${MAX_REQUESTS} are drawn. ` +
        'Correct the counts, give fewer --seeds, or an earlier --to',
    );
  }
  const mean = settings.serviceMeanSeconds;
  check('--service-mean', mean, mean >= 0.001 && mean <= 60, 'a number of seconds from 0.001 to 60');
  throwProblems('compare', problems);
  if (settings.sloRatio <= 0 || settings.sloRatio >= 1) throw new InputError('sloRatio must lie between 0 and 1');
}
