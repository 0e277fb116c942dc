import type { CapacityLimits, LimitsSeen } from '../../scaling/decide/limits';

/** Limits that the guard claimed, which is to write them into its state before it sets them. */
export interface ClaimedLimits extends CapacityLimits {
  /** Evaluations since the limits were no longer wanted. */
  readonly evaluations: number;
}

/**
 * Limits of one scalable target that are, or may be, in force by the guard.
 *
 * Whatever happens to a run after its claim (it dies, its call has an effect without an answer, its state is not written), the limits
 * that it may have set are among the claimed ones: by them the guard tells its own limits from those of someone else.
 */
export interface HeldLimits {
  readonly scalableDimension: string;
  /** Limits to restore. */
  readonly declared: CapacityLimits;
  /** The newest is the last. */
  readonly claimed: readonly ClaimedLimits[];
  /**
   * - `claimed`: nothing is known of the last change; it may have had its effect.
   * - `set`: the newest claimed limits were set.
   * - `restored`: the declared limits were restored.
   */
  readonly status: 'claimed' | 'set' | 'restored';
}

/**
 * Evaluations for which limits that are neither wanted nor in force are remembered. A run that another one has overtaken may still set
 * them: it ends before the second evaluation after it begins, as evaluations are a minute apart and a run takes less.
 */
const REMEMBERED_EVALUATIONS = 2;

/** Returns the held limits with new ones claimed, as they are once these were set. */
export function claimLimits(
  held: Pick<HeldLimits, 'claimed'> | undefined,
  target: Pick<HeldLimits, 'scalableDimension' | 'declared'>,
  { minCapacity, maxCapacity }: CapacityLimits,
): HeldLimits {
  const others = (held?.claimed ?? []).filter(
    (claimed) => claimed.minCapacity !== minCapacity || claimed.maxCapacity !== maxCapacity,
  );
  return { ...target, claimed: [...others, { minCapacity, maxCapacity, evaluations: 0 }], status: 'set' };
}

/**
 * Returns what is still to be remembered of held limits: those that are wanted (the newest, if `wanted`), in force or recently claimed.
 * Undefined when there are none.
 */
export function rememberHeld(
  held: HeldLimits | undefined,
  limits: LimitsSeen,
  wanted: boolean,
): HeldLimits | undefined {
  if (held === undefined) return undefined;
  const { claimed, declared } = held;
  const kept = claimed.flatMap((one, index) => {
    if (wanted && index === claimed.length - 1) return [one];
    const evaluations = Math.min(one.evaluations + 1, REMEMBERED_EVALUATIONS);
    const shown =
      limits.kind === 'unreadable' ||
      (limits.kind === 'in-force' &&
        ((one.maxCapacity === limits.maxCapacity && limits.maxCapacity !== declared.maxCapacity) ||
          (one.minCapacity === limits.minCapacity && limits.minCapacity !== declared.minCapacity)));
    return shown || evaluations < REMEMBERED_EVALUATIONS ? [{ ...one, evaluations }] : [];
  });
  return kept.length === 0 ? undefined : { ...held, claimed: kept };
}

/** True if the guard may have set this maximum. */
export function ownsMaximum(held: HeldLimits | undefined, maxCapacity: number): boolean {
  return held?.claimed.some((claimed) => claimed.maxCapacity === maxCapacity) === true;
}

/** True if the guard may have set this minimum. */
export function ownsMinimum(held: HeldLimits | undefined, minCapacity: number): boolean {
  return held?.claimed.some((claimed) => claimed.minCapacity === minCapacity) === true;
}

/**
 * Returns the limits that count: those in force; where they cannot be read, those that the guard set last, or the declared ones.
 */
export function believedLimits(
  limits: LimitsSeen,
  held: HeldLimits | undefined,
  declared: CapacityLimits,
): CapacityLimits {
  const claimed = held?.status === 'restored' ? undefined : held?.claimed.at(-1);
  const { minCapacity, maxCapacity } = limits.kind === 'in-force' ? limits : (claimed ?? declared);
  return { minCapacity, maxCapacity };
}
