import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { FastRandom } from '../../random';
import type { EngineMeter } from './engine-meter';
import { ABANDONED, type RequestTable } from './request-table';

/**
 * Retry mode of the callers' AWS SDK ("Retry behavior" in the AWS SDKs and Tools reference guide):
 *
 * - `standard`: the default of every SDK since November 2026. Three attempts; a pause of up to 50 ms after the first and up to 100 ms after the
 *   second (exponential with full jitter, at most 20 s), and a retry quota.
 * - `legacy`: that of Boto3 and the AWS CLI before. Five attempts; pauses of up to 1, 2, 4 and 8 s, without a quota.
 * - `none`: no caller tries again.
 */
export type RetryMode = 'none' | 'standard' | 'legacy';

export const RETRY_MODES: readonly RetryMode[] = ['none', 'standard', 'legacy'];

/** Retries of the callers. */
export interface CallerRetries {
  readonly mode: RetryMode;
  /** Attempts of one request, the first included, from 1 to 20. @default that of the mode */
  readonly maxAttempts?: number;
  /**
   * Number of SDK clients that share the traffic, each with a retry quota of its own in the standard mode.
   *
   * @default 10; Infinity for a quota that is never used up
   */
  readonly clients?: number;
}

/** Facts about a mode. */
interface ModeRules {
  readonly maxAttempts: number;
  /** Maximum pause after the first attempt; that after each later one is twice as long. */
  readonly firstPauseSeconds: number;
  readonly longestPauseSeconds: number;
  readonly hasQuota: boolean;
}

const RULES: Readonly<Record<RetryMode, ModeRules>> = {
  none: { maxAttempts: 1, firstPauseSeconds: 0, longestPauseSeconds: 0, hasQuota: false },
  standard: { maxAttempts: 3, firstPauseSeconds: 0.05, longestPauseSeconds: 20, hasQuota: true },
  legacy: { maxAttempts: 5, firstPauseSeconds: 1, longestPauseSeconds: Infinity, hasQuota: false },
};

/** SDK clients of a service of some processes; with more of them, more requests are sent again before the quotas are used up. */
export const DEFAULT_CLIENTS = 10;

/** Tokens of one client's retry quota, and what a retry takes; its success returns that, any other success one token. */
const QUOTA_TOKENS = 500;
const RETRY_TOKENS = 14;

/** Maximum number of attempts: the state of a row has one byte. */
const MAX_ATTEMPTS = 20;

/** State of a row: number of attempts before this one × 2, plus 1 if the request is known to be served badly. */
const LATE = 1;

/** Returns the attempts of one request, the first included. */
export function attemptsOf({ mode, maxAttempts }: CallerRetries): number {
  return mode === 'none' ? 1 : (maxAttempts ?? RULES[mode].maxAttempts);
}

/** @throws InputError naming the value that is out of range */
export function checkCallerRetries({ maxAttempts, clients }: CallerRetries): void {
  if (
    maxAttempts !== undefined &&
    !(Number.isInteger(maxAttempts) && maxAttempts >= 1 && maxAttempts <= MAX_ATTEMPTS)
  ) {
    throw new InputError(`maxAttempts is ${maxAttempts}; it must be a whole number from 1 to ${MAX_ATTEMPTS}`);
  }
  if (clients !== undefined && !(clients >= 1)) {
    throw new InputError(`the number of clients is ${clients}; it must be at least 1`);
  }
}

/**
 * Callers whose attempts fail: a request that timed out or was rejected with an error that SDKs retry is sent again after a pause, until its
 * attempts or the quota are used up.
 */
export class Callers {
  private readonly rules: ModeRules;
  private readonly maxAttempts: number;
  private readonly random: FastRandom;
  private readonly fullQuota: number;
  private quota: number;
  /** Completed requests up to which the quota has been refilled. */
  private refilledUpTo = 0;
  /** Requests in their pause: a heap by the moment of the next attempt. */
  private readonly heap: Pause[] = [];

  public constructor(
    { mode, maxAttempts, clients = DEFAULT_CLIENTS }: CallerRetries,
    seed: number | string,
    private readonly table: RequestTable,
    private readonly meter: EngineMeter,
    /** True if a rejection for lack of an instance is an error that SDKs retry. */
    private readonly retriesWithoutInstance: boolean,
    /** Called with each request that leaves for another endpoint. */
    private readonly onSpill?: (at: EpochSeconds, serviceSeconds: number) => void,
  ) {
    this.rules = RULES[mode];
    this.maxAttempts = attemptsOf({ mode, ...(maxAttempts !== undefined && { maxAttempts }) });
    this.random = new FastRandom(`${seed}/retries`);
    this.fullQuota = this.rules.hasQuota ? clients * QUOTA_TOKENS : Infinity;
    this.quota = this.fullQuota;
  }

  /** Moment of the next attempt; Infinity if no request is in its pause. */
  public get nextAt(): EpochSeconds {
    return this.heap.length === 0 ? Infinity : this.heap[0].at;
  }

  /** Number of requests in their pause. */
  public get pausing(): number {
    return this.heap.length;
  }

  /** Request of the next attempt. */
  public get next(): Pause {
    return this.heap[0];
  }

