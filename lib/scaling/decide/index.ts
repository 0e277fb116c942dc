export { decide } from './decide';
export { checkPlan, checkPolicy, checkScheduledAction } from './check-plan';
export {
  alarmShapes,
  isHighResolution,
  lowThreshold,
  statisticOf,
  SCALE_IN_RATIOS,
  DEFAULT_COOLDOWN_SECONDS,
  TARGET_UTILIZATION,
} from './target-tracking';
export type { AlarmShape, AlarmShapes } from './target-tracking';
export { percentChange } from './step';
export { nextRun } from './schedules';
export { parseSchedule } from './schedule-expression';
export * from './decision';
export type { CapacityLimits } from './limits';
export * from './memory';
export * from './observation';
export * from './plan';
