import { InputError, throwProblems } from '../../core/errors';
import { clairvoyantSchedule } from '../oracle/clairvoyant';
import { lowerBound } from '../oracle/lower-bound';
import { awsPredictive } from '../policies/aws-predictive';
import { concurrencyTracking, invocationsTracking, stepScaling } from '../policies/aws';
import { constantPolicy } from '../policies/constant';
import { forecastPolicy } from '../policies/forecast';
import { knativeKpa } from '../policies/knative';
import { kubernetesHpa } from '../policies/kubernetes';
import type { CapacityPolicy, PolicySettings } from '../policies/policy';
import type { Workload } from '../workload/workload';
import { arrivalsPerSecond } from './demand';
import { evaluatePolicy, evaluateSchedule, type EvaluationOptions, type PolicyRun } from './evaluation';
import { undisturbedOccupancy } from './occupancy';
import { drainSeconds, endingShares } from './service-spread';

/** A window of a trace and how it is played; the defaults are those of the command line. */
export interface ComparisonSettings {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  /** Standard deviation ÷ mean of the lognormal service time. */
  readonly serviceCoefficientOfVariation: number;
  readonly sloWaitSeconds: number;
  /** The share of requests that must not wait longer. */
  readonly sloShare: number;
  readonly provisioningSeconds: number;
  readonly provisioningSigma: number;
  readonly metricDelaySeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly seeds: number;
}

/** What `tidegate compare` sets unless told otherwise. */
export const COMPARISON_DEFAULTS = {
  slotsPerInstance: 16,
  serviceMeanSeconds: 2,
  serviceCoefficientOfVariation: 1,
  sloWaitSeconds: 1,
  sloShare: 0.99,
  provisioningSeconds: 258,
  provisioningSigma: 0.2,
  metricDelaySeconds: 10,
  minCapacity: 1,
  maxCapacity: 10_000,
  seeds: 5,
} as const;

/** One line of the comparison; the worst seed is quoted. */
export interface PolicyResult {
  readonly name: string;
  /** Cost ÷ the clairvoyant's, of the dearest seed. */
  readonly costRatio: number;
  /** The share of requests on time, of the worst seed. */
  readonly slo: number;
  readonly waitSeconds: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly instanceHours: number;
  readonly scaleActions: number;
  readonly seeds: number;
}

/** What `--json` prints. */
export interface Comparison {
  readonly trace: string;
  readonly window: { readonly from: number; readonly to: number; readonly requests: number };
  readonly settings: { readonly [name: string]: number | string };
  readonly bound: { readonly instanceHours: number };
  readonly clairvoyant: { readonly instanceHours: number; readonly slo: number };
  readonly policies: readonly PolicyResult[];
}

/** Told as the comparison goes on. */
export interface ComparisonProgress {
  readonly done: number;
  readonly of: number;
  readonly what: string;
}

/** Where the comparison tells of itself. */
export interface ComparisonObserver {
  progress?(progress: ComparisonProgress): void;
  /** Every run whose timeline may be written; hindsight sweeps hand in the chosen one. */
  run?(run: PolicyRun): void;
}

/** Targets that hindsight chooses from, as shares of what an instance can do. */
const HINDSIGHT_SHARES = Array.from({ length: 14 }, (_, index) => Math.round((0.35 + index * 0.05) * 100) / 100);

/** The name of this package's own policy. */
export const FORECAST_POLICY = 'tidegate-forecast';

/** The policies that take no hindsight, in the order they are printed. */
export function onlinePolicies(): CapacityPolicy[] {
  return [
    forecastPolicy(FORECAST_POLICY),
    invocationsTracking('aws-target-tracking-0.5', 0.5),
    invocationsTracking('aws-target-tracking-0.7', 0.7),
    concurrencyTracking('aws-concurrency-10s-0.7', 0.7),
    stepScaling('aws-step'),
    kubernetesHpa('kubernetes-hpa-0.7', 0.7),
    knativeKpa('knative-kpa-0.7', 0.7),
    awsPredictive('aws-predictive-seasonal-naive-stand-in', 0.7),
  ];
}

/**
 * Plays the policies, the clairvoyant and the bound on a window of a trace. What lies before the window is seen by forecasters only.
 *
 * @throws InputError for settings or a window that cannot be played
 */
