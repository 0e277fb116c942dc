import type { EpochSeconds } from '../../core/time';
import { QuantileSketch, quantile } from '../../core/statistics';
import { requestId, requestIndex } from './request-plan';

/** How a request ended; higher wins, so that an answer is never taken back. */
const OPEN = 0;
const DEAD_LETTERED = 1;
const ANSWERED = 2;

/** What became of the requests, in numbers that are checked at the end. */
export interface RequestCounts {
  /** Sent, through either channel. */
  readonly in: number;
  readonly answered: number;
  readonly deadLettered: number;
}

const RELATIVE_ERROR = 0.005;

/**
 * What became of every request, by its identity: a request that is answered twice counts once.
 *
 * Requests are known by their number, records that no consumer can read by their sequence number in the stream.
 */
export class Outcomes {
  private states = new Uint8Array(4096);
  private sent = 0;
  private answered = 0;
  private deadLettered = 0;
  private readonly poison = new Set<string>();
  private readonly deadPoison = new Set<string>();
  private readonly strangers = new Set<string>();
  private readonly all = new QuantileSketch(RELATIVE_ERROR);
  private recent: { readonly learnedAt: EpochSeconds; readonly seconds: number }[] = [];

  public send(index: number): void {
    if (index >= this.states.length) {
      const larger = new Uint8Array(Math.max(index + 1, this.states.length * 2));
      larger.set(this.states);
      this.states = larger;
    }
    this.sent += 1;
  }

  public sendPoison(sequenceNumber: string): void {
    this.poison.add(sequenceNumber);
  }

  /** An answer was seen; `latencySeconds` is null where it cannot be told. */
  public answer(id: string, latencySeconds: number | null, learnedAt: EpochSeconds): void {
    if (!this.settle(id, ANSWERED)) return;
    if (latencySeconds === null || !Number.isFinite(latencySeconds)) return;
    const seconds = Math.max(0, latencySeconds);
    this.all.add(seconds);
    this.recent.push({ learnedAt, seconds });
  }

  /** A record was set aside; its payload may or may not carry an id. */
  public deadLetter(sequenceNumber: string, id: string | null): void {
    if (this.poison.has(sequenceNumber)) this.deadPoison.add(sequenceNumber);
    else if (id !== null) this.settle(id, DEAD_LETTERED);
    else this.strangers.add(sequenceNumber);
  }

  public counts(): RequestCounts {
    return {
      in: this.sent + this.poison.size,
      answered: this.answered,
      deadLettered: this.deadLettered + this.deadPoison.size,
    };
  }

  /** Requests and records whose end has not been seen. */
  public open(): number {
    const { in: sent, answered, deadLettered } = this.counts();
    return sent - answered - deadLettered;
  }

  /** The first ids whose end has not been seen, for a message. */
  public openIds(most: number): readonly string[] {
    const found: string[] = [];
    for (let index = 0; index < this.sent && found.length < most; index++) {
      if (this.states[index] === OPEN) found.push(requestId(index));
    }
    for (const sequence of this.poison) {
      if (found.length < most && !this.deadPoison.has(sequence)) found.push(`record ${sequence}`);
    }
    return found;
  }

  /** Answers and dead letters of things that were never sent; a healthy platform has none. */
  public unknown(): readonly string[] {
    return [...this.strangers];
  }

  /** Percentiles of the answers learned since a moment; null when there were none. */
  public recentLatency(since: EpochSeconds): { p50: number | null; p95: number | null; p99: number | null } {
    this.recent = this.recent.filter(({ learnedAt }) => learnedAt >= since);
    if (this.recent.length === 0) return { p50: null, p95: null, p99: null };
    const seconds = this.recent.map((one) => one.seconds);
    return { p50: quantile(seconds, 0.5), p95: quantile(seconds, 0.95), p99: quantile(seconds, 0.99) };
  }

  /** Percentiles of all answers; null when there were none. */
  public latency(): { p50: number | null; p95: number | null; p99: number | null } {
    if (this.all.count === 0) return { p50: null, p95: null, p99: null };
    return { p50: this.all.quantile(0.5), p95: this.all.quantile(0.95), p99: this.all.quantile(0.99) };
  }

  /** Moves a request to a higher state; false when it is there already or was never sent. */
  private settle(id: string, outcome: typeof DEAD_LETTERED | typeof ANSWERED): boolean {
    const index = requestIndex(id);
    if (index === undefined || index >= this.sent) {
      this.strangers.add(id);
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
