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
import { inBoundedParallel } from './bounded-parallel';

/** Outcomes that earlier deliveries wrote for records of a batch, and behind it. */
export interface WrittenOutcomes {
  /** Positions of the records that have a line. */
  readonly positions: ReadonlySet<string>;
  /** All lines of each object that has one of the batch, by key. */
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
   * Returns what is written for the records of a batch, and where the shard is read ahead for all that follow. Invocations write what is
   * answered, so that an object can have lines of records on both sides of one that was still open.
   */
  public async find(batch: Batch, readsAhead: boolean, signal?: AbortSignal): Promise<WrittenOutcomes> {
    const { streamName, shardId, records } = batch;
    const own = new Set(records.map(({ position }) => position));
    const end = readsAhead ? undefined : records.at(-1)!.position;
    const prefix = resultsOfShard(streamName, shardId);
    const positions = new Set<string>();
    const objects = new Map<string, readonly RecordResult[]>();
    for (let after = `${prefix}${records[0]!.position}`; ;) {
      const keys = await this.store.keysAfter(prefix, after, signal);
      const overlapping = keys.filter((key) => {
        const range = parseResultObjectKey(key);
        return range !== undefined && (end === undefined || range.first <= end);
      });
      await inBoundedParallel(overlapping, async (key) => {
        const lines = await this.read(key, signal);
        for (const { position } of lines) positions.add(position);
        if (lines.some(({ position }) => own.has(position))) objects.set(key, lines);
      });
      // An object spans the time of its slowest record, in which fewer objects than a page are written.
      if (keys.length < PAGE || overlapping.length === 0) return { positions, objects };
      after = keys.at(-1)!;
    }
  }

  /** Writes the outcomes of a sequence of records; returns its key and the lines that count, those of another delivery if it was faster. */
  public async write(
    { streamName, shardId }: Pick<Batch, 'streamName' | 'shardId'>,
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
