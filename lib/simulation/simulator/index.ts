export { advise, type RehearseAgain } from './advice';
export * from './rehearsal';
export { rehearse, HOURS_PER_MONTH } from './rehearse';
export { DEFAULT_START_SECONDS, type CapacityFailure, type Provisioning, type RehearsalOptions } from './scenario';
export * from './thresholds';
