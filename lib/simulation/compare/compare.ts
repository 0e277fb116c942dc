import { TARGET_UTILIZATION } from '../../scaling/decide';
import { Clock, datedClock, type DatedClock } from '../clock';
import type { Workload } from '../traffic/workload';
import { checkSettings, type ComparisonSettings } from './comparison-settings';
import { evaluatePolicy, type PolicyRun } from './evaluation';
import { maximumIn, occupiedSlots } from './oracle/peaks';
import { concurrencyTracking, invocationsTracking, stepScaling } from './policies/aws';
import { awsPredictive } from './policies/aws-predictive';
import { forecastPolicy } from './policies/forecast';
import { knativeKpa } from './policies/knative';
import { kubernetesHpa } from './policies/kubernetes';
import type { CapacityPolicy } from './policies/policy';
import { trialOf, type Trial } from './trial';
import {
  boundInstanceHours,
  CLAIRVOYANT,
  HINDSIGHT_TARGETS,
  hindsightConstants,
  hindsightTracking,
  runClairvoyant,
} from './yardsticks';

/** Results of one policy, each of the worst seed. */
export interface PolicyResult {
  readonly name: string;
  /** Cost ÷ the clairvoyant's, of the most expensive seed. */
  readonly costRatio: number;
  /** Ratio of requests on time. */
  readonly sloRatio: number;
  readonly waitSeconds: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly instanceHours: number;
  readonly scaleActions: number;
  readonly seeds: number;
}

/** Result of `tidegate compare`, as `--json` prints it. */
export interface Comparison {
  readonly trace: string;
  /** Clock of the trace; null if it has no dates. */
  readonly clock: DatedClock;
  /** Window in seconds from the trace's start, and in UTC if the trace has dates. */
  readonly window: {
    readonly from: number;
    readonly fromAt?: string;
    readonly to: number;
    readonly toAt?: string;
    readonly requests: number;
  };
  readonly settings: { readonly [name: string]: number | string };
  readonly bound: { readonly instanceHours: number };
  /** Cheapest schedule found that keeps the objective. If none is (`isFound` is false), the largest fleet that was tried. */
  readonly clairvoyant: { readonly isFound: boolean; readonly instanceHours: number; readonly sloRatio: number };
  readonly policies: readonly PolicyResult[];
}

/** Progress of a comparison: steps done and in total. */
export interface ComparisonProgress {
  readonly done: number;
  readonly of: number;
  readonly activity: string;
}

/** Receives the progress and the runs of a comparison. */
export interface ComparisonObserver {
  progress?(progress: ComparisonProgress): void;
  /** Receives the instances that the busiest second of each minute needs at full use, with the first seed. */
  demand?(instances: readonly number[]): void;
  /** Receives every run of the result; of policies chosen in hindsight, the chosen one. */
  run?(run: PolicyRun): void;
}

/** Name of this package's own policy. */
export const FORECAST_POLICY = 'tidegate-forecast';

/** Policies without hindsight, in the order in which they are printed. */
function onlinePolicies(): CapacityPolicy[] {
  return [
    forecastPolicy(FORECAST_POLICY),
    invocationsTracking('aws-target-tracking-0.5', 0.5),
    invocationsTracking(`aws-target-tracking-${TARGET_UTILIZATION}`, TARGET_UTILIZATION),
    concurrencyTracking(`aws-concurrency-10s-${TARGET_UTILIZATION}`, TARGET_UTILIZATION),
    stepScaling('aws-step'),
    kubernetesHpa(`kubernetes-hpa-${TARGET_UTILIZATION}`, TARGET_UTILIZATION),
    knativeKpa(`knative-kpa-${TARGET_UTILIZATION}`, TARGET_UTILIZATION),
    awsPredictive('aws-predictive-seasonal-naive-stand-in', TARGET_UTILIZATION),
  ];
}

/**
 * Evaluates every policy, the clairvoyant and the bound over a window of a trace. Forecasters also see the traffic before the window.
 *
 * @param timezone zone of the times in texts. @default that of the trace's dates
 * @throws InputError for settings or a window out of range
 */
