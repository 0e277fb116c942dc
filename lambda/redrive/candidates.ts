import { InputError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import { deadLettersOfStream, FAILED_BATCHES_PREFIX, type RecordResult } from '../../lib/ingestion/contract';
import { positionOfDeadLetter, type RedriveCursor } from '../../lib/ingestion/decide/redrive';
import type { ObjectStore } from '../clients/object-store';
import { OutcomeLog } from '../stream-consumer/outcome-log';
import type { FailedRecords, RedriveTarget, SetAsideRecord } from './target';

/** Record that was set aside. */
export type SetAside = {
  /** Key of the object that has it. */
  readonly source: string;
  /** Place of the walk behind it. */
  readonly after: Omit<RedriveCursor, 'heldKeys'>;
} & (
  | {
      /** Dead letter, whose object is not read yet. */
      readonly kind: 'letter';
      readonly shardId: string;
      readonly position: string;
    }
  | ({
      readonly kind: 'record';
      readonly setAsideAt: EpochSeconds;
      /** True if the results have an answer to it, or the asynchronous endpoint has it. */
      readonly isAnswered: boolean;
    } & SetAsideRecord)
  | { readonly kind: 'unreadable'; readonly problem: string }
);

/** Number of keys in a whole page of a listing. */
const PAGE = 1000;

/**
 * Yields the records of a stream that were set aside, dead letters and failed batches, shard by shard, each shard's in the order in which the
 * stream had them. Shards that follow others by a split or a merge have higher numbers, so that a key's records keep their order.
 */
export async function* candidates(
  store: ObjectStore,
  target: RedriveTarget,
  from: RedriveCursor | undefined,
  signal?: AbortSignal,
): AsyncGenerator<SetAside> {
  const letters = deadLettersOfStream(target.streamName);
  const { failures = store } = target;
  const mappings = await foldersBelow(failures, FAILED_BATCHES_PREFIX, signal);
  const folders = mappings.map((mapping) => `${FAILED_BATCHES_PREFIX}${mapping}/`);
  const shards = new Set([...(await foldersBelow(store, letters, signal)), ...(await target.shards())]);
  for (const folder of folders)
    for (const shard of await foldersBelow(failures, folder, signal)) if (target.isShard(shard)) shards.add(shard);
  for (const shardId of [...shards].sort()) {
    if (from !== undefined && shardId < from.shardId) continue;
    const start = from !== undefined && shardId === from.shardId ? from : { letter: '', batch: '', records: 0 };
    const place = { shardId, letter: start.letter, batch: start.batch, records: start.records };
    yield* ofShard(store, { target, letters: `${letters}${shardId}/`, folders, place }, signal);
  }
}

async function* ofShard(
  store: ObjectStore,
  {
    target,
    letters,
    folders,
    place: start,
  }: {
    readonly target: RedriveTarget;
    readonly letters: string;
    readonly folders: readonly string[];
    readonly place: SetAside['after'];
  },
  signal?: AbortSignal,
): AsyncGenerator<SetAside> {
  let place = start;
  const { shardId } = start;
  const waiting = keysBelow(store, letters, start.letter, signal);
  let letter = await waiting.next();
  const takeLetter = async (): Promise<SetAside> => {
    const source = letter.value as string;
    place = { ...place, letter: source };
    letter = await waiting.next();
    const position = positionOfDeadLetter(source);
    return position === undefined
      ? { kind: 'unreadable', source, after: place, problem: 'its name has no sequence number' }
      : { kind: 'letter', source, after: place, shardId, position };
  };
  for await (const { last, entries } of batchesOfShard(store, { target, shardId, folders }, start.batch, signal)) {
    for (const [index, entry] of entries.entries()) {
      if (index < place.records) continue;
      while (letter.done !== true && (positionOfDeadLetter(letter.value) ?? '') <= (entry.position ?? ''))
        yield await takeLetter();
      place = { ...place, records: index + 1 };
      yield { ...entry.found, after: place };
    }
    place = { ...place, batch: last, records: 0 };
  }
  while (letter.done !== true) yield await takeLetter();
}

/** Record or unreadable object of a failed batch, without its place in the walk. */
interface Entry {
  readonly position?: string;
  readonly found:
    Omit<Extract<SetAside, { kind: 'record' }>, 'after'> | Omit<Extract<SetAside, { kind: 'unreadable' }>, 'after'>;
}

/**
 * Yields the failed batches of a shard in the order of their failure. Those of one second come together, as their names do not tell their
 * order, and their records in the order of the stream.
 */
async function* batchesOfShard(
  store: ObjectStore,
  { target, shardId, folders }: { target: RedriveTarget; shardId: string; folders: readonly string[] },
  after: string,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly last: string; readonly entries: readonly Entry[] }> {
  const keys: string[] = [];
  for (const folder of folders) {
    const { prefix, mayHold } = target.failedBatches(folder, shardId);
    for await (const key of keysBelow(target.failures ?? store, prefix, '', signal)) if (mayHold(key)) keys.push(key);
  }
  const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);
  const byName = (one: string, other: string): number =>
    nameOf(one) < nameOf(other) ? -1 : nameOf(one) > nameOf(other) ? 1 : 0;
  keys.sort(byName);
  const left = keys.filter((key) => after === '' || byName(key, after) > 0);
  /** Time of a failure in the name of its object: 2026-11-30T12.00.00. */
  const secondOf = (key: string): string => nameOf(key).slice(0, 19);
  while (left.length > 0) {
    const second = secondOf(left[0]!);
    const group: string[] = [];
    while (left.length > 0 && secondOf(left[0]!) === second) group.push(left.shift()!);
    const entries: Entry[] = [];
    for (const key of group) entries.push(...(await readBatch(store, { target, shardId }, key, signal)));
    entries.sort((one, other) => ((one.position ?? '') < (other.position ?? '') ? -1 : 1));
    yield { last: group.at(-1)!, entries };
  }
}

