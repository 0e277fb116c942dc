import type { Random } from '../../random';

/** Result of a schedule in a fleet. */
export interface PlayedSchedule {
  /** Late requests ÷ those that the objective allows; Infinity if there are more than the limit of the play. */
  readonly lateRatio: number;
  /** Billed instance-seconds. */
  readonly cost: number;
}

/** Proposals of schedules, and their judge. */
export interface ClairvoyantOptions {
  /** Each returns the cheapest schedule of instances per minute at a price of a miss in instance-seconds, by its model of the queues. */
  readonly proposers: readonly ((price: number) => Int16Array)[];
  /** Plays a schedule in the fleet that evaluates every policy, until more than `limit` times the late requests are late that the objective allows. */
  readonly play: (instances: Int16Array, limit: number) => PlayedSchedule;
  /** Billed instance-seconds of a schedule, with the mean of what a released instance still works. */
  readonly costOf: (instances: Int16Array) => number;
  readonly minutes: number;
  readonly minInstances: number;
  /** Largest fleet that is tried. */
  readonly maxInstances: number;
  /** Returns the instances of a minute after each raise of whole proposals; the first raise is none, then the smallest first. */
  readonly raises: readonly ((count: number) => number)[];
  /** Maximum number of changed schedules that are played. */
  readonly trials: number;
  /** Billed instance-seconds of a start. */
  readonly startSeconds: number;
  readonly random: Random;
}

/** Options with the judgement that most steps need. */
interface Judged extends ClairvoyantOptions {
  /** Returns true if a schedule meets the objective. */
  readonly keeps: (instances: Int16Array) => boolean;
}

const FIRST_PRICE = 1;
const PRICE_STEP = 8;
const MIN_PRICE = 1e-3;
const MAX_PRICE = 1e6;
const PRICE_ROUNDS = 7;
const CROSSING_ROUNDS = 6;
/** Minimum length of an interval that loses an instance, in minutes. */
const MIN_INTERVAL_MINUTES = 4;
/** Maximum number of intervals that are tried with an instance less, one after the other. */
const MAX_TRIMS = 80;
/** Minimum number of changed schedules from which random changes lead anywhere. */
const MIN_CHANGES = 200;
/** Lengths of the intervals that are changed at random, in minutes. */
const CHANGED_MINUTES = [1, 2, 4, 8, 16, 32, 64];
/** First temperature of a long search, in starts; a search with fewer changes than BOLD_CHANGES begins cooler, in proportion. */
const MAX_BOLDNESS = 1.5;
const BOLD_CHANGES = 20_000;
/** Late requests ÷ allowed ones up to which a changed schedule is still one to go on from. */
const MAX_EXCESS = 1.5;
/** Instance-seconds of a schedule's cost that are weighed against as many late requests as are allowed. */
const EXCESS_COST = 0.1;

/**
 * Returns the cheapest schedule found on a one-minute grid that meets the objective, with all traffic known; undefined if none is found.
 *
 * The price of a miss is multiplied until the schedule proposed at it meets the objective, divided until one does not, and then bisected:
 * whatever the model of the queues takes a miss for, the fleet decides. Between the last two prices, a schedule that changes from the dearer
 * to the cheaper one on the way uses up the misses that the objective allows. The same is tried with every minute raised,
 * because a model of a minute by itself knows no queue from the minute before, and one of the load knows no queues of single instances; and the smallest constant fleet that meets it competes.
 * The cheapest of them loses instances for an interval wherever the objective allows it, and is then changed at random, less and less boldly
 * (simulated annealing), while the budget of plays lasts.
 */
export function clairvoyantSchedule(given: ClairvoyantOptions): Int16Array | undefined {
  const options: Judged = { ...given, keeps: (instances) => given.play(instances, 1).lateRatio <= 1 };
  const { costOf } = options;
  let best = smallestConstant(options);
  let missing: Int16Array | undefined;
  for (const proposer of options.proposers) {
    const proposed = new Map<number, Int16Array>();
    const propose = (price: number): Int16Array => {
      const schedule = proposed.get(price) ?? proposer(price);
      proposed.set(price, schedule);
      return schedule;
    };
    let cheapest: Int16Array | undefined;
    for (const [index, raise] of options.raises.entries()) {
      const found = cheapestRaised(options, propose, raise);
      if (found.missing !== undefined && (missing === undefined || costOf(found.missing) > costOf(missing))) {
        missing = found.missing;
      }
      if (found.best === undefined) continue;
      const better = cheapest === undefined || costOf(found.best) < costOf(cheapest);
      if (better) cheapest = found.best;
      else if (index > 0) break;
    }
    if (cheapest !== undefined && (best === undefined || costOf(cheapest) < costOf(best))) best = cheapest;
  }
  if (best !== undefined && missing !== undefined && costOf(missing) < costOf(best)) {
    cross(best, missing, (instances) => {
      const kept = options.keeps(instances);
      if (kept && costOf(instances) < costOf(best!)) best = instances;
      return kept;
    });
  }
  return best === undefined ? undefined : annealed(trimmed(best, options), options);
}

