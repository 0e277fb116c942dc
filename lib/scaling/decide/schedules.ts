import type { Step } from '../../core/decision';
import type { EpochSeconds } from '../../core/time';
import type { CapacityLimits, FleetPlan, ScalingMemory, ScheduledAction } from './plan';
import { nextDue, parseSchedule } from './schedule-expression';

/** The first run of a scheduled action after a moment, or undefined when it never runs again. */
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

/** What the schedules made of the limits. */
export interface Scheduled {
  readonly limits: CapacityLimits;
  /** The last action that ran. */
  readonly action?: ScheduledAction;
  readonly steps: readonly Step[];
}

/** A gap in watching is bridged back to at most this many seconds, so that nothing searches through years. */
const LONGEST_GAP_SECONDS = 31 * 86_400;

/**
 * Runs the scheduled actions due since the last look, in the order of time. Each sets one or both limits for good; at the first
 * look only what is due at that very second runs, because nothing is known of before.
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

  const since = Math.max(memory.schedulesSeenUntil ?? atSeconds - 1, atSeconds - LONGEST_GAP_SECONDS);
  const due = plan.schedules
    .flatMap((action, order) => {
      const last = lastRun(action, since, atSeconds);
      return last === undefined ? [] : [{ action, order, atSeconds: last }];
    })
    .sort((a, b) => a.atSeconds - b.atSeconds || a.order - b.order);
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

/** The last run in `(since, until]`: an action sets limits absolutely, so earlier runs of the same action leave no trace. */
function lastRun(action: ScheduledAction, since: EpochSeconds, until: EpochSeconds): EpochSeconds | undefined {
  let last: EpochSeconds | undefined;
  for (let due = upcomingRun(action, since); due <= until; due = upcomingRun(action, due)) last = due;
  return last;
}

/** What was computed last for an action; the same question comes at every decision until the action runs. */
const computed = new WeakMap<ScheduledAction, { readonly after: EpochSeconds; readonly due: EpochSeconds }>();

/** As {@link nextRun}, computed once until the action has run; Infinity when it never runs again. */
export function upcomingRun(action: ScheduledAction, after: EpochSeconds): EpochSeconds {
  const known = computed.get(action);
  if (known !== undefined && known.after <= after && after < known.due) return known.due;
  const due = nextRun(action, after) ?? Infinity;
  computed.set(action, { after, due });
  return due;
}
