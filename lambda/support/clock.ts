import type { EpochSeconds } from '../../lib/core/time';

/** Source of the time; a dependency of every handler, so that tests and rehearsals set it. */
export interface WallClock {
  now(): EpochSeconds;
}

/** Clock of the machine. */
export const systemClock: WallClock = {
  now: () => Date.now() / 1000,
};
