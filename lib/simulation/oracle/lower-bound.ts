import { cheapestAtPrice } from './schedule-search';

/** What a bound is asked for. */
export interface LowerBoundOptions {
  /** Arrivals in each second of the window, preceded by the minute before it. */
  readonly arrivals: Float64Array;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  /** Share of a service time's slot-seconds that are used up t seconds after it began (t whole): the equilibrium distribution. */
  readonly usedBy: (seconds: number) => number;
  /** Mean seconds that a request in a slot still needs at a random moment. */
  readonly residualSeconds: number;
  readonly sloWaitSeconds: number;
  readonly sloShare: number;
  readonly provisioningSeconds: number;
  readonly minCapacity: number;
}

/** A bound and how it came about. */
export interface LowerBound {
  readonly instanceSeconds: number;
  /** The price of a miss, in instance-seconds, at which the bound is highest. */
  readonly price: number;
}

/**
 * Instance-seconds that no schedule on a one-minute grid can go below if it starts the share asked for in time, whatever it knows.
 *
 * Certified in two steps. (1) Slot-seconds: the requests of minute m that start in time use at least α of their service time within the
 * minute (if all start as late as allowed) and at least β in the next one (if all start at once), so on-time requests x obey
 * α x[m] + β x[m-1] ≤ slots × 60 × n[m] ÷ mean service. Summed over minutes this bounds the misses of any schedule from below by a sum of terms
 * that depend on one n[m] each. (2) Lagrange: for every price of a miss, the cheapest schedule's cost + price × (its misses - allowed ones)
 * is at most the cost of the best schedule that meets the objective; dynamic programming finds it exactly. The best price gives the bound.
 * Service times count with their mean; draining costs nothing, and what ends in drained instances is taken off.
 */
export function lowerBound(options: LowerBoundOptions): LowerBound {
  const { arrivals, slotsPerInstance, serviceMeanSeconds, usedBy, sloWaitSeconds, sloShare } = options;
  const minutes = Math.floor(arrivals.length / 60) - 1;
  const within = new Float64Array(60);
  const after = new Float64Array(60);
  for (let second = 0; second < 60; second++) {
    // A request may arrive anywhere in its second: the ends that make the bound hold.
    within[second] = usedBy(Math.max(0, 60 - (second + 1) - sloWaitSeconds));
    after[second] = usedBy(120 - (second + 1)) - usedBy(60 - second);
  }
  // One α and β for all minutes, the least over where in the minute the requests come from, weighted as they come.
  const alpha = new Float64Array(minutes + 1);
  const beta = new Float64Array(minutes + 1);
  const total = new Float64Array(minutes + 1);
  let arrived = 0;
  for (let minute = 0; minute <= minutes; minute++) {
    for (let second = 0; second < 60; second++) {
      const come = arrivals[minute * 60 + second];
      total[minute] += come;
      alpha[minute] += come * within[second];
      beta[minute] += come * Math.max(0, after[second]);
    }
    if (minute > 0) arrived += total[minute];
  }
  let need = 0;
  for (let minute = 1; minute <= minutes; minute++) need = Math.max(need, alpha[minute] + beta[minute - 1]);
  const perInstance = (slotsPerInstance * 60) / serviceMeanSeconds;
  const most = Math.max(options.minCapacity, Math.ceil(need / perInstance)) + 1;
  const width = most + 1;
  const misses = new Float32Array(minutes * width);
  for (let minute = 0; minute < minutes; minute++) {
    const load = alpha[minute + 1] + beta[minute];
    // Each missed request frees at most its whole service time.
    for (let n = 0; n <= most; n++) misses[minute * width + n] = Math.fround(Math.max(0, load - n * perInstance));
  }
  const search = { minutes, least: options.minCapacity, most, drainSeconds: 0, misses };
  // Requests in flight in an instance that is released end outside n; every release but of the first instances had a start.
  const outside = (slotsPerInstance * options.residualSeconds) / serviceMeanSeconds;
  const allowed = (1 - sloShare) * arrived + outside * most;
  const dual = (price: number): number => {
    const provisioningSeconds = Math.max(0, options.provisioningSeconds - price * outside);
    const { cost, misses: missed } = cheapestAtPrice({ ...search, provisioningSeconds }, price);
    return cost + price * (missed - allowed);
  };
  return highest(dual);
}

/** The highest value of a concave function of a price, by golden section over its logarithm; every value found is a valid bound. */
function highest(dual: (price: number) => number): LowerBound {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(1e-3);
  let high = Math.log(1e3);
  let best: LowerBound = { instanceSeconds: dual(0), price: 0 };
  const at = (logarithm: number): number => {
    const price = Math.exp(logarithm);
    const instanceSeconds = dual(price);
    if (instanceSeconds > best.instanceSeconds) best = { instanceSeconds, price };
    return instanceSeconds;
  };
  let left = high - ratio * (high - low);
  let right = low + ratio * (high - low);
  let leftValue = at(left);
  let rightValue = at(right);
  for (let round = 0; round < 24; round++) {
    if (leftValue > rightValue) {
      high = right;
      right = left;
      rightValue = leftValue;
      left = high - ratio * (high - low);
      leftValue = at(left);
    } else {
      low = left;
      left = right;
      leftValue = rightValue;
      right = low + ratio * (high - low);
      rightValue = at(right);
    }
  }
  return best;
}
