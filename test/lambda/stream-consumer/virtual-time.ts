import type { Sleep } from '../../../lambda/support/sleep';

interface Timer {
  readonly atMs: number;
  readonly end: () => void;
}

/** Time that passes only while everyone waits: the earliest sleeper is woken when nothing else is left to do. */
export class VirtualTime {
  private nowMs = 1_700_000_000_000;
  private timers: Timer[] = [];

  public readonly clock = { now: () => this.nowMs / 1000 };

  public readonly sleep: Sleep = (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const timer: Timer = {
        atMs: this.nowMs + milliseconds,
        end: () => {
          this.timers = this.timers.filter((other) => other !== timer);
          signal?.removeEventListener('abort', timer.end);
          resolve();
        },
      };
      this.timers.push(timer);
      signal?.addEventListener('abort', timer.end, { once: true });
    });

  /** A Lambda context whose time runs out after `milliseconds`. */
  public context(milliseconds: number): { getRemainingTimeInMillis: () => number } {
    const endsAtMs = this.nowMs + milliseconds;
    return { getRemainingTimeInMillis: () => endsAtMs - this.nowMs };
  }

  /** Lets time pass until the promise has settled. */
  public async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    watched.catch(() => undefined);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (settled) return watched;
      const next = this.timers.reduce<Timer | undefined>(
        (earliest, timer) => (earliest === undefined || timer.atMs < earliest.atMs ? timer : earliest),
        undefined,
      );
      if (next === undefined) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.end();
    }
  }
}
