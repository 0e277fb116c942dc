import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { mergeStatistics, NO_SAMPLES, type StatisticSet } from '../../../simulation/aws/cloudwatch';
import { type ServiceProfile, serviceSeconds } from '../../../simulation/traffic/service-profile';
import type { S3Location } from '../../account/s3-location';
import type { Driver } from '../../driver';
import type { QueueSnapshot } from '../../snapshot';
import type { RequestOutcome, Variant } from '../endpoints/variant';
import { asyncNotification, type AsyncNotification } from './async-notification';
import type { AsyncOutput, AsyncRequest, AsyncResult } from './async-request';
import type { ContainerNetworks } from './container-networks';
import { type ContainerRequest, readContainerRequest } from './container-request';

/** S3 and SNS, as far as the queue uses them. */
export interface AsyncStore {
  /** Returns undefined when there is no such object. */
  read(location: S3Location): Promise<string | undefined>;
  write(location: S3Location, body: string): Promise<void>;
  publish(topicArn: string, message: AsyncNotification): Promise<void>;
}

interface Waiting extends AsyncRequest {
  readonly receivedAt: EpochSeconds;
}

/** A body, with what the container makes of it. */
interface ReadRequest {
  readonly parsed: ContainerRequest;
  readonly body: string;
}

/** Measurements since the last drain; milliseconds where CloudWatch has milliseconds. */
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

/** Queue of an asynchronous endpoint: requests wait for a place on an instance, also while there is none, until their time to live is over. */
export class AsyncQueue {
  private waiting: Waiting[] = [];
  private readonly working = new Set<Waiting>();
  private sequence = 0;
  private totals = { processed: 0, failed: 0, expired: 0 };
  private span = emptySpan();
  private isClosed = false;

