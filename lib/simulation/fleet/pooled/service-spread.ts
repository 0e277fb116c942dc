import { InputError } from '../../../core/errors';
import { drainSeconds } from '../drain';

/** Distribution of service times: lognormal with this mean and coefficient of variation. */
export interface ServiceSpread {
  /** Mean seconds in a slot. */
  readonly meanSeconds: number;
  /** Standard deviation ÷ mean; 1 is a sigma of 0.833. */
  readonly coefficientOfVariation: number;
}

/** Share of a second's requests after the last tap that is ignored. */
const TAIL = 2e-4;
const MAX_TAPS = 512;

/**
 * Returns the share of requests, started evenly over one second, that end in that second, in the next, and so on.
 *
 * With H the integral of the distribution function from 0, the share that ends k seconds on is H(k+1) - 2 H(k) + H(k-1).
 *
 * @throws InputError if the mean or the coefficient of variation is out of range
 */
export function endingShares({ meanSeconds, coefficientOfVariation }: ServiceSpread): Float64Array {
  if (!(meanSeconds > 0 && meanSeconds <= 60)) {
    throw new InputError(`the mean service time is ${meanSeconds}; it must be above 0 and at most 60 seconds`);
  }
  if (!(coefficientOfVariation > 0 && coefficientOfVariation <= 4)) {
    throw new InputError(`the coefficient of variation is ${coefficientOfVariation}; it must be above 0 and at most 4`);
  }
  const variance = Math.log(1 + coefficientOfVariation ** 2);
  const sigma = Math.sqrt(variance);
  const mu = Math.log(meanSeconds) - variance / 2;
  // Integral of F from 0 to x: x F(x) - mean × Phi((ln x - mu - sigma²) ÷ sigma).
  const integral = (x: number): number =>
    x <= 0
      ? 0
      : x * normalDistribution((Math.log(x) - mu) / sigma) -
        meanSeconds * normalDistribution((Math.log(x) - mu - variance) / sigma);
  const shares: number[] = [];
  let ended = 0;
  for (let second = 0; second < MAX_TAPS && 1 - ended > TAIL; second++) {
    const share = integral(second + 1) - 2 * integral(second) + integral(second - 1);
    shares.push(share);
    ended += share;
  }
  return Float64Array.from(shares, (share) => share / ended);
}

/** Share of slots in use in an instance that is released. */
const RELEASED_UTILIZATION = 0.8;

/** Whole seconds for which an instance with lognormal service times is still billed after its release. */
export function releasedSeconds(spread: ServiceSpread, slotsPerInstance: number): number {
  const shares = endingShares(spread);
  // The residual time of a busy slot at a random moment ends in second k with the share of requests longer than k.
  const total = shares.reduce((sum, share, second) => sum + share * second, 0);
  let outliving = 1;
  let ended = 0;
  const residual = Array.from(shares, (share) => {
    outliving -= share;
    ended += Math.max(0, outliving) / Math.max(total, 1e-9);
    return ended;
  });
  return Math.round(drainSeconds(residual, slotsPerInstance * RELEASED_UTILIZATION));
}

/** Distribution function of the standard normal distribution (Abramowitz and Stegun 26.2.17, error below 1e-7). */
function normalDistribution(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const density = Math.exp((-z * z) / 2) / 2.5066282746310002;
  const upper =
    density * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? 1 - upper : upper;
}
