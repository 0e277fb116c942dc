import type { PutOutcome, RequestStream } from '../../../lambda/clients/request-stream';
import { createHandler } from '../../../lambda/redrive/handler';
import { deaggregate } from '../../../lambda/stream-consumer/aggregated-record';
import { createLogger } from '../../../lambda/support/logger';
import {
  deadLetterObjectKey,
  formatDeadLetter,
  formatResultLine,
  resultObjectKey,
  type RecordResult,
} from '../../../lib/ingestion/contract';
import type { RedriveReport } from '../../../lib/ingestion/decide/redrive';
import { MemoryStore } from '../stream-consumer/memory-store';

export const STREAM = 'requests';
export const SHARD = 'shardId-000000000000';
const ARN = `arn:aws:kinesis:us-east-1:123456789012:stream/${STREAM}`;

/** Error of a function that is gone: every later call of it fails too. */
class Death extends Error {}

/** A bucket whose listings see every key below a prefix, as S3's do. */
class Bucket extends MemoryStore {
  public override keysAfter(prefix: string, after: string): Promise<readonly string[]> {
    return Promise.resolve(
      this.keysBelow(prefix)
        .filter((key) => key > after)
        .slice(0, 1000),
    );
  }
}

/** A record as the stream has it. */
interface Arrival {
  readonly partitionKey: string;
  readonly data: Buffer;
  readonly sequenceNumber: string;
  readonly at: number;
  /** Sequence number of the record of its key that it follows. */
  readonly after?: string;
}

/** Sequence number of a record, in the digits of Kinesis. */
export const sequenceNumber = (index: number): string => `4960${String(index).padStart(52, '0')}`;

/** Redrive function with a bucket and a stream in memory, whose calls may fail; time passes only in its sleeps. */
export function redriveRehearsal({ maxRecordBytes = 1024 * 1024 }: { readonly maxRecordBytes?: number } = {}) {
  const store = new Bucket();
  const arrivals: Arrival[] = [];
  const state = { now: 1_700_000_000, isDead: false };
  const faults = {
    /** Called before each call; throws or kills to let it fail. */
    before: (_call: string): void => undefined,
    /** Outcome of a put in place of its own; `stored-silently` stores without an answer. */
    put: (): 'stored' | 'throttled' | 'unknown' | 'stored-silently' => 'stored',
  };
  const check = (call: string): void => {
    if (!state.isDead) faults.before(call);
    if (state.isDead) throw new Death(call);
  };
  store.beforePut = (key) => check(`put ${key}`);
  store.afterPut = (key) => check(`after ${key}`);
  const stream: RequestStream = {
    put({ partitionKey, data, after }) {
      check('stream');
      const kind = faults.put();
      const stored = kind === 'stored' || kind === 'stored-silently';
      const number = sequenceNumber(1_000_000 + arrivals.length);
      if (stored)
        arrivals.push({ partitionKey, data: Buffer.from(data), sequenceNumber: number, at: state.now, after });
      check('after stream');
      const outcome: PutOutcome =
        kind === 'stored'
          ? { kind, shardId: SHARD, sequenceNumber: number }
          : kind === 'throttled'
            ? { kind }
            : { kind: 'unknown', error: new Error('silence') };
      return Promise.resolve(outcome);
    },
    async *arrivals(keys, from, to) {
      for (const { partitionKey, data, sequenceNumber: number, at } of [...arrivals])
        if (keys.includes(partitionKey) && at >= from && at <= to)
          yield { shardId: SHARD, sequenceNumber: number, data };
    },
  };
  const environment = () => {
    state.isDead = false;
    return createHandler({
      streamName: STREAM,
      store,
      stream,
      clock: { now: () => state.now },
      sleep: (milliseconds) => {
        state.now += Math.max(0, milliseconds) / 1000;
        return Promise.resolve();
      },
      random: () => 0.5,
      logger: createLogger(() => undefined),
      maxRecordBytes,
      retentionSeconds: 7 * 86_400,
    });
  };

  return {
    store,
    arrivals,
    state,
    faults,
    /** Invokes the function once, in an environment of its own. */
    redrive: (event: object = {}, remainingMs = 300_000): Promise<RedriveReport> =>
      environment()(event, { getRemainingTimeInMillis: () => remainingMs }),
    /** Writes a dead letter as the consumer does. */
    letter(
      index: number,
      partitionKey: string,
      payload: string | Buffer = `${partitionKey}-${index}`,
      { shard = SHARD, part = '' } = {},
    ): string {
      const position = `${sequenceNumber(index)}${part}`;
      const key = deadLetterObjectKey(STREAM, shard, position);
      const letter = {
        sequenceNumber: position,
        partitionKey,
        payloadBase64: Buffer.from(payload).toString('base64'),
        error: 'the model returned 500',
        at: state.now,
      };
      store.objects.set(key, formatDeadLetter(letter));
      return key;
    },
    /** Writes a failed batch as Lambda does. */
    batch(
      records: readonly (readonly [index: number, partitionKey: string])[],
      { name = '2023-11-14T22.13.20-a', arn = ARN, shard = SHARD, mapping = 'mapping-1' } = {},
    ): string {
      const key = `aws/lambda/${mapping}/${shard}/2023/11/14/${name}`;
      const event = {
        Records: records.map(([index, partitionKey]) => ({
          eventID: `${shard}:${sequenceNumber(index)}`,
          eventSourceARN: arn,
          kinesis: {
            sequenceNumber: sequenceNumber(index),
            partitionKey,
            data: Buffer.from(`${partitionKey}-${index}`).toString('base64'),
            approximateArrivalTimestamp: state.now - 86_400,
          },
        })),
      };
      store.objects.set(
        key,
        JSON.stringify({
          version: '1.0',
          timestamp: new Date(state.now * 1000).toISOString(),
          KinesisBatchInfo: { shardId: shard, streamArn: arn, batchSize: records.length },
          payload: JSON.stringify(event),
        }),
      );
      return key;
    },
    /** Writes the result of a record as the consumer does. */
    result(index: number, deadLetter: string | null): void {
      const position = sequenceNumber(index);
      const line: RecordResult = {
        id: `${SHARD}:${position}`,
        key: 'k',
        position,
        arrivedAt: state.now,
        answeredAt: state.now,
        requestSeconds: 1,
        status: 200,
        model: null,
        variant: null,
        contentType: null,
        inputTokens: null,
        outputTokens: null,
        responseBytes: 2,
        response: '{}',
        responseObject: null,
        error: deadLetter === null ? null : 'x',
        deadLetter,
      };
      store.objects.set(resultObjectKey(STREAM, SHARD, position, position), `${formatResultLine(line)}\n`);
    },
    /** Payloads in the stream, in order. */
    payloads: (): string[] => arrivals.flatMap(({ data }) => deaggregate(data)!.map((part) => part.data.toString())),
  };
}

/** True for the error of a function that a test ended. */
export const isDeath = (error: unknown): boolean => error instanceof Death;
