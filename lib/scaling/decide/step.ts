import type { AlarmStanding, PolicySignal } from './observation';
import type { StepAdjustment, StepPolicy } from './plan';
import { IN_WORDS, type Wording } from '../../core/decision';
import { shown, type Proposal } from './proposal';
import { DEFAULT_COOLDOWN_SECONDS } from './target-tracking';

/** Situation that a step policy is evaluated in. */
export interface StepSituation {
  readonly signal: PolicySignal | undefined;
  /** Desired capacity. */
  readonly desiredCapacity: number;
  /** Capacity before scale-outs in cooldown, whose additions count towards the next one. */
  readonly countedFrom: number;
}

/**
 * Returns the proposal of a step policy, by the rules of the step scaling pages of the Auto Scaling user guides: bounds relative to the threshold
 * (above it the lower bound is inclusive, below it the upper one), percentages rounded as {@link percentChange} does.
 */
export function proposeStep(policy: StepPolicy, situation: StepSituation, words: Wording = IN_WORDS): Proposal {
  const { signal, desiredCapacity } = situation;
  const propose = (
    direction: Proposal['direction'],
    capacity: number,
    cooldownSeconds: number,
    reason: () => string,
  ): Proposal => ({
    policyName: policy.policyName,
    kind: 'step',
    mustAgreeToScaleIn: false,
    direction,
    capacity,
    cooldownSeconds,
    reason: words(reason),
  });
  const hold = (reason: () => string): Proposal => propose('hold', desiredCapacity, 0, reason);

  if (signal?.alarm === 'ok') return hold(() => 'the alarm is OK');
  if (signal?.alarm === 'insufficient-data') return hold(() => 'the alarm has insufficient data');
  const value = aggregate(policy, signal);
  if (value === undefined) return hold(() => 'the metric is missing (insufficient data)');
  const threshold = signal?.threshold ?? policy.threshold;
  if (threshold === undefined) return hold(() => 'the threshold of the steps is not known');

  const breach = value - threshold;
  const step = findStep(policy.steps, breach, signal?.alarm);
  const where = (): string =>
    `metric ${shown(value)} is ${shown(Math.abs(breach))} ${breach < 0 ? 'below' : 'above'} threshold ${shown(threshold)}`;
  if (step === undefined) return hold(() => `${where()}, where no step applies`);

  const cooldownSeconds = policy.cooldownSeconds ?? DEFAULT_COOLDOWN_SECONDS;
  const from = isGrowth(policy, step, desiredCapacity) ? situation.countedFrom : desiredCapacity;
  const capacity = Math.max(0, adjusted(policy, step, from));
  const reason = (): string =>
    `${where()}, in step ${boundsText(step)}: ${adjustmentText(policy, step)} of ${from} gives ${capacity}`;
  if (capacity > from || capacity > desiredCapacity) return propose('out', capacity, cooldownSeconds, reason);
  if (capacity < desiredCapacity) return propose('in', capacity, cooldownSeconds, reason);
  return hold(reason);
}

/**
 * Returns the change by a percentage in whole replicas: above 1 rounded down, between 0 and 1 up to 1, between -1 and 0 to -1,
 * below -1 towards zero (12.7 gives 12, 0.67 gives 1, -0.58 gives -1, -6.67 gives -6). The minimum magnitude applies afterwards.
 */
export function percentChange(capacity: number, percent: number, minAdjustmentMagnitude = 0): number {
  const exact = (capacity * percent) / 100;
  const magnitude = Math.abs(exact);
  const whole = magnitude > 0 && magnitude < 1 ? 1 : Math.floor(magnitude + 1e-9);
  return percent === 0 ? 0 : Math.sign(percent) * Math.max(whole, minAdjustmentMagnitude);
}

/**
 * Returns the step for a breach, or undefined. Above the threshold the lower bound is inclusive and the upper exclusive, below it the
 * reverse; exactly at the threshold the alarm's side decides, and where it is not known the upper side takes precedence.
 */
export function findStep(
  steps: readonly StepAdjustment[],
  breach: number,
  alarm?: AlarmStanding,
): StepAdjustment | undefined {
  const above = steps.find(
    ({ lowerBound = -Infinity, upperBound = Infinity }) => lowerBound <= breach && breach < upperBound,
  );
  const below = steps.find(
    ({ lowerBound = -Infinity, upperBound = Infinity }) => lowerBound < breach && breach <= upperBound,
  );
  if (breach > 0) return above;
  if (breach < 0) return below;
  return alarm === 'low' ? below : (above ?? below);
}

function aggregate(policy: StepPolicy, signal: PolicySignal | undefined): number | undefined {
  const values = (signal?.datapoints ?? (signal?.value === undefined ? [] : [signal.value])).filter(Number.isFinite);
  if (values.length === 0) return undefined;
  switch (policy.metricAggregationType ?? 'Average') {
    case 'Average':
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    case 'Minimum':
      return Math.min(...values);
    case 'Maximum':
      return Math.max(...values);
  }
}

function isGrowth(policy: StepPolicy, step: StepAdjustment, desiredCapacity: number): boolean {
  return policy.adjustmentType === 'ExactCapacity' ? step.adjustment > desiredCapacity : step.adjustment > 0;
}

function adjusted(policy: StepPolicy, step: StepAdjustment, from: number): number {
  switch (policy.adjustmentType) {
    case 'ChangeInCapacity':
      return from + step.adjustment;
    case 'PercentChangeInCapacity':
      return from + percentChange(from, step.adjustment, policy.minAdjustmentMagnitude);
    case 'ExactCapacity':
      return step.adjustment;
  }
}

function adjustmentText(policy: StepPolicy, step: StepAdjustment): string {
  const signed = step.adjustment > 0 ? `+${step.adjustment}` : String(step.adjustment);
  switch (policy.adjustmentType) {
    case 'ChangeInCapacity':
      return signed;
    case 'PercentChangeInCapacity':
      return policy.minAdjustmentMagnitude === undefined
        ? `${signed} %`
        : `${signed} % (at least ${policy.minAdjustmentMagnitude})`;
    case 'ExactCapacity':
      return `exactly ${step.adjustment} instead`;
  }
}

function boundsText({ lowerBound, upperBound }: StepAdjustment): string {
  return `${lowerBound ?? '-∞'} to ${upperBound ?? '+∞'}`;
}
