import { parseJson } from '../../lib/core/parse';
import { controlRequestObjectKey } from '../../lib/ingestion/contract';
import { SLOW_REQUEST_SECONDS, type Witnesses } from '../../lib/ingestion/decide/hang';
import type { FailuresOfRecord } from '../../lib/ingestion/decide/verdict';
import type { EpochSeconds } from '../../lib/core/time';
import type { ObjectStore } from '../clients/object-store';
import type { WallClock } from '../support/clock';

/** Failures in a row, without an answer between them, after which requests are sent one by one. */
const FAILURES_BEFORE_SLOWING = 10;
/** Maximum size of a control request, bytes. */
const MAX_CONTROL_BYTES = 256 * 1024;
/** Number of answers that are remembered. */
const ANSWERS = 100;
/** Time for which the recovery of a record is evidence that its endpoint was to blame, seconds. */
const RECOVERY_SECONDS = 600;
/** Number of ended requests that are remembered to tell whether slow ones are rare. */
const ENDED = 5_000;
/** Maximum time of a control request that is sent to gather witnesses, seconds: a slower one would take a slot of others. */
const MAX_WITNESS_SECONDS = 5;
/** Time after which a quicker control request is replaced by a slower one. */
const CONTROL_SECONDS = 60;
/** Time after which a control request is stored again. */
const STORE_EVERY_SECONDS = 600;

/**
 * Knowledge of an execution environment about its endpoint, across invocations: when it answered last, and a request that it answered. That
 * request, the control, is sent again where a record fails and no other record is there to tell the record's fault from the endpoint's.
 * One is kept in the bucket, for environments that have not seen an answer yet.
 */
export class EndpointEvidence {
  private sends = 0;
  private lastAnswered = -1;
  /** Latest requests that were answered. */
  private readonly answers: { readonly send: number; readonly seconds: number }[] = [];
  /** Requests that are open, by number. */
  private readonly open = new Map<number, { readonly record: string | undefined; readonly sentAt: EpochSeconds }>();
  /** Latest requests that ended, by their answer or slowly. */
  private readonly ended: { readonly send: number; readonly record: string | undefined; readonly isSlow: boolean }[] =
    [];
  private endedFrom = 0;
  private failuresInARow = 0;
  private control: Uint8Array | undefined;
  private controlSeconds = Infinity;
  private controlAt = -Infinity;
  private isControlLoaded = false;
  private storedAt = -Infinity;
  /** Number of records that have a second request beside their first one. */
  public secondRequests = 0;
  private recoveredAt = -Infinity;
  private readonly lateRecords = new Map<string, number>();
  private readonly strikes = new Map<string, FailuresOfRecord>();
  /** End of the one request in flight while the endpoint fails. */
  private trial: Promise<void> | undefined;

  public constructor(
    private readonly store: ObjectStore,
    private readonly clock: WallClock,
  ) {}

  /** True while the endpoint answers nothing. */
  public get isFailing(): boolean {
    return this.failuresInARow >= FAILURES_BEFORE_SLOWING;
  }

  /** Number of failures since the endpoint is failing, 0 while it is not: pauses grow with it, across records and invocations. */
  public get failuresWhileFailing(): number {
    return Math.max(0, this.failuresInARow - FAILURES_BEFORE_SLOWING + 1);
  }

  /** Notes that a request is sent, of a record or the control; returns its number in the order of sending. */
  public nextSend(record?: string): number {
    this.open.set(this.sends, { record, sentAt: this.clock.now() });
    return this.sends++;
  }

  /** Returns what became of the requests of others that were sent at or after a number; requests of one record count once where they are slow. */
  public witnesses(since: number, record: string): Witnesses {
    let quick = 0;
    const slow = new Set<string | number>();
    for (const entry of this.ended) {
      if (entry.send < since || entry.record === record) continue;
      if (entry.isSlow) slow.add(entry.record ?? entry.send);
      else quick += 1;
    }
    const now = this.clock.now();
    for (const [send, entry] of this.open) {
      if (send < since || entry.record === record || now - entry.sentAt <= SLOW_REQUEST_SECONDS) continue;
      slow.add(entry.record ?? send);
    }
    return { quick, slow: slow.size };
  }

  /** True unless the control request is known to take long. */
  public get hasQuickControl(): boolean {
    return this.controlSeconds === Infinity || this.controlSeconds <= MAX_WITNESS_SECONDS;
  }

  /** True if a request that was sent at or after a number was answered within a time. */
  public hasAnsweredSince(send: number, withinSeconds: number): boolean {
    return this.answers.some((answer) => answer.send >= send && answer.seconds <= withinSeconds);
  }

  /** Number that the next request will have. */
  public get upcomingSend(): number {
    return this.sends;
  }

