import { undisturbedOccupancy } from '../fleet/pooled/occupancy';
import { endingShares, releasedSeconds } from '../fleet/pooled/service-spread';
import { meanProvisioningSeconds, PLAY_LIMITS, type ComparisonSettings } from './comparison-settings';
import type { RequestList } from '../fleet/engine/request-list';
import { evaluatePolicy, evaluateSchedule, playedSchedule, type PolicyRun } from './evaluation';
import { clairvoyantSchedule } from './oracle/clairvoyant';
import { FleetHistories, NO_HISTORY, type HistoryLimits } from './oracle/fleet-history';
import { fluidMisses, type FluidOptions } from './oracle/fluid-misses';
import { lowerBound, maximumOf } from './oracle/lower-bound';
import { minuteQueues } from './oracle/minute-queues';
import { maximumIn, occupancyOf, occupiedSlots } from './oracle/peaks';
import { improveSchedule } from './oracle/schedule-improvement';
import { cheapestAtPrice, scheduleCost, type SchedulePrices, type ScheduleSearch } from './oracle/schedule-search';
import { invocationsTracking } from './policies/aws';
import { constantPolicy } from './policies/constant';
import type { CapacityPolicy } from './policies/policy';
import { Random } from '../random';
import { fleetOf, searchFleetOf, type Trial } from './trial';

/** Targets that {@link hindsightTracking} tries, as ratios of an instance's throughput. */
const HINDSIGHT_TARGET_RATIOS = Array.from({ length: 14 }, (_, index) => Math.round((0.35 + index * 0.05) * 100) / 100);

/** Number of targets that {@link hindsightTracking} tries. */
export const HINDSIGHT_TARGETS = HINDSIGHT_TARGET_RATIOS.length;

/** Result of {@link runClairvoyant}. */
export interface ClairvoyantRun {
  readonly run: PolicyRun;
  /** False if nothing keeps the objective: the run is that of the largest fleet that was tried. */
  readonly isFound: boolean;
}

/** Returns the cheapest run found with all traffic known: a schedule, or one of the given runs of the same trial. */
export function runClairvoyant(
  trial: Trial,
  settings: ComparisonSettings,
  others: readonly PolicyRun[] = [],
): ClairvoyantRun {
  const { slotsPerInstance, minCapacity, maxCapacity, sloRatio } = settings;
  const minutes = Math.floor((settings.toSeconds - settings.fromSeconds) / 60);
  const provisioningSeconds = meanProvisioningSeconds(settings);
  const prices = { provisioningSeconds, drainSeconds: releasedSeconds(trial.service, slotsPerInstance) };
  const peak = Math.ceil(maximumIn(occupiedSlots(trial)) / slotsPerInstance);
  const maxInstances = Math.min(maxCapacity, Math.max(minCapacity, peak * MAX_FLEETS_PER_PEAK + 4));
  const searched = clairvoyantSchedule({
    proposers: proposals(trial, settings, prices),
    play: (instances, limit) => playedSchedule(instances, sloRatio, trial, prices, limit),
    costOf: (instances) => scheduleCost(instances, prices),
    minutes,
    minInstances: minCapacity,
    maxInstances,
    raises:
      trial.requests === undefined
        ? RAISE_RATIOS.map((ratio) => (count: number) => Math.ceil(count * (1 + ratio)))
        : RAISED_INSTANCES.map((more) => (count: number) => count + more),
    trials: changesOf(trial, settings),
    startSeconds: provisioningSeconds,
    random: new Random(trial.seed).fork('clairvoyant'),
  });
  const schedule =
    searched === undefined || trial.requests !== undefined || !trial.isPlayedSingly
      ? searched
      : keptSchedule(searched, trial, { minCapacity, maxInstances, sloRatio }, prices);
  const runs = others.filter((run) => run.sloRatio >= sloRatio).map((run) => ({ ...run, policy: CLAIRVOYANT }));
  const largest = new Int16Array(minutes).fill(maxInstances);
  const run = evaluateSchedule(CLAIRVOYANT, schedule ?? largest, provisioningSeconds, trial);
  if (schedule !== undefined) runs.unshift(run);
  if (runs.length === 0) return { run, isFound: false };
  return {
    run: runs.reduce((best, other) => (other.instanceHours < best.instanceHours ? other : best)),
    isFound: true,
  };
}

/** Raises of a schedule that was searched second by second until it keeps the objective request by request, or no longer does. */
const KEPT_RATIOS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32];
/** Rounds in which the raise, and then the minute from which it ends, are halved. */
const KEPT_ROUNDS = 4;

