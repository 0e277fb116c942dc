import type { FailuresOfRecord } from './verdict';

/** Answers to requests of other records, sent since a record was first sent. */
export interface Witnesses {
  /** Number of requests that were answered within half a minute. */
  readonly quick: number;
  /** Number of requests that took longer, whatever came of them, or are open for longer. */
  readonly slow: number;
}

/** Requests of one record on which the model may hang. */
export interface HangState {
  /** Requests that took most of SageMaker's limit and were not answered: those that counted before, and those of this attempt. */
  readonly timedOut: FailuresOfRecord;
  /** Time since each open request was sent, the earliest first, seconds. */
  readonly openSeconds: readonly number[];
  readonly witnesses: Witnesses;
  /** True if a request of another record, sent after the latest one of this record, was answered in half of its age. */
  readonly hasAnsweredSinceLatest: boolean;
  /** True if a record whose request was slow was answered lately by a later one: instances hang then, or are full. */
  readonly othersRecover: boolean;
  /** True if a second request may be sent beside the first. */
  readonly maySendAgain: boolean;
}

/**
 * Next step for a record whose response is late: `wait`; `ask`, to let the endpoint answer other requests; `send again` beside the first
 * request; or `blame` the record.
 */
export type HangStep = 'wait' | 'ask' | 'send again' | 'blame';

/** Time of a request from which on it is slow, seconds: half of SageMaker's limit of 60 s for one. */
export const SLOW_REQUEST_SECONDS = 30;
/** Time of a failed request that counts as a time-out, seconds. */
export const TIMED_OUT_SECONDS = 50;
/** Time after which a record is sent a second time, seconds: few requests of a healthy endpoint take longer. */
export const SEND_AGAIN_SECONDS = 40;
/** Minimum age of a later request of the record, and time that all of them take together, before the record is to blame, seconds. */
const MIN_OPEN_SECONDS = 10;
const BLAME_SECONDS = 75;
/** Minimum number of quick answers, alone and for each slow request. */
const MIN_QUICK = 5;
const QUICK_PER_SLOW = 20;

/**
 * True if requests as slow as one of a record are rare: at least five others were answered quickly, and twenty for each slow one. An instance that
 * hangs, or a queue, makes many slow ones: in a fleet of up to ten instances one that hangs takes more than that share.
 */
export function isRarelySlow({ quick, slow }: Witnesses): boolean {
  return quick >= MIN_QUICK && quick >= QUICK_PER_SLOW * slow;
}

/**
 * Decides about a record whose response is late. Where slow requests are rare, it is sent a second time after 40 seconds, to another instance
 * perhaps. When the first request has timed out after 60 seconds, the second one is open, and others sent after it were answered, the
 * record is to blame: within a minute. Without the second request that takes until a repetition is open for 15 seconds. Where other records
 * recover by a later request, the number of failures decides: see `isRecordToBlame`.
 */
export function decideHang(state: HangState): HangStep {
  const { timedOut, openSeconds, witnesses, hasAnsweredSinceLatest, othersRecover, maySendAgain } = state;
  const earliest = openSeconds[0] ?? 0;
  const latest = openSeconds.at(-1) ?? 0;
  const hasRepetition = timedOut.count > 0 || openSeconds.length > 1;
  if (!hasRepetition) {
    if (earliest < SEND_AGAIN_SECONDS) return 'wait';
    if (!isRarelySlow(witnesses)) return 'ask';
    return maySendAgain ? 'send again' : 'wait';
  }
  if (latest < MIN_OPEN_SECONDS) return 'wait';
  if (!isRarelySlow(witnesses) || !hasAnsweredSinceLatest) return 'ask';
  if (othersRecover) return 'wait';
  return timedOut.count > 0 && timedOut.requestSeconds + latest >= BLAME_SECONDS ? 'blame' : 'wait';
}