  /** Notes that a request was answered, and after how many seconds. */
  public answered(send: number, payload: Uint8Array, seconds: number): void {
    this.end(send, seconds > SLOW_REQUEST_SECONDS);
    this.lastAnswered = Math.max(this.lastAnswered, send);
    this.answers.push({ send, seconds });
    if (this.answers.length > ANSWERS) this.answers.shift();
    this.failuresInARow = 0;
    const now = this.clock.now();
    // The quickest, for a quick verdict, but of the last minute: a model that replaced another may refuse what its predecessor answered.
    const isOld = now - this.controlAt > CONTROL_SECONDS;
    if (payload.length > MAX_CONTROL_BYTES || (seconds > this.controlSeconds && !isOld)) return;
    this.control = payload;
    this.controlSeconds = seconds;
    this.controlAt = now;
  }

  /** Notes that a request failed. */
  public failed(send: number): void {
    this.failuresInARow += 1;
    const entry = this.open.get(send);
    if (entry !== undefined && this.clock.now() - entry.sentAt > SLOW_REQUEST_SECONDS) this.end(send, true);
    this.open.delete(send);
  }

  /** Forgets a request that was given up. */
  public abandoned(send: number): void {
    this.open.delete(send);
  }

  private end(send: number, isSlow: boolean): void {
    const request = this.open.get(send);
    if (request === undefined) return;
    this.open.delete(send);
    const entry = { send, record: request.record, isSlow };
    if (this.ended.length < ENDED) this.ended.push(entry);
    else this.ended[this.endedFrom++ % ENDED] = entry;
  }

  /** Counts a failure of a record that others did not share, after `seconds`; returns those counted so far. */
  public strike(record: string, seconds: number): FailuresOfRecord {
    const { count, requestSeconds } = this.failuresOf(record);
    const failures = { count: count + 1, requestSeconds: requestSeconds + seconds };
    this.strikes.set(record, failures);
    return failures;
  }

  /** Notes that a record whose request was slow was answered by a later one. */
  public noteRecovery(): void {
    this.recoveredAt = this.clock.now();
  }

  /** True if a record recovered lately. */
  public get othersRecover(): boolean {
    return this.clock.now() - this.recoveredAt < RECOVERY_SECONDS;
  }

  /** Notes that a request of a record failed slowly; witnesses count from the first such failure on, also for its later attempts. */
  public noteLate(record: string, send: number): void {
    if (!this.lateRecords.has(record)) this.lateRecords.set(record, send);
  }

  /** Returns the number of the first request that can be a witness about a record that failed slowly; undefined for any other record. */
  public lateSince(record: string): number | undefined {
    return this.lateRecords.get(record);
  }

  /** Returns the failures of a record that were counted. */
  public failuresOf(record: string): FailuresOfRecord {
    return this.strikes.get(record) ?? { count: 0, requestSeconds: 0 };
  }

  /** Notes that a record is to blame: its slow requests say nothing about others. */
  public blame(record: string): void {
    this.settle(record);
    for (const [send, entry] of this.open) if (entry.record === record) this.open.delete(send);
    for (let at = this.ended.length - 1; at >= 0; at--) {
      const entry = this.ended[at]!;
      if (entry.record === record) this.ended[at] = { ...entry, send: -1 };
    }
  }

  /** Forgets the failures of a record that has its outcome. */
  public settle(record: string): void {
    this.strikes.delete(record);
    this.lateRecords.delete(record);
  }

  /**
   * Waits for the turn of a request: at once, or one by one while the endpoint fails. Call the returned function when the request has ended
   * and its pause is over. Returns undefined where the signal ended the wait.
   */
  public async turn(): Promise<() => void>;
  public async turn(signal: AbortSignal | undefined): Promise<(() => void) | undefined>;
  public async turn(signal?: AbortSignal): Promise<(() => void) | undefined> {
    const left = signal && aborted(signal);
    while (this.isFailing && this.trial !== undefined) {
      if (signal?.aborted === true) return undefined;
      await (left === undefined ? this.trial : Promise.race([this.trial, left]));
    }
    if (!this.isFailing) return () => undefined;
    let end: () => void = () => undefined;
    this.trial = new Promise<void>((resolve) => {
      end = () => {
        this.trial = undefined;
        resolve();
      };
    });
    return end;
  }

  /** Returns a request that the endpoint answered before; undefined where none is known. */
  public async controlRequest(streamName: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (this.control !== undefined || this.isControlLoaded) return this.control;
    const text = await this.store.get(controlRequestObjectKey(streamName), signal);
    if (text === undefined) return undefined;
    this.isControlLoaded = true;
    const payload = parseJson('the control request', text, 'an object', (root) => root.at('payloadBase64').anyText());
    this.control ??= Buffer.from(payload, 'base64');
    return this.control;
  }

  /** Stores the control request for other environments, every ten minutes. */
  public async storeControlRequest(streamName: string, signal: AbortSignal): Promise<void> {
    const now = this.clock.now();
    if (this.control === undefined || this.lastAnswered < 0 || now - this.storedAt < STORE_EVERY_SECONDS) return;
    const body = JSON.stringify({ payloadBase64: Buffer.from(this.control).toString('base64'), at: now });
    await this.store.put(controlRequestObjectKey(streamName), body, 'application/json', signal);
    this.storedAt = now;
  }
}

/** Resolves when a signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
