import { createHash } from 'node:crypto';

/** Record of a producer within an aggregated record. */
export interface UserRecord {
  readonly partitionKey: string;
  readonly data: Buffer;
}

const MAGIC = Buffer.from('f3899ac2', 'hex');
const CHECKSUM_BYTES = 16;

/** Fields of the messages `AggregatedRecord` and `Record`, and the wire types of Protocol Buffers that they use. */
const PARTITION_KEY_TABLE = 1;
const RECORDS = 3;
const PARTITION_KEY_INDEX = 1;
const DATA = 3;
const TAGS = 4;
const TAG_NAME = 1;
const TAG_VALUE = 2;
const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

interface Field {
  readonly number: number;
  /** Number of a varint; undefined for another type. */
  readonly value?: number;
  /** Content of a text, bytes or a message; undefined for another type. */
  readonly bytes?: Buffer;
}

/**
 * Takes apart a record that the Kinesis Producer Library, or another producer with its format, aggregated: four magic bytes, a message of
 * Protocol Buffers, and the MD5 sum of the message. https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
 *
 * @returns the records in their order; undefined for a payload that is no aggregated record, also when only its first bytes look like one
 */
export function deaggregate(payload: Buffer): readonly UserRecord[] | undefined {
  const message = messageOf(payload);
  if (message === undefined) return undefined;
  const keys: string[] = [];
  const records: { keyIndex?: number; data?: Buffer }[] = [];
  try {
    for (const { number, bytes } of fields(message)) {
      if (bytes === undefined) continue;
      if (number === PARTITION_KEY_TABLE) keys.push(bytes.toString('utf8'));
      if (number === RECORDS) records.push(parseRecord(bytes));
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const parts = records.flatMap(({ keyIndex, data }) => {
    const partitionKey = keyIndex === undefined ? undefined : keys[keyIndex];
    return partitionKey === undefined || data === undefined ? [] : [{ partitionKey, data }];
  });
  return parts.length === records.length && parts.length > 0 ? parts : undefined;
}

/** Returns the message of an aggregated record; undefined for a payload that is none. */
function messageOf(payload: Buffer): Buffer | undefined {
  if (payload.length < MAGIC.length + CHECKSUM_BYTES || !payload.subarray(0, MAGIC.length).equals(MAGIC))
    return undefined;
  const message = payload.subarray(MAGIC.length, payload.length - CHECKSUM_BYTES);
  const checksum = createHash('md5').update(message).digest();
  return payload.subarray(payload.length - CHECKSUM_BYTES).equals(checksum) ? message : undefined;
}

/** Returns an aggregated record of one part, with a tag beside its payload. */
export function aggregateOne(
  { partitionKey, data }: UserRecord,
  tag: { readonly name: string; readonly value: string },
): Buffer {
  const tagged = Buffer.concat([
    bytesField(TAG_NAME, Buffer.from(tag.name)),
    bytesField(TAG_VALUE, Buffer.from(tag.value)),
  ]);
  const record = Buffer.concat([
    Buffer.from([PARTITION_KEY_INDEX * 8 + VARINT, 0]),
    bytesField(DATA, data),
    bytesField(TAGS, tagged),
  ]);
  const message = Buffer.concat([
    bytesField(PARTITION_KEY_TABLE, Buffer.from(partitionKey)),
    bytesField(RECORDS, record),
  ]);
  return Buffer.concat([MAGIC, message, createHash('md5').update(message).digest()]);
}

function bytesField(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  let left = bytes.length;
  for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128);
  return Buffer.concat([Buffer.from([number * 8 + BYTES, ...length, left]), bytes]);
}

/** Returns the values of a tag of the records in an aggregated record; none for any other payload. */
export function tagValues(payload: Buffer, name: string): readonly string[] {
  const message = messageOf(payload);
  if (message === undefined) return [];
  const within = (outer: Buffer, number: number): readonly Buffer[] =>
    [...fields(outer)].flatMap((field) => (field.number === number && field.bytes !== undefined ? [field.bytes] : []));
  try {
    return within(message, RECORDS)
      .flatMap((record) => within(record, TAGS))
      .flatMap((tag) => {
        const [given] = within(tag, TAG_NAME);
        return given?.toString('utf8') === name ? within(tag, TAG_VALUE).map((value) => value.toString('utf8')) : [];
      });
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

function parseRecord(message: Buffer): { keyIndex?: number; data?: Buffer } {
  const record: { keyIndex?: number; data?: Buffer } = {};
  for (const { number, value, bytes } of fields(message)) {
    if (number === PARTITION_KEY_INDEX && value !== undefined) record.keyIndex = value;
    if (number === DATA && bytes !== undefined) record.data = bytes;
  }
  return record;
}

/** Reads the fields of a message; throws a RangeError where it ends too early or has a type that does not exist. */
function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= message.length || factor > 2 ** 63) throw new RangeError('a number has no end');
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (length > message.length - at) throw new RangeError('a field is longer than its message');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (type === VARINT) yield { number, value: varint() };
    else if (type === BYTES) yield { number, bytes: take(varint()) };
    else if (type === FIXED_64 || type === FIXED_32) take(type === FIXED_64 ? 8 : 4);
    else throw new RangeError(`wire type ${type} does not exist`);
  }
}
