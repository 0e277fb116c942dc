import { InputError } from '../../lib/core/errors';
import {
  formatResultLine,
  parseResultLine,
  parseResultObjectKey,
  resultObjectKey,
  resultsOfShard,
  type RecordResult,
} from '../../lib/ingestion/contract';
import { parseSpilledObjectKey, spilledOfShard } from '../../lib/ingestion/decide/spilled-record';
import type { ObjectStore } from '../clients/object-store';
import type { Batch } from './batch';
import { inBoundedParallel } from './bounded-parallel';

/** Outcomes that earlier deliveries wrote for records of a batch, and behind it. */
export interface WrittenOutcomes {
  /** Positions of the records that have a line or are spilled. */
  readonly positions: ReadonlySet<string>;
  /** Positions of the spilled records, whose lines follow. */
  readonly spilled: ReadonlySet<string>;
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
  public constructor(
    private readonly store: ObjectStore,
    /** True where records may be spilled, whose lines are objects of their own. */
    private readonly spills = false,
  ) {}

  /**
   * Returns what is written for the records of a batch, and where the shard is read ahead for all that follow. Invocations write what is
   * answered, so that an object can have lines of records on both sides of one that was still open.
   */
  public async find(batch: Batch, readsAhead: boolean, signal?: AbortSignal): Promise<WrittenOutcomes> {
    const { streamName, shardId, records } = batch;
    const own = new Set(records.map(({ position }) => position));
    const end = readsAhead ? undefined : records.at(-1)!.position;
    const prefix = resultsOfShard(streamName, shardId);
    // First, because a record that is no longer there has its line.
    const spilled = this.spills ? await this.findSpilled(batch, end, signal) : new Set<string>();
    const positions = new Set<string>(spilled);
    let behind = 0;
    const objects = new Map<string, readonly RecordResult[]>();
    for (let after = `${prefix}${records[0]!.position}`; ;) {
      const keys = await this.store.keysAfter(prefix, after, signal);
      const overlapping = keys.filter((key) => {
        const range = parseResultObjectKey(key);
        return range !== undefined && (end === undefined || range.first <= end);
      });
      await inBoundedParallel(overlapping, async (key) => {
        const { first, last } = parseResultObjectKey(key)!;
        if (first === last && !own.has(first)) {
          positions.add(first);
          return;
        }
        const lines = await this.read(key, signal);
        for (const { position } of lines) positions.add(position);
        if (lines.some(({ position }) => own.has(position))) objects.set(key, lines);
      });
      // An object spans the time of its slowest record, in which fewer objects than a page are written, those of spilled records left out.
      behind = overlapping.length > 0 ? 0 : behind + (this.spills ? keys.filter(isOfSeveral).length : PAGE);
      if (keys.length < PAGE || behind >= PAGE) return { positions, spilled, objects };
      after = keys.at(-1)!;
    }
  }

  /** Returns the positions of the spilled records from the first one of a batch on. */
  private async findSpilled(
    { streamName, shardId, records }: Batch,
    end: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlySet<string>> {
    const prefix = spilledOfShard(streamName, shardId);
    const spilled = new Set<string>();
    for (let after = `${prefix}${records[0]!.position}`; ;) {
      const keys = await this.store.keysAfter(prefix, after, signal);
      for (const key of keys) {
        const position = parseSpilledObjectKey(streamName, key)?.position;
        if (position !== undefined && (end === undefined || position <= end)) spilled.add(position);
      }
      after = keys.at(-1) ?? after;
      if (keys.length < PAGE || (end !== undefined && after > `${prefix}${end}.json`)) return spilled;
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
    try {
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map(parseResultLine);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      // Sent again, its records could have two outcomes.
      throw new InputError(
        `${key}: ${error.message}; its records wait, because their outcomes are not known: restore an earlier version of the object, or ` +
          'delete it, after which they are sent again',
      );
    }
  }
}

/** True for the key of a result object with several lines. */
function isOfSeveral(key: string): boolean {
  const range = parseResultObjectKey(key);
  return range !== undefined && range.first !== range.last;
}
