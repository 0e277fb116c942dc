import { InputError } from '../../core/errors';
import type { FleetPlan, ScalingPolicy, ScheduledAction, StepPolicy, TargetTrackingPolicy } from './plan';
import { parseSchedule } from './schedule-expression';

/** Returns every problem of a plan, one sentence each; empty if it is valid. */
export function checkPlan(plan: FleetPlan): string[] {
  const problems: string[] = [];
  const { minCapacity, maxCapacity } = plan;
  if (!isCount(minCapacity)) problems.push(`minCapacity (${minCapacity}) must be a whole number of at least 0`);
  if (!isCount(maxCapacity)) problems.push(`maxCapacity (${maxCapacity}) must be a whole number of at least 0`);
  if (minCapacity > maxCapacity) {
    problems.push(
      `minCapacity (${minCapacity}) is above maxCapacity (${maxCapacity}); lower minCapacity or raise maxCapacity`,
    );
  }
  problems.push(
    ...repeated(
      'policyName',
      plan.policies.map(({ policyName }) => policyName),
    ),
  );
  problems.push(
    ...repeated(
      'scheduledActionName',
      plan.schedules.map(({ scheduledActionName }) => scheduledActionName),
    ),
  );
  for (const policy of plan.policies) problems.push(...checkPolicy(policy));
  for (const action of plan.schedules) problems.push(...checkScheduledAction(action));
  return problems;
}

/** Returns every problem of one policy. */
export function checkPolicy(policy: ScalingPolicy): string[] {
  const where = `policy ${policy.policyName}`;
  switch (policy.kind) {
    case 'target-tracking':
      return checkTargetTracking(policy).map((problem) => `${where}: ${problem}`);
    case 'step':
      return checkStep(policy).map((problem) => `${where}: ${problem}`);
  }
}

/** Returns every problem of one scheduled action. */
export function checkScheduledAction(action: ScheduledAction): string[] {
  const problems: string[] = [];
  const { minCapacity, maxCapacity, startSeconds, endSeconds } = action;
  if (minCapacity === undefined && maxCapacity === undefined) problems.push('give minCapacity, maxCapacity or both');
  if (minCapacity !== undefined && !isCount(minCapacity)) {
    problems.push(`minCapacity (${minCapacity}) must be a whole number of at least 0`);
  }
  if (maxCapacity !== undefined && !isCount(maxCapacity)) {
    problems.push(`maxCapacity (${maxCapacity}) must be a whole number of at least 0`);
  }
  if (minCapacity !== undefined && maxCapacity !== undefined && minCapacity > maxCapacity) {
    problems.push(`minCapacity (${minCapacity}) is above maxCapacity (${maxCapacity})`);
  }
  if (startSeconds !== undefined && endSeconds !== undefined && startSeconds >= endSeconds) {
    problems.push('the start must lie before the end');
  }
  try {
    parseSchedule(action.schedule, action.timezone);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problems.push(error.message);
  }
  return problems.map((problem) => `scheduled action ${action.scheduledActionName}: ${problem}`);
}

/** Least and greatest size of a metric's value. Source: CloudWatch API reference, MetricDatum. */
const MIN_METRIC_VALUE = 8.51592e-109;
const MAX_METRIC_VALUE = 1.174271e108;

/** Returns the problem of a target that no metric can be kept at; undefined for a valid one. */
export function targetValueProblem(targetValue: number): string | undefined {
  if (!(Number.isFinite(targetValue) && targetValue > 0))
    return `targetValue (${targetValue}) must be a number above 0`;
  return targetValue < MIN_METRIC_VALUE || targetValue > MAX_METRIC_VALUE
    ? `targetValue (${targetValue}) must be from ${MIN_METRIC_VALUE} to ${MAX_METRIC_VALUE}, as values of metrics are`
    : undefined;
}

