import { isObject, parseJson, type Json } from '../core/parse';
import type { EpochSeconds } from '../core/time';

/**
 * Formats of the records in the stream and of the consumer's objects, and the names that construct and handler share: the construct
 * sets the environment that the handler reads, producers write the requests that the handler parses.
 */

/** Environment variables of the stream consumer. */
export const INGESTION_ENVIRONMENT = {
  /** Name of the endpoint to invoke. */
  endpointName: 'TIDEGATE_ENDPOINT_NAME',
  /** Name of the inference component to invoke; unset for endpoints without components. */
  componentName: 'TIDEGATE_INFERENCE_COMPONENT_NAME',
  /** Name of the bucket for results and dead letters. */
  resultsBucketName: 'TIDEGATE_RESULTS_BUCKET',
  /** Maximum number of keys of a batch in flight at once. */
  concurrency: 'TIDEGATE_CONCURRENCY',
  /** Maximum number of model errors on one record, while other records succeed, before it becomes a dead letter. */
  maxModelFailures: 'TIDEGATE_MAX_MODEL_FAILURES',
} as const;

/** Default of the maximum number of keys of a batch in flight at once. */
export const DEFAULT_CONCURRENCY = 64;

/** Default of the maximum number of model errors on one record. */
export const DEFAULT_MAX_MODEL_FAILURES = 8;

/** Key prefix of results in the results bucket. */
export const RESULTS_PREFIX = 'results/';

/** Key prefix of dead letters in the results bucket. */
export const DEAD_LETTERS_PREFIX = 'dead-letters/';

/** Key prefix of Lambda's failure destination: batches after the last retry, with their payload. */
export const FAILED_BATCHES_PREFIX = 'aws/lambda/';

/** Dimension of the consumer's own metrics. */
export const STREAM_NAME_DIMENSION = 'StreamName';

/** Number of dead letters, counted when they are written. */
export const DEAD_LETTERS_METRIC = 'DeadLetters';

/** Inference request: the JSON body of a stream record and of a direct call. */
export interface InferenceRequest {
  /** Id of the request, unique in the stream; its result has the same id. */
  readonly id: string;
  /** Partition key: requests of one key are processed in the order of the stream. */
  readonly key: string;
  /** Number of tokens of the prompt. */
  readonly contextTokens: number;
  /** Number of tokens to generate. */
  readonly generatedTokens: number;
  /** Time at which the client sent the request; optional. */
  readonly sentAt?: EpochSeconds;
}

/** Response of the model. Every field is optional; other fields are ignored. */
export interface InferenceResponse {
  readonly generatedTokens?: number;
  readonly queueSeconds?: number;
  readonly serviceSeconds?: number;
  readonly instance?: string;
  /** Service time that the model predicted. */
  readonly predictedSeconds?: number;
}

/** Result of a request: a line of a result object. */
export interface InferenceResult {
  readonly id: string;
  readonly key: string;
  readonly contextTokens: number;
  readonly generatedTokens: number;
  readonly sentAt: EpochSeconds | null;
  readonly answeredAt: EpochSeconds;
  readonly serviceSeconds: number;
  readonly queueSeconds: number;
}

/** Record that no retry can help, with its payload, so that it can be corrected and put into the stream again. */
export interface DeadLetter {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly payloadBase64: string;
  readonly error: string;
  readonly at: EpochSeconds;
}

/** Parses a request; throws an {@link InputError} that names the invalid fields. */
export function parseInferenceRequest(text: string): InferenceRequest {
  return parseJson('the request', text, 'an object with id, key, context_tokens and generated_tokens', (request) => {
    const sentAt = request.at('sent_at').optional((node) => node.number());
    return {
      id: request.at('id').text(),
      key: request.at('key').text(),
      contextTokens: request.at('context_tokens').count(),
      generatedTokens: request.at('generated_tokens').count(),
      ...(sentAt === undefined ? {} : { sentAt }),
    };
  });
}

