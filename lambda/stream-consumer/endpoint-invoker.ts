import { InputError, RetryableError } from '../../lib/core/errors';
import {
  parseInferenceRequest,
  parseInferenceResponse,
  type InferenceRequest,
  type InferenceResult,
} from '../../lib/ingestion/contract';
import type { RecordOutcome } from '../../lib/ingestion/decide/checkpoint';
import { ModelFailedError, RecordRejectedError, type EndpointRuntime } from '../clients/endpoint-runtime';
import type { WallClock } from '../support/clock';
import type { Sleep } from '../support/sleep';
import { backoffMilliseconds } from './backoff';
import { payloadText, type StreamRecord } from './batch';

export interface EndpointInvokerOptions {
  readonly endpoint: EndpointRuntime;
  readonly clock: WallClock;
  readonly sleep: Sleep;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  /** Returns the milliseconds left for invocations. */
  readonly remainingMs: () => number;
  /** Ends invocations in flight when the time is up. */
  readonly signal: AbortSignal;
  readonly maxModelFailures: number;
}

/** Minimum time for another attempt. */
const MIN_ATTEMPT_MS = 50;

/** Invokes the endpoint for the records of one batch. */
export class EndpointInvoker {
  private succeeded = 0;

  public constructor(private readonly options: EndpointInvokerOptions) {}

  /**
   * Invokes the endpoint for one record; retries transient failures while there is time and `isWanted()`.
   *
   * Throws only errors that no record causes, such as a denied permission.
   */
  public async invoke(record: StreamRecord, isWanted: () => boolean): Promise<RecordOutcome> {
    let request: InferenceRequest;
    const body = payloadText(record);
    try {
      request = parseInferenceRequest(body);
    } catch (error) {
      if (error instanceof InputError) return { kind: 'rejected', error: error.message };
      throw error;
    }
    let modelFailures = 0;
    let lastError = 'there was no time to send it';
    for (let attempt = 1; ; attempt++) {
      if (this.isTimeUp() || !isWanted()) return { kind: 'pending', error: lastError };
      try {
        return { kind: 'succeeded', result: await this.send(request, body) };
      } catch (error) {
        if (error instanceof RecordRejectedError) return { kind: 'rejected', error: error.message };
        if (!(error instanceof RetryableError)) throw error;
        lastError = error.message;
        if (error instanceof ModelFailedError) modelFailures++;
      }
      // A model that fails on this record while others succeed will fail on it again.
      if (modelFailures >= this.options.maxModelFailures && this.succeeded > 0) {
        return { kind: 'rejected', error: `${lastError} (${modelFailures} times, while other records succeeded)` };
      }
      const { sleep, random, remainingMs, signal } = this.options;
      await sleep(Math.min(backoffMilliseconds(attempt, random()), Math.max(0, remainingMs())), signal);
    }
  }

  private isTimeUp(): boolean {
    return this.options.signal.aborted || this.options.remainingMs() < MIN_ATTEMPT_MS;
  }

  private async send(request: InferenceRequest, body: string): Promise<InferenceResult> {
    const { endpoint, clock, signal } = this.options;
    const startedAt = clock.now();
    const response = parseInferenceResponse(await endpoint.invoke(body, signal));
    const answeredAt = clock.now();
    this.succeeded++;
    return {
      id: request.id,
      key: request.key,
      contextTokens: request.contextTokens,
      generatedTokens: response.generatedTokens ?? request.generatedTokens,
      sentAt: request.sentAt ?? null,
      answeredAt,
      serviceSeconds: response.serviceSeconds ?? answeredAt - startedAt,
      queueSeconds: response.queueSeconds ?? 0,
    };
  }
}