/** Reads the records of a shard in a failed batch, and their outcomes; nothing for a batch of another source. */
async function readBatch(
  store: ObjectStore,
  { target, shardId }: { readonly target: RedriveTarget; readonly shardId: string },
  source: string,
  signal?: AbortSignal,
): Promise<Entry[]> {
  const text = await (target.failures ?? store).get(source, signal);
  // Deleted since it was listed.
  if (text === undefined) return [];
  let failed: FailedRecords | undefined;
  const lines = new Map<string, RecordResult>();
  const awaited = new Set<string>();
  try {
    failed = target.parse(text);
    for (const batch of failed?.batches ?? []) {
      if (batch.shardId !== shardId) continue;
      const { objects, spilled } = await new OutcomeLog(store, true).find(batch, false, signal);
      for (const position of spilled) awaited.add(position);
      for (const line of [...objects.values()].flat()) lines.set(line.position, line);
    }
  } catch (error) {
    if (error instanceof InputError) return [{ found: { kind: 'unreadable', source, problem: error.message } }];
    throw error;
  }
  if (failed === undefined) return [];
  const setAsideAt = failed.failedAt;
  const records = failed.batches.flatMap((batch) => (batch.shardId === shardId ? batch.records : []));
  return records.map(({ position, partitionKey, payload, kafkaRecord }) => {
    const line = lines.get(position);
    // A line of a dead letter whose object was not written any more is no answer.
    const isAnswered = awaited.has(position) || (line !== undefined && line.deadLetter === null);
    const record = { shardId, position, partitionKey, payload, ...(kafkaRecord !== undefined && { kafkaRecord }) };
    return { position, found: { kind: 'record', source, ...record, setAsideAt, isAnswered } };
  });
}

/** Yields the keys below a prefix after a key, in order. */
async function* keysBelow(
  store: Pick<ObjectStore, 'keysAfter'>,
  prefix: string,
  after: string,
  signal?: AbortSignal,
): AsyncGenerator<string, undefined> {
  for (let last = after === '' ? prefix : after; ;) {
    const keys = await store.keysAfter(prefix, last, signal);
    yield* keys;
    if (keys.length < PAGE) return undefined;
    last = keys.at(-1)!;
  }
}

/** Returns the names of the folders right below a prefix, in order. */
async function foldersBelow(
  store: Pick<ObjectStore, 'keysAfter'>,
  prefix: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const folders: string[] = [];
  for (let after = prefix; ;) {
    const [key] = await store.keysAfter(prefix, after, signal);
    if (key === undefined) return folders;
    const [folder, ...rest] = key.slice(prefix.length).split('/');
    if (rest.length > 0) folders.push(folder!);
    // The character behind the slash, so that the whole folder is passed over.
    after = rest.length > 0 ? `${prefix}${folder!}0` : key;
  }
}
