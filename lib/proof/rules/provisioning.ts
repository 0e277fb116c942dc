import { PROVISIONING_MEASUREMENTS } from '../../catalog/provisioning-times';

const [reference] = PROVISIONING_MEASUREMENTS;

/** The median seconds until an instance serves, with and without caching of container and model. */
export const UNCACHED_OR_CACHED = {
  least: reference?.cachedSeconds ?? 258,
  most: reference?.uncachedSeconds ?? 525,
} as const;