export function comparePolicies(
  workload: Workload,
  settings: ComparisonSettings,
  observer: ComparisonObserver = {},
  timezone?: string,
): Comparison {
  checkSettings(workload, settings);
  const policies = onlinePolicies();
  const of = settings.seeds * (policies.length + 2) + HINDSIGHT_TARGETS;
  let done = 0;
  const progress = (activity: string): void => observer.progress?.({ done: done++, of, activity });
  const runs = new Map<string, PolicyRun[]>([[CLAIRVOYANT, []]]);
  const keep = (run: PolicyRun): void => {
    runs.set(run.policy, [...(runs.get(run.policy) ?? []), run]);
    observer.run?.(run);
  };
  const trials = Array.from({ length: settings.seeds }, (_, index) => trialOf(workload, settings, index + 1));
  observer.demand?.(neededInstances(trials[0], settings));
  for (const trial of trials) {
    for (const policy of policies) {
      progress(`${policy.name}, seed ${trial.seed}`);
      keep(evaluatePolicy(policy, trial));
    }
  }
  for (const policy of hindsightConstants(trials[0], settings)) {
    for (const trial of trials) keep(evaluatePolicy(policy, trial));
  }
  for (const run of hindsightTracking(trials, settings, progress)) keep(run);
  const bounds: number[] = [];
  const found: boolean[] = [];
  for (const trial of trials) {
    progress(`clairvoyant, seed ${trial.seed}`);
    const others = [...runs.values()].flat().filter(({ seed }) => seed === trial.seed);
    const { run, isFound } = runClairvoyant(trial, settings, others);
    keep(run);
    found.push(isFound);
    progress(`bound, seed ${trial.seed}`);
    const bound = boundInstanceHours(trial, settings);
    // A schedule that costs less is the better evidence.
    bounds.push(isFound ? Math.min(bound, run.instanceHours) : bound);
  }
  return comparisonOf(workload, settings, trials, runs, bounds, found.every(Boolean), timezone);
}

function comparisonOf(
  workload: Workload,
  settings: ComparisonSettings,
  trials: readonly Trial[],
  runs: ReadonlyMap<string, readonly PolicyRun[]>,
  bounds: readonly number[],
  isFound: boolean,
  timezone: string | undefined,
): Comparison {
  const { fromSeconds: from, toSeconds: to, limits: _limits, ...rest } = settings;
  const clairvoyant = runs.get(CLAIRVOYANT)!;
  const sums = trials[0].arrivalSums;
  const areKept = trials.every(({ requests }) => requests !== undefined);
  const clock = datedClock(workload.startsAt, timezone, workload.utcOffsetSeconds);
  const times = new Clock(clock, workload.durationSeconds);
  return {
    trace: workload.name,
    clock,
    window: {
      from,
      ...(clock !== null && { fromAt: times.iso(from)! }),
      to,
      ...(clock !== null && { toAt: times.iso(to)! }),
      requests: sums[to] - sums[from],
    },
    settings: {
      ...rest,
      engine: trials.every(({ isPlayedSingly }) => isPlayedSingly) ? 'requests' : 'aggregated-second',
      search: areKept ? 'requests' : 'aggregated-second',
    },
    bound: { instanceHours: Math.min(...bounds) },
    clairvoyant: {
      isFound,
      instanceHours: Math.max(...clairvoyant.map(({ instanceHours }) => instanceHours)),
      sloRatio: Math.min(...clairvoyant.map(({ sloRatio }) => sloRatio)),
    },
    policies: [...runs].map(([name, ofPolicy]) => {
      const worst = (of: (run: PolicyRun) => number): number => Math.max(...ofPolicy.map(of));
      return {
        name,
        costRatio: Math.max(...ofPolicy.map((run, index) => run.instanceHours / clairvoyant[index].instanceHours)),
        sloRatio: Math.min(...ofPolicy.map(({ sloRatio }) => sloRatio)),
        waitSeconds: {
          p50: worst(({ waitSeconds }) => waitSeconds.p50),
          p95: worst(({ waitSeconds }) => waitSeconds.p95),
          p99: worst(({ waitSeconds }) => waitSeconds.p99),
        },
        instanceHours: worst(({ instanceHours }) => instanceHours),
        scaleActions: worst(({ scaleActions }) => scaleActions),
        seeds: ofPolicy.length,
      };
    }),
  };
}

/** Instances that the busiest second of each minute of the window needs at full use. */
function neededInstances(trial: Trial, { slotsPerInstance }: ComparisonSettings): number[] {
  const occupied = occupiedSlots(trial);
  return Array.from({ length: Math.ceil(occupied.length / 60) }, (_, minute) =>
    Math.ceil(maximumIn(occupied.subarray(minute * 60, minute * 60 + 60)) / slotsPerInstance),
  );
}
