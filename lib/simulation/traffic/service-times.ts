import { InputError, throwProblems } from '../../core/errors';
import { FastRandom } from '../random';
import { checkServiceProfile, type ServiceProfile } from './service-profile';
import type { TokenLengths } from './token-lengths';

/** Service times from the token counts of each request: overhead + prefill + decode. */
export interface TokenService {
  readonly kind: 'tokens';
  readonly profile: ServiceProfile;
}

/** Service times from a distribution with a given mean, independent of the request. */
export interface DistributedService {
  readonly kind: 'distribution';
  readonly distribution: 'constant' | 'exponential' | 'lognormal' | 'gamma';
  readonly meanSeconds: number;
  /** Standard deviation ÷ mean, of lognormal and gamma. @default 1 */
  readonly coefficientOfVariation?: number;
}

/** Service times drawn from measured ones, each equally likely. */
export interface MeasuredService {
  readonly kind: 'measured';
  readonly seconds: readonly number[];
}

/** Time for which a request occupies a slot of an instance. */
export type ServiceTimes = TokenService | DistributedService | MeasuredService;

/** Minimum mean service time: a microsecond. */
const MIN_MEAN_SECONDS = 1e-6;

/** Minimum coefficient of variation; draws of a gamma distribution with less never end. */
const MIN_VARIATION = 0.001;

/**
 * Checks service times.
 *
 * @throws InputError naming every invalid field.
 */
export function checkServiceTimes(service: ServiceTimes): void {
  switch (service.kind) {
    case 'tokens':
      checkServiceProfile(service.profile);
      return;
    case 'distribution': {
      const problems: string[] = [];
      const { meanSeconds, coefficientOfVariation = 1 } = service;
      if (!(meanSeconds >= MIN_MEAN_SECONDS && meanSeconds <= 86_400)) {
        problems.push(`meanSeconds (${meanSeconds}) must be a number from ${MIN_MEAN_SECONDS} to 86400`);
      }
      if (!(coefficientOfVariation >= MIN_VARIATION && coefficientOfVariation <= 100)) {
        problems.push(
          `coefficientOfVariation (${coefficientOfVariation}) must be a number from ${MIN_VARIATION} to 100; for none at all give the distribution constant`,
        );
      }
      throwProblems('service times', problems);
      return;
    }
    case 'measured': {
      if (service.seconds.length === 0) throw new InputError('measured service times: the list is empty');
      const wrong = service.seconds.find((seconds) => !(seconds >= 0 && seconds <= 86_400));
      if (wrong !== undefined) {
        throw new InputError(`measured service times: ${wrong} is not between 0 and 86400 seconds`);
      }
    }
  }
}

/** Draws service times that do not depend on the request. */
export type ServiceSampler = (random: FastRandom) => number;

/** Returns a sampler of service times; token counts are drawn from `lengths`. */
export function serviceSampler(service: ServiceTimes, lengths: TokenLengths): ServiceSampler {
  switch (service.kind) {
    case 'distribution':
      return distributionSampler(service);
    case 'measured': {
      const seconds = Float64Array.from(service.seconds);
      return (random) => seconds[random.integer(seconds.length)];
    }
    case 'tokens': {
      const bag = tokenServiceBag(service.profile, lengths);
      return (random) => bag[random.next() & (BAG_SIZE - 1)];
    }
  }
}

function distributionSampler(service: DistributedService): ServiceSampler {
  const { meanSeconds, coefficientOfVariation = 1 } = service;
  switch (service.distribution) {
    case 'constant':
      return () => meanSeconds;
    case 'exponential':
      return (random) => meanSeconds * random.exponential();
    case 'gamma': {
      const shape = 1 / (coefficientOfVariation * coefficientOfVariation);
      return (random) => (meanSeconds / shape) * random.gamma(shape);
    }
    case 'lognormal': {
      const variance = Math.log(1 + coefficientOfVariation * coefficientOfVariation);
      const sigma = Math.sqrt(variance);
      const median = meanSeconds * Math.exp(-variance / 2);
      return (random) => median * Math.exp(sigma * random.normal());
    }
  }
}

const BAG_SIZE = 16_384;

/** Maximum number of bags kept for further runs; a search rehearses the same traffic many times. */
const MAX_BAGS = 8;
const bags = new Map<string, Float64Array>();

/**
 * Returns the service times of 16,384 requests that together have the two length distributions: each has one quantile of the one and one of
 * the other, paired at random. A draw from the bag is one table look-up instead of two lognormal draws, and its mean is exact.
 */
function tokenServiceBag(profile: ServiceProfile, lengths: TokenLengths): Float64Array {
  const { overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond } = profile;
  const { context, generated } = lengths;
  const key = [
    ...[overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond],
    ...[context, generated].flatMap(({ median, sigma, maximum }) => [median, sigma, maximum]),
  ].join();
  const known = bags.get(key);
  if (known !== undefined) return known;
  const random = new FastRandom('token lengths');
  const contextTokens = shuffledQuantiles(context, random);
  const generatedTokens = shuffledQuantiles(generated, random);
  const bag = contextTokens.map(
    (tokens, index) =>
      overheadSeconds + tokens / prefillTokensPerSecond + generatedTokens[index] / decodeTokensPerSecond,
  );
  if (bags.size === MAX_BAGS) bags.delete(bags.keys().next().value!);
  bags.set(key, bag);
  return bag;
}

function shuffledQuantiles({ median, sigma, maximum }: TokenLengths['context'], random: FastRandom): Float64Array {
  const values = new Float64Array(BAG_SIZE);
  for (let index = 0; index < BAG_SIZE; index++) {
    const drawn = Math.round(median * Math.exp(sigma * normalQuantile((index + 0.5) / BAG_SIZE)));
    values[index] = Math.min(maximum, Math.max(1, drawn));
  }
  for (let index = BAG_SIZE - 1; index > 0; index--) {
    const other = random.integer(index + 1);
    const value = values[index];
    values[index] = values[other];
    values[other] = value;
  }
  return values;
}

/** Quantile of the standard normal distribution (Acklam's rational approximation, relative error below 1.15e-9). */
function normalQuantile(p: number): number {
  if (p < 0.02425) return tail(Math.sqrt(-2 * Math.log(p)));
  if (p > 1 - 0.02425) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
  const q = p - 0.5;
  const r = q * q;
  return (
    ((((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r + 1.38357751867269e2) * r -
      3.066479806614716e1) *
      r +
      2.506628277459239) *
      q) /
    (((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r + 6.680131188771972e1) * r -
      1.328068155288572e1) *
      r +
      1)
  );
}

function tail(q: number): number {
  return (
    (((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) * q +
      4.374664141464968) *
      q +
      2.938163982698783) /
    ((((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1)
  );
}
