import type { Dimension, MetricAlarm, PutMetricAlarmCommandInput } from '@aws-sdk/client-cloudwatch';
import type { AlarmDefinition, MetricDataQuery, MetricId } from '../../simulation/aws/cloudwatch';

const STATISTICS = ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'] as const;
type Statistic = (typeof STATISTICS)[number];
const OPERATORS = [
  'GreaterThanThreshold',
  'GreaterThanOrEqualToThreshold',
  'LessThanThreshold',
  'LessThanOrEqualToThreshold',
] as const;
const TREATMENTS = ['missing', 'breaching', 'notBreaching', 'ignore'] as const;

/** Converts an alarm of `DescribeAlarms`; throws with the reason when the CloudWatch model cannot evaluate it. */
export function fromMetricAlarm(alarm: MetricAlarm): AlarmDefinition {
  const source = alarm.Metrics?.length
    ? { metrics: alarm.Metrics.map(fromQuery) }
    : {
        metric: fromMetric(alarm),
        statistic: oneOf('statistic', STATISTICS, alarm.Statistic ?? alarm.ExtendedStatistic),
      };
  return {
    alarmName: alarm.AlarmName!,
    ...source,
    periodSeconds: alarm.Period || periodOf(alarm) || 60,
    evaluationPeriods: alarm.EvaluationPeriods ?? 1,
    ...(alarm.DatapointsToAlarm ? { datapointsToAlarm: alarm.DatapointsToAlarm } : {}),
    threshold: required('threshold', alarm.Threshold),
    comparisonOperator: oneOf('comparison operator', OPERATORS, alarm.ComparisonOperator),
    treatMissingData: oneOf('treatment of missing data', TREATMENTS, alarm.TreatMissingData || 'missing'),
    actionsEnabled: alarm.ActionsEnabled ?? true,
    alarmActions: alarm.AlarmActions ?? [],
    okActions: alarm.OKActions ?? [],
    insufficientDataActions: alarm.InsufficientDataActions ?? [],
    ...(alarm.AlarmDescription === undefined ? {} : { alarmDescription: alarm.AlarmDescription }),
  };
}

function fromQuery(query: NonNullable<MetricAlarm['Metrics']>[number]): MetricDataQuery {
  const stat = query.MetricStat;
  return {
    id: query.Id!,
    ...(stat ? { metric: fromMetric(stat.Metric!), statistic: oneOf('statistic', STATISTICS, stat.Stat) } : {}),
    ...(query.Expression ? { expression: query.Expression } : {}),
    returnData: query.ReturnData ?? true,
  };
}

/** Period of metric math: that of its metrics. */
const periodOf = (alarm: MetricAlarm): number | undefined =>
  alarm.Metrics?.map((query) => query.MetricStat?.Period ?? query.Period).find((period) => period !== undefined);

function fromMetric(metric: {
  readonly Namespace?: string;
  readonly MetricName?: string;
  readonly Dimensions?: readonly Dimension[];
}): MetricId {
  return {
    namespace: required('namespace', metric.Namespace),
    metricName: required('metric name', metric.MetricName),
    dimensions: Object.fromEntries((metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value])),
  };
}

function required<T>(name: string, value: T | undefined | null): T {
  if (value === undefined || value === null) throw new Error(`it has no ${name}`);
  return value;
}

function oneOf<T extends string>(name: string, known: readonly T[], value: string | undefined): T {
  const found = known.find((one) => one === value);
  if (found === undefined)
    throw new Error(`its ${name} (${value}) is not evaluated locally; known: ${known.join(', ')}`);
  return found;
}

/** Converts an alarm to the input of `PutMetricAlarm`. */
export function toPutMetricAlarm(alarm: AlarmDefinition): PutMetricAlarmCommandInput {
  return {
    AlarmName: alarm.alarmName,
    AlarmDescription: alarm.alarmDescription,
    ...(alarm.metric
      ? { ...metricOf(alarm.metric), Statistic: alarm.statistic as Statistic, Period: alarm.periodSeconds }
      : { Metrics: alarm.metrics!.map((query) => toQuery(query, alarm.periodSeconds)) }),
    EvaluationPeriods: alarm.evaluationPeriods,
    DatapointsToAlarm: alarm.datapointsToAlarm,
    Threshold: alarm.threshold,
    ComparisonOperator: alarm.comparisonOperator,
    TreatMissingData: alarm.treatMissingData,
    AlarmActions: [...(alarm.alarmActions ?? [])],
  };
}

function toQuery(query: MetricDataQuery, periodSeconds: number) {
  return {
    Id: query.id,
    ...(query.metric
      ? { MetricStat: { Metric: metricOf(query.metric), Period: periodSeconds, Stat: query.statistic } }
      : { Expression: query.expression }),
    ReturnData: query.returnData ?? true,
  };
}

const metricOf = (metric: MetricId) => ({
  Namespace: metric.namespace,
  MetricName: metric.metricName,
  Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
});
