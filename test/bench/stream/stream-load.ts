import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { formatInferenceRequest, parseResultLine, RESULTS_PREFIX } from '../../../lib/ingestion/contract';
import { aggregate } from './aggregate';

/** Records that were put and their outcomes. */
export interface StreamCounts {
  readonly in: number;
  readonly answered: number;
  readonly deadLettered: number;
  /** Records with a second line, and lines of no record. */
  readonly twice: number;
  readonly unknown: number;
}

export interface StreamLoadOptions {
  readonly kinesis: KinesisClient;
  readonly s3: S3Client;
  readonly streamName: string;
  readonly bucketName: string;
  readonly records: number;
  readonly shards: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (counts: StreamCounts) => void;
}

/** Records of a producer in one of the stream, and of these in one call. */
const PACKED = 100;
const PUT_TOGETHER = 20;
/** Keys of a shard. */
const KEYS = 1_000;
/** One record in this number is one that the model refuses. */
const BAD_EVERY = 1_000;
/** Records without an outcome, above which no more are put. */
const MAX_OPEN = 40_000;
const POLL_MS = 3_000;
const PARALLEL_READS = 8;
const ANSWERED = 1;
const DEAD = 2;

const idOf = (index: number): string => `r-${index}`;

/** True for one record in {@link BAD_EVERY}, of a key of its own. */
function isBad(index: number): boolean {
  return index % BAD_EVERY === (Math.floor(index / BAD_EVERY) * 7 + BAD_EVERY - 1) % BAD_EVERY;
}

/** Returns a request of the smallest work, or one that no container takes. */
function payloadOf(index: number, key: string): Buffer {
  const id = idOf(index);
  return Buffer.from(
    isBad(index)
      ? JSON.stringify({ id, key })
      : formatInferenceRequest({ id, key, contextTokens: 1, generatedTokens: 1, sentAt: 0 }),
  );
}

/** Puts aggregated records into a stream, and reads the results until every record has its outcome or the signal aborts. */
export async function playStream(options: StreamLoadOptions): Promise<StreamCounts> {
  const { kinesis, s3, streamName, bucketName, records, shards, signal, onProgress } = options;
  const states = new Uint8Array(records);
  const seen = new Set<string>();
  const counts = { in: 0, answered: 0, deadLettered: 0, twice: 0, unknown: 0 };
  const open = (): number => counts.in - counts.answered - counts.deadLettered;

  /** Records of one shard, so that the keys of an aggregated record are in their order. */
  function packed(first: number): { Data: Buffer; PartitionKey: string; ExplicitHashKey: string } {
    const shard = Math.floor(first / PACKED) % shards;
    const parts = Array.from({ length: Math.min(PACKED, records - first) }, (_, offset) => {
      const partitionKey = `${shard}-${(first + offset) % KEYS}`;
      return { partitionKey, data: payloadOf(first + offset, partitionKey) };
    });
    const ExplicitHashKey = ((2n ** 128n / BigInt(shards)) * BigInt(shard)).toString();
    return { Data: aggregate(parts), PartitionKey: parts[0]!.partitionKey, ExplicitHashKey };
  }

  async function put(): Promise<void> {
    while (counts.in < records && open() < MAX_OPEN) {
      signal.throwIfAborted();
      const until = Math.min(records, counts.in + PACKED * PUT_TOGETHER);
      const Records = [];
      for (let first = counts.in; first < until; first += PACKED) Records.push(packed(first));
      const { FailedRecordCount } = await kinesis.send(new PutRecordsCommand({ StreamName: streamName, Records }));
      if ((FailedRecordCount ?? 0) > 0) throw new Error(`the stream did not take ${FailedRecordCount} records`);
      counts.in = until;
    }
  }

  function count(text: string): void {
    for (const line of text.trimEnd().split('\n')) {
      const { id, deadLetter } = parseResultLine(line);
      const index = /^r-\d+$/.test(id) ? Number(id.slice(2)) : records;
      if (index >= records) counts.unknown += 1;
      else if (states[index] !== 0) counts.twice += 1;
      else {
        states[index] = deadLetter === null ? ANSWERED : DEAD;
        counts[deadLetter === null ? 'answered' : 'deadLettered'] += 1;
      }
    }
  }

  async function read(): Promise<void> {
    const fresh: string[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2(
      { client: s3 },
      { Bucket: bucketName, Prefix: RESULTS_PREFIX },
    ))
      fresh.push(...Contents.map(({ Key }) => Key!).filter((key) => !seen.has(key)));
    for (let first = 0; first < fresh.length; first += PARALLEL_READS) {
      await Promise.all(
        fresh.slice(first, first + PARALLEL_READS).map(async (key) => {
          const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucketName, Key: key }));
          count(await Body!.transformToString());
          seen.add(key); // an object is written once
        }),
      );
    }
  }

  while (!signal.aborted) {
    await put();
    await read();
    onProgress?.(counts);
    if (counts.in === records && open() === 0) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return counts;
}