export function comparePolicies(
  workload: Workload,
  settings: ComparisonSettings,
  observer: ComparisonObserver = {},
): Comparison {
  checkComparison(workload, settings);
  const policies = onlinePolicies();
  const of = settings.seeds * (policies.length + 3);
  let done = 0;
  const told = (what: string): void => observer.progress?.({ done: done++, of, what });
  const runs = new Map<string, PolicyRun[]>();
  const keep = (run: PolicyRun): void => {
    runs.set(run.policy, [...(runs.get(run.policy) ?? []), run]);
    observer.run?.(run);
  };
  const bounds: number[] = [];
  const worlds = Array.from({ length: settings.seeds }, (_, index) => worldOf(workload, settings, index + 1));
  for (const world of worlds) {
    told(`bound, seed ${world.seed}`);
    bounds.push(boundOf(world, settings));
    told(`clairvoyant, seed ${world.seed}`);
    keep(playClairvoyant(world, settings));
    for (const policy of policies) {
      told(`${policy.name}, seed ${world.seed}`);
      keep(evaluatePolicy(policy, world));
    }
  }
  for (const policy of hindsightConstants(worlds[0], settings)) {
    for (const world of worlds) keep(evaluatePolicy(policy, world));
  }
  done = of - settings.seeds;
  for (const run of hindsightTracking(worlds, settings, told)) keep(run);
  return summary(workload, settings, worlds, runs, bounds);
}

/** A seed's world: its arrivals, and how runs are played in it. */
export function worldOf(workload: Workload, settings: ComparisonSettings, seed: number): EvaluationOptions {
  const arrivals = arrivalsPerSecond(workload, seed, settings.toSeconds);
  const arrivalSums = new Float64Array(arrivals.length + 1);
  for (let second = 0; second < arrivals.length; second++) {
    arrivalSums[second + 1] = arrivalSums[second] + arrivals[second];
  }
  const policySettings: PolicySettings = {
    slotsPerInstance: settings.slotsPerInstance,
    serviceMeanSeconds: settings.serviceMeanSeconds,
    provisioningSeconds: settings.provisioningSeconds,
    minCapacity: settings.minCapacity,
    maxCapacity: settings.maxCapacity,
  };
  return {
    arrivals,
    arrivalSums,
    fromSeconds: settings.fromSeconds,
    toSeconds: settings.toSeconds,
    slotsPerInstance: settings.slotsPerInstance,
    service: {
      meanSeconds: settings.serviceMeanSeconds,
      coefficientOfVariation: settings.serviceCoefficientOfVariation,
    },
    sloWaitSeconds: settings.sloWaitSeconds,
    provisioning: { medianSeconds: settings.provisioningSeconds, sigma: settings.provisioningSigma },
    metricDelaySeconds: settings.metricDelaySeconds,
    seed,
    settings: policySettings,
  };
}

/** The clairvoyant's run. */
export function playClairvoyant(world: EvaluationOptions, settings: ComparisonSettings): PolicyRun {
  const provisioningSeconds = meanProvisioning(settings);
  const play = (instances: Int16Array): PolicyRun =>
    evaluateSchedule('clairvoyant', instances, provisioningSeconds, world);
  const schedule = clairvoyantSchedule({
    arrivals: world.arrivals.subarray(settings.fromSeconds, settings.toSeconds),
    occupancy: undisturbedOccupancy(world),
    slotsPerInstance: settings.slotsPerInstance,
    serviceMeanSeconds: settings.serviceMeanSeconds,
    sloWaitSeconds: settings.sloWaitSeconds,
    sloShare: settings.sloShare,
    provisioningSeconds,
    drainSeconds: Math.round(drainSeconds(world.service, settings.slotsPerInstance * 0.8)),
    minCapacity: settings.minCapacity,
    maxCapacity: settings.maxCapacity,
    play: (instances) => play(instances).slo,
  });
  return play(schedule);
}

/** The bound in instance-hours. */
export function boundOf(world: EvaluationOptions, settings: ComparisonSettings): number {
  const { fromSeconds, toSeconds } = settings;
  const length = Math.floor((toSeconds - fromSeconds) / 60) * 60;
  const arrivals = new Float64Array(length + 60);
  for (let index = 0; index < arrivals.length; index++) {
    const second = fromSeconds - 60 + index;
    if (second >= 0) arrivals[index] = world.arrivals[second];
  }
  const shares = endingShares(world.service);
  const outlive = new Float64Array(shares.length + 1);
  outlive[0] = 1;
  for (let k = 0; k < shares.length; k++) outlive[k + 1] = outlive[k] - shares[k];
  const used = new Float64Array(shares.length + 1);
  for (let k = 1; k <= shares.length; k++) used[k] = used[k - 1] + Math.max(0, outlive[k]);
  const whole = used[shares.length];
  const { coefficientOfVariation: spread, meanSeconds } = world.service;
  const bound = lowerBound({
    arrivals,
    slotsPerInstance: settings.slotsPerInstance,
    serviceMeanSeconds: meanSeconds,
    usedBy: (seconds) => (seconds <= 0 ? 0 : used[Math.min(shares.length, Math.floor(seconds))] / whole),
    residualSeconds: (meanSeconds * (1 + spread ** 2)) / 2,
    sloWaitSeconds: settings.sloWaitSeconds,
    sloShare: settings.sloShare,
    provisioningSeconds: meanProvisioning(settings),
    minCapacity: settings.minCapacity,
  });
  return bound.instanceSeconds / 3600;
}

