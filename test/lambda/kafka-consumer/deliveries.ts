import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import { createHandler } from '../../../lambda/kafka-consumer/handler';
import { RetryableError } from '../../../lib/core/errors';
import { controlRequestObjectKey, type KafkaEventRecord, parseDeadLetter } from '../../../lib/ingestion/contract';
import {
  afterDelivery,
  beginAt,
  type DeliveryAnswer,
  kafkaAnswers,
  type MappingDelivery,
  type MappingPlace,
  nextDelivery,
  takenOver,
} from '../../../lib/ingestion/decide/event-source-mapping';
import { FIELDS, Life, SILENT, STATUSES, TEXT_ANSWER } from '../stream-consumer/deliveries';
import { draws } from '../stream-consumer/draws';
import { MemoryStore } from '../stream-consumer/memory-store';
import { VirtualTime } from '../stream-consumer/virtual-time';
import { AT, GROUP, kafkaEvent, kafkaRecord } from './fakes';

/** Outcome of one random life of a topic. */
export interface TopicLife {
  /** Records sent to the topic. */
  readonly records: number;
  /** Records that were part of an event, repetitions included. */
  readonly deliveries: number;
  readonly invocations: number;
  readonly answered: number;
  readonly deadLetters: number;
  /** Everything that must not happen, in words. */
  readonly breaches: readonly string[];
}

interface Entry {
  readonly index: number;
  readonly record: KafkaEventRecord;
  /** Key of the record; undefined for one without order. */
  readonly key: string | undefined;
  readonly status: number | undefined;
  /** Number of attempts that ended without the record's own error, or with it for poison. */
  ended: number;
}

interface Partition {
  readonly name: string;
  readonly entries: readonly Entry[];
  place: MappingPlace;
}

const MAX_MODEL_FAILURES = 3;
const TIMEOUTS_MS = [10_000, 30_000, 120_000];
const PLAN = { bisectBatchOnFunctionError: true, maximumRetryAttempts: Infinity };

/**
 * Plays a random life of a topic through the real handler, delivered by the pure model of the event source mapping: up to three pollers, each with
 * partitions of its own and events of several of them; batches of random sizes, offsets with gaps, bisections, responses that are lost; partitions that
 * another poller takes over; environments that end between two invocations or within one; writes that fail, and writes whose response is lost; records
 * that the model refuses or breaks on, with and without key; outages in which the endpoint fails with any status for minutes.
 */
