import type { EpochSeconds } from '../../../core/time';
import type { StatisticSet } from './statistics';

/** A metric by namespace, name and dimensions. */
export interface MetricId {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: { readonly [name: string]: string };
}

/** One or more samples of a metric at one moment. */
export interface Datapoint extends StatisticSet {
  readonly metric: MetricId;
  readonly atSeconds: EpochSeconds;
}

/** Statistic over the samples of a period. */
export type Statistic = 'Average' | 'Sum' | 'Minimum' | 'Maximum' | 'SampleCount';

export type ComparisonOperator =
  'GreaterThanThreshold' | 'GreaterThanOrEqualToThreshold' | 'LessThanThreshold' | 'LessThanOrEqualToThreshold';

/** Treatment of periods without data. CloudWatch's default is `missing`. */
export type TreatMissingData = 'missing' | 'breaching' | 'notBreaching' | 'ignore';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** A line of metric math: a metric, or an expression over the ids of other lines. */
export interface MetricDataQuery {
  /** Begins with a lower-case letter. */
  readonly id: string;
  readonly metric?: MetricId;
  /** Statistic of the metric; required with `metric`. */
  readonly statistic?: Statistic;
  /** Numbers, ids, `+ - * /`, parentheses, unary minus and `FILL(id, value | REPEAT | LINEAR)`. */
  readonly expression?: string;
  /** True on exactly one line: the one that the alarm compares. @default true */
  readonly returnData?: boolean;
}

/** An alarm on a metric or on metric math (exactly one of `metric` and `metrics`). */
export interface AlarmDefinition {
  readonly alarmName: string;
  readonly metric?: MetricId;
  readonly metrics?: readonly MetricDataQuery[];
  /** Required with `metric`. */
  readonly statistic?: Statistic;
  /** 10, 20, 30 or a multiple of 60. */
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  /** M of N. @default all evaluation periods */
  readonly datapointsToAlarm?: number;
  readonly threshold: number;
  readonly comparisonOperator: ComparisonOperator;
  /** @default 'missing' */
  readonly treatMissingData?: TreatMissingData;
  /** @default true */
  readonly actionsEnabled?: boolean;
  readonly alarmActions?: readonly string[];
  readonly okActions?: readonly string[];
  readonly insufficientDataActions?: readonly string[];
  readonly alarmDescription?: string;
}

/** Value of one period. */
export interface PeriodValue {
  /** Start of the period. */
  readonly atSeconds: EpochSeconds;
  /** Undefined where the period has no data. */
  readonly value: number | undefined;
}

/** One evaluation of one alarm. */
export interface AlarmEvaluation {
  readonly alarmName: string;
  readonly atSeconds: EpochSeconds;
  readonly state: AlarmState;
  readonly previousState: AlarmState;
  /** Newest value evaluated; null without data. */
  readonly value: number | null;
  /** Values of the evaluation periods that had data, oldest first. */
  readonly datapoints: readonly number[];
  readonly threshold: number;
  /** True if the alarm invokes its scaling actions now: at a change of state, and once a minute while the state lasts. */
  readonly invokesActions: boolean;
  readonly reason: string;
}

/** Definition of an alarm, with its present state and value. */
export interface AlarmCondition {
  readonly definition: AlarmDefinition;
  readonly state: AlarmState;
  /** Newest value evaluated; null without data. */
  readonly value: number | null;
  /** False where the metric has had no data since, for more periods than data is late. */
  readonly isCurrent: boolean;
}

/** Alarm with its current state. */
export interface AlarmStatus extends AlarmCondition {
  readonly reason: string;
  /** Moment of the last change of state (or of the alarm's creation). */
  readonly stateUpdatedAtSeconds: EpochSeconds;
  readonly datapoints: readonly number[];
}
