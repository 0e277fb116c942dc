/** Capacity that one policy proposes, before the other policies and the limits apply. */
export interface Proposal {
  readonly policyName: string;
  readonly kind: 'target-tracking' | 'step';
  /** `hold`: no change is needed, or data is missing. */
  readonly direction: 'out' | 'in' | 'hold';
  /** Proposed capacity; the desired one with `hold`. */
  readonly capacity: number;
  /** Cooldown after a change by this policy, in seconds. */
  readonly cooldownSeconds: number;
  /** True if a scale-in by target tracking needs this policy's agreement. */
  readonly mustAgreeToScaleIn: boolean;
  readonly reason: string;
}

/** Formats a number for a reason: at most three decimals. Numbers beyond 1e15 have none. */
export function shown(value: number): string {
  return String(Math.abs(value) < 1e15 ? Math.round(value * 1000) / 1000 : value);
}

/** Rounds up, tolerating the error of floating-point arithmetic (0.1 × 30 is 3, not 4). */
export function ceilCapacity(value: number): number {
  return Math.ceil(value - 1e-9 * Math.max(1, Math.abs(value)));
}
