export { decide } from './decide';
export { checkPlan, checkPolicy, checkScheduledAction } from './check-plan';
export {
  alarmShapes,
  isHighResolution,
  lowThreshold,
  statisticOf,
  SCALE_IN_FACTORS,
  DEFAULT_COOLDOWN_SECONDS,
} from './target-tracking';
export type { AlarmShape, AlarmShapes } from './target-tracking';
export { percentChange } from './step';
export { nextRun } from './schedules';
export { parseSchedule } from './schedule-expression';
export * from './plan';