function meanProvisioning({ provisioningSeconds, provisioningSigma }: ComparisonSettings): number {
  return provisioningSeconds * Math.exp(provisioningSigma ** 2 / 2);
}

/** The fleets that the busiest second and the 99th percentile of minutes need, known beforehand. */
function hindsightConstants(world: EvaluationOptions, settings: ComparisonSettings): CapacityPolicy[] {
  const occupancy = undisturbedOccupancy(world).sort();
  const instances = (present: number): number => Math.ceil(present / settings.slotsPerInstance);
  return [
    constantPolicy('static-peak', instances(occupancy[occupancy.length - 1])),
    constantPolicy('static-p99', instances(occupancy[Math.floor(0.99 * (occupancy.length - 1))])),
  ];
}

/** Target tracking with the target that turns out cheapest of those that meet the objective with every seed. */
function hindsightTracking(
  worlds: readonly EvaluationOptions[],
  settings: ComparisonSettings,
  told: (what: string) => void,
): PolicyRun[] {
  let best: { runs: PolicyRun[]; cost: number; meets: boolean } | undefined;
  for (const share of HINDSIGHT_SHARES) {
    const policy = invocationsTracking('aws-target-tracking-hindsight', share);
    told(`${policy.name} at ${share}`);
    const played = worlds.map((world) => evaluatePolicy(policy, world));
    const meets = played.every(({ slo }) => slo >= settings.sloShare);
    const cost = played.reduce((sum, { instanceHours }) => sum + instanceHours, 0);
    if (best === undefined || (meets && (!best.meets || cost < best.cost))) best = { runs: played, cost, meets };
  }
  return best!.runs;
}

function summary(
  workload: Workload,
  settings: ComparisonSettings,
  worlds: readonly EvaluationOptions[],
  runs: ReadonlyMap<string, readonly PolicyRun[]>,
  bounds: readonly number[],
): Comparison {
  const { fromSeconds: from, toSeconds: to, ...rest } = settings;
  const clairvoyant = runs.get('clairvoyant')!;
  const sums = worlds[0].arrivalSums;
  return {
    trace: workload.name,
    window: { from, to, requests: sums[to] - sums[from] },
    settings: { ...rest, engine: 'aggregated-second' },
    bound: { instanceHours: Math.min(...bounds) },
    clairvoyant: {
      instanceHours: Math.max(...clairvoyant.map(({ instanceHours }) => instanceHours)),
      slo: Math.min(...clairvoyant.map(({ slo }) => slo)),
    },
    policies: [...runs].map(([name, played]) => {
      const worst = (of: (run: PolicyRun) => number): number => Math.max(...played.map(of));
      return {
        name,
        costRatio: Math.max(...played.map((run, index) => run.instanceHours / clairvoyant[index].instanceHours)),
        slo: Math.min(...played.map(({ slo }) => slo)),
        waitSeconds: {
          p50: worst(({ waitSeconds }) => waitSeconds.p50),
          p95: worst(({ waitSeconds }) => waitSeconds.p95),
          p99: worst(({ waitSeconds }) => waitSeconds.p99),
        },
        instanceHours: worst(({ instanceHours }) => instanceHours),
        scaleActions: worst(({ scaleActions }) => scaleActions),
        seeds: played.length,
      };
    }),
  };
}

/** @throws InputError naming every setting that cannot be played */
export function checkComparison(workload: Workload, settings: ComparisonSettings): void {
  const problems: string[] = [];
  const { fromSeconds: from, toSeconds: to } = settings;
  const whole = Math.floor(workload.durationSeconds);
  const check = (name: string, value: number, ok: boolean, allowed: string): void => {
    if (!ok) problems.push(`${name} is ${value}; it must be ${allowed}`);
  };
  check('--from', from, Number.isInteger(from) && from >= 0, 'a whole number of seconds of at least 0');
  check('--to', to, Number.isInteger(to) && to <= whole, `a whole number of seconds up to the trace's end (${whole})`);
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
  const mean = settings.serviceMeanSeconds;
  check('--service-mean', mean, mean > 0 && mean <= 60, 'a number of seconds above 0 and at most 60');
  throwProblems('compare', problems);
  if (settings.sloShare <= 0 || settings.sloShare >= 1) throw new InputError('sloShare must lie between 0 and 1');
}
