export { CloudWatch, type CloudWatchOptions } from './cloudwatch/service';
export type {
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
} from './cloudwatch/types';
export { metricKey } from './cloudwatch/metric-store';
