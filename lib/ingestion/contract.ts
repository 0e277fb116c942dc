import { InputError } from '../core/errors';
import type { EpochSeconds } from '../core/time';

/**
 * What the stream carries, what the consumer writes, and the names both sides of the deployment share: the construct sets the
 * environment that the handler reads, the load writes the requests that the handler parses.
 */

/** Environment variables of the stream consumer. */
export const ingestionEnvironment = {
  /** Name of the endpoint that answers. */
  endpointName: 'TIDEGATE_ENDPOINT_NAME',
  /** Name of the inference component on it; unset where the endpoint has a model of its own. */
  componentName: 'TIDEGATE_INFERENCE_COMPONENT_NAME',
  /** Name of the bucket for results and dead letters. */
  resultsBucketName: 'TIDEGATE_RESULTS_BUCKET',
  /** How many keys of one batch are in flight at once. */
  concurrency: 'TIDEGATE_CONCURRENCY',
  /** How often the model may fail on one record, while it answers others, before the record is set aside. */
  maxModelFailures: 'TIDEGATE_MAX_MODEL_FAILURES',
} as const;

/** Keys of one batch in flight at once, unless the construct says otherwise. */
export const DEFAULT_CONCURRENCY = 64;

/** Failures of the model on one record, while it answers others, before the record is set aside. */
export const DEFAULT_MAX_MODEL_FAILURES = 8;

/** Where results land in the results bucket. */
export const RESULTS_PREFIX = 'results/';

/** Where records that can never be answered land in the results bucket. */
export const DEAD_LETTERS_PREFIX = 'dead-letters/';

/** Where Lambda puts batches whose retries are used up (its own naming; the payload is inside). */
export const FAILED_BATCHES_PREFIX = 'aws/lambda/';

/** Namespace of the consumer's own metrics. */
export const METRIC_NAMESPACE = 'Tidegate';

/** Dimension of the consumer's own metrics. */
export const STREAM_NAME_DIMENSION = 'StreamName';

/** Records set aside in the dead letters, counted when they are written. */
export const DEAD_LETTERS_METRIC = 'DeadLetters';

/** One inference request: the JSON body of a stream record and of a direct call, in our words. */
export interface InferenceRequest {
  /** Identity of the request, unique in the stream; results carry it. */
  readonly id: string;
  /** Requests of one key are answered in the order in which they were put. */
  readonly key: string;
  /** Tokens of the prompt. */
  readonly contextTokens: number;
  /** Tokens to generate. */
  readonly generatedTokens: number;
  /** When the client sent it; absent when the producer leaves it out. */
  readonly sentAt?: EpochSeconds;
}

/** What the model answers. Fields other than these are ignored, and every field may be absent. */
export interface InferenceAnswer {
  readonly generatedTokens?: number;
  readonly queueSeconds?: number;
  readonly serviceSeconds?: number;
  readonly instance?: string;
  /** The model's own forecast of the seconds, where it makes one. */
  readonly predictedSeconds?: number;
}

/** One answered request, a line of a result object. */
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

/** A record that can never be answered, with its payload, so that it can be repaired and put again. */
export interface DeadLetter {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly payloadBase64: string;
  readonly error: string;
  readonly at: EpochSeconds;
}

interface JsonObject {
  readonly [name: string]: unknown;
}

function parseObject(what: string, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${what} is no JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`${what} is no JSON object`);
  }
  return value as JsonObject;
}

