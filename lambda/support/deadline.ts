import { setMaxListeners } from 'node:events';
import { RetryableError } from '../../lib/core/errors';

/**
 * Maximum time of one look at a service, seconds: two attempts of a call at its request timeout. Two looks one after the other, and the
 * writes between them, are below the timeout of every function.
 */
export const LOOK_DEADLINE_SECONDS = 10;

/**
 * Runs `work` and returns its result; after `seconds` without one, aborts its signal and throws a {@link RetryableError} that names
 * `subject`. Silence thereby ends like an error, whether or not `work` heeds the signal.
 */
export async function withDeadline<T>(
  seconds: number,
  subject: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  // Calls that run at the same time wait on it, each with a listener: Node.js warns from the eleventh on.
  setMaxListeners(0, controller.signal);
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new RetryableError(`${subject}: no answer within ${seconds} s`));
      controller.abort();
    }, seconds * 1000);
  });
  try {
    return await Promise.race([work(controller.signal), silence]);
  } finally {
    clearTimeout(timer);
  }
}
