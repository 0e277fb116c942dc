import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import type { ShardReader } from '../../../lambda/clients/shard-reader';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import { RetryableError } from '../../../lib/core/errors';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import { draws } from './draws';
import { MemoryStore } from './memory-store';
import { kinesisEvent, sequenceNumber } from './poller-model';
import { VirtualTime } from './virtual-time';

export interface HangPlan {
  readonly seed: number;
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly instances: number;
  readonly slotsPerInstance: number;
  /** Routes each request to the instance with the fewest outstanding ones; otherwise at random, as SageMaker by default. */
  readonly isRoutedByLoad: boolean;
  readonly meanServiceSeconds: number;
  readonly sigma: number;
  /** Share of records on which the model hangs. */
  readonly hanging: number;
  /** Time in which the first instance answers nothing, seconds after the begin; its health check goes on succeeding. */
  readonly instanceHangs?: { readonly from: number; readonly until: number };
}

export interface HangLife {
  readonly answered: number;
  readonly deadLetters: number;
  /** Well records that became dead letters. */
  readonly falseDeadLetters: number;
  /** Times from the first request of a hanging record to its verdict, seconds. */
  readonly verdictSeconds: readonly number[];
  /** Requests for each record. */
  readonly requestsPerRecord: number;
}

const LIMIT_SECONDS = 60;

/**
 * Plays one shard through the real handler in front of a fleet: each instance has slots and a queue, and SageMaker ends every request after a
 * minute, in a slot or in the queue. Some records hang; an instance may hang; the fleet may be too small.
 */
export async function playHang(plan: HangPlan): Promise<HangLife> {
  const random = draws(plan.seed);
  const time = new VirtualTime();
  const store = new MemoryStore();
  const begin = time.clock.now();
  let at = 0;
  const entries = Array.from({ length: plan.records }, (_, index) => {
    at += -Math.log(1 - random()) / plan.recordsPerSecond;
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const seconds = plan.meanServiceSeconds * Math.exp(plan.sigma * normal - plan.sigma ** 2 / 2);
    return {
      arrivedAt: begin + at,
      // A model that needs more than the limit for a well record fails on it always.
      seconds: random() < plan.hanging ? Infinity : Math.min(50, seconds),
      firstSentAt: undefined as number | undefined,
      sequenceNumber: sequenceNumber(index),
      partitionKey: `key-${index}`,
      payload: Buffer.from(`{"n":${index}}`),
    };
  });
  const byPayload = new Map(entries.map((entry) => [entry.payload.toString(), entry]));
  const instances = Array.from({ length: plan.instances }, () => ({
    busy: 0,
    outstanding: 0,
    queue: [] as (() => void)[],
  }));
  const stuck = plan.instanceHangs;
  let requests = 0;
  const endpoint = {
    async invoke(body: Uint8Array, signal?: AbortSignal) {
      requests += 1;
      const entry = byPayload.get(Buffer.from(body).toString())!;
      const sentAt = time.clock.now();
      entry.firstSentAt ??= sentAt;
      const fewest = Math.min(...instances.map(({ outstanding }) => outstanding));
      const candidates = plan.isRoutedByLoad
        ? instances.filter(({ outstanding }) => outstanding === fewest)
        : instances;
      const instance = candidates[Math.floor(random() * candidates.length)]!;
      const hangs = (): boolean => {
        const since = time.clock.now() - begin;
        return stuck !== undefined && instance === instances[0] && since >= stuck.from && since < stuck.until;
      };
      instance.outstanding += 1;
      const over = new AbortController();
      const limit = time.sleep(LIMIT_SECONDS * 1000, over.signal).then(() => 'limit' as const);
      const work = async (): Promise<'answer'> => {
        if (instance.busy >= plan.slotsPerInstance) await new Promise<void>((resolve) => instance.queue.push(resolve));
        instance.busy += 1;
        const isHanging = entry.seconds === Infinity || hangs();
        // The instance goes on with a request that SageMaker has ended; one that hangs is ended by the server after the limit.
        await time.sleep((isHanging ? LIMIT_SECONDS : entry.seconds) * 1000);
        instance.busy -= 1;
        instance.queue.shift()?.();
        return isHanging ? new Promise<never>(() => undefined) : 'answer';
      };
      const outcome = await Promise.race([limit, work()]);
      over.abort();
      instance.outstanding -= 1;
      if (signal?.aborted) throw new RetryableError('aborted');
      if (outcome === 'limit') throw new RequestFailedError('the model returned 0: timed out', 0);
      return { status: 200, body: Buffer.from('{"generated_tokens":1}') };
    },
  };
  const arrived = (from: number, limit: number) => {
    let end = from;
    while (end < entries.length && end - from < limit && entries[end]!.arrivedAt <= time.clock.now()) end += 1;
    return entries.slice(from, end);
  };
  const reader: ShardReader = {
    after: (_arn, _shard, sequence) => {
      let place = entries.findIndex((entry) => entry.sequenceNumber === sequence) + 1;
      return {
        next: async (limit) => {
          await time.sleep(10);
          const records = arrived(place, limit);
          place += records.length;
          return { records, isBehind: false, isLast: false };
        },
      };
    },
  };
  const handler = createHandler({
    endpoint,
    results: store,
    reader,
    clock: time.clock,
    sleep: time.sleep,
    random,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    concurrency: plan.instances * plan.slotsPerInstance,
    maxModelFailures: 5,
    recordFields: { id: parseRecordField('sequence-number'), key: parseRecordField('partition-key') },
    maxRecordBytes: 1024 * 1024,
    publish: () => Promise.resolve(),
  });
  const poll = async (): Promise<void> => {
    for (let from = 0; from < entries.length;) {
      const batch = arrived(from, 1_000);
      if (batch.length === 0) {
        await time.sleep(1_000);
        continue;
      }
      const { batchItemFailures } = await handler(kinesisEvent(batch), time.context(120_000));
      const [first] = batchItemFailures;
      from +=
        first === undefined ? batch.length : batch.findIndex((entry) => entry.sequenceNumber === first.itemIdentifier);
    }
  };
  await time.until(poll());
  const places = new Map(entries.map((entry) => [entry.sequenceNumber, entry]));
  const dead = store.lines().filter(({ deadLetter }) => deadLetter !== null);
  const ofDead = dead.map(({ position, answeredAt }) => ({ entry: places.get(position)!, answeredAt }));
  const hung = ofDead.filter(({ entry }) => entry.seconds === Infinity);
  return {
    answered: store.lines().length - dead.length,
    deadLetters: dead.length,
    falseDeadLetters: dead.length - hung.length,
    verdictSeconds: hung.map(({ entry, answeredAt }) => answeredAt - entry.firstSentAt!),
    requestsPerRecord: requests / plan.records,
  };
}
