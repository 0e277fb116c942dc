import { CACHED_PROVISIONING, type ProvisioningTime } from '../../catalog/provisioning-times';
import { throwProblems } from '../../core/errors';
import type { Random } from '../random';

/** Distribution of the time from launch to in service. */
export type Provisioning =
  | {
      readonly kind: 'lognormal';
      readonly medianSeconds: number;
      /** Standard deviation of the logarithm. */
      readonly sigma: number;
    }
  /** Measured times, each equally likely. */
  | { readonly kind: 'measured'; readonly seconds: readonly number[] };

/** Returns a function that draws provisioning times in seconds. */
export function provisioningTimes(random: Random, provisioning: Provisioning): () => number {
  return provisioning.kind === 'lognormal'
    ? lognormalProvisioning(random, provisioning)
    : empiricalProvisioning(random, provisioning.seconds);
}

/**
 * Returns a function that draws provisioning times from a lognormal distribution.
 *
 * @param time median and spread; by default 258 s and sigma 0.2, see `CACHED_PROVISIONING`.
 * @throws InputError if the median or the sigma is out of range.
 */
export function lognormalProvisioning(random: Random, time: ProvisioningTime = CACHED_PROVISIONING): () => number {
  const problems: string[] = [];
  const { medianSeconds, sigma } = time;
  if (!(medianSeconds >= 0 && medianSeconds < Infinity)) {
    problems.push(`medianSeconds (${medianSeconds}) must be a finite number of at least 0`);
  }
  if (!(sigma >= 0 && sigma <= 5)) problems.push(`sigma (${sigma}) must be a number from 0 to 5`);
  throwProblems('provisioning time', problems);
  return () => random.lognormal(medianSeconds, sigma);
}

/**
 * Returns a function that draws from measured provisioning times, each equally likely.
 *
 * @throws InputError if the list is empty or contains anything but finite seconds of at least 0.
 */
export function empiricalProvisioning(random: Random, measuredSeconds: readonly number[]): () => number {
  const wrong = measuredSeconds.find((seconds) => !(seconds >= 0 && seconds < Infinity));
  const problems: string[] = [];
  if (measuredSeconds.length === 0) problems.push('the list is empty; give at least one measured time');
  if (wrong !== undefined) problems.push(`${wrong} is not a finite number of seconds of at least 0`);
  throwProblems('measured provisioning times', problems);
  return () => measuredSeconds[random.integer(measuredSeconds.length)];
}
