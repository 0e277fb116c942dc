import type { EpochSeconds } from '../../core/time';

interface Timer {
  readonly atSeconds: EpochSeconds;
  readonly sequence: number;
  readonly run: (atSeconds: EpochSeconds) => void;
}

/** Actions at moments of the local clock, run in time order and, at the same moment, in the order they were set. */
export class Timers {
  private readonly waiting: Timer[] = [];
  private sequence = 0;

  /** Sets an action; the function returned takes it back. */
  public at(atSeconds: EpochSeconds, run: (atSeconds: EpochSeconds) => void): () => void {
    const timer: Timer = { atSeconds, sequence: this.sequence++, run };
    const position = this.waiting.findIndex((other) => other.atSeconds > atSeconds);
    this.waiting.splice(position === -1 ? this.waiting.length : position, 0, timer);
    return () => {
      const index = this.waiting.indexOf(timer);
      if (index !== -1) this.waiting.splice(index, 1);
    };
  }

  public nextEventAt(): EpochSeconds | undefined {
    return this.waiting[0]?.atSeconds;
  }

  public advanceTo(atSeconds: EpochSeconds): void {
    while (this.waiting.length > 0 && this.waiting[0]!.atSeconds <= atSeconds) {
      const timer = this.waiting.shift()!;
      timer.run(timer.atSeconds);
    }
  }
}
