/** Failures that count against a record. */
export interface FailuresOfRecord {
  /** Number of failures, each followed by a response to a request that was sent later. */
  readonly count: number;
  /** Time since the first of them, seconds. */
  readonly secondsSinceFirst: number;
}

/** Time after which fewer failures decide, seconds: a record that fails delays its key by at most a minute. */
const MAX_VERDICT_SECONDS = 60;
/** Minimum number of failures, whatever their time. */
const MIN_FAILURES = 2;

/**
 * True if a record becomes a dead letter: after `maxFailures`, or after two or more over a minute, which a record on which the model hangs
 * has after twice SageMaker's limit of 60 seconds.
 */
export function isRecordToBlame({ count, secondsSinceFirst }: FailuresOfRecord, maxFailures: number): boolean {
  if (count >= maxFailures) return true;
  return count >= MIN_FAILURES && secondsSinceFirst >= MAX_VERDICT_SECONDS;
}
