import type { EpochSeconds } from '../core/time';

/** Environment variables that carry the clock to the engine and to every handler process. */
export const CLOCK_ENVIRONMENT = {
  realStartMs: 'TIDEGATE_CLOCK_REAL_START_MS',
  localStartSeconds: 'TIDEGATE_CLOCK_LOCAL_START_SECONDS',
  speed: 'TIDEGATE_CLOCK_SPEED',
} as const;

/** Timers longer than this overflow Node's 32-bit delay, so waits are taken in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface LocalClockOptions {
  /** The machine's time at which the local clock starts, milliseconds since the epoch. */
  readonly realStartMs: number;
  /** What the local clock shows at that moment. */
  readonly localStartSeconds: EpochSeconds;
  /** Local seconds per real second, above 0. */
  readonly speed: number;
}

/** The clock of a local run: it starts at a chosen moment and runs a fixed factor faster than the machine's. */
export class LocalClock {
  public readonly realStartMs: number;
  public readonly localStartSeconds: EpochSeconds;
  public readonly speed: number;

  public constructor(options: LocalClockOptions) {
    if (!Number.isFinite(options.speed) || options.speed <= 0) {
      throw new RangeError(`speed (${options.speed}) must be a number above 0`);
    }
    this.realStartMs = options.realStartMs;
    this.localStartSeconds = options.localStartSeconds;
    this.speed = options.speed;
  }

  /** A clock that starts now and shows the machine's time at its start. */
  public static startingNow(speed: number): LocalClock {
    const realStartMs = Date.now();
    return new LocalClock({ realStartMs, localStartSeconds: realStartMs / 1000, speed });
  }

  /** Local time, in seconds since the epoch. */
  public now(): EpochSeconds {
    return this.localStartSeconds + ((Date.now() - this.realStartMs) / 1000) * this.speed;
  }

  /** Real milliseconds until a local moment; 0 when it has passed. */
  public realDelayMs(untilLocalSeconds: EpochSeconds): number {
    return Math.max(0, ((untilLocalSeconds - this.now()) / this.speed) * 1000);
  }

  /** Resolves once the local clock has reached a moment, or rejects when the signal aborts. */
  public async sleepUntil(localSeconds: EpochSeconds, signal?: AbortSignal): Promise<void> {
    for (let delay = this.realDelayMs(localSeconds); delay > 0; delay = this.realDelayMs(localSeconds)) {
      await realSleep(Math.min(Math.ceil(delay), LONGEST_TIMER_MS), signal);
    }
  }

  /** Resolves after a number of local seconds. */
  public sleep(localSeconds: number, signal?: AbortSignal): Promise<void> {
    return this.sleepUntil(this.now() + localSeconds, signal);
  }

  /** The variables that give a child process the same clock. */
  public toEnvironment(): { [name: string]: string } {
    return {
      [CLOCK_ENVIRONMENT.realStartMs]: String(this.realStartMs),
      [CLOCK_ENVIRONMENT.localStartSeconds]: String(this.localStartSeconds),
      [CLOCK_ENVIRONMENT.speed]: String(this.speed),
    };
  }
}

function realSleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
