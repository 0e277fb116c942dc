import type { AlarmState, ComparisonOperator, TreatMissingData } from './types';

/** What an evaluation needs to know of an alarm. */
export interface AlarmRule {
  readonly threshold: number;
  readonly comparisonOperator: ComparisonOperator;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm?: number;
  readonly treatMissingData?: TreatMissingData;
}

/** What an evaluation found. */
export interface AlarmVerdict {
  readonly state: AlarmState;
  /** The real datapoints that counted, oldest first. */
  readonly datapoints: readonly number[];
  readonly reason: string;
}

/** How many periods beyond the evaluation periods are looked at when data is missing, as in CloudWatch's own examples (5 for 3). */
export const EXTRA_DATAPOINTS = 2;

/**
 * Judges one alarm over its evaluation range, as "Configuring how CloudWatch alarms treat missing data" in the CloudWatch
 * user guide tells and its two tables show.
 *
 * - As many real datapoints as evaluation periods: the newest of them decide, and missing ones do not matter.
 * - Fewer: all real ones count and the rest is filled as `treatMissingData` says. With `missing` and `ignore` nothing is filled:
 *   without any data the state is INSUFFICIENT_DATA (`missing`) or stays (`ignore`); when all there is breaches, `missing` alarms
 *   as soon as the oldest breach is `datapointsToAlarm` periods old, and until then keeps the state.
 *
 * @param values the periods of the evaluation range, oldest first; undefined where there is no data
 */
export function evaluateAlarm(
  rule: AlarmRule,
  values: readonly (number | undefined)[],
  present: AlarmState,
): AlarmVerdict {
  const needed = rule.datapointsToAlarm ?? rule.evaluationPeriods;
  const real = values.filter((value) => value !== undefined);
  const datapoints = real.slice(-rule.evaluationPeriods);
  const breaching = datapoints.filter((value) => breaches(rule, value)).length;
  const missing = rule.evaluationPeriods - datapoints.length;
  const verdict = (state: AlarmState): AlarmVerdict => ({
    state,
    datapoints,
    reason: reasonText(rule, state, present, datapoints, breaching, missing),
  });

  if (breaching >= needed) return verdict('ALARM');
  if (missing === 0) return verdict('OK');
  switch (rule.treatMissingData ?? 'missing') {
    case 'breaching':
      return verdict(breaching + missing >= needed ? 'ALARM' : 'OK');
    case 'notBreaching':
      return verdict('OK');
    case 'ignore':
      return verdict(breaching < datapoints.length ? 'OK' : present);
    case 'missing':
      if (datapoints.length === 0) return verdict('INSUFFICIENT_DATA');
      if (breaching < datapoints.length) return verdict('OK');
      return verdict(ageOfOldest(values) >= needed ? 'ALARM' : present);
  }
}

/** Whether a value is on the wrong side of the threshold. */
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

/** How many periods ago the oldest real datapoint began; the newest period counts 1. */
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
  rule: AlarmRule,
  state: AlarmState,
  present: AlarmState,
  datapoints: readonly number[],
  breaching: number,
  missing: number,
): string {
  const unknown = missing > 0 ? `${missing} of the last ${rule.evaluationPeriods} datapoints were unknown` : '';
  if (state === 'INSUFFICIENT_DATA') return `Insufficient Data: ${unknown}.`;
  const needed = rule.datapointsToAlarm ?? rule.evaluationPeriods;
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
