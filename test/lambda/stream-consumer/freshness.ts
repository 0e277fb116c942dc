import type { ShardReader } from '../../../lambda/clients/shard-reader';
import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import { CapacityFollower } from '../../../lambda/stream-consumer/capacity-follower';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import { RetryableError } from '../../../lib/core/errors';
import { quantile } from '../../../lib/core/statistics';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import { draws } from './draws';
import { MemoryStore } from './memory-store';
import { kinesisEvent, sequenceNumber } from './poller-model';
import { VirtualTime } from './virtual-time';

export interface FreshnessPlan {
  readonly seed: number;
  readonly records: number;
  /** Mean share of the slots of the fleet that is in use, 0 to 1. */
  readonly use: number;
  /** Concurrent requests of the fleet; the rest waits in the endpoint. */
  readonly slots: number;
  /** Mean time in a slot, seconds. */
  readonly meanServiceSeconds: number;
  /** Spread of that time: standard deviation of its logarithm. */
  readonly sigma: number;
  /** Share of records on which the model fails. */
  readonly bad: number;
  /** Whether the consumer reads its shard ahead; otherwise it waits for whole batches. */
  readonly readsAhead: boolean;
  /** Whether the requests in flight follow the capacity in service, as the consumer reads it; otherwise they are the slots at once. */
  readonly followsCapacity?: boolean;
}

export interface Freshness {
  /** Time from the arrival of a record to its response, without its time in the endpoint, seconds: of those that arrive while a slot is free. */
  readonly added: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** Share of the records that arrive while a slot is free. */
  readonly free: number;
  /** Mean number of requests in a slot over the number of slots. */
  readonly use: number;
  readonly answered: number;
  readonly deadLetters: number;
  /** Longest time from the arrival of a bad record to its dead letter, seconds. */
  readonly longestVerdict: number;
}

/** Follower of an endpoint with a number of slots in one instance, which takes a tenth of a second to tell. */
function followerOf(slots: number, time: VirtualTime): CapacityFollower {
  return new CapacityFollower({
    fleets: [{ resourceId: 'endpoint/chat/variant/main', fleetName: 'chat', maxConcurrencyPerReplica: slots }],
    states: {
      fleetState: async () => {
        await time.sleep(100);
        return { status: 'InService', configName: null, desired: 1, current: 1 };
      },
      variantCapacity: () => Promise.reject(new Error('not called')),
    },
    shards: { list: () => Promise.resolve(['shardId-000000000000']) },
    parallelizationFactor: 1,
    concurrency: 1_000,
    clock: time.clock,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
}

/** SageMaker's limit for a request, seconds. */
const MAX_SERVICE_SECONDS = 60;

/**
 * Plays one shard whose records arrive at random (Poisson), through the real handler, with the event source mapping reading once a second and
 * an endpoint that has a number of slots: what a record waits for beside the endpoint.
 */
export async function playFreshness(plan: FreshnessPlan): Promise<Freshness> {
  const random = draws(plan.seed);
  const time = new VirtualTime();
  const store = new MemoryStore();
  const begin = time.clock.now();
  let at = 0;
  const entries = Array.from({ length: plan.records }, (_, index) => {
    at += (-Math.log(1 - random()) * plan.meanServiceSeconds) / (plan.use * plan.slots);
    // A lognormal with the mean given.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const service = plan.meanServiceSeconds * Math.exp(plan.sigma * normal - plan.sigma ** 2 / 2);
    return {
      arrivedAt: begin + at,
      serviceSeconds: Math.min(MAX_SERVICE_SECONDS, service),
      isBad: random() < plan.bad,
      queueSeconds: 0,
      sequenceNumber: sequenceNumber(index),
      partitionKey: `key-${index}`,
      payload: Buffer.from(`{"n":${index}}`),
    };
  });
  const byPayload = new Map(entries.map((entry) => [entry.payload.toString(), entry]));

  let busy = 0;
  /** Moments at which all slots became busy, or one became free. */
  const changes = [{ at: begin, isFree: true }];
  const use = (more: 1 | -1): void => {
    busy += more;
    const isFree = busy < plan.slots;
    if (isFree !== changes.at(-1)!.isFree) changes.push({ at: time.clock.now(), isFree });
  };
  let slotSeconds = 0;
  const queue: (() => void)[] = [];
  const endpoint = {
    async invoke(body: Uint8Array, signal?: AbortSignal) {
      const entry = byPayload.get(Buffer.from(body).toString());
      const arrivedAt = time.clock.now();
      if (busy >= plan.slots) await new Promise<void>((resolve) => queue.push(resolve));
      use(1);
      if (entry !== undefined) entry.queueSeconds = time.clock.now() - arrivedAt;
      const seconds = entry?.isBad === true ? 0.05 : (entry?.serviceSeconds ?? 0.05);
      slotSeconds += seconds;
      await time.sleep(seconds * 1000, signal);
      use(-1);
      queue.shift()?.();
      if (signal?.aborted) throw new RetryableError('aborted');
      if (entry?.isBad === true) throw new RequestFailedError('the model returned 500', 500);
      return { status: 200, body: Buffer.from('{"generated_tokens":1}') };
    },
  };
  const arrived = (from: number, limit: number) => {
    const now = time.clock.now();
    let end = from;
    while (end < entries.length && end - from < limit && entries[end]!.arrivedAt <= now) end += 1;
    return entries.slice(from, end);
  };
  const reader: ShardReader = {
    after: (_arn, _shard, sequence) => {
      let place = entries.findIndex((entry) => entry.sequenceNumber === sequence) + 1;
      return {
        async next(limit) {
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
    reader: plan.readsAhead ? reader : undefined,
    clock: time.clock,
    sleep: time.sleep,
    random,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    concurrency: plan.followsCapacity === true ? 1_000 : plan.slots,
    capacity: plan.followsCapacity === true ? followerOf(plan.slots, time) : undefined,
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
  const added: number[] = [];
  let answered = 0;
  const wasFree = (moment: number): boolean => {
    let low = 0;
    for (let high = changes.length; high - low > 1;) {
      const middle = (low + high) >> 1;
      if (changes[middle]!.at <= moment) low = middle;
      else high = middle;
    }
    return changes[low]!.isFree;
  };
  let deadLetters = 0;
  let longestVerdict = 0;
  for (const { position, answeredAt, deadLetter } of store.lines()) {
    const entry = places.get(position)!;
    if (deadLetter === null) {
      answered += 1;
      if (wasFree(entry.arrivedAt))
        added.push(answeredAt - entry.arrivedAt - entry.serviceSeconds - entry.queueSeconds);
    } else {
      deadLetters += 1;
      longestVerdict = Math.max(longestVerdict, answeredAt - entry.arrivedAt);
    }
  }
  return {
    added: {
      p50: quantile(added, 0.5),
      p95: quantile(added, 0.95),
      p99: quantile(added, 0.99),
      max: Math.max(...added),
    },
    use: slotSeconds / (plan.slots * (time.clock.now() - begin)),
    free: added.length / answered,
    answered,
    deadLetters,
    longestVerdict,
  };
}
