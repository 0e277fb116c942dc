import { Token } from 'aws-cdk-lib';
import type { ScalingStep, StreamBacklogScalingProps } from './fleet-scaling-props';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/** Ratio of the bounds of a step: a fleet that grows by the middle of its step has at most an eighth less or more than it needs. */
const STEP_RATIO = 1.25;
/** Maximum number of steps of a policy (Application Auto Scaling quotas). */
const MAX_STEPS = 20;

/** Period of the metric, seconds. */
export const BACKLOG_ALARM_PERIOD_SECONDS = 10;

/**
 * Returns the steps of a policy that multiplies a fleet by its backlog for each instance over the target: from a backlog of `acceptable` on, in
 * bounds a quarter apart, each with the change that its middle needs, in percent (Application Auto Scaling rounds more than one instance down). Bounds are relative to `acceptable`.
 */
export function backlogSteps(acceptable: number, targetRatio: number): ScalingStep[] {
  const bound = (index: number): number => rounded(acceptable * (STEP_RATIO ** index - 1));
  return Array.from({ length: MAX_STEPS }, (_, index) => ({
    lowerBound: bound(index),
    ...(index === MAX_STEPS - 1 ? {} : { upperBound: bound(index + 1) }),
    change: Math.round((STEP_RATIO ** (index + 0.5) / targetRatio - 1) * 100),
  }));
}

/** Returns the problems of the settings of a policy on the backlog of a stream. */
export function checkStreamBacklog(props: StreamBacklogScalingProps, acceptable: number): string[] {
  const problems: string[] = [];
  const { targetRatio, addAfter } = props;
  if (Token.isUnresolved(acceptable)) {
    problems.push(
      "the fleet's maxConcurrencyPerInstance is known at deploy time only, so no steps can be computed from it; give acceptablePerInstance instead",
    );
  } else if (!(Number.isFinite(acceptable) && acceptable > 0)) {
    problems.push(`acceptablePerInstance (${acceptable}) must be a number above 0`);
  }
  if (targetRatio !== undefined && !(targetRatio > 0 && targetRatio <= 1)) {
    problems.push(`targetRatio (${targetRatio}) must be above 0 and at most 1`);
  }
  const seconds = addAfter === undefined ? BACKLOG_ALARM_PERIOD_SECONDS : secondsOf(addAfter);
  if (seconds % BACKLOG_ALARM_PERIOD_SECONDS !== 0 || seconds < BACKLOG_ALARM_PERIOD_SECONDS || seconds > 600) {
    problems.push(`addAfter (${seconds} s) must be a multiple of 10 s, 10 to 600 s`);
  }
  return [...problems, ...checkWholeDurations('seconds', { cooldown: props.cooldown })];
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