function checkTargetTracking(policy: TargetTrackingPolicy): string[] {
  const problems: string[] = [];
  const { targetValue, maxScaleInPerDecision, alarmShape = {}, metric } = policy;
  const problem = targetValueProblem(targetValue);
  if (problem !== undefined) problems.push(problem);
  problems.push(...checkCooldown('scaleOutCooldownSeconds', policy.scaleOutCooldownSeconds));
  problems.push(...checkCooldown('scaleInCooldownSeconds', policy.scaleInCooldownSeconds));
  if (maxScaleInPerDecision !== undefined && !(Number.isInteger(maxScaleInPerDecision) && maxScaleInPerDecision >= 1)) {
    problems.push(`maxScaleInPerDecision (${maxScaleInPerDecision}) must be a whole number of at least 1`);
  }
  const { scaleInRatio = 0.9, periodSeconds = 60, scaleOutDatapoints = 3, scaleInDatapoints = 15 } = alarmShape;
  if (!(scaleInRatio > 0 && scaleInRatio <= 1)) {
    problems.push(`scaleInRatio (${scaleInRatio}) must be above 0 and at most 1`);
  }
  if (![10, 20, 30].includes(periodSeconds) && !(periodSeconds > 0 && periodSeconds % 60 === 0)) {
    problems.push(`periodSeconds (${periodSeconds}) must be 10, 20, 30 or a multiple of 60`);
  }
  if (!(Number.isInteger(scaleOutDatapoints) && scaleOutDatapoints >= 1)) {
    problems.push(`scaleOutDatapoints (${scaleOutDatapoints}) must be a whole number of at least 1`);
  }
  if (!(Number.isInteger(scaleInDatapoints) && scaleInDatapoints >= 1)) {
    problems.push(`scaleInDatapoints (${scaleInDatapoints}) must be a whole number of at least 1`);
  }
  const statistics =
    metric?.kind === 'custom'
      ? [metric.statistic]
      : metric?.kind === 'math'
        ? metric.queries.flatMap(({ metric: source }) => source?.statistic ?? [])
        : [];
  for (const statistic of statistics) {
    if (!STATISTICS.includes(statistic)) {
      problems.push(`statistic (${statistic}) must be one of ${STATISTICS.join(', ')}`);
    }
  }
  if (metric?.kind === 'math' && metric.queries.filter(({ returnData }) => returnData ?? true).length !== 1) {
    problems.push('exactly one query of the metric math must have returnData true');
  }
  return problems;
}

const ADJUSTMENT_TYPES = ['ChangeInCapacity', 'PercentChangeInCapacity', 'ExactCapacity'];
const AGGREGATION_TYPES = ['Average', 'Minimum', 'Maximum'];
const STATISTICS = ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'];

function checkStep(policy: StepPolicy): string[] {
  const problems: string[] = [...checkCooldown('cooldownSeconds', policy.cooldownSeconds)];
  const { steps, adjustmentType, minAdjustmentMagnitude } = policy;
  if (!ADJUSTMENT_TYPES.includes(adjustmentType)) {
    problems.push(`adjustmentType (${adjustmentType}) must be one of ${ADJUSTMENT_TYPES.join(', ')}`);
  }
  const { metricAggregationType = 'Average' } = policy;
  if (!AGGREGATION_TYPES.includes(metricAggregationType)) {
    problems.push(`metricAggregationType (${metricAggregationType}) must be one of ${AGGREGATION_TYPES.join(', ')}`);
  }
  if (steps.length === 0) problems.push('give at least one step');
  for (const { adjustment } of steps) {
    if (!Number.isInteger(adjustment)) problems.push(`adjustment (${adjustment}) must be a whole number`);
    if (adjustmentType === 'ExactCapacity' && adjustment < 0) {
      problems.push(`adjustment (${adjustment}) must not be negative with ExactCapacity`);
    }
  }
  if (
    minAdjustmentMagnitude !== undefined &&
    !(Number.isInteger(minAdjustmentMagnitude) && minAdjustmentMagnitude >= 1)
  ) {
    problems.push(`minAdjustmentMagnitude (${minAdjustmentMagnitude}) must be a whole number of at least 1`);
  }
  return [...problems, ...checkBounds(policy)];
}

/** Checks the rules of `API_StepAdjustment`: no gaps, no overlaps, open outer ends. */
function checkBounds({ steps }: StepPolicy): string[] {
  const problems: string[] = [];
  const sorted = [...steps].sort((a, b) => (a.lowerBound ?? -Infinity) - (b.lowerBound ?? -Infinity));
  for (const { lowerBound, upperBound } of sorted) {
    if (lowerBound === undefined && upperBound === undefined && steps.length > 1) {
      problems.push('a step without bounds must be the only one');
    }
    if (lowerBound !== undefined && upperBound !== undefined && lowerBound >= upperBound) {
      problems.push(`the lower bound (${lowerBound}) must be below the upper bound (${upperBound})`);
    }
  }
  for (let index = 1; index < sorted.length; index++) {
    const { upperBound } = sorted[index - 1]!;
    const { lowerBound } = sorted[index]!;
    if (upperBound === undefined || lowerBound === undefined || lowerBound < upperBound) {
      problems.push(`steps overlap between ${lowerBound ?? '-∞'} and ${upperBound ?? '+∞'}`);
    } else if (lowerBound > upperBound) {
      problems.push(`steps leave a gap between ${upperBound} and ${lowerBound}; add one with adjustment 0`);
    }
  }
  const lowest = sorted[0];
  const highest = sorted[sorted.length - 1];
  if ((lowest?.lowerBound ?? 0) < 0) problems.push('a negative lower bound needs a step without a lower bound');
  if ((highest?.upperBound ?? 0) > 0) problems.push('a positive upper bound needs a step without an upper bound');
  return problems;
}

function checkCooldown(name: string, value: number | undefined): string[] {
  return value === undefined || (Number.isInteger(value) && value >= 0)
    ? []
    : [`${name} (${value}) must be a whole number of at least 0`];
}

function repeated(property: string, names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(
    (name) => `${property} ${name} is used twice`,
  );
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}
