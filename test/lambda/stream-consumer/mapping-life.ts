import { decideCheckpoint, type RecordOutcome } from '../../../lib/ingestion/decide/checkpoint';
import {
  afterDelivery,
  beginAt,
  type MappingDelivery,
  type DeliveryAnswer,
  giveUpBefore,
  kafkaAnswers,
  type MappingPlace,
  type MappingPlan,
  nextDelivery,
  takenOver,
} from '../../../lib/ingestion/decide/event-source-mapping';
import { isRecordToBlame } from '../../../lib/ingestion/decide/verdict';
import { draws } from './draws';

/** Source whose event source mapping is played. */
export type SourceKind = 'kinesis' | 'kafka';

/** Fault that the audit has to find: what the consumer leaves out. */
export type Flaw =
  | 'does not look what is written'
  | 'reports all as done'
  | 'goes on in a key after a failure'
  | 'blames a record in an outage';

/** Outcome of one random life of a stream or topic. */
export interface MappingLife {
  readonly records: number;
  /** Records that were part of an event, repetitions included. */
  readonly deliveries: number;
  readonly invocations: number;
  readonly answered: number;
  readonly deadLetters: number;
  /** Records in the failure destination without an outcome. */
  readonly givenUp: number;
  /** Records without an outcome that are nowhere. */
  readonly lost: number;
  /** Records that were sent before an earlier one of their key had ended. */
  readonly orderBreaks: number;
  /** Records with two outcomes, or with one that is not theirs. */
  readonly doubleEffects: number;
}

const NONE = 0;
const ANSWERED = 1;
const DEAD = 2;
const GIVEN_UP = 3;

const MAX_MODEL_FAILURES = 3;

type Outcome = RecordOutcome<null> | undefined;
const SUCCEEDED: Outcome = { kind: 'succeeded', answer: null };
const REJECTED: Outcome = { kind: 'rejected', error: 'the model returned 422', status: 422 };
const WRITTEN: Outcome = { kind: 'written' };
const PENDING: Outcome = { kind: 'pending', error: 'busy' };

/** Shard, lane of a shard, or partition: numbers of its records in the order of the source. */
interface Lane {
  readonly name: string;
  readonly records: Int32Array;
  place: MappingPlace;
}

/**
 * Plays a random life of a stream or a topic: the event source mapping as the pure model has it, and the consumer with its real decisions over a log in
 * memory. Batches of random sizes, retries with and without a maximum, bisections that consume none, deliveries that are repeated after their success or
 * long afterwards, time-outs after the outcomes were written, writes that fail or whose response is lost, environments that end and are deployed anew,
 * poison, outages, records that become too old; shards that are split or merged and read ahead; partitions that are delivered together and
 * taken over by another poller, and responses that name what was not delivered.
 */
