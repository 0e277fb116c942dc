import { NO_HISTORY } from './fleet-history';
import { cheapestAtPrice } from './schedule-search';

/** Traffic, fleet and objective of a bound. */
export interface LowerBoundOptions {
  /** Arrivals in each second of the window, preceded by the minute before it. */
  readonly arrivals: Float64Array;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  /** Ratio of the slot-seconds of a service time that are used t whole seconds after its start: the equilibrium distribution. */
  readonly usedRatio: (seconds: number) => number;
  /** Mean residual service time of a request in a slot at a random moment. */
  readonly residualSeconds: number;
  readonly sloWaitSeconds: number;
  /** Objective: ratio of requests on time. */
  readonly sloRatio: number;
  readonly provisioningSeconds: number;
  readonly minCapacity: number;
}

/** A bound and the price at which it was found. */
export interface LowerBound {
  readonly instanceSeconds: number;
  /** Price of a miss, in instance-seconds, at which the bound is highest. */
  readonly price: number;
}

/**
 * Returns a lower bound of the instance-seconds of every schedule on a one-minute grid that meets the objective, even with all traffic known.
 *
 * In two steps. (1) Slot-seconds: the requests of minute m that start in time use at least α of their service time within the
 * minute (if all start as late as allowed) and at least β in the next one (if all start at once), so on-time requests x obey
 * α x[m] + β x[m-1] ≤ slots × 60 × n[m] ÷ mean service. Summed over minutes this bounds the misses of any schedule from below by a sum of terms
 * that each depend on one n[m]. (2) Lagrange: for every price of a miss, the cheapest schedule's cost + price × (its misses - allowed ones)
 * is at most the cost of the best schedule that meets the objective; dynamic programming computes it exactly. The best price gives the bound.
 * Service times count with their mean; draining costs nothing, and requests that end in drained instances are subtracted.
 */
export function lowerBound(options: LowerBoundOptions): LowerBound {
  const { arrivals, slotsPerInstance, serviceMeanSeconds, usedRatio, sloWaitSeconds, sloRatio } = options;
  const minutes = Math.floor(arrivals.length / 60) - 1;
  const within = new Float64Array(60);
  const after = new Float64Array(60);
  for (let second = 0; second < 60; second++) {
    // A request may arrive anywhere in its second: the end that keeps the bound valid counts.
    within[second] = usedRatio(Math.max(0, 60 - (second + 1) - sloWaitSeconds));
    after[second] = usedRatio(120 - (second + 1)) - usedRatio(60 - second);
  }
  // α and β of each minute, times its requests, weighted by the seconds in which they arrive.
  const alpha = new Float64Array(minutes + 1);
  const beta = new Float64Array(minutes + 1);
  const total = new Float64Array(minutes + 1);
  let arrived = 0;
  for (let minute = 0; minute <= minutes; minute++) {
    for (let second = 0; second < 60; second++) {
      const count = arrivals[minute * 60 + second];
      total[minute] += count;
      alpha[minute] += count * within[second];
      beta[minute] += count * Math.max(0, after[second]);
    }
    if (minute > 0) arrived += total[minute];
  }
  let need = 0;
  for (let minute = 1; minute <= minutes; minute++) need = Math.max(need, alpha[minute] + beta[minute - 1]);
  const perInstance = (slotsPerInstance * 60) / serviceMeanSeconds;
  const maxInstances = Math.max(options.minCapacity, Math.ceil(need / perInstance)) + 1;
  const width = maxInstances + 1;
  const misses = new Float32Array(minutes * width);
  for (let minute = 0; minute < minutes; minute++) {
    const load = alpha[minute + 1] + beta[minute];
    // Each missed request frees at most its whole service time.
    for (let n = 0; n <= maxInstances; n++)
      misses[minute * width + n] = Math.fround(Math.max(0, load - n * perInstance));
  }
  const search = {
    minutes,
    minInstances: options.minCapacity,
    maxInstances,
    drainSeconds: 0,
    history: NO_HISTORY,
    misses: [misses],
  };
  // Requests in service in a released instance end outside n; every release except of the first instances had a start.
  const outside = (slotsPerInstance * options.residualSeconds) / serviceMeanSeconds;
  const allowed = (1 - sloRatio) * arrived + outside * maxInstances;
  const dual = (price: number): number => {
    const provisioningSeconds = Math.max(0, options.provisioningSeconds - price * outside);
    const { cost, misses: missed } = cheapestAtPrice({ ...search, provisioningSeconds }, price);
    return cost + price * (missed - allowed);
  };
  return maximumOf(dual);
}

/** Maximum of a concave function of a price, by golden section over its logarithm; every value found is a valid bound. */
export function maximumOf(dual: (price: number) => number): LowerBound {
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
