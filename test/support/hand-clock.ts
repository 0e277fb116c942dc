import type { EpochSeconds } from '../../lib/core/time';
import type { RunClock } from '../../lib/emulator/clock';

/** A clock that stands still until it is moved, so that a walk of hours takes no time and no event is late. */
export class HandClock implements RunClock {
  public readonly speed = 1;
  private present: EpochSeconds;
  /** By moment; those of the same moment in the order in which they were set. */
  private timers: { readonly at: EpochSeconds; readonly callback: () => void }[] = [];

  public constructor(startSeconds: EpochSeconds) {
    this.present = startSeconds;
  }

  public now(): EpochSeconds {
    return this.present;
  }

  public callAt(at: EpochSeconds, callback: () => void): () => void {
    const timer = { at, callback };
    const later = this.timers.findIndex((other) => other.at > at);
    this.timers.splice(later === -1 ? this.timers.length : later, 0, timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  public toEnvironment(): { [name: string]: string } {
    return {};
  }

  /** Moment of the next timer; undefined without one. */
  public nextTimerAt(): EpochSeconds | undefined {
    return this.timers[0]?.at;
  }

  /** Moves forward to a moment and runs the timers until then, each at its own moment. */
  public moveTo(at: EpochSeconds): void {
    for (let timer = this.timers[0]; timer !== undefined && timer.at <= at; timer = this.timers[0]) {
      this.timers.shift();
      this.present = Math.max(this.present, timer.at);
      timer.callback();
    }
    this.present = Math.max(this.present, at);
  }
}
