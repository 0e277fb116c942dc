import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { formatInferenceAnswer, parseInferenceRequest, type InferenceRequest } from '../../../ingestion/contract';
import { mergeStatistics, NO_SAMPLES, type StatisticSet } from '../../../simulation/fleet';
import { type ServiceProfile, serviceSeconds } from '../../../simulation/service-profile';
import type { S3Location } from '../s3-location';
import type { QueueSnapshot } from '../snapshot';
import { asyncNotice, type AsyncNotice } from './async-notice';
import type { AsyncOutput, AsyncRequest } from './async-request';
import type { RequestOutcome, Variant } from './variant';

/** What the queue asks of S3 and SNS. */
export interface AsyncStore {
  /** Undefined where there is no such object. */
  read(location: S3Location): Promise<string | undefined>;
  write(location: S3Location, body: string): Promise<void>;
  publish(topicArn: string, message: AsyncNotice): Promise<void>;
}

interface Waiting extends AsyncRequest {
  readonly receivedAt: EpochSeconds;
}

/** What was measured since the last look; milliseconds where CloudWatch has milliseconds. */
export interface AsyncMetrics {
  readonly backlog: number;
  readonly ageOfOldestSeconds: number;
  readonly processed: number;
  readonly failures: number;
  readonly expired: number;
  readonly downloadFailures: number;
  readonly uploadFailures: number;
  readonly notificationFailures: number;
  readonly timeInBacklogMs: StatisticSet;
  readonly totalProcessingMs: StatisticSet;
}

/** Requests that wait for a place on an instance: none is lost while there is no instance, until its time to live is over. */
export class AsyncQueue {
  private waiting: Waiting[] = [];
  private readonly working = new Set<Waiting>();
  private sequence = 0;
  private totals = { processed: 0, failed: 0, expired: 0 };
  private span = emptySpan();
  private closed = false;

  public constructor(
    private readonly parts: {
      readonly endpointName: string;
      readonly output: AsyncOutput;
      readonly store: AsyncStore;
      readonly profile: ServiceProfile;
      /** The variant that does the work. */
      readonly variant: () => Variant | undefined;
      /** Brings the platform to the present and returns it. */
      readonly catchUp: () => EpochSeconds;
      readonly rearm: () => void;
      readonly log: (message: string) => void;
    },
  ) {}

  public get output(): AsyncOutput {
    return this.parts.output;
  }

  public accept(request: AsyncRequest, at: EpochSeconds): void {
    this.waiting.push({ ...request, receivedAt: at });
    this.pump(at);
  }

  /** When the first request that waits will be too old. */
  public nextEventAt(): EpochSeconds | undefined {
    return this.waiting.reduce<number | undefined>((first, request) => {
      const at = request.receivedAt + request.ttlSeconds;
      return first === undefined || at < first ? at : first;
    }, undefined);
  }

  /** Gives up what is too old, and hands out as many requests as the instances in service have places for. */
  public pump(at: EpochSeconds): void {
    const isOver = ({ receivedAt, ttlSeconds }: Waiting): boolean => receivedAt + ttlSeconds <= at;
    for (const request of this.waiting.filter(isOver)) {
      this.totals.expired++;
      this.span.expired++;
      void this.end(request, at, { failure: 'The request was in the queue for longer than its RequestTTLSeconds' });
    }
    this.waiting = this.waiting.filter((request) => !isOver(request));
    const variant = this.parts.variant();
    if (this.closed || variant === undefined) return;
    const places = variant.counts().inService * variant.spec.slotsPerInstance;
    while (this.waiting.length > 0 && this.working.size < places) {
      const request = this.waiting.shift()!;
      this.working.add(request);
      void this.work(request, at);
    }
  }

  /** Drops what waits; the endpoint goes. */
  public close(): void {
    this.closed = true;
    this.waiting = [];
  }

  public snapshot(at: EpochSeconds): QueueSnapshot {
    return {
      waiting: this.waiting.length,
      working: this.working.size,
      oldestSeconds: this.ageOfOldest(at),
      ...this.totals,
    };
  }

  /** For one caller only. */
  public drainMetrics(at: EpochSeconds): AsyncMetrics {
    const span = this.span;
    this.span = emptySpan();
    return { ...span, backlog: this.waiting.length + this.working.size, ageOfOldestSeconds: this.ageOfOldest(at) };
  }

  private ageOfOldest(at: EpochSeconds): number {
    return [...this.waiting, ...this.working].reduce((age, { receivedAt }) => Math.max(age, at - receivedAt), 0);
  }

