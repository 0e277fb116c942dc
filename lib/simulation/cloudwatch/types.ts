import type { EpochSeconds } from '../../core/time';

/** A metric by namespace, name and dimensions. */
export interface MetricId {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: { readonly [name: string]: string };
}

/** One or more samples of a metric at one moment, as a statistic set. */
export interface Datapoint {
  readonly metric: MetricId;
  readonly atSeconds: EpochSeconds;
  readonly sum: number;
  readonly sampleCount: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** What a period's samples are summed up to. */
export type Statistic = 'Average' | 'Sum' | 'Minimum' | 'Maximum' | 'SampleCount';

export type ComparisonOperator =
  'GreaterThanThreshold' | 'GreaterThanOrEqualToThreshold' | 'LessThanThreshold' | 'LessThanOrEqualToThreshold';

/** How an alarm reads a period without data. CloudWatch's default is `missing`. */
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
  /** True on exactly one line: the one the alarm compares. Default true. */
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
  /** M of N. Default: all evaluation periods. */
  readonly datapointsToAlarm?: number;
  readonly threshold: number;
  readonly comparisonOperator: ComparisonOperator;
  /** Default `missing`. */
  readonly treatMissingData?: TreatMissingData;
  /** Default true. */
  readonly actionsEnabled?: boolean;
  readonly alarmActions?: readonly string[];
  readonly okActions?: readonly string[];
  readonly insufficientDataActions?: readonly string[];
  readonly alarmDescription?: string;
}

/** The value of one period. */
export interface PeriodValue {
  /** The start of the period. */
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
  /** The newest value that the alarm looked at; null when there was none. */
  readonly value: number | null;
  /** The values of the evaluation periods that had data, oldest first. */
  readonly datapoints: readonly number[];
  readonly threshold: number;
  /** True when the alarm invokes scaling actions now: at a change of state, and once a minute while it lasts. */
  readonly invokesActions: boolean;
  readonly reason: string;
}

/** An alarm with its present state. */
export interface AlarmStatus {
  readonly definition: AlarmDefinition;
  readonly state: AlarmState;
  readonly reason: string;
  /** When the state last changed (or the alarm was created). */
  readonly stateUpdatedAtSeconds: EpochSeconds;
  readonly value: number | null;
  readonly datapoints: readonly number[];
}
