import type { EpochSeconds } from '../../core/time';
import { QuantileSketch, quantile } from '../../core/statistics';
import { requestId, requestIndex } from './request-plan';

/** States of a request; a higher state replaces a lower one. */
const UNRESOLVED = 0;
const DEAD_LETTERED = 1;
const ANSWERED = 2;

/** Totals of the requests, which have to add up at the end. */
export interface RequestTotals {
  /** Requests and records sent through either channel. */
  readonly in: number;
  readonly answered: number;
  readonly deadLettered: number;
}

const RELATIVE_ERROR = 0.005;

/**
 * Outcome of every request, by its id: a second response to the same request does not count.
 *
 * Requests are identified by their number, malformed records by their sequence number in the stream.
 */
export class Outcomes {
  private states = new Uint8Array(4096);
  private sentAt = new Float64Array(4096);
  private sent = 0;
  private answered = 0;
  private deadLettered = 0;
  private readonly malformed = new Set<string>();
  private readonly deadMalformed = new Set<string>();
  private readonly unknown = new Set<string>();
  private readonly all = new QuantileSketch(RELATIVE_ERROR);
  private recent: { readonly seenAt: EpochSeconds; readonly seconds: number }[] = [];

  /** Records a request and the time at which it was sent first. */
  public addSent(index: number, at: EpochSeconds): void {
    if (index >= this.states.length) {
      const length = Math.max(index + 1, this.states.length * 2);
      const states = new Uint8Array(length);
      states.set(this.states);
      this.states = states;
      const sentAt = new Float64Array(length);
      sentAt.set(this.sentAt);
      this.sentAt = sentAt;
    }
    this.sentAt[index] = at;
    this.sent += 1;
  }

  public addMalformed(sequenceNumber: string): void {
    this.malformed.add(sequenceNumber);
  }

  /** Records a response; `latencySeconds` is null if unknown, `seenAt` is the time at which the run read it. */
  public addResponse(id: string, latencySeconds: number | null, seenAt: EpochSeconds): void {
    if (!this.resolve(id, ANSWERED)) return;
    if (latencySeconds === null || !Number.isFinite(latencySeconds)) return;
    const seconds = Math.max(0, latencySeconds);
    this.all.add(seconds);
    this.recent.push({ seenAt, seconds });
  }

  /** Records the result of a request, with the time of its response. */
  public addAnswer(id: string, answeredAt: EpochSeconds, seenAt: EpochSeconds): void {
    const index = requestIndex(id);
    const sentAt = index === undefined ? undefined : this.sentAt[index];
    this.addResponse(id, sentAt === undefined ? null : answeredAt - sentAt, seenAt);
  }

  /** Records a dead letter; `id` is null if the payload has none. */
  public addDeadLetter(sequenceNumber: string, id: string | null): void {
    if (this.malformed.has(sequenceNumber)) this.deadMalformed.add(sequenceNumber);
    else if (id !== null) this.resolve(id, DEAD_LETTERED);
    else this.unknown.add(sequenceNumber);
  }

  public totals(): RequestTotals {
    return {
      in: this.sent + this.malformed.size,
      answered: this.answered,
      deadLettered: this.deadLettered + this.deadMalformed.size,
    };
  }

  /** Number of requests and records without an outcome. */
  public unresolved(): number {
    const { in: sent, answered, deadLettered } = this.totals();
    return sent - answered - deadLettered;
  }

  /** First ids without an outcome, at most `limit`. */
  public unresolvedIds(limit: number): readonly string[] {
    const found: string[] = [];
    for (let index = 0; index < this.sent && found.length < limit; index++) {
      if (this.states[index] === UNRESOLVED) found.push(requestId(index));
    }
    for (const sequence of this.malformed) {
      if (found.length < limit && !this.deadMalformed.has(sequence)) found.push(`record ${sequence}`);
    }
    return found;
  }

  /** Ids of responses and dead letters that belong to no request; none on a healthy platform. */
  public unknownIds(): readonly string[] {
    return [...this.unknown];
  }

  /** Latency percentiles of the responses seen since a time; null without responses. */
  public recentLatency(since: EpochSeconds): { p50: number | null; p95: number | null; p99: number | null } {
    this.recent = this.recent.filter(({ seenAt }) => seenAt >= since);
    if (this.recent.length === 0) return { p50: null, p95: null, p99: null };
    const seconds = this.recent.map((one) => one.seconds);
    return { p50: quantile(seconds, 0.5), p95: quantile(seconds, 0.95), p99: quantile(seconds, 0.99) };
  }

  /** Latency percentiles of all responses; null without responses. */
  public latency(): { p50: number | null; p95: number | null; p99: number | null } {
    if (this.all.count === 0) return { p50: null, p95: null, p99: null };
    return { p50: this.all.quantile(0.5), p95: this.all.quantile(0.95), p99: this.all.quantile(0.99) };
  }

  /** Moves a request to a higher state; returns false if it has that state already or was never sent. */
  private resolve(id: string, outcome: typeof DEAD_LETTERED | typeof ANSWERED): boolean {
    const index = requestIndex(id);
    if (index === undefined || index >= this.sent) {
      this.unknown.add(id);
      return false;
    }
    const before = this.states[index]!;
    if (before >= outcome) return false;
    if (before === DEAD_LETTERED) this.deadLettered -= 1;
    if (outcome === ANSWERED) this.answered += 1;
    else this.deadLettered += 1;
    this.states[index] = outcome;
    return true;
  }
}