/** Formats a request as JSON. */
export function formatInferenceRequest(request: InferenceRequest): string {
  return JSON.stringify({
    id: request.id,
    key: request.key,
    context_tokens: request.contextTokens,
    generated_tokens: request.generatedTokens,
    sent_at: request.sentAt,
  });
}

function measure(source: Json, name: string): number | undefined {
  const value = source[name];
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Parses a model's response; fields of another format are left out, because any response counts as a result. */
export function parseInferenceResponse(text: string): InferenceResponse {
  let source: unknown;
  try {
    source = JSON.parse(text);
  } catch {
    return {};
  }
  if (!isObject(source)) return {};
  return {
    generatedTokens: measure(source, 'generated_tokens'),
    queueSeconds: measure(source, 'queue_seconds'),
    serviceSeconds: measure(source, 'service_seconds'),
    instance: typeof source.instance === 'string' ? source.instance : undefined,
    predictedSeconds: measure(source, 'predicted_seconds'),
  };
}

/** Formats a response as JSON. */
export function formatInferenceResponse(id: string, response: InferenceResponse): string {
  return JSON.stringify({
    id,
    generated_tokens: response.generatedTokens,
    queue_seconds: response.queueSeconds,
    service_seconds: response.serviceSeconds,
    instance: response.instance,
    predicted_seconds: response.predictedSeconds,
  });
}

/** Formats a line of a result object, without the line break. */
export function formatResultLine(result: InferenceResult): string {
  return JSON.stringify({
    id: result.id,
    key: result.key,
    context_tokens: result.contextTokens,
    generated_tokens: result.generatedTokens,
    sent_at: result.sentAt,
    answered_at: result.answeredAt,
    service_seconds: result.serviceSeconds,
    queue_seconds: result.queueSeconds,
  });
}

/** Parses a line of a result object; throws an {@link InputError} that names the invalid fields. */
export function parseResultLine(line: string): InferenceResult {
  return parseJson('the result line', line, 'an object', (result) => ({
    id: result.at('id').text(),
    key: result.at('key').text(),
    contextTokens: result.at('context_tokens').count(),
    generatedTokens: result.at('generated_tokens').count(),
    sentAt: result.at('sent_at').optional((node) => node.number()) ?? null,
    answeredAt: result.at('answered_at').number(),
    serviceSeconds: result.at('service_seconds').number(),
    queueSeconds: result.at('queue_seconds').number(),
  }));
}

/** Formats a dead-letter object. */
export function formatDeadLetter(letter: DeadLetter): string {
  const { sequenceNumber, partitionKey, payloadBase64, error, at } = letter;
  return JSON.stringify({ sequenceNumber, partitionKey, payloadBase64, error, at });
}

/** Parses a dead-letter object; throws an {@link InputError} that names the invalid fields. */
export function parseDeadLetter(text: string): DeadLetter {
  return parseJson('the dead letter', text, 'an object', (letter) => ({
    sequenceNumber: letter.at('sequenceNumber').text(),
    partitionKey: letter.at('partitionKey').text(),
    payloadBase64: letter.at('payloadBase64').anyText(),
    error: letter.at('error').text(),
    at: letter.at('at').number(),
  }));
}

/**
 * Key of the result object of a sequence of records. The same records always have the same key, so a retry overwrites; successive
 * sequences do not overlap.
 */
export function resultObjectKey(
  streamName: string,
  shardId: string,
  firstSequence: string,
  lastSequence: string,
): string {
  return `${RESULTS_PREFIX}${streamName}/${shardId}/${firstSequence}-${lastSequence}.jsonl`;
}

/** Key of the dead letter of a record, so a retry overwrites it. */
export function deadLetterObjectKey(streamName: string, shardId: string, sequenceNumber: string): string {
  return `${DEAD_LETTERS_PREFIX}${streamName}/${shardId}/${sequenceNumber}.json`;
}
