import type { EpochSeconds } from '../../../core/time';

/** Number of requests that changes over time, and its mean over a span. */
export class MeanLevel {
  /** Current number. */
  public level = 0;
  /** Sum over the changes in the span: change × seconds from the start of the span. */
  public momentSum = 0;
  private atStart = 0;

  /** @param from start of the span. */
  public constructor(public from: EpochSeconds) {}

  /** Adds a change, negative for a decrease. */
  public change(by: number, at: EpochSeconds): void {
    this.level += by;
    this.momentSum += by * (at - this.from);
  }

  /** Returns the mean over the span so far. */
  public meanUntil(at: EpochSeconds): number {
    const seconds = at - this.from;
    return seconds > 0 ? (this.level * seconds - this.momentSum) / seconds : this.atStart;
  }

  /** Starts the next span. */
  public restart(at: EpochSeconds): void {
    this.from = at;
    this.atStart = this.level;
    this.momentSum = 0;
  }
}
