import { InputError, RetryableError } from '../../lib/core/errors';
import {
  type InferenceRequest,
  type InferenceResult,
  parseInferenceAnswer,
  parseInferenceRequest,
} from '../../lib/ingestion/contract';
import { type EndpointRuntime, ModelFailedError, RecordRefusedError } from '../clients/endpoint-runtime';
import type { Clock } from '../support/clock';
import type { Sleep } from '../support/sleep';
import { backoffMilliseconds } from './backoff';
import { payloadText, type StreamRecord } from './batch';

/** How one record ended in this invocation. */
export type Outcome =
  | { readonly kind: 'answered'; readonly result: InferenceResult }
  | { readonly kind: 'refused'; readonly error: string }
  /** Not answered yet: the time ran out, or a record before it failed. */
  | { readonly kind: 'open'; readonly error: string };

export interface AnsweringOptions {
  readonly endpoint: EndpointRuntime;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Milliseconds that may still be spent on answers. */
  readonly remainingMs: () => number;
  /** Ends calls in flight when the time is up. */
  readonly signal: AbortSignal;
  readonly maxModelFailures: number;
}

/** Less than this is no time for another attempt. */
const SHORTEST_ATTEMPT_MS = 50;

/** Gets answers for the records of one batch; remembers whether the model answers at all. */
export class Answering {
  private answered = 0;

  public constructor(private readonly options: AnsweringOptions) {}

  /**
   * Answers one record, trying again while the failure may pass and there is time and `wanted()`.
   *
   * Throws only what no record is to blame for, such as a refused permission.
   */
  public async answer(record: StreamRecord, wanted: () => boolean): Promise<Outcome> {
    let request: InferenceRequest;
    const body = payloadText(record);
    try {
      request = parseInferenceRequest(body);
    } catch (error) {
      if (error instanceof InputError) return { kind: 'refused', error: error.message };
      throw error;
    }
    let modelFailures = 0;
    let lastError = 'there was no time to send it';
    for (let attempt = 1; ; attempt++) {
      if (this.isTimeUp() || !wanted()) return { kind: 'open', error: lastError };
      try {
        return { kind: 'answered', result: await this.send(request, body) };
      } catch (error) {
        if (error instanceof RecordRefusedError) return { kind: 'refused', error: error.message };
        if (!(error instanceof RetryableError)) throw error;
        lastError = error.message;
        if (error instanceof ModelFailedError) modelFailures++;
      }
      // A model that breaks on this record while it answers others will break on it again.
      if (modelFailures >= this.options.maxModelFailures && this.answered > 0) {
        return { kind: 'refused', error: `${lastError} (${modelFailures} times, while other records were answered)` };
      }
      const { sleep, random, remainingMs, signal } = this.options;
      await sleep(Math.min(backoffMilliseconds(attempt, random()), Math.max(0, remainingMs())), signal);
    }
  }

  private isTimeUp(): boolean {
    return this.options.signal.aborted || this.options.remainingMs() < SHORTEST_ATTEMPT_MS;
  }

  private async send(request: InferenceRequest, body: string): Promise<InferenceResult> {
    const { endpoint, clock, signal } = this.options;
    const startedAt = clock.now();
    const answer = parseInferenceAnswer(await endpoint.invoke(body, signal));
    const answeredAt = clock.now();
    this.answered++;
    return {
      id: request.id,
      key: request.key,
      contextTokens: request.contextTokens,
      generatedTokens: answer.generatedTokens ?? request.generatedTokens,
      sentAt: request.sentAt ?? null,
      answeredAt,
      serviceSeconds: answer.serviceSeconds ?? answeredAt - startedAt,
      queueSeconds: answer.queueSeconds ?? 0,
    };
  }
}
