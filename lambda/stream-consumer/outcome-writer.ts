import {
  formatDeadLetter,
  formatMeasurementLine,
  measurementObjectKey,
  type RequestMeasurement,
  type RecordResult,
} from '../../lib/ingestion/contract';
import type { RecordOutcome } from '../../lib/ingestion/decide/checkpoint';
import type { ObjectStore } from '../clients/object-store';
import type { WallClock } from '../support/clock';
import { withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import { answeredLine, measurementOf, rejectedLine, type TimedAnswer } from './answers';
import type { Batch, StreamRecord } from './batch';
import { inBoundedParallel } from './bounded-parallel';
import type { DoneRecords } from './done-records';
import type { OutcomeLog } from './outcome-log';
import type { SeenRecords } from './seen-records';

type FinalOutcome = Extract<RecordOutcome<TimedAnswer>, { readonly kind: 'succeeded' | 'rejected' }>;

interface Line {
  readonly record: StreamRecord;
  readonly line: RecordResult;
  readonly object?: { readonly key: string; readonly body: Uint8Array; readonly contentType: string };
  readonly measurement?: RequestMeasurement;
}

/** Maximum number of lines of an object. */
const MAX_LINES = 1_000;
/** Size of an object above which it takes no further line, bytes. */
const FULL_BYTES = 4 * 1024 * 1024;

/** Writes the outcomes of an invocation: result objects, and the dead letters and measurements that follow from their lines. */
export class OutcomeWriter {
  /** Number of dead letters that were written. */
  public deadLetters = 0;
  private lines: Line[] = [];
  /** Lines of an object whose write may have succeeded: they are written again under the same key. */
  private unsure: readonly Line[] | undefined;
  private flushing: Promise<void> | undefined;

  public constructor(
    private readonly options: {
      readonly batch: Pick<Batch, 'streamName' | 'shardId'>;
      readonly log: OutcomeLog;
      readonly results: ObjectStore;
      readonly seen: SeenRecords;
      readonly done: DoneRecords;
      readonly clock: WallClock;
      readonly logger: Logger;
    },
  ) {}

  /** Takes the outcome of a record, for the next object. */
  public add(record: StreamRecord, outcome: FinalOutcome): void {
    const { batch, clock } = this.options;
    if (outcome.kind === 'succeeded') this.lines.push({ record, ...answeredLine(batch, record, outcome.answer) });
    else {
      const { error, status } = outcome;
      this.lines.push({ record, line: rejectedLine(batch, record, { error, status, at: clock.now() }) });
    }
  }

  /**
   * Writes all outcomes so far.
   *
   * @param seconds maximum time for one object and what follows from it
   * @throws the error of the bucket; the outcomes are written at the next call
   */
  public async flush(seconds: number): Promise<void> {
    await this.flushing?.catch(() => undefined);
    this.flushing = this.flushAll(seconds).finally(() => (this.flushing = undefined));
    await this.flushing;
  }

  private async flushAll(seconds: number): Promise<void> {
    while (this.unsure !== undefined || this.lines.length > 0) {
      const group = (this.unsure ??= this.nextGroup());
      const inForce = await withDeadline(seconds, 'writing the results', (signal) => this.write(group, signal));
      this.unsure = undefined;
      const positions = new Set(inForce.map(({ position }) => position));
      const { done, seen, batch } = this.options;
      for (const entry of group) {
        const { position } = entry.record;
        // Another delivery has written an object of this name, without this record.
        if (!positions.has(position)) this.lines.push(entry);
        else {
          seen.delete(batch.shardId, position);
          done.add(batch.shardId, position);
        }
      }
      this.deadLetters += inForce.filter(({ deadLetter }) => deadLetter !== null).length;
    }
  }

  private nextGroup(): readonly Line[] {
    let bytes = 0;
    let count = 0;
    while (count < Math.min(this.lines.length, MAX_LINES) && bytes < FULL_BYTES) {
      bytes += this.lines[count]!.line.response?.length ?? 0;
      count += 1;
    }
    return this.lines.splice(0, count).sort((a, b) => (a.record.position < b.record.position ? -1 : 1));
  }

  private async write(group: readonly Line[], signal: AbortSignal): Promise<readonly RecordResult[]> {
    const { log, results, batch } = this.options;
    const objects = group.flatMap(({ object }) => object ?? []);
    await inBoundedParallel(objects, ({ key, body, contentType }) => results.put(key, body, contentType, signal));
    const lines = group.map(({ line }) => line);
    const inForce = await log.write(batch, lines, signal);
    const measurements = inForce.lines === lines ? group.map(({ measurement }) => measurement) : undefined;
    await this.complete(
      { ...inForce, measurements },
      new Map(group.map(({ record }) => [record.position, record])),
      signal,
    );
    return inForce.lines;
  }

  /** Writes what follows from the lines of a result object: measurements, and the dead letters of these records, by position. */
  public async complete(
    object: {
      readonly key: string;
      readonly lines: readonly RecordResult[];
      readonly measurements?: readonly (RequestMeasurement | undefined)[];
    },
    records: ReadonlyMap<string, StreamRecord>,
    signal: AbortSignal,
  ): Promise<void> {
    const { results, logger } = this.options;
    const letters = inBoundedParallel(object.lines, async ({ position, deadLetter, error, answeredAt }) => {
      const record = records.get(position);
      if (deadLetter === null || error === null || record === undefined) return;
      const letter = {
        sequenceNumber: record.sequenceNumber,
        partitionKey: record.partitionKey,
        payloadBase64: record.payload.toString('base64'),
        error,
        at: answeredAt,
        kafkaRecord: record.kafkaRecord,
      };
      await results.put(deadLetter, formatDeadLetter(letter), 'application/json', signal);
      logger.warn('dead letter written', { key: deadLetter, error });
    });
    const measurements = object.measurements ?? object.lines.map((line) => measurementOf(line));
    const known = measurements.filter((measurement) => measurement !== undefined);
    const body = `${known.map(formatMeasurementLine).join('\n')}\n`;
    await Promise.all([
      letters,
      known.length > 0 && results.put(measurementObjectKey(object.key), body, 'application/x-ndjson', signal),
    ]);
  }
}
