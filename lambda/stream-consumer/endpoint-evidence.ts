import { parseJson } from '../../lib/core/parse';
import { controlRequestObjectKey } from '../../lib/ingestion/contract';
import type { FailuresOfRecord } from '../../lib/ingestion/decide/verdict';
import type { ObjectStore } from '../clients/object-store';
import type { WallClock } from '../support/clock';

/** Failures in a row, without an answer between them, after which requests are sent one by one. */
const FAILURES_BEFORE_SLOWING = 10;
/** Maximum size of a control request, bytes. */
const MAX_CONTROL_BYTES = 256 * 1024;
/** Number of answers that are remembered. */
const ANSWERS = 100;
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
  private failuresInARow = 0;
  private control: Uint8Array | undefined;
  private controlSeconds = Infinity;
  private controlAt = -Infinity;
  private isControlLoaded = false;
  private storedAt = -Infinity;
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

  /** Number of the next request, in the order of sending. */
  public nextSend(): number {
    return this.sends++;
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

  public failed(): void {
    this.failuresInARow += 1;
  }

  /** Counts a failure of a record that others did not share, after `seconds`; returns those counted so far. */
  public strike(record: string, seconds: number): FailuresOfRecord {
    const { count, requestSeconds } = this.strikes.get(record) ?? { count: 0, requestSeconds: 0 };
    const failures = { count: count + 1, requestSeconds: requestSeconds + seconds };
    this.strikes.set(record, failures);
    return failures;
  }

  /** Forgets the failures of a record that has its outcome. */
  public settle(record: string): void {
    this.strikes.delete(record);
  }

  /**
   * Waits for the turn of a request: at once, or one by one while the endpoint fails. Call the returned function when the request has ended
   * and its pause is over.
   */
  public async turn(): Promise<() => void> {
    while (this.isFailing && this.trial !== undefined) await this.trial;
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
