import type { EpochSeconds } from '../../core/time';

/** Minimum age at which a record may spill, seconds: a shard is read once a second, and a request takes some. */
export const MIN_SPILL_AGE_SECONDS = 5;
/** Time for which no record spills after the asynchronous endpoint has not taken one, seconds. */
export const SPILL_PAUSE_SECONDS = 30;
/** Limits of InvokeEndpointAsync, seconds (API reference): time in its queue, and time of the model. */
export const SPILL_TTL_SECONDS = { least: 60, most: 21_600 } as const;
export const SPILL_TIMEOUT_SECONDS = { least: 1, most: 3_600 } as const;
/** Time beyond both for the transfer from and to S3, after which no response is awaited, seconds. */
const TRANSFER_SECONDS = 900;
/** Maximum length of the reason that a failure of the asynchronous endpoint gives, characters. */
const MAX_REASON_LENGTH = 2_000;

/** Moment at which a record is old enough to spill. */
export function spillsAt(arrivedAt: EpochSeconds, afterSeconds: number): EpochSeconds {
  return arrivedAt + afterSeconds;
}

/** State of a record whose turn it is, or that waits for a free slot alone, and of the asynchronous endpoint. */
export interface SpillState {
  readonly now: EpochSeconds;
  readonly arrivedAt: EpochSeconds;
  /** Age from which on a record goes to the asynchronous endpoint, seconds. */
  readonly afterSeconds: number;
  /** Failures that count against the record, because the endpoint answered others. */
  readonly strikes: number;
  /** Time at which the asynchronous endpoint did not take a record last; undefined where it always did. */
  readonly refusedAt: EpochSeconds | undefined;
}

/**
 * Decides whether a record goes to the asynchronous endpoint: `spill`, or `wait` for the real-time one. A record that fails while others are
 * answered does not lag: it stays, and its failures decide. While the asynchronous endpoint takes nothing, records wait as without it.
 */
export function decideSpill({ now, arrivedAt, afterSeconds, strikes, refusedAt }: SpillState): 'spill' | 'wait' {
  if (strikes > 0 || now < spillsAt(arrivedAt, afterSeconds)) return 'wait';
  return refusedAt !== undefined && now - refusedAt < SPILL_PAUSE_SECONDS ? 'wait' : 'spill';
}

/** Moment from which on no response to a spilled record is awaited. */
export function spillDeadline(
  spilledAt: EpochSeconds,
  { ttlSeconds, timeoutSeconds }: { readonly ttlSeconds: number; readonly timeoutSeconds: number },
): EpochSeconds {
  return spilledAt + ttlSeconds + timeoutSeconds + TRANSFER_SECONDS;
}

/** Objects that the asynchronous endpoint wrote for a record. */
export interface SpillObjects<Answer> {
  readonly now: EpochSeconds;
  readonly deadlineAt: EpochSeconds;
  readonly response: Answer | undefined;
  /** Text of the failure. */
  readonly failure: string | undefined;
}

/** Outcome of a spilled record; `open` while it is awaited. */
export type SpillOutcome<Answer> =
  | { readonly kind: 'succeeded'; readonly answer: Answer }
  | { readonly kind: 'rejected'; readonly error: string; readonly status: null }
  | { readonly kind: 'open' };

/** Decides what has become of a spilled record: its response counts, then its failure, then the deadline. */
export function decideSpillOutcome<Answer>(objects: SpillObjects<Answer>): SpillOutcome<Answer> {
  const { now, deadlineAt, response, failure } = objects;
  if (response !== undefined) return { kind: 'succeeded', answer: response };
  if (failure !== undefined) {
    const reason = failure.trim().slice(0, MAX_REASON_LENGTH) || 'no reason';
    return { kind: 'rejected', error: `the asynchronous endpoint failed: ${reason}`, status: null };
  }
  if (now < deadlineAt) return { kind: 'open' };
  return {
    kind: 'rejected',
    error:
      'the asynchronous endpoint wrote neither a response nor a failure in the time of its request (requestTtl and invocationTimeout of spillTo)',
    status: null,
  };
}
