import { GetObjectCommand, ListObjectsV2Command, type S3Client, type _Object } from '@aws-sdk/client-s3';
import type { EpochSeconds } from '../../core/time';
import {
  DEAD_LETTERS_PREFIX,
  FAILED_BATCHES_PREFIX,
  type KafkaEventRecord,
  parseDeadLetter,
  parseInferenceRequest,
  parseInferenceResponse,
  parseResultLine,
  RESULTS_PREFIX,
} from '../../ingestion/contract';
import { inParallel } from '../../emulator/repeat';
import { kafkaPlace } from './kafka-place';
import { type Outcomes, responseTimesOf } from './outcomes';

export interface ResultsReaderOptions {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucketName: string;
  readonly outcomes: Outcomes;
  readonly now: () => EpochSeconds;
  /** Results and dead letters from before this time are ignored: they belong to an earlier run. */
  readonly since: EpochSeconds;
}

const PARALLEL_READS = 6;
/**
 * Each listing begins this number of names before the last one seen: an object is named for its last record, and one of a slow record is
 * written after those of later records.
 */
const OVERLAP = 128;

/**
 * Reads the results bucket: result objects, dead letters and failed batches.
 *
 * Repeated reading is idempotent: requests are counted by id, and an object is read again only if it has changed.
 */
export class ResultsReader {
  private readonly seen = new Map<string, string>();
  private readonly names = new Map<string, string[]>();
  /** Time of the latest response of each key. */
  private readonly answered = new Map<string, EpochSeconds>();
  private objects = 0;
  private rows = 0;
  private outputs = 0;

  public constructor(private readonly options: ResultsReaderOptions) {}

  /** Number of result objects seen. */
  public resultObjects(): number {
    return this.objects;
  }

  /** Number of result lines of this run that were read; a line of an object that changed counts again. */
  public resultRows(): number {
    return this.rows;
  }

  /** Number of these lines with the output of a model of the user, within the response or as an object beside the line. */
  public resultOutputs(): number {
    return this.outputs;
  }

  /** Reads new objects; with `everything` the listing begins at the first name, for the final count. */
  public async poll(everything = false): Promise<void> {
    const prefixes = [...(await this.folders(RESULTS_PREFIX)), DEAD_LETTERS_PREFIX, FAILED_BATCHES_PREFIX];
    for (const prefix of prefixes) {
      const fresh: string[] = [];
      for await (const { Key: key = '', ETag: tag = '' } of this.list(prefix, everything)) {
        if (this.seen.get(key) === tag) continue;
        if (!this.seen.has(key)) this.remember(prefix, key);
        this.seen.set(key, tag);
        fresh.push(key);
      }
      await inParallel(fresh, PARALLEL_READS, (key) => this.read(key));
    }
  }

  private remember(prefix: string, key: string): void {
    const names = this.names.get(prefix) ?? [];
    names.push(key);
    if (names.length > OVERLAP * 4) names.splice(0, names.length - OVERLAP * 2);
    this.names.set(prefix, names);
    if (key.startsWith(RESULTS_PREFIX)) this.objects += 1;
  }

  /** Lists the folders two levels down: `results/STREAM/SHARD/`. */
  private async folders(prefix: string): Promise<readonly string[]> {
    const below = async (parent: string): Promise<readonly string[]> => {
      const found: string[] = [];
      let token: string | undefined;
      do {
        const page = await this.options.s3.send(
          new ListObjectsV2Command({
            Bucket: this.options.bucketName,
            Prefix: parent,
            Delimiter: '/',
            ContinuationToken: token,
          }),
        );
        found.push(...(page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix));
        token = page.NextContinuationToken;
      } while (token !== undefined);
      return found;
    };
    const streams = await below(prefix);
    return (await Promise.all(streams.map(below))).flat();
  }

  private async *list(prefix: string, everything: boolean): AsyncGenerator<_Object> {
    const names = this.names.get(prefix);
    const after = everything || names === undefined || names.length < OVERLAP ? undefined : names.at(-OVERLAP);
    let token: string | undefined;
    do {
      const page = await this.options.s3.send(
        new ListObjectsV2Command({
          Bucket: this.options.bucketName,
          Prefix: prefix,
          StartAfter: after,
          ContinuationToken: token,
        }),
      );
      yield* page.Contents ?? [];
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  private async read(key: string): Promise<void> {
    const { Body } = await this.options.s3.send(new GetObjectCommand({ Bucket: this.options.bucketName, Key: key }));
    const text = (await Body?.transformToString('utf8')) ?? '';
    if (key.startsWith(RESULTS_PREFIX)) this.readResults(text);
    else if (key.startsWith(DEAD_LETTERS_PREFIX)) this.readDeadLetter(text);
    else this.readFailedBatch(text);
  }

  private readResults(text: string): void {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const { id, key, answeredAt, deadLetter, requestSeconds, response, responseObject } = parseResultLine(line);
      const keyFreeAt = this.answered.get(key) ?? 0;
      this.answered.set(key, Math.max(keyFreeAt, answeredAt));
      // The dead letter itself is read too, with the payload in it.
      if (answeredAt < this.options.since || deadLetter !== null) continue;
      this.rows += 1;
      const hasOutput =
        response === null ? responseObject !== null : parseInferenceResponse(response).output !== undefined;
      if (hasOutput) this.outputs += 1;
      const times = responseTimesOf(response, true);
      // Objects that are read at once may come in another order than they were written.
      const known = keyFreeAt <= answeredAt ? { keyFreeAt } : {};
      const atInstance = times === undefined ? 0 : times.serviceSeconds + times.queueSeconds;
      const transferSeconds = Math.max(0, (requestSeconds ?? 0) - atInstance);
      this.options.outcomes.addAnswer(
        id,
        answeredAt,
        this.options.now(),
        times && { ...times, transferSeconds, ...known },
      );
    }
  }

  private readDeadLetter(text: string): void {
    const { sequenceNumber, payloadBase64, at, kafkaRecord } = parseDeadLetter(text);
    if (at < this.options.since) return;
    const place =
      kafkaRecord === undefined
        ? sequenceNumber
        : kafkaPlace(kafkaRecord.topic, kafkaRecord.partition, kafkaRecord.offset);
    this.options.outcomes.addDeadLetter(place, idOf(payloadBase64));
  }

  /** Reads the object that Lambda writes to an S3 destination after the last retry of a batch; `payload` has the records. */
  private readFailedBatch(text: string): void {
    const { payload } = JSON.parse(text) as { readonly payload?: unknown };
    const event = (typeof payload === 'string' ? JSON.parse(payload) : payload) as
      | {
          readonly Records?: readonly {
            readonly kinesis?: { readonly sequenceNumber: string; readonly data: string };
          }[];
          readonly records?: { readonly [topicPartition: string]: readonly KafkaEventRecord[] };
        }
      | undefined;
    for (const { topic, partition, offset, value } of Object.values(event?.records ?? {}).flat())
      this.options.outcomes.addDeadLetter(kafkaPlace(topic, partition, offset), idOf(value ?? ''));
    for (const { kinesis } of event?.Records ?? []) {
      if (kinesis !== undefined) this.options.outcomes.addDeadLetter(kinesis.sequenceNumber, idOf(kinesis.data));
    }
  }
}

function idOf(payloadBase64: string): string | null {
  try {
    return parseInferenceRequest(Buffer.from(payloadBase64, 'base64').toString('utf8')).id;
  } catch {
    return null;
  }
}
