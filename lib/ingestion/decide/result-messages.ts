import { isObject, type Json } from '../../core/parse';
import { utf8Bytes } from '../../core/utf8';

/** Message of one result for a sink. */
export interface ResultMessage {
  /** Partition key on a stream, key on a topic: the key of the record. */
  readonly key: string;
  /** JSON of the result line with `result_object`, the key of the object that has it. */
  readonly body: string;
}

/** Limits of one request of a sink. */
export interface RequestLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** Limits of one message of a sink. */
export interface MessageLimits {
  /** Maximum size of the body, bytes. */
  readonly maxMessageBytes: number;
  /** Maximum length of the key, characters. */
  readonly maxKeyLength: number;
}

/** Members of a line that can be long. */
const TEXTS = ['response', 'error', 'mapped', 'mapping_error'];
/** Key of results whose record has none. */
const NO_KEY = '-';

/**
 * Returns the message of a result line. Where it is larger than a sink takes, the response is left out, and then everything but its place: the
 * line itself is in `result_object`.
 */
export function resultMessage(
  line: string,
  objectKey: string,
  { maxMessageBytes, maxKeyLength }: MessageLimits,
): ResultMessage {
  const parsed: unknown = JSON.parse(line);
  const fields = isObject(parsed) ? parsed : {};
  const given = typeof fields.key === 'string' ? fields.key : '';
  const key = given === '' ? NO_KEY : given.slice(0, maxKeyLength);
  let message: ResultMessage = { key, body: JSON.stringify({ ...fields, result_object: objectKey }) };
  while (utf8Bytes(message.body) > maxMessageBytes) {
    const smaller = resultReference(message);
    if (smaller === undefined) return message;
    message = smaller;
  }
  return message;
}

/** Returns a smaller message of the same result: without the texts of the line, then its place alone; undefined where there is none. */
export function resultReference({ key, body }: ResultMessage): ResultMessage | undefined {
  const fields = JSON.parse(body) as Json;
  const withoutTexts = Object.fromEntries(TEXTS.filter((name) => name in fields).map((name) => [name, null]));
  const { sequence_number, result_object } = fields;
  const candidates = [
    { ...fields, ...withoutTexts, is_reference: true },
    { sequence_number, result_object, is_reference: true },
  ].map((candidate) => JSON.stringify(candidate));
  const smaller = candidates.find((candidate) => utf8Bytes(candidate) < utf8Bytes(body));
  return smaller === undefined ? undefined : { key, body: smaller };
}

/** Divides messages into requests within the limits, in their order. */
export function sinkRequests(
  messages: readonly ResultMessage[],
  { maxMessages, maxBytes }: RequestLimits,
): readonly (readonly ResultMessage[])[] {
  const requests: ResultMessage[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = utf8Bytes(message.body) + utf8Bytes(message.key);
    const last = requests.at(-1);
    if (last === undefined || last.length >= maxMessages || bytes + size > maxBytes) {
      requests.push([message]);
      bytes = size;
    } else {
      last.push(message);
      bytes += size;
    }
  }
  return requests;
}
