import { createHash } from 'node:crypto';
import type { EpochSeconds } from '../../lib/core/time';
import { decideSpill, spillDeadline, spillsAt } from '../../lib/ingestion/decide/spill';
import { formatSpilledRecord, spilledObjectKey } from '../../lib/ingestion/decide/spilled-record';
import type { AsyncEndpointRuntime } from '../clients/async-endpoint';
import type { ObjectStore } from '../clients/object-store';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';
import type { Batch, StreamRecord } from './batch';
import type { PayloadMapper } from './mapped-endpoint';

export interface SpillerOptions {
  /** Asynchronous endpoint that old records go to. */
  readonly endpoint: AsyncEndpointRuntime;
  /** Bucket and key prefix of the requests to it. */
  readonly requests: Pick<ObjectStore, 'put'>;
  readonly bucketName: string;
  readonly requestPrefix: string;
  readonly contentType: string;
  /** Age from which on a record goes to it, seconds. */
  readonly afterSeconds: number;
  /** Maximum time of a request in its queue, and of the model for it, seconds. */
  readonly ttlSeconds: number;
  readonly timeoutSeconds: number;
  /** Change of payloads on their way; undefined where they go unchanged. */
  readonly requestMapping?: PayloadMapper;
  readonly maxRequestBytes: number;
}

/**
 * End of an attempt to spill a record: the asynchronous endpoint owns it; it was not taken, and waits; or its owner is not known, because the
 * write that decides had no answer, and the next delivery finds out.
 */
export type SpillEnd = 'spilled' | 'not taken' | 'unknown';

/** Number of records that are handed over at once beside the requests to the real-time endpoint. */
export const SPILLS_AT_ONCE = 16;

/** Hands records that have become old over to an asynchronous endpoint. */
export class Spiller {
  private refusedAt: EpochSeconds | undefined;

  public constructor(
    private readonly options: SpillerOptions & {
      readonly results: Pick<ObjectStore, 'put'>;
      readonly clock: WallClock;
      readonly sleep: Sleep;
      readonly logger: Logger;
    },
  ) {}

  /** True if a record goes to the asynchronous endpoint now. `strikes`: failures that count against the record. */
  public isDue({ arrivedAt, defect, payload }: StreamRecord, strikes: number): boolean {
    const { clock, afterSeconds, maxRequestBytes } = this.options;
    // It can be sent nowhere.
    if (defect !== undefined || payload.length > maxRequestBytes) return false;
    return decideSpill({ now: clock.now(), arrivedAt, afterSeconds, strikes, refusedAt: this.refusedAt }) === 'spill';
  }

  /** Resolves when a record is old enough, or the signal aborts. */
  public async untilDue({ arrivedAt }: StreamRecord, signal: AbortSignal): Promise<void> {
    const { clock, afterSeconds, sleep } = this.options;
    await sleep(Math.max(0, 1000 * (spillsAt(arrivedAt, afterSeconds) - clock.now())), signal);
  }

  /**
   * Hands one record over: its payload to S3, the request to the endpoint, and last the object below `spilled/`, which gives the record to the
   * collector. A delivery that ends before that object repeats all of it, under the same key and inference id.
   */
  public async spill(
    { streamName, shardId }: Pick<Batch, 'streamName' | 'shardId'>,
    record: StreamRecord,
    signal: AbortSignal,
  ): Promise<SpillEnd> {
    const { endpoint, requests, results, clock, logger, bucketName, requestPrefix, contentType } = this.options;
    const place = `${streamName}/${shardId}/${record.position}`;
    const key = `${requestPrefix}${place}`;
    const inferenceId = createHash('sha256').update(place).digest('hex');
    let isDeciding = false;
    try {
      await withDeadline(LOOK_DEADLINE_SECONDS, 'spilling a record', async (late) => {
        const either = AbortSignal.any([signal, late]);
        await requests.put(key, await this.mapped(record.payload, either), contentType, either);
        const places = await endpoint.invoke({ inputUri: `s3://${bucketName}/${key}`, inferenceId }, either);
        if (either.aborted) return;
        const spilledAt = clock.now();
        const { id, position, sequenceNumber, partitionKey, arrivedAt, kafkaRecord } = record;
        const spilled = formatSpilledRecord({
          id,
          key: record.key,
          position,
          sequenceNumber,
          partitionKey,
          payloadBase64: record.payload.toString('base64'),
          arrivedAt,
          spilledAt,
          inferenceId,
          ...places,
          deadlineAt: spillDeadline(spilledAt, this.options),
          ...(kafkaRecord === undefined ? {} : { kafkaRecord }),
        });
        isDeciding = true;
        await results.put(spilledObjectKey(streamName, shardId, position), spilled, 'application/json', either);
      });
    } catch (error) {
      if (signal.aborted) return isDeciding ? 'unknown' : 'not taken';
      this.refusedAt = clock.now();
      logger.warn('a record could not be spilled', { shardId, position: record.position, error });
      return isDeciding ? 'unknown' : 'not taken';
    }
    return isDeciding ? 'spilled' : 'not taken';
  }

  private async mapped(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { requestMapping, maxRequestBytes } = this.options;
    return requestMapping === undefined ? payload : requestMapping(payload, maxRequestBytes, signal);
  }
}
