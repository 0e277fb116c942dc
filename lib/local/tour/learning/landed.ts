import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { GetObjectCommand, PutObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { RESULTS_PREFIX } from '../../../ingestion/contract';
import { LEARNING_TOUR, LEARNING_TOUR_CAPTURE_PREFIX } from '../../../platform/contract';
import { inParallel, pause } from '../../../emulator/repeat';
import { until } from '../context';
import type { LearningContext } from './progress';
import { labelOf, type LearningRow, linesOf, requestOf } from './rows';

/** Records of a call of PutRecords, at most (API reference). */
const MAX_RECORDS = 500;
const MAX_PARALLEL_READS = 8;
/** Interval of looks at the bucket, real milliseconds. */
const LOOK_MS = 400;
const MAX_LANDING_SECONDS = 7200;

/** Outcomes of requests that were put into the stream. */
export interface Landed {
  readonly requests: number;
  readonly answered: number;
  readonly deadLetters: number;
  /** Captured copies of the requests. */
  readonly captured: number;
  /** Accuracy of the responses. */
  readonly accuracy: number;
}

/**
 * Puts a request for each row into the stream, waits until each has a result and a captured copy in S3, and adds the labels, which become known
 * afterwards.
 *
 * @throws Error where a request has no result, more than one, or another one than an answer
 */
export async function land(context: LearningContext, rows: readonly LearningRow[]): Promise<Landed> {
  const { aws, outputs } = context;
  for (let begin = 0; begin < rows.length; begin += MAX_RECORDS) {
    const Records = rows
      .slice(begin, begin + MAX_RECORDS)
      .map((row) => ({ Data: Buffer.from(requestOf(row)), PartitionKey: row.id }));
    const { FailedRecordCount } = await aws.kinesis.send(
      new PutRecordsCommand({ StreamName: outputs.StreamName, Records }),
    );
    if (FailedRecordCount !== 0)
      throw new Error(`the stream refused ${FailedRecordCount} of ${Records.length} records`);
  }
  const sent = new Map(rows.map((row) => [row.id, row.label]));
  const results = new Map<string, { readonly response: string | null; readonly error: string | null }>();
  const captured = new Set<string>();
  const resultReader = new LineReader(context, RESULTS_PREFIX, (line) => {
    const { id, response, error } = line as { id: string; response: string | null; error: string | null };
    if (!sent.has(id)) return;
    if (results.has(id)) throw new Error(`the request ${id} has two results`);
    results.set(id, { response, error });
  });
  const captureReader = new LineReader(context, LEARNING_TOUR_CAPTURE_PREFIX, (line) => {
    const copy = line as { captureData: { endpointInput: { data: string } } };
    const { id } = JSON.parse(copy.captureData.endpointInput.data) as { id: string };
    if (sent.has(id)) captured.add(id);
  });
  await until(context, `${rows.length} requests go through the stream`, MAX_LANDING_SECONDS, async () => {
    await pause(LOOK_MS, context.signal);
    await resultReader.read();
    if (results.size < rows.length) return false;
    await captureReader.read();
    return captured.size === rows.length;
  });
  const failed = [...results.values()].filter(({ error }) => error !== null);
  if (failed.length > 0) throw new Error(`${failed.length} requests are dead letters, the first: ${failed[0]!.error}`);
  const right = [...results].filter(([id, { response }]) => labelOf(response!) === sent.get(id));
  await putRows(
    context,
    `${LEARNING_TOUR.groundTruthPrefix}${rows[0]!.id}.jsonl`,
    rows.map(({ id, label }) => ({
      groundTruthData: { data: label, encoding: 'CSV' },
      eventMetadata: { eventId: id },
      eventVersion: '0',
    })),
  );
  return {
    requests: rows.length,
    answered: results.size,
    deadLetters: 0,
    captured: captured.size,
    accuracy: right.length / rows.length,
  };
}

/** Puts values as JSON lines into the bucket. */
export async function putRows(
  { aws, outputs }: LearningContext,
  Key: string,
  values: readonly object[],
): Promise<void> {
  await aws.s3.send(new PutObjectCommand({ Bucket: outputs.LandedBucketName, Key, Body: linesOf(values) }));
}

/** Reads the lines of the objects below a prefix, each object once. */
class LineReader {
  private readonly seen = new Set<string>();

  public constructor(
    private readonly context: LearningContext,
    private readonly prefix: string,
    private readonly onLine: (line: unknown) => void,
  ) {}

  public async read(): Promise<void> {
    const { aws, outputs } = this.context;
    const Bucket = outputs.LandedBucketName;
    const fresh: string[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2({ client: aws.s3 }, { Bucket, Prefix: this.prefix })) {
      fresh.push(...Contents.flatMap(({ Key }) => (Key === undefined || this.seen.has(Key) ? [] : [Key])));
    }
    await inParallel(fresh, MAX_PARALLEL_READS, async (Key) => {
      const { Body } = await aws.s3.send(new GetObjectCommand({ Bucket, Key }));
      const text = await Body!.transformToString();
      for (const line of text.split('\n')) if (line !== '') this.onLine(JSON.parse(line));
      this.seen.add(Key);
    });
  }
}
