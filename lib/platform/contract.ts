/** Stage that is used when none is named. */
export const DEFAULT_STAGE = 'local';

/** Deployments of the endpoint tour, in order. */
export const TOUR_STATES = [
  'initial',
  'without-scaling',
  'other-instance-types',
  'next-version',
  'unhealthy-version',
  'failing-version',
] as const;

export type TourState = (typeof TOUR_STATES)[number];
