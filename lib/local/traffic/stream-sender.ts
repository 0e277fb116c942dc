import { PutRecordsCommand, type KinesisClient, type PutRecordsCommandOutput } from '@aws-sdk/client-kinesis';
import type { Random } from '../../simulation/random';
import type { LocalClock } from '../../emulator/clock';

/** Record to put into the stream. */
export interface StreamItem {
  readonly key: string;
  readonly payload: string;
  /** Called after the stream has stored the record. */
  readonly onStored: (sequenceNumber: string) => void;
}

export interface StreamSenderOptions {
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly streamName: string;
  readonly clock: LocalClock;
  readonly random: Random;
  /** Ends the attempts; records that are not stored stay pending. */
  readonly signal: AbortSignal;
  /** Receives the reason of a failed call; its records are retried. */
  readonly onError: (message: string) => void;
}

/** PutRecords takes at most 500 records and 10 MiB (Kinesis Data Streams API reference). */
const MAX_RECORDS = 500;
const MAX_BYTES = 5 * 1024 * 1024;
/** Time for which a record waits for others of its call: the default of the Kinesis Producer Library (`RecordMaxBufferedTime`), local seconds. */
const LINGER_SECONDS = 0.1;
/** Minimum of it in real time: the engine takes some milliseconds for a call. */
const MIN_LINGER_MS = 8;
const MAX_BACKOFF_SECONDS = 20;

/** Returns the time for which a sender waits for other records of a call, real milliseconds. */
export function lingerMs({ speed }: Pick<LocalClock, 'speed'>): number {
  return Math.max(MIN_LINGER_MS, (LINGER_SECONDS * 1000) / speed);
}

/**
 * Sends records through the stream: PutRecords in batches, one call at a time.
 *
 * Records that fail in a successful call are retried before newer ones, after a delay with jitter.
 */
export class StreamSender {
  private waiting: StreamItem[] = [];
  private sending = false;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private retried = 0;

  public constructor(private readonly options: StreamSenderOptions) {}

  public send(item: StreamItem): void {
    this.waiting.push(item);
    if (this.waiting.length >= MAX_RECORDS) void this.flush();
    else this.timer ??= setTimeout(() => void this.flush(), lingerMs(this.options.clock));
  }

  /** Number of records that the stream has not stored. */
  public pending(): number {
    return this.waiting.length + (this.sending ? 1 : 0);
  }

  public totals(): { readonly retries: number } {
    return { retries: this.retried };
  }

  private async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.waiting.length > 0 && !this.options.signal.aborted) {
        const batch = this.takeBatch();
        const failed = await this.put(batch);
        if (failed.length === 0) {
          this.failures = 0;
          continue;
        }
        this.retried += failed.length;
        this.failures += 1;
        this.waiting = [...failed, ...this.waiting];
        const ceiling = Math.min(MAX_BACKOFF_SECONDS, 0.5 * 2 ** this.failures);
        await this.options.clock
          .sleep(this.options.random.uniform() * ceiling, this.options.signal)
          .catch(() => undefined);
      }
    } finally {
      this.sending = false;
    }
  }

  private takeBatch(): StreamItem[] {
    let bytes = 0;
    let count = 0;
    for (const { key, payload } of this.waiting) {
      bytes += Buffer.byteLength(key) + Buffer.byteLength(payload);
      if (count === MAX_RECORDS || (count > 0 && bytes > MAX_BYTES)) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  /** Puts a batch and returns the records to retry. */
  private async put(batch: readonly StreamItem[]): Promise<readonly StreamItem[]> {
    let output: PutRecordsCommandOutput;
    try {
      output = await this.options.kinesis.send(
        new PutRecordsCommand({
          StreamName: this.options.streamName,
          Records: batch.map(({ key, payload }) => ({ PartitionKey: key, Data: Buffer.from(payload) })),
        }),
      );
    } catch (error) {
      this.options.onError(`putting ${batch.length} records failed: ${(error as Error).message}`);
      return batch;
    }
    return batch.filter((item, index) => {
      const sequenceNumber = output.Records?.[index]?.SequenceNumber;
      if (sequenceNumber === undefined) return true;
      item.onStored(sequenceNumber);
      return false;
    });
  }
}
