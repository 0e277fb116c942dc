import type { EpochSeconds } from '../../lib/core/time';
import { BACKLOG_PERIOD_SECONDS } from '../../lib/ingestion/contract';

/** State of the records of an invocation. */
export interface BacklogSample {
  readonly inFlight: number;
  /** Records that wait for a slot alone. */
  readonly waiting: number;
  /** Age of the oldest of them, seconds; 0 without one. */
  readonly ageSeconds: number;
  /** Replicas in service that they wait for; undefined where they wait for something else. */
  readonly replicas: number | undefined;
}

/** Backlog of an invocation in one period, to be published at its beginning. */
export interface BacklogOfPeriod {
  readonly atSeconds: EpochSeconds;
  /** Part of this invocation in the mean backlog of the period, for each replica. */
  readonly perInstance: number;
  readonly ageSeconds: number;
}

/**
 * Means over periods of the clock, from samples: a sample holds until the next one. Parts of several invocations, at once or one after the
 * other, add up to the mean backlog of the stream, whatever their number.
 */
export class BacklogMeter {
  private period: EpochSeconds | undefined;
  private sampledAt: EpochSeconds | undefined;
  private last: BacklogSample | undefined;
  private moment = 0;
  private age = 0;

  /** Takes a sample. Returns the period that has ended with it, if records waited in it. */
  public sample(now: EpochSeconds, sample: BacklogSample): BacklogOfPeriod | undefined {
    const period = Math.floor(now / BACKLOG_PERIOD_SECONDS) * BACKLOG_PERIOD_SECONDS;
    let ended: BacklogOfPeriod | undefined;
    if (this.period !== undefined && period > this.period) {
      this.addUntil(this.period + BACKLOG_PERIOD_SECONDS);
      ended = this.end();
      this.sampledAt = period;
    }
    this.period = period;
    this.addUntil(now);
    this.last = sample;
    return ended;
  }

  /** Ends at a moment within the present period. Returns the part of the period, if records waited in it. */
  public finish(now: EpochSeconds): BacklogOfPeriod | undefined {
    if (this.period === undefined) return undefined;
    this.addUntil(Math.min(now, this.period + BACKLOG_PERIOD_SECONDS));
    const ended = this.end();
    this.period = undefined;
    this.sampledAt = undefined;
    this.last = undefined;
    return ended;
  }

  private addUntil(now: EpochSeconds): void {
    const { last, sampledAt } = this;
    this.sampledAt = now;
    if (last === undefined || sampledAt === undefined || last.waiting === 0 || last.replicas === undefined) return;
    const seconds = Math.max(0, now - sampledAt);
    this.moment += (seconds * (last.inFlight + last.waiting)) / Math.max(1, last.replicas);
    if (seconds > 0) this.age = Math.max(this.age, last.ageSeconds);
  }

  private end(): BacklogOfPeriod | undefined {
    const { moment, age, period } = this;
    this.moment = 0;
    this.age = 0;
    if (moment === 0) return undefined;
    return { atSeconds: period!, perInstance: moment / BACKLOG_PERIOD_SECONDS, ageSeconds: age };
  }
}
