/** Maximum number of records that are read ahead of the requests. */
export const MAX_WAITING_RECORDS = 2_000;
/** Maximum size of the payloads of records that are read ahead of the requests, bytes. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Time without a response after which an invocation ends, so that its failure is reported. */
const MAX_SILENT_SECONDS = 110;
/** Maximum time of a verdict on a record that fails: an invocation that lasts longer gives one on every record. */
const VERDICT_SECONDS = 60;
/** Time at the end of an invocation in which it reads and sends no more, and maximum time that it waits for responses then. */
const CLOSING_SECONDS = 10;
const FINISH_SECONDS = 2;

/** State of an invocation of the stream consumer that reads its shard ahead. */
export interface SessionState {
  /** Time since the first request, seconds. */
  readonly elapsedSeconds: number;
  /** Time for requests that the invocation had at its beginning, seconds. */
  readonly totalSeconds: number;
  /** True if the invocation reads records of its shard beyond its batch. */
  readonly readsAhead: boolean;
  /** Records that are sent, or pause before they are sent again. */
  readonly inFlight: number;
  /** Records that wait for a request: for a free place, or for an earlier record of their key. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Time for which the endpoint fails on everything, seconds; 0 while it answers. */
  readonly silentSeconds: number;
  /** Time since the step `finish`, seconds; undefined before it. */
  readonly finishingSeconds: number | undefined;
}

/**
 * Next step of an invocation: `read` more records of the shard; `hold`, because those read have no response yet; `finish`, without retries
 * and new requests; or `end`, and leave what is open to the next invocation.
 */
export type SessionStep = 'read' | 'hold' | 'finish' | 'end';

/**
 * Decides about the next step of an invocation. While it lasts, the event source mapping gives the shard to no other. At its end an invocation
 * that reads ahead does not wait for slow responses, nor for records that fail, while others arrive: the next invocation begins with them.
 */
export function decideSession(state: SessionState): SessionStep {
  const { elapsedSeconds, totalSeconds, readsAhead, inFlight, waiting, waitingBytes, silentSeconds, finishingSeconds } =
    state;
  if (inFlight + waiting === 0) return 'end';
  if (finishingSeconds !== undefined) return finishingSeconds >= FINISH_SECONDS ? 'end' : 'finish';
  if (silentSeconds >= MAX_SILENT_SECONDS) return 'finish';
  if (!readsAhead) return 'hold';
  const openSeconds = totalSeconds - Math.min(CLOSING_SECONDS, totalSeconds / 3);
  if (elapsedSeconds >= openSeconds) return openSeconds >= VERDICT_SECONDS ? 'finish' : 'hold';
  if (silentSeconds > 0 || waiting >= MAX_WAITING_RECORDS || waitingBytes >= MAX_WAITING_BYTES) return 'hold';
  return 'read';
}
