export { advise, type RehearseAgain } from './advice';
export * from './rehearsal';
export { HOURS_PER_MONTH } from './billing';
export { hindsight } from './hindsight';
export { rehearse } from './rehearse';
export { DEFAULT_START_SECONDS, type CapacityFailure, type Provisioning, type RehearsalOptions } from './scenario';
export * from './thresholds';
