import type { KinesisStreamEvent } from 'aws-lambda';
import { InputError } from '../../lib/core/errors';

/** One record of the stream, its payload undecoded. */
export interface StreamRecord {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly payloadBase64: string;
}

/** Records of one invocation: consecutive, of one shard, in order. */
export interface Batch {
  readonly streamName: string;
  readonly shardId: string;
  readonly records: readonly StreamRecord[];
}

/** Parses an event of the Kinesis event source mapping; `undefined` when it has no record. */
export function parseBatch(event: KinesisStreamEvent): Batch | undefined {
  const first = event.Records[0];
  if (first === undefined) return undefined;
  const streamName = first.eventSourceARN.split(':stream/')[1];
  const shardId = first.eventID.split(':')[0];
  if (!streamName || !shardId) {
    throw new InputError(`the event names no stream or shard (ARN '${first.eventSourceARN}', id '${first.eventID}')`);
  }
  const records = event.Records.map(({ kinesis }) => ({
    sequenceNumber: kinesis.sequenceNumber,
    partitionKey: kinesis.partitionKey,
    payloadBase64: kinesis.data,
  }));
  return { streamName, shardId, records };
}

/** Returns the payload as text. */
export function payloadText(record: StreamRecord): string {
  return Buffer.from(record.payloadBase64, 'base64').toString('utf8');
}
