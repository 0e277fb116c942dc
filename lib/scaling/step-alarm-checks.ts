import { type Duration, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { PUBLISHED_METRICS } from '../catalog/hosting-metrics';
import type { ScalingStep } from './fleet-scaling-props';
import { secondsOf } from '../runtime/whole-amounts';

/** Alarm of a step policy, with defaults applied. */
export interface StepAlarm {
  readonly threshold: number;
  readonly steps: readonly ScalingStep[];
  readonly metric: cloudwatch.IMetric;
  readonly comparisonOperator: cloudwatch.ComparisonOperator;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
}

const { ComparisonOperator } = cloudwatch;
const ABOVE: readonly cloudwatch.ComparisonOperator[] = [
  ComparisonOperator.GREATER_THAN_THRESHOLD,
  ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
];
const BELOW: readonly cloudwatch.ComparisonOperator[] = [
  ComparisonOperator.LESS_THAN_THRESHOLD,
  ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
];

const HIGH_RESOLUTION_PERIODS = [10, 20, 30];
const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** Returns the problem of a period that alarms do not have; none where it is not given, or known at deploy time only. */
export function checkStepPeriod(period: Duration | undefined): string[] {
  if (period === undefined || period.isUnresolved()) return [];
  const seconds = secondsOf(period);
  const isMinutes = seconds >= 60 && seconds <= DAY_SECONDS && seconds % 60 === 0;
  if (isMinutes || HIGH_RESOLUTION_PERIODS.includes(seconds)) return [];
  return [`period (${seconds} s) must be ${HIGH_RESOLUTION_PERIODS.join(', ')} s, or whole minutes up to a day`];
}

/** Returns every problem of a step policy's alarm; values that are known at deploy time only are not checked. */
export function checkStepAlarm(alarm: StepAlarm): string[] {
  const { threshold, steps, evaluationPeriods, datapointsToAlarm } = alarm;
  const problems: string[] = [];
  if (isKnown(threshold) && !Number.isFinite(threshold)) {
    problems.push(`threshold (${threshold}) must be a number; give the value that the alarm compares the metric with`);
  }
  for (const [index, { lowerBound, upperBound }] of steps.entries()) {
    for (const [name, bound] of Object.entries({ lowerBound, upperBound })) {
      if (bound !== undefined && isKnown(bound) && !Number.isFinite(bound)) {
        problems.push(`steps[${index}].${name} (${bound}) must be a number; omit it for an open end`);
      }
    }
  }
  if (isKnown(evaluationPeriods) && !isCount(evaluationPeriods)) {
    problems.push(`evaluationPeriods (${evaluationPeriods}) must be a whole number, 1 or more`);
  }
  if (isKnown(datapointsToAlarm) && !isCount(datapointsToAlarm)) {
    problems.push(`datapointsToAlarm (${datapointsToAlarm}) must be a whole number, 1 or more`);
  } else if (isKnown(datapointsToAlarm) && isKnown(evaluationPeriods) && datapointsToAlarm > evaluationPeriods) {
    problems.push(
      `datapointsToAlarm (${datapointsToAlarm}) is above evaluationPeriods (${evaluationPeriods}), so the alarm never goes off; ` +
        'raise evaluationPeriods or lower datapointsToAlarm',
    );
  }
  return [...problems, ...checkPeriod(alarm), ...checkSides(alarm)];
}

/** Returns a warning for each step that never applies: those on the side of the threshold where the alarm is not in ALARM. */
export function idleSteps({ steps, comparisonOperator }: StepAlarm): string[] {
  return steps
    .filter((step) => step.change !== 0 && !isReachable(step, comparisonOperator))
    .map(
      (step) =>
        `step ${boundsText(step)} (change ${String(step.change)}) does not apply while the alarm, with ${comparisonOperator}, is ` +
        'past its threshold; use a second step policy with the opposite comparisonOperator',
    );
}

function checkPeriod({ metric, evaluationPeriods }: StepAlarm): string[] {
  const period = periodSeconds(metric);
  if (period === undefined || !isKnown(period)) return [];
  if (!HIGH_RESOLUTION_PERIODS.includes(period) && !(period > 0 && period % 60 === 0)) {
    return [`the metric's period (${period} s) must be 10, 20, 30 or a multiple of 60 seconds`];
  }
  const problems: string[] = [];
  if (period < 60) {
    for (const name of minuteMetrics(metric)) {
      problems.push(
        `the period (${period} s) is shorter than the minute in which SageMaker publishes ${name}, so the alarm finds no data; ` +
          'use Duration.minutes(1), or ConcurrentRequestsPerModel or ConcurrentRequestsPerCopy, which are published every 10 seconds',
      );
    }
  }
  // API reference of PutMetricAlarm: at most a day, with periods of an hour or longer seven days.
  const [maxSeconds, words] = period < HOUR_SECONDS ? [DAY_SECONDS, '1 day'] : [7 * DAY_SECONDS, '7 days'];
  if (isKnown(evaluationPeriods) && isCount(evaluationPeriods) && evaluationPeriods * period > maxSeconds) {
    problems.push(
      `evaluationPeriods (${evaluationPeriods}) x the period (${period} s) is ${evaluationPeriods * period} s; CloudWatch evaluates ` +
        `at most ${words} with such a period, so lower evaluationPeriods to ${Math.floor(maxSeconds / period)} or less`,
    );
  }
  return problems;
}

function checkSides({ steps, comparisonOperator }: StepAlarm): string[] {
  if (steps.length === 0 || steps.some((step) => isReachable(step, comparisonOperator))) return [];
  const side = ABOVE.includes(comparisonOperator) ? 'above' : 'below';
  const bound = side === 'above' ? '{ lowerBound: 0 }' : '{ upperBound: 0 }';
  return [
    `no step lies ${side} the threshold, where the alarm goes off with comparisonOperator ${comparisonOperator}, so nothing is ever ` +
      `scaled; add a step such as ${bound}, or reverse the comparison`,
  ];
}

/** Returns true if a breach on the alarm's side can fall into the step. */
function isReachable({ lowerBound, upperBound }: ScalingStep, operator: cloudwatch.ComparisonOperator): boolean {
  if (ABOVE.includes(operator)) return upperBound === undefined || !isKnown(upperBound) || !(upperBound <= 0);
  if (BELOW.includes(operator)) return lowerBound === undefined || !isKnown(lowerBound) || !(lowerBound >= 0);
  return true;
}

function periodSeconds(metric: cloudwatch.IMetric): number | undefined {
  const { metricStat, mathExpression } = metric.toMetricConfig();
  return metricStat === undefined ? mathExpression?.period : secondsOf(metricStat.period);
}

/** Returns the names of its SageMaker metrics that are published once a minute; utilization follows the interval set on the endpoint. */
function minuteMetrics(metric: cloudwatch.IMetric): string[] {
  const { metricStat, mathExpression } = metric.toMetricConfig();
  if (metricStat === undefined) return Object.values(mathExpression?.usingMetrics ?? {}).flatMap(minuteMetrics);
  const { namespace, metricName } = metricStat;
  const published = PUBLISHED_METRICS.find((one) => one.namespace === namespace && one.metricName === metricName);
  const followsEndpoint = namespace.startsWith('/aws/sagemaker/');
  return published === undefined || published.isHighResolution || followsEndpoint ? [] : [metricName];
}

function boundsText({ lowerBound, upperBound }: ScalingStep): string {
  return `${lowerBound ?? '-∞'} to ${upperBound ?? '+∞'}`;
}

function isKnown(value: number): boolean {
  return !Token.isUnresolved(value);
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