  /** Removes the request of the next attempt, which is sent now. */
  public take(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      sink(heap);
    }
    this.meter.since.retried++;
  }

  /** Gives a row the state of a request that is sent again. */
  public mark(row: number, { state, born }: Pause): void {
    this.table.state[row] = state;
    this.table.born[row] = born;
  }

  /** Counts a time-out of a row's attempt; its request is served badly, and may be sent again. `completed`: requests completed so far. */
  public timedOut(row: number, at: EpochSeconds, isLate: boolean, completed: number): void {
    const { table, meter } = this;
    const { since } = meter;
    const state = table.state[row];
    since.timedOut++;
    if (!isLate && (state & LATE) === 0) since.missed++;
    if (this.maxAttempts === 1) return;
    const born = state >> 1 === 0 ? table.arrived[row] : table.born[row];
    if (this.pause(at, table.service[row], state | LATE, born, completed)) since.timedOutAgain++;
    table.state[row] = 0;
  }

  /** Counts a request that leaves the queue for another endpoint: it is served late. */
  public spilled(row: number, at: EpochSeconds): void {
    const { since } = this.meter;
    const service = this.table.service[row];
    since.spilled++;
    since.spilledSeconds += service;
    since.missed++;
    this.onSpill?.(at, service);
  }

  /** Counts a rejection of an attempt, which may be sent again. `again`: the request, unless it is its first attempt. */
  public rejected(
    at: EpochSeconds,
    service: number,
    byQueue: boolean,
    again: Pause | undefined,
    completed: number,
  ): void {
    const { since, sloWait } = this.meter;
    if (byQueue) since.rejectedByQueue++;
    else since.rejectedWithoutInstance++;
    const born = again?.born ?? at;
    let state = again?.state ?? 0;
    const mayRetry = byQueue || this.retriesWithoutInstance;
    // A request that is answered by another attempt in time is served well.
    const isLate = !mayRetry || at - born > sloWait;
    if (isLate && (state & LATE) === 0) {
      since.missed++;
      state |= LATE;
    }
    if (mayRetry && this.pause(at, service, state, born, completed)) since.rejectedAgain++;
    else if ((state & LATE) === 0) since.missed++;
  }

  /** Counts the wait of a row whose service begins, from the first attempt of its request on. */
  public started(row: number, at: EpochSeconds): void {
    const { table, meter } = this;
    const state = table.state[row];
    if (state === 0) {
      meter.addWait(at - table.arrived[row]);
      return;
    }
    const waited = at - table.born[row];
    meter.addWaitAgain(waited, (state & LATE) !== 0);
    if (waited > meter.sloWait) table.state[row] = state | LATE;
  }

  /** Counts the waits of the requests in their pause. */
  public countPauses(now: EpochSeconds): void {
    for (const { born, state } of this.heap) this.meter.addWaitAgain(now - born, (state & LATE) !== 0);
  }

  /** Returns the seconds between the first attempt of a row's request and this one, and makes the row a new one: it is completed. */
  public answered(row: number): number {
    const { table, meter } = this;
    const { arrived, born, state } = table;
    meter.since.answeredAgain++;
    if (this.quota < this.fullQuota) this.quota = Math.min(this.fullQuota, this.quota + RETRY_TOKENS - 1);
    state[row] = 0;
    return arrived[row] === ABANDONED ? 0 : arrived[row] - born[row];
  }

  /** Sends a request again after a pause, if it has attempts left and the quota allows it. */
  private pause(at: EpochSeconds, service: number, state: number, born: EpochSeconds, completed: number): boolean {
    const attempt = state >> 1;
    if (attempt + 1 >= this.maxAttempts) return false;
    if (this.fullQuota !== Infinity) {
      this.quota = Math.min(this.fullQuota, this.quota + completed - this.refilledUpTo);
      this.refilledUpTo = completed;
      if (this.quota < RETRY_TOKENS) {
        this.meter.since.withoutQuota++;
        return false;
      }
      this.quota -= RETRY_TOKENS;
    }
    const { firstPauseSeconds, longestPauseSeconds } = this.rules;
    const longest = Math.min(longestPauseSeconds, firstPauseSeconds * 2 ** attempt);
    this.heap.push({ at: at + this.random.uniform() * longest, service, state: state + 2, born });
    rise(this.heap);
    return true;
  }
}

/** A request between two attempts. */
export interface Pause {
  /** Moment of the next attempt. */
  readonly at: EpochSeconds;
  /** Seconds of service. */
  readonly service: number;
  /** State of its row during that attempt. */
  readonly state: number;
  /** Moment of its first attempt. */
  readonly born: EpochSeconds;
}

/** Moves the last entry of a heap to its place. */
function rise(heap: Pause[]): void {
  let index = heap.length - 1;
  const entry = heap[index];
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (heap[parent].at <= entry.at) break;
    heap[index] = heap[parent];
    index = parent;
  }
  heap[index] = entry;
}

/** Moves the first entry of a heap to its place. */
function sink(heap: Pause[]): void {
  const entry = heap[0];
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1].at < heap[child].at) child++;
    if (heap[child].at >= entry.at) break;
    heap[index] = heap[child];
    index = child;
  }
  heap[index] = entry;
}
