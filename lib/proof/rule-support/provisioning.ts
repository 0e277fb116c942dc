import { PROVISIONING_MEASUREMENTS } from '../../catalog/provisioning-times';

const [reference] = PROVISIONING_MEASUREMENTS;

/** Median start-up time of an instance in seconds, with and without caching of container and model. */
export const START_UP_SECONDS = {
  cached: reference?.cachedSeconds ?? 258,
  uncached: reference?.uncachedSeconds ?? 525,
} as const;
