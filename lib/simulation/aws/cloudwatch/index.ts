export { ACTION_REPEAT_SECONDS, AlarmCount, type AlarmRule } from './alarm-count';
export { CloudWatch, type CloudWatchOptions } from './service';
export type {
  AlarmCondition,
  AlarmDefinition,
  AlarmEvaluation,
  AlarmState,
  AlarmStatus,
  ComparisonOperator,
  Datapoint,
  MetricDataQuery,
  MetricId,
  PeriodValue,
  Statistic,
  TreatMissingData,
} from './types';
export { parseExpression } from './metric-math';
export { metricKey } from './metric-store';
export * from './statistics';