/**
 * Returns a schedule that was searched second by second with as many instances more or fewer, in proportion, as keep the objective request
 * by request; undefined if none of those tried does. From some minute on it has the instances of the next smaller raise, which uses up the
 * late requests that the objective allows.
 */
function keptSchedule(
  schedule: Int16Array,
  trial: Trial,
  { minCapacity, maxInstances, sloRatio }: { minCapacity: number; maxInstances: number; sloRatio: number },
  prices: SchedulePrices,
): Int16Array | undefined {
  const raised = (ratio: number): Int16Array =>
    schedule.map((count) => Math.max(minCapacity, Math.min(maxInstances, Math.ceil(count * (1 + ratio)))));
  const keeps = (instances: Int16Array): boolean =>
    playedSchedule(instances, sloRatio, trial, prices, 1, fleetOf(trial)).lateRatio <= 1;
  let high = 0;
  let low = 0;
  if (keeps(raised(0))) {
    const missing = KEPT_RATIOS.find((ratio) => !keeps(raised(-ratio)));
    if (missing === undefined) return raised(-KEPT_RATIOS[KEPT_RATIOS.length - 1]);
    low = -missing;
    high = -(KEPT_RATIOS[KEPT_RATIOS.indexOf(missing) - 1] ?? 0);
  } else {
    const kept = KEPT_RATIOS.find((ratio) => keeps(raised(ratio)));
    if (kept === undefined) return undefined;
    high = kept;
    low = KEPT_RATIOS[KEPT_RATIOS.indexOf(kept) - 1] ?? 0;
  }
  for (let round = 0; round < KEPT_ROUNDS; round++) {
    const middle = (low + high) / 2;
    if (keeps(raised(middle))) high = middle;
    else low = middle;
  }
  const [kept, missing] = [raised(high), raised(low)];
  const crossed = (minute: number): Int16Array => {
    const instances = missing.slice();
    instances.set(kept.subarray(0, minute));
    return instances;
  };
  let from = 0;
  let to = schedule.length;
  for (let round = 0; round < KEPT_ROUNDS; round++) {
    const middle = (from + to) >> 1;
    if (keeps(crossed(middle))) to = middle;
    else from = middle;
  }
  return crossed(to);
}

/** Maximum number of requests that are played to change a schedule. */
const CHANGED_REQUESTS = 3e7;
/** Mean service time up to which the queue of a minute depends little on the minutes before: its proposals need few changes. */
const SHORT_SERVICE_SECONDS = 5;
const SHORT_SERVICE_CHANGES = 80;

function changesOf({ requests }: Trial, { serviceMeanSeconds, limits = PLAY_LIMITS }: ComparisonSettings): number {
  const changes = serviceMeanSeconds <= SHORT_SERVICE_SECONDS ? SHORT_SERVICE_CHANGES : limits.changes;
  return requests === undefined ? 0 : Math.min(changes, Math.floor(CHANGED_REQUESTS / requests.at.length));
}

/** Instances by which proposals made from single requests are raised. */
const RAISED_INSTANCES = [0, 1, 2, 4];

/** Ratios by which proposals made from the load are raised. */
const RAISE_RATIOS = [0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.3, 0.5];

/** Name of the runs of {@link runClairvoyant}. */
export const CLAIRVOYANT = 'clairvoyant';

/** Largest constant fleet that is tried ÷ the fleet that the peak needs: queues in single instances can need more than one pool. */
const MAX_FLEETS_PER_PEAK = 2;

/** Returns the schedule that is cheapest at a price of a miss, by one model of the queues. */
type Proposer = (price: number) => Int16Array;

/**
 * Proposals by the load, and, of requests that are kept, also by the queues of single minutes. Where requests stay for minutes, a queue of a
 * minute by itself begins too well, and the load is nearer to the fleet.
 */
function proposals(trial: Trial, settings: ComparisonSettings, prices: SchedulePrices): readonly Proposer[] {
  if (trial.requests === undefined) return [loadProposals(trial, settings, prices)];
  const search = { ...prices, ...queueSearch(trial, trial.requests, settings) };
  const byQueues: Proposer = (price) => cheapestAtPrice(search, price).instances;
  if (settings.serviceMeanSeconds <= SHORT_SERVICE_SECONDS) return [byQueues];
  return [byQueues, loadProposals(trial, settings, prices)];
}

