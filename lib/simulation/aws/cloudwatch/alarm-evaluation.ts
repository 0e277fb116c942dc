import { breaches, datapointsToAlarm, type AlarmRule } from './alarm-count';
import type { AlarmState, ComparisonOperator, TreatMissingData } from './types';

/** Settings of an alarm that its evaluation depends on. */
export interface EvaluatedRule extends AlarmRule {
  readonly treatMissingData?: TreatMissingData;
}

/** Result of an evaluation. */
export interface AlarmVerdict {
  readonly state: AlarmState;
  /** Real datapoints that counted, oldest first. */
  readonly datapoints: readonly number[];
  readonly reason: string;
}

/** Periods evaluated beyond the evaluation periods when data is missing, as in CloudWatch's own examples (5 for 3). */
export const EXTRA_DATAPOINTS = 2;

/**
 * Evaluates one alarm over its evaluation range, by "Configuring how CloudWatch alarms treat missing data" in the CloudWatch user guide
 * and its two tables.
 *
 * - With at least as many real datapoints as evaluation periods, the newest of them decide and missing ones are ignored.
 * - With fewer, all real ones count and the rest is filled by `treatMissingData`. `missing` and `ignore` fill nothing: without any data the
 *   state becomes INSUFFICIENT_DATA (`missing`) or stays (`ignore`); if all real datapoints breach, `missing` alarms once the oldest is
 *   `datapointsToAlarm` periods old and keeps the state until then.
 *
 * @param values values of the evaluation range by period, oldest first; undefined without data
 */
export function evaluateAlarm(
  rule: EvaluatedRule,
  values: readonly (number | undefined)[],
  present: AlarmState,
): AlarmVerdict {
  const datapoints = values.filter((value) => value !== undefined).slice(-rule.evaluationPeriods);
  const breaching = datapoints.filter((value) => breaches(rule, value)).length;
  const state = alarmState(rule, datapoints.length, breaching, () => ageOfOldest(values), present);
  return verdictOf(rule, state, present, datapoints, breaching);
}

/**
 * Returns the state of an alarm by the datapoints that count; see {@link evaluateAlarm}.
 *
 * @param age returns the age of the oldest datapoint in periods; the newest period counts 1
 */
export function alarmState(
  rule: EvaluatedRule,
  datapoints: number,
  breaching: number,
  age: () => number,
  present: AlarmState,
): AlarmState {
  const needed = datapointsToAlarm(rule);
  const missing = rule.evaluationPeriods - datapoints;
  if (breaching >= needed) return 'ALARM';
  if (missing === 0) return 'OK';
  switch (rule.treatMissingData ?? 'missing') {
    case 'breaching':
      return breaching + missing >= needed ? 'ALARM' : 'OK';
    case 'notBreaching':
      return 'OK';
    case 'ignore':
      return breaching < datapoints ? 'OK' : present;
    case 'missing':
      if (datapoints === 0) return 'INSUFFICIENT_DATA';
      if (breaching < datapoints) return 'OK';
      return age() >= needed ? 'ALARM' : present;
  }
}

/** The verdict of a state; its reason is written when it is read, because most evaluations change nothing. */
export function verdictOf(
  rule: EvaluatedRule,
  state: AlarmState,
  present: AlarmState,
  datapoints: readonly number[],
  breaching: number,
): AlarmVerdict {
  return new LazyVerdict(rule, state, present, datapoints, breaching);
}

/** A verdict that writes its reason. Objects with getters of their own would be many times as slow to create. */
class LazyVerdict implements AlarmVerdict {
  public constructor(
    private readonly rule: EvaluatedRule,
    public readonly state: AlarmState,
    private readonly present: AlarmState,
    public readonly datapoints: readonly number[],
    private readonly breaching: number,
  ) {}

  public get reason(): string {
    const { rule, state, present, datapoints, breaching } = this;
    return reasonText(rule, state, present, datapoints, breaching, rule.evaluationPeriods - datapoints.length);
  }
}

/** Age of the oldest real datapoint in periods; the newest period counts 1. */
function ageOfOldest(values: readonly (number | undefined)[]): number {
  return values.length - values.findIndex((value) => value !== undefined);
}

const COMPARISONS: { readonly [operator in ComparisonOperator]: string } = {
  GreaterThanThreshold: 'greater than',
  GreaterThanOrEqualToThreshold: 'greater than or equal to',
  LessThanThreshold: 'less than',
  LessThanOrEqualToThreshold: 'less than or equal to',
};

function reasonText(
  rule: EvaluatedRule,
  state: AlarmState,
  present: AlarmState,
  datapoints: readonly number[],
  breaching: number,
  missing: number,
): string {
  const unknown = missing > 0 ? `${missing} of the last ${rule.evaluationPeriods} datapoints were unknown` : '';
  if (state === 'INSUFFICIENT_DATA') return `Insufficient Data: ${unknown}.`;
  const needed = datapointsToAlarm(rule);
  const shown = datapoints.slice(-5).map((value) => String(Math.round(value * 1e6) / 1e6));
  const list = `[${datapoints.length > 5 ? '..., ' : ''}${shown.join(', ')}]`;
  const comparison = `${COMPARISONS[rule.comparisonOperator]} the threshold (${rule.threshold})`;
  const treated = unknown === '' ? '' : `; ${unknown} and treated as ${rule.treatMissingData ?? 'missing'}`;
  const kept = missing > 0 && state === present && state !== 'OK' ? '; the state is kept' : '';
  return (
    `Threshold Crossed: ${breaching} out of the last ${rule.evaluationPeriods} datapoints ${list} were ${comparison} ` +
    `(minimum ${needed} for ALARM)${treated}${kept}.`
  );
}
