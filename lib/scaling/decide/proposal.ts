/** What one policy wants, before the others and the limits are heard. */
export interface Proposal {
  readonly policyName: string;
  readonly kind: 'target-tracking' | 'step';
  /** `hold`: the policy is content or cannot judge. */
  readonly direction: 'out' | 'in' | 'hold';
  /** The capacity wanted; the present one with `hold`. */
  readonly capacity: number;
  /** Seconds that a change by this policy is left to take effect. */
  readonly cooldownSeconds: number;
  /** Whether a scale-in that target-tracking policies ask for needs this one's agreement. */
  readonly mustAgreeToScaleIn: boolean;
  readonly reason: string;
}

/** A number for a sentence: at most three decimals. */
export function shown(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

/** The next whole number, forgiving the last bits of floating-point arithmetic (0.1 × 30 is 3, not 4). */
export function ceilCapacity(value: number): number {
  return Math.ceil(value - 1e-9 * Math.max(1, Math.abs(value)));
}