/** Takes an instance away from intervals, the longest first, while the schedule meets the objective. */
function trimmed(schedule: Int16Array, { keeps, costOf, minutes, minInstances, trials }: Judged): Int16Array {
  let best = schedule;
  let cost = costOf(best);
  let left = Math.min(MAX_TRIMS, trials);
  for (let length = minutes; length >= MIN_INTERVAL_MINUTES && left > 0; length = Math.floor(length / 2)) {
    for (let from = 0; from < minutes && left > 0; from += length) {
      const fewer = best.slice();
      for (let minute = from; minute < Math.min(minutes, from + length); minute++) {
        fewer[minute] = Math.max(minInstances, fewer[minute] - 1);
      }
      const reduced = costOf(fewer);
      if (reduced >= cost) continue;
      left--;
      if (!keeps(fewer)) continue;
      best = fewer;
      cost = reduced;
    }
  }
  return best;
}

/**
 * Gives intervals an instance more or less at random. Dearer schedules and those with some late requests too many are accepted with a
 * probability that falls; the cheapest one that meets the objective is returned.
 */
function annealed(
  schedule: Int16Array,
  { play, costOf, minutes, minInstances, maxInstances, trials, startSeconds, random }: Judged,
): Int16Array {
  const plays = trials - MAX_TRIMS;
  if (plays < MIN_CHANGES) return schedule;
  let best = schedule;
  let bestCost = play(best, 1).cost;
  const price = EXCESS_COST * bestCost;
  // A short search has no time to come back from dear schedules.
  const boldness = MAX_BOLDNESS * Math.min(1, plays / BOLD_CHANGES);
  const energy = (cost: number, late: number): number => cost + (late > 1 ? price * (late - 1) + 60 : 0);
  let current = schedule;
  let present = energy(bestCost, 1);
  // Schedules drain less or more than the mean: their estimates are held against that of the present one.
  let estimated = costOf(current);
  for (let round = 0; round < plays; round++) {
    const temperature = boldness * startSeconds * (1 - round / plays) + 1;
    const length = CHANGED_MINUTES[Math.floor(random.uniform() * CHANGED_MINUTES.length)];
    const from = Math.floor(random.uniform() * (minutes + length - 1)) - length + 1;
    const by = random.uniform() < 0.5 ? 1 : -1;
    const changed = current.slice();
    for (let minute = Math.max(0, from); minute < Math.min(minutes, from + length); minute++) {
      changed[minute] = Math.max(minInstances, Math.min(maxInstances, changed[minute] + by));
    }
    const threshold = present - temperature * Math.log(1 - random.uniform());
    const estimate = costOf(changed);
    if (present + estimate - estimated > threshold + price) continue;
    const { lateRatio, cost } = play(changed, MAX_EXCESS);
    const next = energy(cost, lateRatio);
    if (next > threshold) continue;
    current = changed;
    present = next;
    estimated = estimate;
    if (lateRatio <= 1 && cost < bestCost) {
      best = changed;
      bestCost = cost;
    }
  }
  return best;
}

/** Returns the smallest constant fleet that meets the objective; undefined if the largest does not. */
function smallestConstant({ keeps, minutes, minInstances, maxInstances }: Judged): Int16Array | undefined {
  const constant = (count: number): Int16Array => new Int16Array(minutes).fill(count);
  if (!keeps(constant(maxInstances))) return undefined;
  let low = minInstances - 1;
  let high = maxInstances;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (keeps(constant(middle))) high = middle;
    else low = middle;
  }
  return constant(high);
}

/** Schedules that a search over prices has come across. */
interface Candidates {
  /** The cheapest that meets the objective. */
  readonly best: Int16Array | undefined;
  /** The dearest that does not. */
  readonly missing: Int16Array | undefined;
}

function cheapestRaised(
  { keeps, costOf, maxInstances }: Judged,
  propose: (price: number) => Int16Array,
  raise: (count: number) => number,
): Candidates {
  let best: Int16Array | undefined;
  let missing: Int16Array | undefined;
  const tries = (instances: Int16Array): boolean => {
    const kept = keeps(instances);
    if (kept && (best === undefined || costOf(instances) < costOf(best))) best = instances;
    if (!kept && (missing === undefined || costOf(instances) > costOf(missing))) missing = instances;
    return kept;
  };
  const at = (price: number): boolean => tries(propose(price).map((count) => Math.min(maxInstances, raise(count))));
  let high = FIRST_PRICE;
  let low: number;
  if (at(high)) {
    low = high / PRICE_STEP;
    while (low > MIN_PRICE && at(low)) {
      high = low;
      low /= PRICE_STEP;
    }
  } else {
    do {
      low = high;
      high *= PRICE_STEP;
      if (low > MAX_PRICE) return { best, missing };
    } while (!at(high));
  }
  for (let round = 0; round < PRICE_ROUNDS; round++) {
    const middle = Math.sqrt(low * high);
    if (at(middle)) high = middle;
    else low = middle;
  }
  if (best !== undefined && missing !== undefined) cross(best, missing, tries);
  return { best, missing };
}

/** Tries schedules that begin as one that meets the objective and end as a cheaper one that does not. */
function cross(kept: Int16Array, missing: Int16Array, tries: (instances: Int16Array) => boolean): void {
  let low = 0;
  let high = kept.length;
  for (let round = 0; round < CROSSING_ROUNDS && high - low > 1; round++) {
    const middle = (low + high) >> 1;
    const crossed = missing.slice();
    crossed.set(kept.subarray(0, middle));
    if (tries(crossed)) high = middle;
    else low = middle;
  }
}
