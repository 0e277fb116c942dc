import type { Step } from '../../core/decision';
import type { EpochSeconds } from '../../core/time';
import type { CapacityLimits } from './limits';
import type { ScalingMemory } from './memory';
import type { FleetPlan, ScheduledAction } from './plan';
import { nextDue, parseSchedule } from './schedule-expression';

/** Returns the first run of a scheduled action after a moment; undefined if it never runs again. */
export function nextRun(action: ScheduledAction, afterSeconds: EpochSeconds): EpochSeconds | undefined {
  const { startSeconds, endSeconds = Infinity, createdSeconds = 0 } = action;
  const expression = parseSchedule(action.schedule, action.timezone);
  let due: EpochSeconds | undefined;
  if (expression.kind === 'at') {
    due = nextDue(expression, afterSeconds);
    if (due !== undefined && due < (startSeconds ?? -Infinity)) return undefined;
  } else if (startSeconds !== undefined && startSeconds > afterSeconds) {
    // "If you specify a start time, Application Auto Scaling performs the action at this time, and then on the recurrence."
    due = startSeconds;
  } else {
    due = nextDue(expression, afterSeconds, startSeconds ?? createdSeconds);
  }
  return due === undefined || due > endSeconds ? undefined : due;
}

/** Limits after the scheduled actions. */
export interface Scheduled {
  readonly limits: CapacityLimits;
  /** Last action that ran. */
  readonly action?: ScheduledAction;
  readonly steps: readonly Step[];
}

/** Maximum time to look back for due actions; bounds the search after a long gap. */
const MAX_GAP_SECONDS = 31 * 86_400;

/**
 * Runs the scheduled actions due since the last decision, in order of time. Each sets one or both limits permanently; at the first
 * decision only actions due in that second run.
 */
export function applySchedules(
  plan: FleetPlan,
  memory: ScalingMemory,
  atSeconds: EpochSeconds,
  desiredCapacity: number,
): Scheduled {
  const present: CapacityLimits = memory.limits ?? { minCapacity: plan.minCapacity, maxCapacity: plan.maxCapacity };
  if (plan.schedules.length === 0) return { limits: present, steps: [] };
  const step = (reason: string): Step => ({ stage: 'schedules', from: desiredCapacity, to: desiredCapacity, reason });
  if (plan.suspended?.scheduledScalingSuspended === true) {
    return { limits: present, steps: [step('scheduled scaling is suspended')] };
  }

  const since = Math.max(memory.schedulesAppliedUntil ?? atSeconds - 1, atSeconds - MAX_GAP_SECONDS);
  const due = plan.schedules
    .flatMap((action) => {
      const last = lastRun(action, since, atSeconds);
      return last === undefined ? [] : [{ action, atSeconds: last }];
    })
    .sort((a, b) => a.atSeconds - b.atSeconds); // in the order of the plan where both are due at once
  if (due.length === 0) return { limits: present, steps: [step('no scheduled action is due')] };

  let limits = present;
  let action: ScheduledAction | undefined;
  const steps: Step[] = [];
  for (const run of due) {
    const minCapacity = run.action.minCapacity ?? limits.minCapacity;
    const maxCapacity = run.action.maxCapacity ?? limits.maxCapacity;
    const name = run.action.scheduledActionName;
    if (minCapacity > maxCapacity) {
      steps.push(
        step(
          `scheduled action ${name} is not applied: it would set minimum ${minCapacity} above maximum ${maxCapacity}`,
        ),
      );
      continue;
    }
    steps.push(
      step(
        `scheduled action ${name} sets the limits from ${limits.minCapacity} to ${limits.maxCapacity} ` +
          `to ${minCapacity} to ${maxCapacity}`,
      ),
    );
    limits = { minCapacity, maxCapacity };
    action = run.action;
  }
  return { limits, ...(action !== undefined && { action }), steps };
}

/** Returns the last run in `(since, until]`: an action sets absolute limits, so its earlier runs have no effect. */
function lastRun(action: ScheduledAction, since: EpochSeconds, until: EpochSeconds): EpochSeconds | undefined {
  let last: EpochSeconds | undefined;
  for (let due = upcomingRun(action, since); due <= until; due = upcomingRun(action, due)) last = due;
  return last;
}

/** Next run of each action, computed last; every decision until then uses it. */
const upcoming = new WeakMap<ScheduledAction, { readonly after: EpochSeconds; readonly due: EpochSeconds }>();

/** Returns {@link nextRun}, computed once until the action has run; Infinity if it never runs again. */
export function upcomingRun(action: ScheduledAction, after: EpochSeconds): EpochSeconds {
  const known = upcoming.get(action);
  if (known !== undefined && known.after <= after && after < known.due) return known.due;
  const due = nextRun(action, after) ?? Infinity;
  upcoming.set(action, { after, due });
  return due;
}
