import type { Kafka, KafkaMessage } from 'kafkajs';
import { InputError } from '../../lib/core/errors';
import { FAILED_BATCHES_PREFIX } from '../../lib/ingestion/contract';
import { parseFailedTopicBatch } from '../../lib/ingestion/decide/redrive';
import type { ObjectStore } from './object-store';
import { readTopic, withAdmin } from './topic-reader';

/** Failed batches of an event source mapping, as objects of a bucket. */
export type FailedBatches = Pick<ObjectStore, 'get' | 'keysAfter'>;

/** Maximum size of the messages that are kept between two reads, bytes. */
const HELD_BYTES = 64 * 1024 * 1024;

/** Maximum number of messages whose places are known at once. */
const MAX_MESSAGES = 500_000;

/** Number of keys of a page, as S3 has it. */
const PAGE = 1000;

interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * {@link FailedBatches} in a topic that is the failure destination of a mapping: each message stands as an object, whose key has the partition of the record,
 * the time of its failure, and the partition and offset of the message. The topic is read when it is first asked for: the places of all
 * messages are known then, and the oldest messages themselves; others are read when they come up.
 *
 * @param options.requestTopicName topic of the records
 */
export function createFailureTopic(options: {
  readonly topicName: string;
  readonly requestTopicName: string;
  /** Beginning of the names of consumer groups that look at the topic. */
  readonly groupPrefix: string;
  readonly connect: () => Promise<Kafka>;
  /** @default 64 MiB */
  readonly heldBytes?: number;
}): FailedBatches {
  const { topicName: topic, requestTopicName, groupPrefix, connect, heldBytes = HELD_BYTES } = options;
  let known: Promise<ReadonlyMap<string, Place>> | undefined;
  let ends: readonly { readonly partition: number; readonly low: string; readonly high: string }[] = [];
  /** Keys in their order. */
  let sorted: readonly string[] = [];
  let held = new Map<string, string>();

  /** Reads partitions from offsets on; ends a partition when `take` returns false. */
  async function read(
    starts: ReadonlyMap<number, bigint>,
    take: (key: string, text: string, place: Place) => boolean,
  ): Promise<void> {
    await readTopic(await connect(), {
      topic,
      groupPrefix,
      partitions: ends.map(({ partition }) => partition),
      spans: [...starts].map(([partition, start]) => ({
        partition,
        start,
        end: BigInt(ends.find((one) => one.partition === partition)!.high),
      })),
      onMessages: (partition, messages) =>
        messages.every((message) => {
          const place = { partition, offset: BigInt(message.offset) };
          const text = message.value?.toString('utf8') ?? '';
          return take(keyOf(message, text, place), text, place);
        }),
    });
  }

  function keyOf({ timestamp }: KafkaMessage, text: string, { partition, offset }: Place): string {
    const at = new Date(Number(timestamp)).toISOString().slice(0, 19).replaceAll(':', '.');
    const name = `${at}-${String(partition).padStart(6, '0')}-${String(offset).padStart(20, '0')}`;
    return `${FAILED_BATCHES_PREFIX}${topic}/${sourceOf(text) ?? `${requestTopicName}-0`}/${name}`;
  }

  async function index(): Promise<ReadonlyMap<string, Place>> {
    ends = await withAdmin(await connect(), (admin) => admin.fetchTopicOffsets(topic));
    const places = new Map<string, Place>();
    let bytes = 0;
    await read(new Map(ends.map(({ partition, low }) => [partition, BigInt(low)])), (key, text, place) => {
      places.set(key, place);
      bytes += text.length;
      if (bytes <= heldBytes) held.set(key, text);
      return places.size < MAX_MESSAGES;
    });
    if (places.size >= MAX_MESSAGES)
      throw new InputError(
        `the topic '${topic}' has ${MAX_MESSAGES} failed records or more, too many for one redrive; delete those that are done (kafka-delete-records.sh), or ` +
          'lower the retention of the topic',
      );
    sorted = [...places.keys()].sort();
    return places;
  }

  /** Reads a message and those that come up after it. */
  async function fill(key: string, places: ReadonlyMap<string, Place>): Promise<void> {
    const starts = new Map<number, bigint>();
    for (const later of sorted.slice(sorted.indexOf(key))) {
      const { partition, offset } = places.get(later)!;
      if (!starts.has(partition)) starts.set(partition, offset);
      if (starts.size === ends.length) break;
    }
    held = new Map();
    const share = heldBytes / starts.size;
    const bytes = new Map<number, number>();
    await read(starts, (found, text, { partition }) => {
      held.set(found, text);
      bytes.set(partition, (bytes.get(partition) ?? 0) + text.length);
      return bytes.get(partition)! < share;
    });
  }

  const places = (): Promise<ReadonlyMap<string, Place>> => {
    known ??= index().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };

  return {
    async keysAfter(prefix, after) {
      await places();
      return sorted.filter((key) => key.startsWith(prefix) && key > after).slice(0, PAGE);
    },
    async get(key) {
      const all = await places();
      if (!all.has(key)) return undefined;
      if (!held.has(key)) await fill(key, all);
      return held.get(key);
    },
  };
}

/** Returns the partition of the record in a message of Lambda; undefined for another message, which is reported as it is read. */
function sourceOf(text: string): string | undefined {
  try {
    const event = parseFailedTopicBatch(text)?.event as { readonly records?: object } | undefined;
    return Object.keys(event?.records ?? {})[0];
  } catch {
    return undefined;
  }
}
