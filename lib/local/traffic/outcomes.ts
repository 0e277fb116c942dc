import type { EpochSeconds } from '../../core/time';
import { QuantileSketch, quantile } from '../../core/statistics';
import { parseInferenceResponse } from '../../ingestion/contract';
import { addedOnceCaughtUp, type SlotsAt, type StreamedRequest } from './caught-up';
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

/** Percentiles of times, seconds; null without any. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** Parts of the latency of a request that its response tells, seconds. */
export interface ResponseTimes {
  /** Time in a slot of an instance. */
  readonly serviceSeconds: number;
  /** Time in the endpoint before that slot was free. */
  readonly queueSeconds: number;
  /** Time of the consumer's call beside both: on the way to the endpoint and back. @default 0 */
  readonly transferSeconds?: number;
  /** True for a request that went through the stream. */
  readonly isStreamed: boolean;
  /** Time of the response to the request before it of the same key; undefined where that is not known. */
  readonly keyFreeAt?: EpochSeconds;
}

/** Parts of the latency of all responses. */
export interface LatencyParts {
  /** Time in a slot of an instance. */
  readonly service: Percentiles;
  /** Time in the endpoint before a slot was free. */
  readonly endpointQueue: Percentiles;
  /** Time of the calls of the endpoint beside both, of requests that went through the stream: real time of this machine, on the clock of the run. */
  readonly transfer: Percentiles;
  /** Rest of the latency of the requests that went through the stream: waiting in it, and retries. */
  readonly stream: Percentiles;
  /** The same for those that were sent once the fleet had caught up, without the time for earlier requests of their key. */
  readonly streamOnceCaughtUp: Percentiles;
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
  private readonly slots: SlotsAt[] = [];
  private readonly streamed: StreamedRequest[] = [];
  private sent = 0;
  private answered = 0;
  private deadLettered = 0;
  private readonly malformed = new Set<string>();
  private readonly deadMalformed = new Set<string>();
  private readonly unknown = new Set<string>();
  private readonly all = new QuantileSketch(RELATIVE_ERROR);
  private readonly parts = {
    service: new QuantileSketch(RELATIVE_ERROR),
    endpointQueue: new QuantileSketch(RELATIVE_ERROR),
    transfer: new QuantileSketch(RELATIVE_ERROR),
    stream: new QuantileSketch(RELATIVE_ERROR),
  };
  private recent: {
    readonly seenAt: EpochSeconds;
    readonly seconds: number;
    readonly serviceSeconds?: number;
    readonly queueSeconds?: number;
    readonly streamSeconds?: number;
  }[] = [];

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

  /** Records the free slots of the endpoint at a moment. */
  public addSlots(slots: SlotsAt): void {
    this.slots.push(slots);
  }

  public addMalformed(sequenceNumber: string): void {
    this.malformed.add(sequenceNumber);
  }

  /** Records a response; `latencySeconds` is null if unknown, `seenAt` is the time at which the run read it. */
  public addResponse(id: string, latencySeconds: number | null, seenAt: EpochSeconds, times?: ResponseTimes): void {
    if (!this.resolve(id, ANSWERED)) return;
    if (latencySeconds === null || !Number.isFinite(latencySeconds)) return;
    const seconds = Math.max(0, latencySeconds);
    this.all.add(seconds);
    this.recent.push({
      seenAt,
      seconds,
      ...this.addParts(seconds, times, requestIndex(id)!),
    });
  }

  /** Records the result of a request, with the time of its response. */
  public addAnswer(id: string, answeredAt: EpochSeconds, seenAt: EpochSeconds, times?: ResponseTimes): void {
    const index = requestIndex(id);
    const sentAt = index === undefined ? undefined : this.sentAt[index];
    this.addResponse(id, sentAt === undefined ? null : answeredAt - sentAt, seenAt, times);
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
  public recentLatency(since: EpochSeconds): Percentiles {
    this.recent = this.recent.filter(({ seenAt }) => seenAt >= since);
    const seconds = this.recent.map((one) => one.seconds);
    return { p50: quantileOf(seconds, 0.5), p95: quantileOf(seconds, 0.95), p99: quantileOf(seconds, 0.99) };
  }

  /** 95th percentiles of the parts of the latency of the responses seen since a time, seconds; null without responses. */
  public recentParts(since: EpochSeconds): { readonly [part in 'service' | 'queue' | 'stream']: number | null } {
    const recent = this.recent.filter(({ seenAt }) => seenAt >= since);
    const p95 = (part: 'serviceSeconds' | 'queueSeconds' | 'streamSeconds'): number | null =>
      quantileOf(
        recent.flatMap((one) => one[part] ?? []),
        0.95,
      );
    return { service: p95('serviceSeconds'), queue: p95('queueSeconds'), stream: p95('streamSeconds') };
  }

  /** Latency percentiles of all responses; null without responses. */
  public latency(): Percentiles {
    return percentilesOf(this.all);
  }

  /** Latency percentiles of all responses, by part. */
  public latencyParts(): LatencyParts {
    const { service, endpointQueue, transfer, stream } = this.parts;
    const added = addedOnceCaughtUp(this.slots, this.streamed);
    return {
      service: percentilesOf(service),
      endpointQueue: percentilesOf(endpointQueue),
      transfer: percentilesOf(transfer),
      stream: percentilesOf(stream),
      streamOnceCaughtUp: {
        p50: quantileOf(added, 0.5),
        p95: quantileOf(added, 0.95),
        p99: quantileOf(added, 0.99),
      },
    };
  }

  private addParts(seconds: number, times: ResponseTimes | undefined, index: number) {
    if (times === undefined) return {};
    const { serviceSeconds, queueSeconds, transferSeconds = 0, isStreamed, keyFreeAt = 0 } = times;
    this.parts.service.add(serviceSeconds);
    this.parts.endpointQueue.add(queueSeconds);
    if (!isStreamed) return { serviceSeconds, queueSeconds };
    this.parts.transfer.add(transferSeconds);
    const streamSeconds = Math.max(0, seconds - serviceSeconds - queueSeconds - transferSeconds);
    this.parts.stream.add(streamSeconds);
    const sentAt = this.sentAt[index]!;
    this.streamed.push({
      sentAt,
      leftAt: sentAt + streamSeconds,
      addedSeconds: Math.max(0, streamSeconds - Math.max(0, keyFreeAt - sentAt)),
    });
    return { serviceSeconds, queueSeconds, streamSeconds };
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

function quantileOf(values: readonly number[], share: number): number | null {
  return values.length === 0 ? null : quantile(values, share);
}

function percentilesOf(sketch: QuantileSketch): Percentiles {
  if (sketch.count === 0) return { p50: null, p95: null, p99: null };
  return { p50: sketch.quantile(0.5), p95: sketch.quantile(0.95), p99: sketch.quantile(0.99) };
}

/** Reads the parts of the latency from a response of the local model; undefined where it has none. */
export function responseTimesOf(response: string | null, isStreamed: boolean): ResponseTimes | undefined {
  const { serviceSeconds, queueSeconds } = parseInferenceResponse(response ?? '');
  if (serviceSeconds === undefined || queueSeconds === undefined) return undefined;
  return { serviceSeconds, queueSeconds, isStreamed };
}
