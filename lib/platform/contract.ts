/** The deployments of the tour of endpoints, in their order. */
export const TOUR_STATES = [
  'initial',
  'without-scaling',
  'other-instance-types',
  'next-version',
  'unhealthy-version',
  'failing-version',
] as const;

export type TourState = (typeof TOUR_STATES)[number];