  public constructor(
    private readonly parts: {
      readonly endpointName: string;
      readonly output: AsyncOutput;
      readonly store: AsyncStore;
      readonly profile: ServiceProfile;
      /** The containers' own networks. */
      readonly networks: ContainerNetworks;
      /** The variant that serves the requests; undefined once the endpoint has none. */
      readonly variant: () => Variant | undefined;
      readonly driver: Driver;
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

  /** Moment at which the first waiting request expires. */
  public nextEventAt(): EpochSeconds | undefined {
    return this.waiting.reduce<number | undefined>((first, request) => {
      const at = request.receivedAt + request.ttlSeconds;
      return first === undefined || at < first ? at : first;
    }, undefined);
  }

  /** Expires requests whose time to live is over, and starts as many others as the instances in service have places for. */
  public pump(at: EpochSeconds): void {
    const isExpired = ({ receivedAt, ttlSeconds }: Waiting): boolean => receivedAt + ttlSeconds <= at;
    for (const request of this.waiting.filter(isExpired)) {
      this.totals.expired++;
      this.span.expired++;
      void this.end(request, at, { failure: 'The request was in the queue for longer than its RequestTTLSeconds' });
    }
    this.waiting = this.waiting.filter((request) => !isExpired(request));
    const variant = this.parts.variant();
    if (this.isClosed || variant === undefined) return;
    const places = variant.counts().inService * variant.spec.slotsPerInstance;
    while (this.waiting.length > 0 && this.working.size < places) {
      const request = this.waiting.shift()!;
      this.working.add(request);
      void this.work(request, at);
    }
  }

  /** Discards the waiting requests, when the endpoint is deleted. */
  public close(): void {
    this.isClosed = true;
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

  /** Returns the measurements since the last call; for one caller only. */
  public drainMetrics(at: EpochSeconds): AsyncMetrics {
    const span = this.span;
    this.span = emptySpan();
    return { ...span, backlog: this.waiting.length + this.working.size, ageOfOldestSeconds: this.ageOfOldest(at) };
  }

  private ageOfOldest(at: EpochSeconds): number {
    return [...this.waiting, ...this.working].reduce((age, { receivedAt }) => Math.max(age, at - receivedAt), 0);
  }

  private async work(request: Waiting, takenAt: EpochSeconds): Promise<void> {
    const { store, driver } = this.parts;
    let parsed: ContainerRequest;
    let body: string | undefined;
    try {
      body = typeof request.input === 'string' ? request.input : await store.read(request.input);
      if (body === undefined) {
        this.span.downloadFailures++;
        return await this.fail(request, takenAt, `No object exists at ${request.inputUri}`);
      }
      parsed = readContainerRequest(body);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof InputError) {
        this.parts.variant()?.refuse();
        return this.fail(request, takenAt, `Received client error (400) from primary with message "${reason}"`);
      }
      this.span.downloadFailures++;
      return this.fail(request, takenAt, reason);
    }
    const read = { parsed, body };
    driver.apply((at) => this.invoke(request, read, takenAt, at));
  }

  private invoke(request: Waiting, read: ReadRequest, takenAt: EpochSeconds, at: EpochSeconds): void {
    const { parsed } = read;
    const needed = serviceSeconds(this.parts.profile, parsed);
    const given = Math.min(needed, request.invocationTimeoutSeconds);
    const result = this.parts.variant()?.arrive(at, { id: this.sequence++, serviceSeconds: given }, (outcome) => {
      if (needed > given || outcome.kind === 'timed-out') {
        const limit = `The model did not respond within ${request.invocationTimeoutSeconds} s (InvocationTimeoutSeconds)`;
        void this.fail(request, takenAt, limit);
      } else if (outcome.kind === 'broken') {
        void this.fail(request, takenAt, 'Received server error (500) from primary');
      } else void this.respond(request, takenAt, read, outcome);
    });
    if (result !== 'started' && result !== 'queued') {
      // The instance was removed while the request was read: the request keeps its turn.
      this.working.delete(request);
      if (!this.isClosed) this.waiting.unshift(request);
    }
  }

  private async respond(
    request: Waiting,
    takenAt: EpochSeconds,
    { parsed, body }: ReadRequest,
    outcome: RequestOutcome & { readonly kind: 'completed' },
  ): Promise<void> {
    const modelName = this.parts.variant()?.specOf(outcome.instanceId).modelName ?? '';
    const response = await this.parts.networks.respond(parsed, modelName, body, {
      queueSeconds: Math.max(0, outcome.startedAt - request.receivedAt),
      serviceSeconds: outcome.finishedAt - outcome.startedAt,
      instance: outcome.instanceId,
    });
    if (response.statusCode !== 200) {
      const side = response.statusCode < 500 ? 'client' : 'server';
      this.parts.variant()?.countError(outcome.instanceId, side);
      const message = `Received ${side} error (${response.statusCode}) from primary with message "${response.body}"`;
      return this.fail(request, takenAt, message);
    }
    return this.parts.driver.apply((at) => {
      this.totals.processed++;
      this.span.processed++;
      this.measure(request, takenAt, outcome.finishedAt);
      this.working.delete(request);
      const ended = this.end(request, outcome.finishedAt, { response: response.body });
      this.pump(at);
      return ended;
    });
  }

  private fail(request: Waiting, takenAt: EpochSeconds, failure: string): Promise<void> {
    return this.parts.driver.apply((at) => {
      this.totals.failed++;
      this.span.failures++;
      this.measure(request, takenAt, at);
      this.working.delete(request);
      const ended = this.end(request, at, { failure });
      this.pump(at);
      return ended;
    });
  }

  private measure(request: Waiting, takenAt: EpochSeconds, endedAt: EpochSeconds): void {
    const add = (set: StatisticSet, seconds: number): StatisticSet => {
      const value = Math.max(0, seconds) * 1000;
      return mergeStatistics(set, { sum: value, sampleCount: 1, minimum: value, maximum: value });
    };
    this.span.timeInBacklogMs = add(this.span.timeInBacklogMs, takenAt - request.receivedAt);
    this.span.totalProcessingMs = add(this.span.totalProcessingMs, endedAt - request.receivedAt);
  }

  /** Writes the result and publishes the notification, where a topic is set. */
  private async end(request: Waiting, at: EpochSeconds, result: AsyncResult): Promise<void> {
    const { store, output, endpointName, log } = this.parts;
    const succeeded = 'response' in result;
    try {
      if (succeeded) await store.write(request.response, result.response);
      else await store.write(request.failure, JSON.stringify({ failureReason: result.failure }));
    } catch (error) {
      this.span.uploadFailures++;
      log(`${endpointName}: the result of ${request.inferenceId} could not be written: ${String(error)}`);
    }
    const topicArn = succeeded ? output.successTopicArn : output.errorTopicArn;
    if (topicArn === undefined) return;
    try {
      await store.publish(topicArn, asyncNotification(endpointName, output, request, at, result));
    } catch (error) {
      this.span.notificationFailures++;
      log(`${endpointName}: the notification of ${request.inferenceId} could not be sent: ${String(error)}`);
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
