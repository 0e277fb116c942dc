import {
  formatResultLine,
  parseResultLine,
  parseResultObjectKey,
  resultObjectKey,
  resultsOfShard,
  type RecordResult,
} from '../../lib/ingestion/contract';
import type { ObjectStore } from '../clients/object-store';
import type { Batch } from './batch';

/** Outcomes that earlier deliveries wrote for records of a batch. */
export interface WrittenOutcomes {
  /** Line of each record that has one, by position. */
  readonly lines: ReadonlyMap<string, RecordResult>;
  /** All lines of each object that has one of these, by key. */
  readonly objects: ReadonlyMap<string, readonly RecordResult[]>;
}

/** Number of keys in a whole page of a listing. */
const PAGE = 1000;

/**
 * Result objects of the shards: the one place where a record gets its outcome. An object is written once and never again, and a record
 * that has a line gets no second one, so that a delivery that is repeated at any point changes nothing.
 */
export class OutcomeLog {
  public constructor(private readonly store: ObjectStore) {}

  /**
   * Returns what is written for records of a batch. An object of another lane of the shard (a share of its partition keys) has no record
   * of the batch, and is not read: the batch has every record of its own lane between its first and its last, so an object of that lane
   * begins or ends with one of them, or reaches beyond the batch on both sides.
   */
  public async find(batch: Batch, signal?: AbortSignal): Promise<WrittenOutcomes> {
    const { streamName, shardId, records } = batch;
    const positions = new Set(records.map(({ position }) => position));
    const begin = records[0]!.position;
    const end = records.at(-1)!.position;
    const prefix = resultsOfShard(streamName, shardId);
    const lines = new Map<string, RecordResult>();
    const objects = new Map<string, readonly RecordResult[]>();
    for (let after = `${prefix}${begin}`; ;) {
      const keys = await this.store.keysAfter(prefix, after, signal);
      let overlaps = false;
      for (const key of keys) {
        const range = parseResultObjectKey(key);
        if (range === undefined || range.first > end) continue;
        overlaps = true;
        const covers = range.first < begin && range.last > end;
        if (!covers && !positions.has(range.first) && !positions.has(range.last)) continue;
        const all = await this.read(key, signal);
        const own = all.filter(({ position }) => positions.has(position));
        for (const line of own) if (!lines.has(line.position)) lines.set(line.position, line);
        if (own.length > 0) objects.set(key, all);
      }
      // Objects are about as long as a batch: a page without an overlap has none behind it.
      if (keys.length < PAGE || !overlaps) return { lines, objects };
      after = keys.at(-1)!;
    }
  }

  /** Writes the outcomes of a sequence of records; returns its key and the lines that count, those of another delivery if it was faster. */
  public async write(
    { streamName, shardId }: Batch,
    lines: readonly RecordResult[],
    signal?: AbortSignal,
  ): Promise<{ readonly key: string; readonly lines: readonly RecordResult[] }> {
    const key = resultObjectKey(streamName, shardId, lines[0]!.position, lines.at(-1)!.position);
    const body = `${lines.map(formatResultLine).join('\n')}\n`;
    const isFirst = await this.store.putNew(key, body, 'application/x-ndjson', signal);
    return { key, lines: isFirst ? lines : await this.read(key, signal) };
  }

  private async read(key: string, signal?: AbortSignal): Promise<readonly RecordResult[]> {
    const text = (await this.store.get(key, signal)) ?? '';
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map(parseResultLine);
  }
}
