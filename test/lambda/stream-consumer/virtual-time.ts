import type { Sleep } from '../../../lambda/support/sleep';

interface Timer {
  readonly atMs: number;
  /** Breaks ties: the earlier timer first. */
  readonly number: number;
  end?: () => void;
}

/** Time that passes only while everyone waits: the earliest sleeper is woken when nothing else is left to do. */
export class VirtualTime {
  private nowMs = 1_700_000_000_000;
  private numbers = 0;
  /** Binary heap, the earliest timer first. */
  private readonly timers: Timer[] = [];

  public readonly clock = { now: () => this.nowMs / 1000 };

  public readonly sleep: Sleep = (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const timer: Timer = { atMs: this.nowMs + milliseconds, number: this.numbers++ };
      timer.end = () => {
        timer.end = undefined;
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const { end } = timer;
      this.push(timer);
      signal?.addEventListener('abort', end, { once: true });
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
      // Sleepers of the same moment are woken together.
      const next = this.pop();
      if (next === undefined) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.end!();
      while (this.timers[0] !== undefined && this.timers[0].atMs <= this.nowMs) this.pop()?.end?.();
    }
  }

  private push(timer: Timer): void {
    const { timers } = this;
    let at = timers.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(timers[parent]!, timer)) break;
      timers[at] = timers[parent]!;
      at = parent;
    }
    timers[at] = timer;
  }

  /** Removes the earliest timer that has not ended. */
  private pop(): Timer | undefined {
    for (;;) {
      const first = this.timers[0];
      const last = this.timers.pop();
      if (first === undefined || last === undefined) return undefined;
      if (this.timers.length > 0) this.sink(last);
      if (first.end !== undefined) return first;
    }
  }

  private sink(timer: Timer): void {
    const { timers } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= timers.length) break;
      if (child + 1 < timers.length && isBefore(timers[child + 1]!, timers[child]!)) child += 1;
      if (isBefore(timer, timers[child]!)) break;
      timers[at] = timers[child]!;
      at = child;
    }
    timers[at] = timer;
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