function textField(what: string, source: JsonObject, name: string): string {
  const value = source[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new InputError(`${what} has no ${name}; a non-empty string is needed`);
}

function countField(what: string, source: JsonObject, name: string): number {
  const value = source[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InputError(`${what} has ${name} ${JSON.stringify(value)}; a whole number from 0 is needed`);
}

function optionalNumber(what: string, source: JsonObject, name: string): number | undefined {
  const value = source[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new InputError(`${what} has ${name} ${JSON.stringify(value)}; a finite number is needed`);
}

/** Reads a request; throws an {@link InputError} that names the field at fault. */
export function parseInferenceRequest(text: string): InferenceRequest {
  const source = parseObject('the request', text);
  const sentAt = optionalNumber('the request', source, 'sent_at');
  return {
    id: textField('the request', source, 'id'),
    key: textField('the request', source, 'key'),
    contextTokens: countField('the request', source, 'context_tokens'),
    generatedTokens: countField('the request', source, 'generated_tokens'),
    ...(sentAt === undefined ? {} : { sentAt }),
  };
}

/** The JSON body of a request, as {@link parseInferenceRequest} reads it. */
export function formatInferenceRequest(request: InferenceRequest): string {
  return JSON.stringify({
    id: request.id,
    key: request.key,
    context_tokens: request.contextTokens,
    generated_tokens: request.generatedTokens,
    sent_at: request.sentAt,
  });
}

function measure(source: JsonObject, name: string): number | undefined {
  const value = source[name];
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Reads a model's answer: what it tells in our words, and nothing when it answers otherwise (the answer still counts). */
export function parseInferenceAnswer(text: string): InferenceAnswer {
  let source: JsonObject;
  try {
    source = parseObject('the answer', text);
  } catch {
    return {};
  }
  return {
    generatedTokens: measure(source, 'generated_tokens'),
    queueSeconds: measure(source, 'queue_seconds'),
    serviceSeconds: measure(source, 'service_seconds'),
    instance: typeof source.instance === 'string' ? source.instance : undefined,
    predictedSeconds: measure(source, 'predicted_seconds'),
  };
}

/** The JSON body of an answer, as {@link parseInferenceAnswer} reads it. */
export function formatInferenceAnswer(id: string, answer: InferenceAnswer): string {
  return JSON.stringify({
    id,
    generated_tokens: answer.generatedTokens,
    queue_seconds: answer.queueSeconds,
    service_seconds: answer.serviceSeconds,
    instance: answer.instance,
    predicted_seconds: answer.predictedSeconds,
  });
}

/** One line of a result object, without the line end. */
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

/** Reads a line of a result object; throws an {@link InputError} that names the field at fault. */
export function parseResultLine(line: string): InferenceResult {
  const what = 'the result line';
  const source = parseObject(what, line);
  const required = (name: string): number => {
    const value = optionalNumber(what, source, name);
    if (value === undefined) throw new InputError(`${what} has no ${name}; a finite number is needed`);
    return value;
  };
  return {
    id: textField(what, source, 'id'),
    key: textField(what, source, 'key'),
    contextTokens: countField(what, source, 'context_tokens'),
    generatedTokens: countField(what, source, 'generated_tokens'),
    sentAt: optionalNumber(what, source, 'sent_at') ?? null,
    answeredAt: required('answered_at'),
    serviceSeconds: required('service_seconds'),
    queueSeconds: required('queue_seconds'),
  };
}

/** The text of a dead-letter object. */
export function formatDeadLetter(letter: DeadLetter): string {
  const { sequenceNumber, partitionKey, payloadBase64, error, at } = letter;
  return JSON.stringify({ sequenceNumber, partitionKey, payloadBase64, error, at });
}

/** Reads a dead-letter object; throws an {@link InputError} that names the field at fault. */
export function parseDeadLetter(text: string): DeadLetter {
  const what = 'the dead letter';
  const source = parseObject(what, text);
  const at = optionalNumber(what, source, 'at');
  if (at === undefined) throw new InputError(`${what} has no at; a finite number is needed`);
  if (typeof source.payloadBase64 !== 'string') throw new InputError(`${what} has no payloadBase64`);
  return {
    sequenceNumber: textField(what, source, 'sequenceNumber'),
    partitionKey: textField(what, source, 'partitionKey'),
    payloadBase64: source.payloadBase64,
    error: textField(what, source, 'error'),
    at,
  };
}

/**
 * The object name of the results of a run of records. The same run always has the same name, so a repetition overwrites; runs that
 * are finished one after the other do not overlap.
 */
export function resultObjectKey(
  streamName: string,
  shardId: string,
  firstSequence: string,
  lastSequence: string,
): string {
  return `${RESULTS_PREFIX}${streamName}/${shardId}/${firstSequence}-${lastSequence}.jsonl`;
}

/** The object name of a record set aside: one for each record, so a repetition overwrites. */
export function deadLetterObjectKey(streamName: string, shardId: string, sequenceNumber: string): string {
  return `${DEAD_LETTERS_PREFIX}${streamName}/${shardId}/${sequenceNumber}.json`;
}