export async function playTopic(seed: number, size: number): Promise<TopicLife> {
  const random = draws(seed);
  const chance = (probability: number): boolean => random() < probability;
  const below = (limit: number): number => Math.floor(random() * limit);
  const time = new VirtualTime();
  const store = new MemoryStore();
  const breaches: string[] = [];
  const faults = { writes: chance(0.5) ? 0.03 : 0, lost: chance(0.5) ? 0.1 : 0, transient: chance(0.5) ? 0.02 : 0 };
  store.objects.set(controlRequestObjectKey(GROUP), '{"payloadBase64":"Y29udHJvbA=="}');
  store.beforePut = () => {
    if (faults.writes > 0 && chance(faults.writes)) throw new Error('SlowDown');
  };
  store.afterPut = () => {
    if (faults.writes > 0 && chance(faults.writes)) throw new Error('socket hang up');
  };

  const partitions = makePartitions(random, size);
  const entries = partitions.flatMap((partition) => partition.entries);
  const byPayload = new Map(entries.map((entry) => [Buffer.from(entry.record.value!, 'base64').toString(), entry]));
  const previous = new Map<Entry, Entry>();
  const latest = new Map<string, Entry>();
  for (const entry of entries) {
    const before = entry.key === undefined ? undefined : latest.get(entry.key);
    if (before !== undefined) previous.set(entry, before);
    if (entry.key !== undefined) latest.set(entry.key, entry);
  }
  const isDone = ({ ended, status }: Entry): boolean => ended >= (status === undefined ? 1 : MAX_MODEL_FAILURES);

  let outage: { until: number; status: number } | undefined;
  const inFlight = new Set<string>();
  async function invokeEndpoint(life: Life, body: Uint8Array, signal?: AbortSignal) {
    await life.goesOn();
    const entry = byPayload.get(Buffer.from(body).toString());
    // An answered record is also sent as control, out of its turn.
    const key = entry === undefined || isDone(entry) ? undefined : entry.key;
    if (key !== undefined) {
      if (inFlight.has(key)) breaches.push(`${entry!.index}: two of ${key} in flight`);
      const before = previous.get(entry!);
      if (before !== undefined && !isDone(before)) breaches.push(`${entry!.index} is sent before ${before.index}`);
      inFlight.add(key);
      life.keys.add(key);
    }
    await time.sleep(chance(0.02) ? 4_000 : 100 * (1 + below(3)), signal);
    await life.goesOn();
    if (key !== undefined) {
      inFlight.delete(key);
      life.keys.delete(key);
    }
    if (signal?.aborted) throw new RetryableError('aborted');
    if (outage !== undefined && time.clock.now() < outage.until) {
      const { status } = outage;
      if (status === 503) throw new RetryableError('busy');
      // It counts against the record when the outage ends before the pause after it.
      if (entry?.status !== undefined) entry.ended += 1;
      throw new RequestFailedError(`all fail with ${status}`, status);
    }
    if (chance(faults.transient)) throw new RetryableError('ThrottlingException');
    if (entry !== undefined) entry.ended += 1;
    if (entry?.status !== undefined) throw new RequestFailedError(`the model returned ${entry.status}`, entry.status);
    return { status: 200, body: TEXT_ANSWER, contentType: 'application/json' };
  }

  /** An execution environment that can end at any moment: whatever it does after its end has no effect. */
  const environment = () => {
    const life = new Life();
    const alive =
      <Given extends unknown[], Result>(call: (...given: Given) => Promise<Result>) =>
      async (...given: Given): Promise<Result> => {
        await life.goesOn();
        const result = await call(...given);
        await life.goesOn();
        return result;
      };
    const handler = createHandler({
      consumerGroupId: GROUP,
      endpoint: { invoke: (body, signal) => invokeEndpoint(life, body, signal) },
      results: {
        put: alive(store.put.bind(store)),
        putNew: alive(store.putNew.bind(store)),
        get: alive(store.get.bind(store)),
        keysAfter: alive(store.keysAfter.bind(store)),
      },
      clock: time.clock,
      sleep: time.sleep,
      random,
      logger: SILENT,
      concurrency: 32,
      maxModelFailures: MAX_MODEL_FAILURES,
      recordFields: FIELDS,
      maxRecordBytes: 1024 * 1024,
      publish: () => Promise.resolve(),
    });
    const end = (): void => {
      life.end();
      for (const key of life.keys) inFlight.delete(key);
    };
    return { handler, end };
  };

  let deliveries = 0;
  let invocations = 0;
  /** Plays a poller with its partitions, one event after the other. */
  const poll = async (own: readonly Partition[]): Promise<void> => {
    let current = environment();
    const timeoutMs = TIMEOUTS_MS[below(TIMEOUTS_MS.length)]!;
    const batchSize = 1 + below(80);
    const renew = (): void => {
      current.end();
      current = environment();
    };
    /** Returns the response of an invocation; undefined where it fails or is lost. */
    const invoke = async (batches: readonly (readonly Entry[])[]): Promise<unknown> => {
      const records = batches.flat().map(({ record }) => record);
      deliveries += records.length;
      invocations += 1;
      if (chance(0.05)) renew();
      if (outage === undefined && chance(0.01)) {
        outage = { until: time.clock.now() + 30 + 600 * random(), status: STATUSES[below(STATUSES.length)]! };
      } else if (outage !== undefined && time.clock.now() >= outage.until && chance(0.05)) outage = undefined;
      const answer = current.handler(kafkaEvent(...records), time.context(timeoutMs)).catch(() => undefined);
      const over = new AbortController();
      const response = await (
        chance(faults.lost / 2)
          ? Promise.race([answer, time.sleep(below(20_000), over.signal).then(() => 'ended' as const)])
          : answer
      ).finally(() => over.abort());
      if (response !== 'ended' && !chance(faults.lost)) return response;
      renew();
      return undefined;
    };
    for (;;) {
      const open = own.filter(({ place, entries: all }) => place.next < all.length);
      if (open.length === 0) return;
      const begin = below(open.length);
      const chosen = Array.from({ length: 1 + below(open.length) }, (_, at) => open[(begin + at) % open.length]!);
      const event = chosen.map((partition) => ({
        partition,
        delivery: nextDelivery(partition.place, partition.entries.length, 1 + below(batchSize))!,
      }));
      const batchOf = ({ partition, delivery }: { partition: Partition; delivery: MappingDelivery }) =>
        partition.entries.slice(delivery.first, delivery.end);
      const response = await invoke(event.map(batchOf));
      if (chance(0.02)) {
        // Another poller takes the partitions over, and the response counts for nothing.
        for (const { partition } of event) partition.place = takenOver(partition.place);
        renew();
        continue;
      }
      const delivered = Object.fromEntries(
        event.map((one) => [
          one.partition.name,
          { ...one.delivery, offsets: batchOf(one).map(({ record }) => record.offset) },
        ]),
      );
      const answers = response === undefined ? {} : kafkaAnswers(delivered, response);
      let pauseSeconds = 0;
      for (const { partition, delivery } of event) {
        const answer: DeliveryAnswer = answers[partition.name] ?? { kind: 'failed' };
        if (response !== undefined && answer.kind === 'failed')
          breaches.push('an offset is reported that was not delivered');
        const step = afterDelivery(partition.place, delivery, answer, PLAN);
        partition.place = step.place;
        pauseSeconds = Math.max(pauseSeconds, step.pauseSeconds);
      }
      await time.sleep(Math.min(10, pauseSeconds) * 1000);
      const { partition } = event[0]!;
      if (chance(0.03)) {
        // An older batch comes once more, and its response counts for nothing.
        const again = below(partition.place.next + 1);
        const end = Math.min(partition.place.next, again + 1 + below(batchSize));
        if (end > again) await invoke([partition.entries.slice(again, end)]);
      }
    }
  };
  const pollers = 1 + below(3);
  await time.until(
    Promise.all(
      Array.from({ length: pollers }, (_, number) =>
        poll(partitions.filter((_one, index) => index % pollers === number)),
      ),
    ),
  );
  return { ...audit(store, entries, breaches), records: entries.length, deliveries, invocations, breaches };
}

