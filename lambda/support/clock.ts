import type { EpochSeconds } from '../../lib/core/time';

/** Tells the time; handlers take one as a dependency, so that tests and rehearsals choose it. */
export interface Clock {
  now(): EpochSeconds;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now() / 1000,
};
