import type { KafkaBatchResponse } from '../contract';

/**
 * Lambda's event source mapping of a stream, as documented: what it delivers of one shard or partition, and what it makes of the answer. Records have
 * numbers that grow by one. The local engine delivers Kafka topics by it, and the bench and the tests play it for Kinesis and Kafka.
 *
 * - Records come in order, one batch at a time; a place that is passed is never gone back behind.
 * - A batch that fails comes again as it was, which consumes a retry. With bisection it comes as two halves, one after the other, which consumes none.
 * - A batch that reports a record comes again from that record on: with bisection it is split there, which consumes no retry. One that reports its first
 *   record has failed as a whole. Retries are counted from the last record that was passed.
 * - A batch without retries left, or with records that are too old, goes to the failure destination, and the mapping goes on behind it.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
 * https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
 */
export interface MappingPlan {
  readonly bisectBatchOnFunctionError: boolean;
  /** Retries of a batch; Infinity without a maximum. */
  readonly maximumRetryAttempts: number;
}

/** Records from `first` up to `end`, without `end`, and the retries that they consumed. */
export interface MappingDelivery {
  readonly first: number;
  readonly end: number;
  readonly retries: number;
}

/** Place of a mapping in its shard or partition. */
export interface MappingPlace {
  /** Number of the first record that is neither done nor given up. */
  readonly next: number;
  /** Parts of a batch that come again, in order; the first begins at `next`. */
  readonly parts: readonly MappingDelivery[];
}

/** Answer of the function to a delivery. */
export type DeliveryAnswer =
  | { readonly kind: 'done' }
  /** The function reported a record: those before it are done. */
  | { readonly kind: 'reported'; readonly record: number }
  /** The function failed, or its time ran out, or it reported something that was not delivered. */
  | { readonly kind: 'failed' };

/** Place after an answer, and what goes to the failure destination. */
export interface MappingStep {
  readonly place: MappingPlace;
  readonly givenUp: MappingDelivery | undefined;
  /** Pause before the next delivery. */
  readonly pauseSeconds: number;
}

const NOTHING: readonly MappingDelivery[] = [];

/** Retries of a Kafka mapping without a number: unlimited, but ten where there is a failure destination. */
export const KAFKA_RETRIES_WITH_DESTINATION = 10;

/** Maximum pause between two deliveries, seconds. */
const MAX_PAUSE_SECONDS = 60;

/** Returns the place of a new mapping. */
export function beginAt(record: number): MappingPlace {
  return { next: record, parts: NOTHING };
}

/**
 * Returns the next delivery: what comes again, or the next records; undefined where there are none.
 *
 * @param end number behind the last record of the shard or partition
 * @param size records of a new batch, at most the plan's: Lambda delivers fewer where the records are large or few
 */
export function nextDelivery(place: MappingPlace, end: number, size: number): MappingDelivery | undefined {
  const [again] = place.parts;
  if (again !== undefined) return again;
  if (place.next >= end) return undefined;
  return { first: place.next, end: Math.min(end, place.next + size), retries: 0 };
}

/** Returns the place after the answer to a delivery that {@link nextDelivery} returned. */
export function afterDelivery(
  place: MappingPlace,
  { first, end, retries }: MappingDelivery,
  answer: DeliveryAnswer,
  { bisectBatchOnFunctionError, maximumRetryAttempts }: MappingPlan,
): MappingStep {
  const rest = place.parts.length > 0 ? place.parts.slice(1) : NOTHING;
  if (answer.kind === 'done') return { place: { next: end, parts: rest }, givenUp: undefined, pauseSeconds: 0 };
  const isReported = answer.kind === 'reported' && answer.record > first && answer.record < end;
  const from = isReported ? answer.record : first;
  if (bisectBatchOnFunctionError && end - from > 1) {
    const middle = isReported ? end : from + Math.ceil((end - from) / 2);
    const halves = [{ first: from, end: middle, retries: 0 }];
    if (middle < end) halves.push({ first: middle, end, retries: 0 });
    return { place: { next: from, parts: [...halves, ...rest] }, givenUp: undefined, pauseSeconds: 1 };
  }
  const consumed = isReported ? 0 : retries;
  if (consumed >= maximumRetryAttempts) {
    const givenUp = { first: from, end, retries: consumed };
    return { place: { next: end, parts: rest }, givenUp, pauseSeconds: 0 };
  }
  const again = { first: from, end, retries: consumed + 1 };
  const pauseSeconds = Math.min(MAX_PAUSE_SECONDS, 2 ** consumed);
  return { place: { next: from, parts: [again, ...rest] }, givenUp: undefined, pauseSeconds };
}

/** Gives up the records before one that is young enough. */
export function giveUpBefore(place: MappingPlace, record: number): MappingStep {
  const { next } = place;
  if (record <= next) return { place, givenUp: undefined, pauseSeconds: 0 };
  const parts = place.parts
    .filter(({ end }) => end > record)
    .map((part) => (part.first < record ? { ...part, first: record } : part));
  return { place: { next: record, parts }, givenUp: { first: next, end: record, retries: 0 }, pauseSeconds: 0 };
}

/**
 * Returns the place of a partition that another poller takes over (a rebalance, a restart of the pollers): at the committed offset, with batches of
 * other sizes and without memory of the retries.
 */
export function takenOver({ next }: MappingPlace): MappingPlace {
  return beginAt(next);
}

/** Records of a partition in an event of a Kafka topic. */
export interface DeliveredRecords {
  readonly first: number;
  readonly end: number;
  /** Offsets of the records, ascending: a topic has gaps. @default - the numbers of the records */
  readonly offsets?: readonly number[];
}

/**
 * Reads the response of a Kafka consumer: the answer for each partition of the event. Where several records of a partition are reported, the lowest
 * offset counts. A partition or an offset that was not delivered, or a response of another form, fails the whole event.
 *
 * @param delivered records of each partition, by `topic-partition`
 * @param response value that the function returned
 */
export function kafkaAnswers(
  delivered: { readonly [topicPartition: string]: DeliveredRecords },
  response: unknown,
): { readonly [topicPartition: string]: DeliveryAnswer } {
  const all = (answer: DeliveryAnswer) => Object.fromEntries(Object.keys(delivered).map((name) => [name, answer]));
  const failures = (response as Partial<KafkaBatchResponse> | null | undefined)?.batchItemFailures ?? [];
  if (!Array.isArray(failures)) return all({ kind: 'failed' });
  const lowest = new Map<string, number>();
  for (const failure of failures as KafkaBatchResponse['batchItemFailures']) {
    const { partition, offset } = failure?.itemIdentifier ?? {};
    const range = partition === undefined || !Object.hasOwn(delivered, partition) ? undefined : delivered[partition];
    const record = range && numberOf(range, offset);
    if (record === undefined) return all({ kind: 'failed' });
    lowest.set(partition, Math.min(record, lowest.get(partition) ?? Infinity));
  }
  return Object.fromEntries(
    Object.keys(delivered).map((name) => {
      const record = lowest.get(name);
      return [name, record === undefined ? { kind: 'done' } : { kind: 'reported', record }];
    }),
  );
}

/** Returns the number of a record by its offset; undefined for one that was not delivered. */
function numberOf({ first, end, offsets }: DeliveredRecords, offset: unknown): number | undefined {
  if (typeof offset !== 'number' || !Number.isInteger(offset)) return undefined;
  const record = offsets === undefined ? offset : first + offsets.indexOf(offset);
  return record >= first && record < end ? record : undefined;
}
