import type { EpochSeconds } from '../core/time';
import { monotonicMs } from './monotonic';

/** Environment variables that carry the clock to the engine and to every handler process. */
const CLOCK_ENVIRONMENT = {
  monotonicStartMs: 'TIDEGATE_CLOCK_MONOTONIC_START_MS',
  localStartSeconds: 'TIDEGATE_CLOCK_LOCAL_START_SECONDS',
  speed: 'TIDEGATE_CLOCK_SPEED',
} as const;

/** Time in the emulated account: the present moment, and timers on it. */
export interface RunClock {
  /** Local seconds per real second, above 0. */
  readonly speed: number;
  /** Local time, in seconds since the epoch. */
  now(): EpochSeconds;
  /** Calls back once the clock shows a local moment; the returned function cancels the call. */
  callAt(localSeconds: EpochSeconds, callback: () => void): () => void;
  /** Variables that give a child process the same clock. */
  toEnvironment(): { [name: string]: string };
}

/** Returns the date of the machine at a moment of a clock, for processes that have the machine's own clock. */
export const dateOnMachine = (clock: Pick<RunClock, 'now' | 'speed'>, local: EpochSeconds): Date =>
  new Date(Date.now() + ((local - clock.now()) / clock.speed) * 1000);

/** Resolves once the clock shows a local moment, or rejects when the signal aborts. */
export function sleepUntil(clock: RunClock, localSeconds: EpochSeconds, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (clock.now() >= localSeconds) {
      resolve();
      return;
    }
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal!.reason as Error);
    };
    const cancel = clock.callAt(localSeconds, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Maximum real time of one timer: longer waits are split, so that a machine that slept delays a callback no longer. */
const MAX_TIMER_MS = 250;

export interface LocalClockOptions {
  /** Reading of {@link monotonicMs} at which the local clock starts. */
  readonly monotonicStartMs: number;
  /** Local time at that moment. */
  readonly localStartSeconds: EpochSeconds;
  /** Local seconds per real second, above 0. */
  readonly speed: number;
}

/** The clock of a local run: it starts at a chosen moment, runs a fixed factor faster than the machine's, and never goes back. */
export class LocalClock implements RunClock {
  public readonly monotonicStartMs: number;
  public readonly localStartSeconds: EpochSeconds;
  public readonly speed: number;

  public constructor(options: LocalClockOptions) {
    if (!Number.isFinite(options.speed) || options.speed <= 0) {
      throw new RangeError(`speed (${options.speed}) must be a number above 0`);
    }
    this.monotonicStartMs = options.monotonicStartMs;
    this.localStartSeconds = options.localStartSeconds;
    this.speed = options.speed;
  }

  /** Returns a clock that starts now, at the machine's time. */
  public static startingNow(speed: number): LocalClock {
    return new LocalClock({ monotonicStartMs: monotonicMs(), localStartSeconds: Date.now() / 1000, speed });
  }

  public now(): EpochSeconds {
    return this.localStartSeconds + ((monotonicMs() - this.monotonicStartMs) / 1000) * this.speed;
  }

  /** Real milliseconds until a local moment; 0 when it has passed. */
  public realDelayMs(untilLocalSeconds: EpochSeconds): number {
    return Math.max(0, ((untilLocalSeconds - this.now()) / this.speed) * 1000);
  }

  public callAt(localSeconds: EpochSeconds, callback: () => void): () => void {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const delayMs = Math.min(Math.ceil(this.realDelayMs(localSeconds)), MAX_TIMER_MS);
      timer = setTimeout(() => (this.realDelayMs(localSeconds) > 0 ? arm() : callback()), delayMs);
    };
    arm();
    return () => clearTimeout(timer);
  }

  /** Resolves once the local clock has reached a moment, or rejects when the signal aborts. */
  public sleepUntil(localSeconds: EpochSeconds, signal?: AbortSignal): Promise<void> {
    return sleepUntil(this, localSeconds, signal);
  }

  /** Resolves after a number of local seconds, or rejects when the signal aborts. */
  public sleep(localSeconds: number, signal?: AbortSignal): Promise<void> {
    return this.sleepUntil(this.now() + localSeconds, signal);
  }

  public toEnvironment(): { [name: string]: string } {
    return {
      [CLOCK_ENVIRONMENT.monotonicStartMs]: String(this.monotonicStartMs),
      [CLOCK_ENVIRONMENT.localStartSeconds]: String(this.localStartSeconds),
      [CLOCK_ENVIRONMENT.speed]: String(this.speed),
    };
  }
}
