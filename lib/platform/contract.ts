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

/** Deployments of the learning tour, in order: the devices have the first model, then the one that was rolled out, then the one that was learned after a drift. */
export const LEARNING_TOUR_STATES = ['learning', 'learning-next-edge-version', 'learning-drift-edge-version'] as const;

export type LearningTourState = (typeof LEARNING_TOUR_STATES)[number];

/** Names in the learning tour that stack and tour share. */
export const LEARNING_TOUR = {
  endpointName: 'tides',
  variantName: 'main',
  fleetName: 'buoys',
  /** Key prefix of the frozen set. */
  frozenPrefix: 'frozen/',
  /** Key prefix of the labels that became known after the requests. */
  groundTruthPrefix: 'ground-truth/',
  /** Key prefix of rows that calibrate a compression. */
  calibrationPrefix: 'calibration/',
  /** Keys of the models of the devices, by the state that brings them; the first model is in no bucket. */
  edgeModelKeys: {
    learning: undefined,
    'learning-next-edge-version': 'models/rolled-out/output/model.tar.gz',
    'learning-drift-edge-version': 'models/rolled-out-after-drift/output/model.tar.gz',
  } satisfies { readonly [State in LearningTourState]: string | undefined },
} as const;

/** Key prefix of the traffic that the endpoint of the learning tour captures. */
export const LEARNING_TOUR_CAPTURE_PREFIX = `data-capture/${LEARNING_TOUR.endpointName}/${LEARNING_TOUR.variantName}/`;
