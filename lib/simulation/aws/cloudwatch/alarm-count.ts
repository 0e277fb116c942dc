import type { ComparisonOperator } from './types';

/** "M of N" of an alarm: the state is ALARM while M of the last N datapoints breach the threshold. */
export interface AlarmRule {
  readonly threshold: number;
  readonly comparisonOperator: ComparisonOperator;
  /** N. */
  readonly evaluationPeriods: number;
  /** M. @default N */
  readonly datapointsToAlarm?: number;
}

/** Interval in which an alarm that stays in ALARM invokes its scaling actions again (CloudWatch user guide: "once per minute"). */
export const ACTION_REPEAT_SECONDS = 60;

/** Minimum number of breaching datapoints for ALARM. */
export function datapointsToAlarm(rule: Pick<AlarmRule, 'evaluationPeriods' | 'datapointsToAlarm'>): number {
  return rule.datapointsToAlarm ?? rule.evaluationPeriods;
}

/** True if a value is on the wrong side of the threshold. */
export function breaches(rule: Pick<AlarmRule, 'threshold' | 'comparisonOperator'>, value: number): boolean {
  switch (rule.comparisonOperator) {
    case 'GreaterThanThreshold':
      return value > rule.threshold;
    case 'GreaterThanOrEqualToThreshold':
      return value >= rule.threshold;
    case 'LessThanThreshold':
      return value < rule.threshold;
    case 'LessThanOrEqualToThreshold':
      return value <= rule.threshold;
  }
}

/** Counts the datapoints of an alarm whose metric has no gaps, one after the other. */
export class AlarmCount {
  private readonly needed: number;
  /** 1 for each of the last N datapoints that breached, in a ring. */
  private readonly recent: Uint8Array;
  private index = 0;
  private breaching = 0;

  public constructor(private readonly rule: AlarmRule) {
    this.needed = datapointsToAlarm(rule);
    this.recent = new Uint8Array(rule.evaluationPeriods);
  }

  /** True while the alarm is in ALARM. */
  public get inAlarm(): boolean {
    return this.breaching >= this.needed;
  }

  /** Takes the next datapoint; returns true if the alarm is in ALARM then. */
  public take(value: number): boolean {
    const { recent, index } = this;
    const breach = breaches(this.rule, value) ? 1 : 0;
    this.breaching += breach - recent[index];
    recent[index] = breach;
    this.index = index + 1 === recent.length ? 0 : index + 1;
    return this.inAlarm;
  }
}
