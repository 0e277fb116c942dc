export * from './live/endpoint-fleet';
export {
  attemptsOf,
  checkCallerRetries,
  DEFAULT_CLIENTS,
  RETRY_MODES,
  type CallerRetries,
  type RetryMode,
} from './engine/callers';
export { newSpan, type EngineSpan, type RetryTotals } from './engine/engine-meter';
export type { Drains, EngineEvent } from './engine/engine-roster';
export * from './engine/request-engine';
export * from './live/fleet-events';
export type { InstanceState } from './live/fleet-instance';
export { mergeMetrics, type FleetMetrics } from './live/fleet-metrics';
export * from './fleet-options';
export * from './provisioning';
export { SecondsHistogram } from './seconds-histogram';
