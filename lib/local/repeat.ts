/** Does something again and again until the signal aborts, one at a time; resolves once the last has ended. */
export async function repeat(
  everyMs: number,
  signal: AbortSignal,
  action: () => unknown,
  onError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await action();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await pause(everyMs, signal);
  }
}

/** Resolves after real milliseconds, or as soon as the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** A controller that also aborts when another signal does, with the same reason. */
export function linkedController(signal: AbortSignal): AbortController {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller;
}
