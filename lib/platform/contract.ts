/** Stage that is used when none is named. */
export const DEFAULT_STAGE = 'local';

/** Deployments of the tour of endpoints, in order. */
export const ENDPOINT_TOUR_STATES = [
  'initial',
  'without-scaling',
  'other-instance-types',
  'next-version',
  'unhealthy-version',
  'failing-version',
] as const;

export type EndpointTourState = (typeof ENDPOINT_TOUR_STATES)[number];

/** Deployments of the learning tour, in order: what trains, and then also what serves. */
export const LEARNING_TOUR_STATES = ['learning', 'learning-and-serving'] as const;

/** Key prefixes of the rows to train on, and of the frozen set, in the learning tour. */
export const LEARNING_TOUR_PREFIXES = { train: 'train/', frozen: 'frozen/' } as const;

/** Key of the first model that the learning tour serves. */
export const LEARNING_TOUR_FIRST_MODEL = 'models/first/output/model.tar.gz';

export type LearningTourState = (typeof LEARNING_TOUR_STATES)[number];
