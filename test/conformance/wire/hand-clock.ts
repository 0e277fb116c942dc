import type { EpochSeconds } from '../../../lib/core/time';
import { LocalClock } from '../../../lib/local/clock';

/** A clock that stands still until it is set, so that a walk of hours takes no time and is never late. */
export class HandClock extends LocalClock {
  private present: EpochSeconds;

  public constructor(startSeconds: EpochSeconds) {
    super({ realStartMs: Date.now(), localStartSeconds: startSeconds, speed: 1 });
    this.present = startSeconds;
  }

  public override now(): EpochSeconds {
    return this.present;
  }

  /** Nothing comes by waiting. */
  public override realDelayMs(untilLocalSeconds: EpochSeconds): number {
    return untilLocalSeconds <= this.present ? 0 : Infinity;
  }

  /** Goes forward to a moment. */
  public set(atSeconds: EpochSeconds): void {
    this.present = Math.max(this.present, atSeconds);
  }
}
