/** Failures that count against a record. */
export interface FailuresOfRecord {
  /** Number of failures, each followed by a response to a request that was sent later. */
  readonly count: number;
  /** Time that the failed requests took together, seconds. */
  readonly requestSeconds: number;
}

/** Time of failed requests after which fewer of them decide, seconds: SageMaker's limit for one. */
const MAX_REQUEST_SECONDS = 60;
/** Minimum number of failures, whatever their time. */
const MIN_FAILURES = 2;
/** Time of a failed request from which on others must be answered in half of it, seconds. */
export const SLOW_FAILURE_SECONDS = 10;

/**
 * True if a record becomes a dead letter: after `maxFailures`, or after two or more that took a minute together, so that a record on which the
 * model hangs delays its key by no more. Where other records whose requests were slow recover by a later request, an instance may hang, and only
 * the number decides.
 */
export function isRecordToBlame(
  { count, requestSeconds }: FailuresOfRecord,
  maxFailures: number,
  othersRecover: boolean,
): boolean {
  if (count >= maxFailures) return true;
  return !othersRecover && count >= MIN_FAILURES && requestSeconds >= MAX_REQUEST_SECONDS;
}

/**
 * Maximum time of a response that tells the fault of a record from that of its endpoint, seconds. Where requests wait in a full endpoint until
 * their time is up, all are slow: a record is to blame for a slow failure only if others are answered in half of its time.
 */
export function longestWitnessSeconds(failedSeconds: number): number {
  return failedSeconds < SLOW_FAILURE_SECONDS ? Infinity : failedSeconds / 2;
}
