import { isUtf8 } from 'node:buffer';
import type { EpochSeconds } from '../../lib/core/time';
import {
  deadLetterObjectKey,
  MAX_INLINE_RESPONSE_BYTES,
  responseObjectKey,
  type RequestMeasurement,
  type RecordResult,
} from '../../lib/ingestion/contract';
import { responseFacts, type ResponseFacts } from '../../lib/ingestion/decide/response-facts';
import type { EndpointAnswer } from '../clients/endpoint-runtime';
import { jsonOf, type Batch, type StreamRecord } from './batch';

/** Response of the endpoint to one record, with its times. */
export interface TimedAnswer {
  readonly answer: EndpointAnswer;
  readonly answeredAt: EpochSeconds;
  readonly requestSeconds: number;
}

/** Line of an answered record, its response where it does not fit into the line, and its measurement where its tokens are known. */
export interface AnsweredLine {
  readonly line: RecordResult;
  readonly object?: { readonly key: string; readonly body: Uint8Array; readonly contentType: string };
  readonly measurement?: RequestMeasurement;
}

type Shard = Pick<Batch, 'streamName' | 'shardId'>;

/** Maximum size of a response whose facts are read, bytes. */
const MAX_PARSED_BYTES = 1024 * 1024;

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/** Returns the outcome of an answered record. The response is part of the line as text, or an object beside it: its bytes as they came. */
export function answeredLine(batch: Shard, record: StreamRecord, timed: TimedAnswer): AnsweredLine {
  const { answer, answeredAt, requestSeconds } = timed;
  const { body } = answer;
  const text = body.length <= MAX_INLINE_RESPONSE_BYTES ? exactText(body) : undefined;
  const key = responseObjectKey(batch.streamName, batch.shardId, record.position);
  const facts = factsOf(record, answer);
  const line: RecordResult = {
    ...identityOf(record),
    answeredAt,
    requestSeconds,
    status: answer.status,
    model: facts.model ?? null,
    variant: answer.variant ?? null,
    contentType: answer.contentType ?? null,
    inputTokens: facts.inputTokens ?? null,
    outputTokens: facts.outputTokens ?? null,
    responseBytes: body.length,
    response: text ?? null,
    responseObject: text === undefined ? key : null,
    error: null,
    deadLetter: null,
    ...mappingOf(answer),
  };
  const object = { key, body, contentType: answer.contentType ?? 'application/octet-stream' };
  return { line, object: text === undefined ? object : undefined, measurement: measurementOf(line, facts) };
}

/** Returns what became of the response mapping; nothing where there is none. */
function mappingOf({ mapped, mappingError }: EndpointAnswer): Pick<RecordResult, 'mapped' | 'mappingError'> {
  return mapped === undefined && mappingError === undefined
    ? {}
    : { mapped: mapped ?? null, mappingError: mappingError ?? null };
}

/** Returns the outcome of a record that becomes a dead letter. */
export function rejectedLine(
  batch: Shard,
  record: StreamRecord,
  { error, status, at }: { readonly error: string; readonly status: number | null; readonly at: EpochSeconds },
): RecordResult {
  return {
    ...identityOf(record),
    answeredAt: at,
    requestSeconds: null,
    status,
    model: null,
    variant: null,
    contentType: null,
    inputTokens: null,
    outputTokens: null,
    responseBytes: null,
    response: null,
    responseObject: null,
    error,
    deadLetter: deadLetterObjectKey(batch.streamName, batch.shardId, record.position),
  };
}

const identityOf = ({ id, key, position, arrivedAt, spilledAt }: StreamRecord) => ({
  id,
  key,
  position,
  arrivedAt,
  ...(spilledAt === undefined ? {} : { spilledAt }),
});

/** Returns the measurement of an answered line; where the response tells no service time, that of the request counts. */
export function measurementOf(line: RecordResult, facts = factsOfLine(line)): RequestMeasurement | undefined {
  const { id, key, inputTokens, outputTokens, requestSeconds, arrivedAt, answeredAt } = line;
  if (inputTokens === null || outputTokens === null || requestSeconds === null) return undefined;
  // The time of an asynchronous request is for the most part that of its queue.
  if (line.spilledAt !== undefined && facts.serviceSeconds === undefined) return undefined;
  return {
    id,
    key,
    contextTokens: inputTokens,
    generatedTokens: outputTokens,
    sentAt: arrivedAt,
    answeredAt,
    serviceSeconds: facts.serviceSeconds ?? requestSeconds,
    queueSeconds: facts.queueSeconds ?? 0,
  };
}

function factsOfLine({ response }: RecordResult): ResponseFacts {
  return response === null ? {} : responseFacts(jsonOf(Buffer.from(response)), undefined);
}

function factsOf(record: StreamRecord, { body }: EndpointAnswer): ResponseFacts {
  if (body.length > MAX_PARSED_BYTES || (body[0] !== OPEN_BRACE && body[0] !== OPEN_BRACKET)) return {};
  const facts = responseFacts(jsonOf(body), undefined);
  if (facts.outputTokens === undefined || facts.inputTokens !== undefined) return facts;
  return { ...facts, inputTokens: responseFacts(undefined, jsonOf(record.payload)).inputTokens };
}

/** Returns the text whose UTF-8 encoding is exactly these bytes; undefined where there is none. */
function exactText(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8') : undefined;
}
