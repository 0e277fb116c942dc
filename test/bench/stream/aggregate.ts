import { createHash } from 'node:crypto';

/** Record of a producer, as the Kinesis Producer Library packs many of them into one record of the stream. */
export interface PackedRecord {
  readonly partitionKey: string;
  readonly data: Buffer;
}

const MAGIC = Buffer.from('f3899ac2', 'hex');
const BYTES = 2;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return [...bytes, left];
}

const field = (number: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + BYTES, ...varint(bytes.length)]), bytes]);

/**
 * Returns an aggregated record, with one entry of the key table for each record.
 * https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
 */
export function aggregate(records: readonly PackedRecord[]): Buffer {
  const message = Buffer.concat([
    ...records.map(({ partitionKey }) => field(1, Buffer.from(partitionKey))),
    ...records.map(({ data }, index) => field(3, Buffer.concat([Buffer.from([8, ...varint(index)]), field(3, data)]))),
  ]);
  return Buffer.concat([MAGIC, message, createHash('md5').update(message).digest()]);
}