function loadProposals(trial: Trial, settings: ComparisonSettings, prices: SchedulePrices): Proposer {
  const minutes = Math.floor((settings.toSeconds - settings.fromSeconds) / 60);
  const { fromSeconds, toSeconds, minCapacity } = settings;
  const flow = {
    ...settings,
    ...prices,
    arrivals: trial.arrivals.subarray(fromSeconds, toSeconds),
    occupancy: trial.requests === undefined ? undisturbedOccupancy(trial) : occupancyOf(trial.requests, trial),
  };
  const maxInstances = neededByLoad(trial, settings);
  const search = {
    ...prices,
    minutes,
    minInstances: minCapacity,
    maxInstances,
    history: NO_HISTORY,
    misses: [fluidMisses(flow, minutes, maxInstances)],
  };
  return (price) => {
    const { instances } = cheapestAtPrice(search, price);
    improveSchedule(instances, { ...flow, minutes, maxInstances }, price);
    return instances;
  };
}

/** Largest number of instances in a schedule that is found by the load. */
function neededByLoad(trial: Trial, { minCapacity, maxCapacity, slotsPerInstance }: ComparisonSettings): number {
  const needed = Math.ceil((maximumIn(occupiedSlots(trial)) / slotsPerInstance) * 1.15) + 1;
  return Math.min(maxCapacity, Math.max(minCapacity, needed));
}

/** Tables of the queues of a window, for a search over its schedules. */
type QueueSearch = Pick<ScheduleSearch, 'minutes' | 'minInstances' | 'maxInstances' | 'history' | 'misses' | 'drains'>;

function queueSearch(trial: Trial, requests: RequestList, settings: ComparisonSettings): QueueSearch {
  const { fromSeconds, toSeconds, minCapacity, maxCapacity, serviceMeanSeconds, slotsPerInstance } = settings;
  const minutes = Math.floor((toSeconds - fromSeconds) / 60);
  const present = queueSearches.get(trial);
  if (present !== undefined) return present;
  const peak = Math.ceil(maximumIn(occupiedSlots(trial)) / slotsPerInstance);
  const maxInstances = Math.min(maxCapacity, Math.max(minCapacity, peak));
  const load = {
    requests: requests.at.length,
    minutes,
    meanSeconds: serviceMeanSeconds,
    slotsPerInstance,
    maxInstances,
  };
  const { history, plays } = queuePlays(load);
  const options = { ...settings, requests, minutes, history, plays, minInstances: minCapacity, maxInstances };
  const search = { minutes, minInstances: minCapacity, maxInstances, history, ...minuteQueues(options) };
  queueSearches.set(trial, search);
  return search;
}

/** Tables of {@link queueSearch}, which the clairvoyant and the bound share. */
const queueSearches = new WeakMap<Trial, QueueSearch>();

/**
 * Pasts of a fleet that are played, the finest first, by the minimum service time and the minimum spread. The spread is the standard deviation
 * of the occupied slots in instances, and with it grows the number of instances that a schedule releases in a minute.
 */
const HISTORIES: readonly (HistoryLimits & { readonly fromMeanSeconds: number; readonly fromSpread: number })[] = [
  { fromMeanSeconds: 30, fromSpread: 4, minutes: 3, levels: [...Array(13).keys(), 14, 17] },
  { fromMeanSeconds: 30, fromSpread: 4, minutes: 3, levels: [0, 1, 2, 3, 4, 5, 6, 8, 10, 12] },
  { fromMeanSeconds: 30, fromSpread: 1.5, minutes: 4, levels: [0, 1, 2, 4, 6, 8] },
  { fromMeanSeconds: 30, fromSpread: 1.5, minutes: 3, levels: [0, 1, 2, 4, 6, 8] },
  { fromMeanSeconds: 30, fromSpread: 0, minutes: 4, levels: [0, 1, 2, 4] },
  { fromMeanSeconds: 30, fromSpread: 0, minutes: 4, levels: [0, 1, 4] },
  { fromMeanSeconds: 15, fromSpread: 0, minutes: 3, levels: [0, 1, 2, 4] },
  { fromMeanSeconds: 5, fromSpread: 0, minutes: 2, levels: [0, 1, 2] },
  { fromMeanSeconds: 0, fromSpread: 0, minutes: 1, levels: [0, 1, 2] },
];

/** Requests played for the tables of a window, and the maximum number of plays of each minute: among many requests, luck evens out. */
const PLAYED_REQUESTS = 4e7;
const MAX_PLAYS = 4;
/** Maximum number of states of a search: minutes × numbers of instances × pasts. */
const MAX_QUEUE_STATES = 1e7;

