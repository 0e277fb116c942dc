/** Resolves after a number of milliseconds, or earlier when the signal aborts; never rejects. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/** Seconds of the clock in one second of the timers: 1, or the speed of a local run, whose clock is faster. */
const { speed = 1 } =
  (globalThis as { readonly [name: symbol]: { readonly speed?: number } | undefined })[Symbol.for('tidegate.clock')] ??
  {};

/** {@link Sleep} on the timers of the machine, by its clock. */
export const systemSleep: Sleep = (milliseconds, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(0, milliseconds) / speed);
    signal?.addEventListener('abort', end, { once: true });
  });