function makePartitions(random: () => number, size: number): Partition[] {
  const below = (limit: number): number => Math.floor(random() * limit);
  const poison = random() < 0.7 ? 0.02 : 0;
  const keys = 1 + below(60);
  const unkeyed = random() < 0.5 ? 0.1 : 0;
  const lists = Array.from({ length: 1 + below(6) }, () => [] as Entry[]);
  const offsets = lists.map(() => below(1000));
  for (let index = 0; index < size; index++) {
    const number = below(keys);
    const key = random() < unkeyed ? undefined : `key-${number}`;
    const partition = number % lists.length;
    // Markers of transactions and compaction leave gaps.
    offsets[partition]! += random() < 0.05 ? 1 + below(3) : 1;
    const draw = random();
    lists[partition]!.push({
      index,
      key,
      status: draw < poison / 2 ? 422 : draw < poison ? 500 : undefined,
      ended: 0,
      record: kafkaRecord(partition, offsets[partition]!, {
        timestamp: AT + index,
        key: key === undefined ? null : Buffer.from(key).toString('base64'),
        value: Buffer.from(`{"n":${index}}`).toString('base64'),
      }),
    });
  }
  return lists.map((entries, partition) => ({ name: `requests-${partition}`, entries, place: beginAt(0) }));
}

/** Compares everything in the bucket with what was sent to the topic. */
function audit(store: MemoryStore, entries: readonly Entry[], breaches: string[]) {
  const place = new Map(entries.map((entry) => [`requests-${entry.record.partition}:${entry.record.offset}`, entry]));
  const lines = new Map<Entry, number>();
  let deadLetters = 0;
  for (const { id, deadLetter, response } of store.lines()) {
    const entry = place.get(id);
    if (entry === undefined) {
      breaches.push(`a line of no record: ${id}`);
      continue;
    }
    lines.set(entry, (lines.get(entry) ?? 0) + 1);
    if ((deadLetter !== null) !== (entry.status !== undefined))
      breaches.push(
        `${entry.index} (${entry.status ?? 'well'}) ended as ${deadLetter === null ? 'answer' : 'dead letter'}`,
      );
    if (deadLetter === null) {
      if (response !== TEXT_ANSWER.toString()) breaches.push(`${entry.index}: another response`);
      continue;
    }
    deadLetters += 1;
    const letter = store.objects.get(deadLetter);
    if (letter === undefined || parseDeadLetter(letter).kafkaRecord?.value !== entry.record.value)
      breaches.push(`${entry.index}: no dead letter, or another record`);
  }
  for (const entry of entries)
    if (lines.get(entry) !== 1) breaches.push(`${entry.index} has ${lines.get(entry) ?? 0} lines`);
  if (store.keysBelow('dead-letters/').length !== deadLetters) breaches.push('there are dead letters without a line');
  return { deadLetters, answered: lines.size - deadLetters };
}
