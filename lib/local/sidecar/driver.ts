import type { EpochSeconds } from '../../core/time';
import type { LocalClock } from '../clock';

/** A part of the platform with events of its own. */
export interface Actor {
  /** The moment of its next event, or undefined while it has none. */
  nextEventAt(): EpochSeconds | undefined;
  /** Brings it to a moment; events up to and including it happen. */
  advanceTo(atSeconds: EpochSeconds): void;
}

/** Longest real time between two looks at the clock, so that a changed next event is never missed for long. */
const LONGEST_WAIT_MS = 250;

/**
 * Moves the parts of the platform along the local clock.
 *
 * However late the process wakes, every event happens at its own local moment and in time order; at the same moment the
 * parts come in the order given (fleets before metrics, metrics before alarms). Before anything from outside touches a
 * part, {@link catchUp} brings all of them to the present.
 */
export class Driver {
  private timer: NodeJS.Timeout | undefined;
  private running = false;
  private advancing = false;
  private reachedSeconds: EpochSeconds;

  public constructor(
    private readonly clock: LocalClock,
    private readonly actors: readonly Actor[],
    private readonly onError: (error: unknown) => void,
  ) {
    this.reachedSeconds = clock.now();
  }

  public start(): void {
    this.running = true;
    this.arm();
  }

  public stop(): void {
    this.running = false;
    clearTimeout(this.timer);
  }

  /** Brings every part to the present and returns it. Inside an event it returns the moment of that event. */
  public catchUp(): EpochSeconds {
    if (this.advancing) return this.reachedSeconds;
    const until = Math.max(this.reachedSeconds, this.clock.now());
    this.advancing = true;
    try {
      for (let next = this.nextActor(); next !== undefined && next.atSeconds <= until; next = this.nextActor()) {
        this.reachedSeconds = Math.max(this.reachedSeconds, next.atSeconds);
        this.advance(next.actor, this.reachedSeconds);
      }
      this.reachedSeconds = until;
    } finally {
      this.advancing = false;
    }
    return until;
  }

  /** Sets the wake-up anew, after something from outside may have brought an earlier event. */
  public rearm(): void {
    if (this.running && !this.advancing) this.arm();
  }

  private nextActor(): { actor: Actor; atSeconds: EpochSeconds } | undefined {
    let best: { actor: Actor; atSeconds: EpochSeconds } | undefined;
    for (const actor of this.actors) {
      const atSeconds = actor.nextEventAt();
      if (atSeconds !== undefined && (best === undefined || atSeconds < best.atSeconds)) best = { actor, atSeconds };
    }
    return best;
  }

  private advance(actor: Actor, atSeconds: EpochSeconds): void {
    try {
      actor.advanceTo(atSeconds);
    } catch (error) {
      this.onError(error);
    }
    const next = actor.nextEventAt();
    if (next !== undefined && next <= atSeconds && this.sameMoment(actor, atSeconds)) {
      throw new Error(`a part of the platform does not move past ${atSeconds}`);
    }
  }

  private stuck: { actor: Actor; atSeconds: EpochSeconds; times: number } | undefined;

  /** Whether a part reports the same past moment again and again, which would stop the clock. */
  private sameMoment(actor: Actor, atSeconds: EpochSeconds): boolean {
    if (this.stuck?.actor !== actor || this.stuck.atSeconds !== atSeconds) this.stuck = { actor, atSeconds, times: 0 };
    return ++this.stuck.times > 1000;
  }

  private arm(): void {
    clearTimeout(this.timer);
    const next = this.nextActor()?.atSeconds;
    const delay = next === undefined ? LONGEST_WAIT_MS : Math.min(LONGEST_WAIT_MS, this.clock.realDelayMs(next));
    this.timer = setTimeout(() => {
      if (!this.running) return;
      try {
        this.catchUp();
      } catch (error) {
        this.onError(error);
      }
      this.arm();
    }, delay);
  }
}
