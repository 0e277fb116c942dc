import { isObject } from '../../core/parse';
import { utf8Bytes } from '../../core/utf8';

/** Message of one result for a sink. */
export interface ResultMessage {
  /** Partition key on a stream: the key of the record. */
  readonly key: string;
  /** JSON of the result line with `result_object`, the key of the object that has it. */
  readonly body: string;
}

/** Limits of one request of a sink. */
export interface RequestLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** Maximum length of a partition key of Kinesis, characters (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html). */
const MAX_KEY_LENGTH = 256;
/** Members of a line that can be long. */
const TEXTS = ['response', 'error', 'mapped', 'mapping_error'];
/** Key of results whose record has none. */
const NO_KEY = '-';

/**
 * Returns the message of a result line. Where it is larger than a sink takes, the response is left out, and then everything but its place: the
 * line itself is in `result_object`.
 */
export function resultMessage(line: string, objectKey: string, maxBytes: number): ResultMessage {
  const parsed: unknown = JSON.parse(line);
  const fields = isObject(parsed) ? parsed : {};
  const given = typeof fields.key === 'string' ? fields.key : '';
  const key = given === '' ? NO_KEY : given.slice(0, MAX_KEY_LENGTH);
  const whole = { ...fields, result_object: objectKey };
  const place = { sequence_number: fields.sequence_number, result_object: objectKey, is_reference: true };
  const withoutTexts = Object.fromEntries(TEXTS.filter((name) => name in fields).map((name) => [name, null]));
  const candidates = [whole, { ...whole, ...withoutTexts, is_reference: true }];
  for (const candidate of candidates) {
    const body = JSON.stringify(candidate);
    if (utf8Bytes(body) <= maxBytes) return { key, body };
  }
  return { key, body: JSON.stringify(place) };
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
