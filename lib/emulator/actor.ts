import type { EpochSeconds } from '../core/time';

/** A part of the account with events of its own in local time. */
export interface Actor {
  /** Moment of its next event; undefined while it has none. */
  nextEventAt(): EpochSeconds | undefined;
  /** Brings the part to a moment; events up to and including it happen. */
  advanceTo(atSeconds: EpochSeconds): void;
}

/** Actors played together, each event at its own moment. */
export interface PlayedActors extends Actor {
  /** Plays every event up to and including a moment, and returns the moment reached: that of the event being played, when called inside one. */
  advanceTo(atSeconds: EpochSeconds): EpochSeconds;
}