  private async work(request: Waiting, takenAt: EpochSeconds): Promise<void> {
    const { store, profile, catchUp, rearm } = this.parts;
    let parsed: InferenceRequest;
    try {
      const body = typeof request.input === 'string' ? request.input : await store.read(request.input);
      if (body === undefined) {
        this.span.downloadFailures++;
        return await this.fail(request, takenAt, `There is no object at ${request.inputUri}`);
      }
      parsed = parseInferenceRequest(body);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof InputError) {
        this.parts.variant()?.refuse();
        return this.fail(request, takenAt, `Received client error (400) from primary with message "${reason}"`);
      }
      this.span.downloadFailures++;
      return this.fail(request, takenAt, reason);
    }
    const at = catchUp();
    const needed = serviceSeconds(profile, parsed);
    const given = Math.min(needed, request.invocationTimeoutSeconds);
    const result = this.parts.variant()?.arrive(at, { id: this.sequence++, serviceSeconds: given }, (outcome) => {
      if (needed > given || outcome.kind === 'timed-out') {
        const limit = `The model did not answer within ${request.invocationTimeoutSeconds} s (InvocationTimeoutSeconds)`;
        void this.fail(request, takenAt, limit);
      } else if (outcome.kind === 'broken') {
        void this.fail(request, takenAt, 'Received server error (500) from primary');
      } else void this.succeed(request, takenAt, parsed, outcome);
    });
    if (result !== 'started' && result !== 'queued') {
      // The instance went while the request was read: it keeps its turn.
      this.working.delete(request);
      if (!this.closed) this.waiting.unshift(request);
    }
    rearm();
  }

  private succeed(
    request: Waiting,
    takenAt: EpochSeconds,
    parsed: InferenceRequest,
    outcome: RequestOutcome & { readonly kind: 'completed' },
  ): Promise<void> {
    const answer = formatInferenceAnswer(parsed.id, {
      generatedTokens: parsed.generatedTokens,
      queueSeconds: Math.max(0, outcome.startedAt - request.receivedAt),
      serviceSeconds: outcome.finishedAt - outcome.startedAt,
      instance: outcome.instanceId,
    });
    this.totals.processed++;
    this.span.processed++;
    this.measure(request, takenAt, outcome.finishedAt);
    this.working.delete(request);
    return this.end(request, outcome.finishedAt, { answer });
  }

  private fail(request: Waiting, takenAt: EpochSeconds, failure: string): Promise<void> {
    const at = this.parts.catchUp();
    this.totals.failed++;
    this.span.failures++;
    this.measure(request, takenAt, at);
    this.working.delete(request);
    const ended = this.end(request, at, { failure });
    this.pump(at);
    this.parts.rearm();
    return ended;
  }

  private measure(request: Waiting, takenAt: EpochSeconds, endedAt: EpochSeconds): void {
    const add = (set: StatisticSet, seconds: number): StatisticSet => {
      const value = Math.max(0, seconds) * 1000;
      return mergeStatistics(set, { sum: value, sampleCount: 1, minimum: value, maximum: value });
    };
    this.span.timeInBacklogMs = add(this.span.timeInBacklogMs, takenAt - request.receivedAt);
    this.span.totalProcessingMs = add(this.span.totalProcessingMs, endedAt - request.receivedAt);
  }

  /** Writes what came out, and tells those who want to know. */
  private async end(
    request: Waiting,
    at: EpochSeconds,
    result: { readonly answer: string } | { readonly failure: string },
  ): Promise<void> {
    const { store, output, endpointName, log } = this.parts;
    const isAnswer = 'answer' in result;
    try {
      if (isAnswer) await store.write(request.answer, result.answer);
      else await store.write(request.failure, JSON.stringify({ failureReason: result.failure }));
    } catch (error) {
      this.span.uploadFailures++;
      log(`${endpointName}: ${request.inferenceId} could not be written: ${String(error)}`);
    }
    const topicArn = isAnswer ? output.successTopicArn : output.errorTopicArn;
    if (topicArn === undefined) return;
    try {
      await store.publish(topicArn, asyncNotice(endpointName, output, request, at, result));
    } catch (error) {
      this.span.notificationFailures++;
      log(`${endpointName}: the notice of ${request.inferenceId} could not be sent: ${String(error)}`);
    }
  }
}

function emptySpan() {
  return {
    processed: 0,
    failures: 0,
    expired: 0,
    downloadFailures: 0,
    uploadFailures: 0,
    notificationFailures: 0,
    timeInBacklogMs: NO_SAMPLES,
    totalProcessingMs: NO_SAMPLES,
  };
}
