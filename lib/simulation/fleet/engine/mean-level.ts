import type { EpochSeconds } from '../../../core/time';

/** A number of requests that goes up and down, and its mean over a span of time. */
export class MeanLevel {
  /** The number now. */
  public level = 0;
  /** The sum over the span's changes of when they happened, in seconds from its begin. */
  public moments = 0;
  private atStart = 0;

  /** @param from when the span begins. */
  public constructor(public from: EpochSeconds) {}

  /** So many more; fewer when negative. */
  public change(by: number, at: EpochSeconds): void {
    this.level += by;
    this.moments += by * (at - this.from);
  }

  /** The mean over the span so far. */
  public meanUntil(at: EpochSeconds): number {
    const seconds = at - this.from;
    return seconds > 0 ? (this.level * seconds - this.moments) / seconds : this.atStart;
  }

  /** The next span begins. */
  public restart(at: EpochSeconds): void {
    this.from = at;
    this.atStart = this.level;
    this.moments = 0;
  }
}
