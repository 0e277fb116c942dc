import { parseFailedBatch, REDRIVE_TAG } from '../../lib/ingestion/decide/redrive';
import type { RequestStream } from '../clients/request-stream';
import { aggregateOne, tagValues } from '../stream-consumer/aggregated-record';
import { parseBatch } from '../stream-consumer/batch';
import type { RedriveTarget, SetAsideRecord } from './target';

/** Fields of records in a batch: their order is that of their partition keys. */
const RECORD_FIELDS = { id: { kind: 'sequence-number' }, key: { kind: 'partition-key' } } as const;

/** {@link RedriveTarget} of a Kinesis stream: a record goes in as an aggregated record of one part, whose tag names it. */
export function streamTarget(options: {
  readonly streamName: string;
  readonly stream: RequestStream;
  /** Maximum size of a record of the stream, its partition key included, bytes. */
  readonly maxRecordBytes: number;
}): RedriveTarget {
  const { streamName, stream, maxRecordBytes } = options;
  const framed = ({ partitionKey, payload }: SetAsideRecord, name: string): Buffer =>
    aggregateOne({ partitionKey, data: payload }, { name: REDRIVE_TAG, value: name });
  return {
    streamName,
    shards: () => Promise.resolve([]),
    isShard: () => true,
    failedBatches: (folder, shardId) => ({ prefix: `${folder}${shardId}/`, mayHold: () => true }),
    parse(text) {
      const failed = parseFailedBatch(text);
      if (failed?.streamName !== streamName) return undefined;
      const batch = parseBatch(failed.event as Parameters<typeof parseBatch>[0], RECORD_FIELDS);
      return { failedAt: failed.failedAt, batches: batch === undefined ? [] : [batch] };
    },
    laneOf: ({ partitionKey }) => partitionKey,
    unfit(record, name) {
      const bytes = framed(record, name).length + Buffer.byteLength(record.partitionKey);
      if (bytes <= maxRecordBytes) return undefined;
      return { reason: 'too-large', detail: `${bytes} bytes of at most ${maxRecordBytes}` };
    },
    put: (record, name, after) =>
      stream.put({
        partitionKey: record.partitionKey,
        data: framed(record, name),
        ...(after !== undefined && { after }),
      }),
    async *arrivals(records, from, to) {
      const keys = records.map(({ partitionKey }) => partitionKey);
      for await (const { data, ...place } of stream.arrivals(keys, from, to))
        yield { names: tagValues(Buffer.from(data), REDRIVE_TAG), ...place };
    },
  };
}
