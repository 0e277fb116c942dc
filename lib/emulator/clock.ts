import type { EpochSeconds } from '../core/time';

/** Environment variables that carry the clock to the engine and to every handler process. */
const CLOCK_ENVIRONMENT = {
  realStartMs: 'TIDEGATE_CLOCK_REAL_START_MS',
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

/** Maximum real time of one timer: longer waits are split, so that a step of the machine's clock never delays a callback for long. */
const MAX_TIMER_MS = 250;

export interface LocalClockOptions {
  /** The machine's time at which the local clock starts, milliseconds since the epoch. */
  readonly realStartMs: number;
  /** Local time at that moment. */
  readonly localStartSeconds: EpochSeconds;
  /** Local seconds per real second, above 0. */
  readonly speed: number;
}

/** The clock of a local run: it starts at a chosen moment and runs a fixed factor faster than the machine's. */
export class LocalClock implements RunClock {
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

  /** Returns a clock that starts now, at the machine's time. */
  public static startingNow(speed: number): LocalClock {
    const realStartMs = Date.now();
    return new LocalClock({ realStartMs, localStartSeconds: realStartMs / 1000, speed });
  }

  public now(): EpochSeconds {
    return this.localStartSeconds + ((Date.now() - this.realStartMs) / 1000) * this.speed;
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
      [CLOCK_ENVIRONMENT.realStartMs]: String(this.realStartMs),
      [CLOCK_ENVIRONMENT.localStartSeconds]: String(this.localStartSeconds),
      [CLOCK_ENVIRONMENT.speed]: String(this.speed),
    };
  }
}