/** Traffic of a window and its largest fleet. */
interface QueueLoad {
  readonly requests: number;
  readonly minutes: number;
  readonly meanSeconds: number;
  readonly slotsPerInstance: number;
  readonly maxInstances: number;
}

/** Past and number of plays for a load, within {@link PLAYED_REQUESTS} and {@link MAX_QUEUE_STATES}. */
function queuePlays({ requests, minutes, meanSeconds, slotsPerInstance, maxInstances }: QueueLoad): {
  readonly history: HistoryLimits;
  readonly plays: number;
} {
  const spread = Math.sqrt(maxInstances / slotsPerInstance);
  const statesOf = (limits: HistoryLimits): number => new FleetHistories(limits).all.length;
  const playsOf = (limits: HistoryLimits): number =>
    Math.floor(PLAYED_REQUESTS / (requests * (limits.minutes + 1) * statesOf(limits)));
  const history = HISTORIES.find(
    (limits, index) =>
      index === HISTORIES.length - 1 ||
      (meanSeconds >= limits.fromMeanSeconds &&
        spread >= limits.fromSpread &&
        minutes * (maxInstances + 1) * statesOf(limits) <= MAX_QUEUE_STATES &&
        playsOf(limits) >= 1),
  )!;
  return { history, plays: Math.max(1, Math.min(MAX_PLAYS, playsOf(history))) };
}

/** Late requests that a luckier order among equally loaded instances avoids: standard deviations of their number, and maximum ratio of it. */
const LUCK_DEVIATIONS = 2;
const LUCK_RATIO = 0.2;

/** Lower bound of the instance-hours of every schedule that meets the objective. */
export function boundInstanceHours(trial: Trial, settings: ComparisonSettings): number {
  const byLoad = loadBound(trial, settings);
  const byQueues =
    trial.requests === undefined ? fluidBound(trial, settings) : queueBound(trial, trial.requests, settings);
  return Math.max(byLoad, byQueues) / 3600;
}

/**
 * Bound by the queues of single minutes. For every price of a miss, the cheapest schedule's cost + price × (its late requests - allowed ones)
 * is at most the cost of the best schedule that meets the objective, because each minute begins as well as it can.
 */
function queueBound(trial: Trial, requests: RequestList, settings: ComparisonSettings): number {
  return dualBound({ ...queueSearch(trial, requests, settings), drainSeconds: 0 }, trial, settings);
}

/** Releases that {@link fluidBound} distinguishes, as ratios of the largest fleet. */
const RELEASED_RATIOS = [0.02, 0.05, 0.1, 0.25];
/** Maximum number of states of that bound: minutes × numbers of instances × pasts. */
const MAX_FLUID_STATES = 4e7;

/**
 * Bound by the load of single minutes, for large fleets: each minute begins without a queue, with the requests in its instances that a fleet
 * without waits has, less those that end in instances that were released when it began.
 */
function fluidBound(trial: Trial, settings: ComparisonSettings): number {
  const { fromSeconds, toSeconds, minCapacity } = settings;
  const minutes = Math.floor((toSeconds - fromSeconds) / 60);
  const maxInstances = neededByLoad(trial, settings);
  const released = RELEASED_RATIOS.map((ratio) => Math.max(1, Math.round(ratio * maxInstances)));
  const history = { minutes: 1, levels: [0, ...new Set(released)] };
  const { all } = new FleetHistories(history);
  if (minutes * (maxInstances + 1) * all.length > MAX_FLUID_STATES) return 0;
  const flow: FluidOptions = {
    ...settings,
    arrivals: trial.arrivals.subarray(fromSeconds, toSeconds),
    occupancy: undisturbedOccupancy(trial),
  };
  const misses = all.map(([more = 0]) => fluidMisses(flow, minutes, maxInstances, (n) => n / (n + more)));
  return dualBound(
    { minutes, minInstances: minCapacity, maxInstances, history, misses, drainSeconds: 0 },
    trial,
    settings,
  );
}

