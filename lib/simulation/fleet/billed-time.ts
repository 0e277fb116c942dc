import type { EpochSeconds } from '../../core/time';

/**
 * Seconds of instance time per type, from launch to termination. AWS bills real-time endpoints per second of instance time and does not
 * document whether provisioning counts; counting it is the conservative reading.
 */
export class BilledTime {
  private readonly terminated = new Map<string, number>();

  /** Adds an entry for a type, also without instances. */
  public cover(instanceType: string): void {
    if (!this.terminated.has(instanceType)) this.terminated.set(instanceType, 0);
  }

  /** Adds an instance that has been terminated. */
  public close(instanceType: string, seconds: number): void {
    this.terminated.set(instanceType, (this.terminated.get(instanceType) ?? 0) + seconds);
  }

  /** Returns the seconds per type up to a moment, live instances included; every covered type has an entry. */
  public until(
    at: EpochSeconds,
    live: readonly { readonly instanceType: string; readonly launchedAt: EpochSeconds }[],
  ): { [instanceType: string]: number } {
    const billed: { [instanceType: string]: number } = {};
    for (const [instanceType, seconds] of this.terminated) billed[instanceType] = seconds;
    for (const { instanceType, launchedAt } of live) billed[instanceType] += Math.max(0, at - launchedAt);
    return billed;
  }
}