export function playMapping(kind: SourceKind, seed: number, size: number, flaw?: Flaw): MappingLife {
  const random = draws(seed);
  const chance = (probability: number): boolean => random() < probability;
  const below = (limit: number): number => Math.floor(random() * limit);

  const keyCount = 1 + below(200);
  const poisonShare = chance(0.7) ? 0.01 : 0;
  const keys = new Int32Array(size);
  const previous = new Int32Array(size).fill(-1);
  const poison = new Uint8Array(size);
  const latest = new Int32Array(keyCount).fill(-1);
  for (let index = 0; index < size; index++) {
    const key = below(keyCount);
    keys[index] = key;
    previous[index] = latest[key]!;
    latest[key] = index;
    if (poisonShare > 0 && chance(poisonShare)) poison[index] = 1;
  }
  /** Outcomes in the bucket, and the number of lines of each record. */
  const outcome = new Uint8Array(size);
  const lines = new Uint8Array(size);
  /** 1 for a record that was answered or set aside at least once. */
  const ended = new Uint8Array(size);
  /** Answers that the current environment of a record's lane remembers. */
  const remembered = new Int32Array(size).fill(-1);
  /** Number of the invocation in which a key is blocked. */
  const blocked = new Int32Array(keyCount).fill(-1);
  const open: number[] = [];
  const outcomes: Outcome[] = [];

  let orderBreaks = 0;
  let doubleEffects = 0;
  let deliveries = 0;
  let invocations = 0;
  let environment = 0;
  let outageUntil = -1;
  const faults = {
    busy: chance(0.5) ? 0.005 : 0,
    write: chance(0.5) ? 0.03 : 0,
    death: chance(0.5) ? 0.05 : 0,
    timeUp: chance(0.5) ? 0.05 : 0,
  };

  /** Sends a record; true when it has ended. */
  function send(record: number, isOutage: boolean): Outcome {
    const before = previous[record]!;
    if (before !== -1 && ended[before] === 0 && outcome[before] === NONE) orderBreaks += 1;
    if (remembered[record] === environment) return SUCCEEDED;
    if (isOutage && flaw !== 'blames a record in an outage') return PENDING;
    if (poison[record] === 0 && !isOutage) {
      if (faults.busy > 0 && chance(faults.busy)) return PENDING;
      ended[record] = 1;
      remembered[record] = environment;
      return SUCCEEDED;
    }
    const seconds = chance(0.1) ? 30 : 0.2;
    for (let count = 1; ; count++) {
      // Others are answered: each failure counts, until there is a verdict or no time.
      if (chance(0.05)) return PENDING;
      if (!isRecordToBlame({ count, requestSeconds: count * seconds }, MAX_MODEL_FAILURES, false)) continue;
      ended[record] = 1;
      return REJECTED;
    }
  }

  /** Writes the lines of the records that have ended; false where the write failed. */
  function write(): boolean {
    if (faults.write > 0 && chance(faults.write)) return false;
    for (const record of open) {
      lines[record] += 1;
      if (lines[record]! > 1) doubleEffects += 1;
      outcome[record] = poison[record] === 1 || remembered[record] !== environment ? DEAD : ANSWERED;
    }
    open.length = 0;
    return true;
  }

  /** Processes records of a lane as the consumer does: look what is written, invoke, decide, write. */
  function consume(lane: Lane, first: number, end: number, ahead: number): DeliveryAnswer {
    deliveries += end - first;
    const invocation = invocations;
    const isOutage = outageUntil > invocation;
    const stop = faults.timeUp > 0 && chance(faults.timeUp) ? first + below(end - first) : Infinity;
    outcomes.length = 0;
    const limit = Math.min(lane.records.length, end + ahead);
    for (let at = first; at < limit; at++) {
      const record = lane.records[at]!;
      let result: Outcome;
      if (outcome[record] !== NONE && outcome[record] !== GIVEN_UP && flaw !== 'does not look what is written')
        result = WRITTEN;
      else if (at < stop && (blocked[keys[record]!] !== invocation || flaw === 'goes on in a key after a failure')) {
        result = send(record, isOutage);
        if (result === PENDING) blocked[keys[record]!] = invocation;
        else open.push(record);
      } else blocked[keys[record]!] = invocation;
      if (at < end) outcomes.push(result);
    }
    if (faults.death > 0 && chance(faults.death)) {
      // The environment ends before it has written, or after it: Lambda sees a failure.
      if (chance(0.5)) write();
      open.length = 0;
      environment += 1;
      return { kind: 'failed' };
    }
    if (!write()) {
      open.length = 0;
      return { kind: 'failed' };
    }
    const checkpoint = decideCheckpoint(outcomes);
    if (checkpoint === end - first || flaw === 'reports all as done') return { kind: 'done' };
    return { kind: 'reported', record: first + checkpoint };
  }

  const giveUp = (lane: Lane, delivery: MappingDelivery | undefined): void => {
    if (delivery === undefined) return;
    for (let at = delivery.first; at < delivery.end; at++) {
      const record = lane.records[at]!;
      if (outcome[record] === NONE) outcome[record] = GIVEN_UP;
    }
  };

  const batchSize = 1 + below(300);
  const plan: MappingPlan = {
    bisectBatchOnFunctionError: chance(0.8),
    maximumRetryAttempts: chance(0.2) ? below(20) : Infinity,
  };

  function settle(lane: Lane, delivery: MappingDelivery, answer: DeliveryAnswer): void {
    const step = afterDelivery(lane.place, delivery, answer, plan);
    if (step.place.next < lane.place.next) throw new Error('the mapping went back');
    lane.place = step.place;
    giveUp(lane, step.givenUp);
  }

  for (const generation of lanesOf(kind, keys, below)) {
    let live = generation.filter(({ records }) => records.length > 0);
    const isAhead = kind === 'kinesis' && chance(0.5);
    while (live.length > 0) {
      invocations += 1;
      if (outageUntil < invocations && chance(0.002)) outageUntil = invocations + below(40);
      if (chance(0.01)) environment += 1;
      // A topic's event has the records of several partitions.
      const together = kind === 'kafka' && chance(0.3) ? 1 + below(live.length) : 1;
      const begin = below(live.length);
      const chosen = Array.from({ length: together }, (_, at) => live[(begin + at) % live.length]!);
      const event = chosen.map((lane) => ({
        lane,
        delivery: nextDelivery(lane.place, lane.records.length, 1 + below(batchSize))!,
      }));
      const answers = event.map(({ lane, delivery }) =>
        consume(lane, delivery.first, delivery.end, isAhead ? below(60) : 0),
      );
      if (kind === 'kinesis') settle(event[0]!.lane, event[0]!.delivery, answers[0]!);
      else if (chance(0.02)) {
        // Another poller takes the partitions over, and the response counts for nothing.
        for (const { lane } of event) lane.place = takenOver(lane.place);
      } else {
        const failed = answers.every(({ kind: one }) => one === 'failed');
        const stranger = chance(0.005) ? [{ itemIdentifier: { partition: 'other-0', offset: 0 } }] : [];
        const response = failed
          ? 'Unhandled'
          : {
              batchItemFailures: [
                ...stranger,
                ...answers.flatMap((answer, at) => {
                  const { lane, delivery } = event[at]!;
                  if (answer.kind === 'done') return [];
                  const offset = answer.kind === 'reported' ? answer.record : delivery.first;
                  return [{ itemIdentifier: { partition: lane.name, offset } }];
                }),
              ],
            };
        const delivered = Object.fromEntries(event.map(({ lane, delivery }) => [lane.name, delivery]));
        const read = failed ? undefined : kafkaAnswers(delivered, response);
        for (const { lane, delivery } of event) settle(lane, delivery, read?.[lane.name] ?? { kind: 'failed' });
      }
      const { lane } = event[0]!;
      if (chance(0.03) && lane.place.next > 0) {
        // An older batch comes once more, and its response counts for nothing.
        invocations += 1;
        const again = below(lane.place.next);
        consume(lane, again, Math.min(lane.place.next, again + 1 + below(batchSize)), 0);
      }
      if (chance(0.0005)) {
        // An outage made records older than the maximum age.
        const step = giveUpBefore(lane.place, Math.min(lane.records.length, lane.place.next + below(50)));
        lane.place = step.place;
        giveUp(lane, step.givenUp);
      }
      if (event.some((one) => one.lane.place.next >= one.lane.records.length && one.lane.place.parts.length === 0))
        live = live.filter(({ place, records }) => place.next < records.length || place.parts.length > 0);
    }
  }

  const counts = { answered: 0, deadLetters: 0, givenUp: 0, lost: 0 };
  for (let record = 0; record < size; record++) {
    if (outcome[record] === NONE) counts.lost += 1;
    if (outcome[record] === GIVEN_UP) counts.givenUp += 1;
    if (outcome[record] === ANSWERED) counts.answered += 1;
    if (outcome[record] === DEAD) counts.deadLetters += 1;
    if (outcome[record] === DEAD && poison[record] === 0) doubleEffects += 1;
  }
  return { records: size, deliveries, invocations, ...counts, orderBreaks, doubleEffects };
}

/** Generations of lanes: shards that are split or merged once, in up to three lanes each; the partitions of a topic. */
function lanesOf(kind: SourceKind, keys: Int32Array, below: (limit: number) => number): readonly (readonly Lane[])[] {
  const bounds = kind === 'kinesis' ? [0, keys.length >> 1, keys.length] : [0, keys.length];
  return bounds.slice(1).map((end, generation) => {
    const begin = bounds[generation]!;
    const count = kind === 'kinesis' ? (1 + below(4)) * (1 + below(3)) : 1 + below(8);
    const parts = Array.from({ length: count }, () => [] as number[]);
    for (let record = begin; record < end; record++) parts[Math.imul(keys[record]! + 1, 40_503) % count]!.push(record);
    return parts.map((records, index) => ({
      name: kind === 'kinesis' ? `shardId-00000000000${generation}:${index}` : `requests-${index}`,
      records: Int32Array.from(records),
      place: beginAt(0),
    }));
  });
}