/** Maximum over the prices of a miss of the cheapest schedule's cost + price × (its late requests - allowed ones). */
function dualBound(
  tables: Omit<ScheduleSearch, 'provisioningSeconds'>,
  trial: Trial,
  settings: ComparisonSettings,
): number {
  const { fromSeconds, toSeconds, sloRatio } = settings;
  const search = { ...tables, provisioningSeconds: meanProvisioningSeconds(settings) };
  const late = (1 - sloRatio) * (trial.arrivalSums[toSeconds] - trial.arrivalSums[fromSeconds]);
  const allowed = Math.floor(late) + Math.floor(Math.min(LUCK_RATIO * late, LUCK_DEVIATIONS * Math.sqrt(late)));
  return maximumOf((price) => {
    const { cost, misses } = cheapestAtPrice(search, price);
    return cost + price * (misses - allowed);
  }).instanceSeconds;
}

function loadBound(trial: Trial, settings: ComparisonSettings): number {
  const { fromSeconds, toSeconds } = settings;
  const length = Math.floor((toSeconds - fromSeconds) / 60) * 60;
  const arrivals = new Float64Array(length + 60);
  for (let index = 0; index < arrivals.length; index++) {
    const second = fromSeconds - 60 + index;
    if (second >= 0) arrivals[index] = trial.arrivals[second];
  }
  const endingRatios = endingShares(trial.service);
  const outliving = new Float64Array(endingRatios.length + 1);
  outliving[0] = 1;
  for (let k = 0; k < endingRatios.length; k++) outliving[k + 1] = outliving[k] - endingRatios[k];
  const used = new Float64Array(endingRatios.length + 1);
  for (let k = 1; k <= endingRatios.length; k++) used[k] = used[k - 1] + Math.max(0, outliving[k]);
  const total = used[endingRatios.length];
  const { coefficientOfVariation, meanSeconds } = trial.service;
  const bound = lowerBound({
    arrivals,
    slotsPerInstance: settings.slotsPerInstance,
    serviceMeanSeconds: meanSeconds,
    usedRatio: (seconds) => (seconds <= 0 ? 0 : used[Math.min(endingRatios.length, Math.floor(seconds))] / total),
    residualSeconds: (meanSeconds * (1 + coefficientOfVariation ** 2)) / 2,
    sloWaitSeconds: settings.sloWaitSeconds,
    sloRatio: settings.sloRatio,
    provisioningSeconds: meanProvisioningSeconds(settings),
    minCapacity: settings.minCapacity,
  });
  return bound.instanceSeconds;
}

/** Constant fleets sized, in hindsight, for the busiest second and for the 99th percentile of seconds. */
export function hindsightConstants(trial: Trial, settings: ComparisonSettings): CapacityPolicy[] {
  const occupancy = occupiedSlots(trial).sort();
  const instances = (present: number): number => Math.ceil(present / settings.slotsPerInstance);
  return [
    constantPolicy('static-peak', instances(occupancy[occupancy.length - 1])),
    constantPolicy('static-p99', instances(occupancy[Math.floor(0.99 * (occupancy.length - 1))])),
  ];
}

/** Error of the share on time of a policy that is played second by second, for those near the objective. */
const ESTIMATE_ERROR = 0.01;

/** Runs of target tracking at the target that is, in hindsight, the cheapest of those that meet the objective with every seed. */
export function hindsightTracking(
  trials: readonly Trial[],
  settings: ComparisonSettings,
  onProgress: (activity: string) => void,
): readonly PolicyRun[] {
  const { sloRatio } = settings;
  const areExact = trials.every(({ requests, isPlayedSingly }) => requests !== undefined || !isPlayedSingly);
  const tried = HINDSIGHT_TARGET_RATIOS.map((targetRatio) => {
    const policy = invocationsTracking('aws-target-tracking-hindsight', targetRatio);
    onProgress(`${policy.name} at ${targetRatio}`);
    const runs = trials.map((trial) => evaluatePolicy(policy, trial, searchFleetOf(trial)));
    const cost = runs.reduce((sum, { instanceHours }) => sum + instanceHours, 0);
    return { policy, runs, cost };
  });
  const exact = ({ policy, runs }: (typeof tried)[number]): readonly PolicyRun[] =>
    areExact ? runs : trials.map((trial) => evaluatePolicy(policy, trial));
  const meets = (runs: readonly PolicyRun[], error: number): boolean =>
    runs.every((run) => run.sloRatio >= sloRatio - error);
  const cheapest = tried
    .filter(({ runs }) => meets(runs, areExact ? 0 : ESTIMATE_ERROR))
    .sort((a, b) => a.cost - b.cost);
  for (const one of cheapest) {
    const runs = exact(one);
    if (meets(runs, 0)) return runs;
  }
  return exact(tried[0]);
}
