export * from './endpoint-fleet';
export * from './fleet-events';
export type { InstanceState } from './fleet-instance';
export { mergeMetrics, mergeStatistics, NO_SAMPLES, type FleetMetrics, type StatisticSet } from './fleet-metrics';
export * from './fleet-options';
export * from './provisioning';
export type { EngineEvent } from './engine-roster';
export * from './request-engine';
export { SecondsHistogram } from './seconds-histogram';
