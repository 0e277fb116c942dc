import type { EpochSeconds } from '../core/time';
import type { PlayedActors } from './actor';
import type { RunClock } from './clock';

/**
 * Moves a timeline along a clock: a timer wakes it for its next event, and whatever comes from outside is applied at the present moment.
 *
 * However late the process wakes, every event is played at its own local moment.
 */
export class Driver {
  private timeline: PlayedActors | undefined;
  private isRunning = false;
  private isCatchingUp = false;
  private cancelTimer: () => void = () => undefined;
  /** Moment of the timer; undefined without one. */
  private armedFor: EpochSeconds | undefined;

  public constructor(
    private readonly clock: RunClock,
    private readonly onError: (error: unknown) => void,
  ) {}

  public start(timeline: PlayedActors): void {
    this.timeline = timeline;
    this.isRunning = true;
    this.rearm();
  }

  public stop(): void {
    this.isRunning = false;
    this.cancelTimer();
    this.armedFor = undefined;
  }

  /** Applies a change from outside at the present moment, after every earlier event; inside an event, at the moment of that event. */
  public apply<T>(change: (atSeconds: EpochSeconds) => T): T {
    const atSeconds = this.catchUp();
    try {
      return change(atSeconds);
    } finally {
      this.rearm();
    }
  }

  private catchUp(): EpochSeconds {
    const now = this.clock.now();
    if (this.timeline === undefined) return now;
    const isOutermost = !this.isCatchingUp;
    this.isCatchingUp = true;
    try {
      return this.timeline.advanceTo(now);
    } finally {
      if (isOutermost) this.isCatchingUp = false;
    }
  }

  private rearm(): void {
    if (this.isCatchingUp) return;
    const nextAt = this.isRunning ? this.timeline?.nextEventAt() : undefined;
    if (nextAt === this.armedFor) return;
    this.cancelTimer();
    this.armedFor = nextAt;
    this.cancelTimer = nextAt === undefined ? () => undefined : this.clock.callAt(nextAt, () => this.onTimer());
  }

  private onTimer(): void {
    this.armedFor = undefined;
    try {
      this.catchUp();
    } catch (error) {
      this.onError(error);
    }
    this.rearm();
  }
}
