import type { LimitsSeen } from '../../scaling/decide/limits';
import { believedLimits, ownsMaximum, ownsMinimum, rememberHeld, type HeldLimits } from './held-limits';
import type { GuardAction, LimitsOutcome } from './limits-outcome';

/**
 * Restores the declared limits of a scalable target, where those in force are the guard's. A limit of someone else stays, and so does a
 * target that is not registered. Where the limits cannot be read, they are restored once.
 */
export function restoreLimits(
  resourceId: string,
  held: HeldLimits | undefined,
  limits: LimitsSeen,
  why: string,
): LimitsOutcome {
  const stage = `limit:${resourceId}`;
  const unchanged = (reason: string): LimitsOutcome => ({
    held: rememberHeld(held, limits, false),
    action: undefined,
    step: { stage, reason: `${why}: ${reason}` },
  });
  if (held === undefined) return unchanged('nothing is limited');
  const { declared } = held;
  if (limits.kind === 'not-registered') return unchanged('the scalable target is not registered: nothing to restore');
  if (limits.kind === 'unreadable' && held.status === 'restored')
    return unchanged('the declared limits are restored; those in force cannot be read');
  const before = believedLimits(limits, held, declared);
  const maxCapacity = ownsMaximum(held, before.maxCapacity) ? declared.maxCapacity : before.maxCapacity;
  const minCapacity = Math.min(
    maxCapacity,
    ownsMinimum(held, before.minCapacity) ? declared.minCapacity : before.minCapacity,
  );
  const confirmed = limits.kind === 'in-force';
  if (confirmed && maxCapacity === before.maxCapacity && minCapacity === before.minCapacity)
    return unchanged(`the limits in force, ${minCapacity} to ${maxCapacity}, are not the guard's`);
  const action: GuardAction = { resourceId, minCapacity, maxCapacity };
  return {
    held: { ...(rememberHeld(held, limits, false) ?? held), status: 'restored' },
    action,
    before,
    step: {
      stage,
      reason:
        `${why}: the declared limits are restored: minimum ${before.minCapacity} -> ${minCapacity}, ` +
        `maximum ${before.maxCapacity} -> ${maxCapacity}`,
    },
  };
}
