import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  formatMeasurementLine,
  formatResultLine,
  MEASUREMENTS_PREFIX,
  RESULTS_PREFIX,
  type RecordResult,
  type RequestMeasurement,
} from '../../lib/ingestion/contract';
import { Random } from '../../lib/simulation/random';

/** 2025-12-01 in seconds. */
const START = 1_764_547_200;
const HOURS = 12;
export const WATERMARK_SECONDS = 7200;
export const SESSION_GAP_SECONDS = 1800;
const LINES_PER_OBJECT = 1000;

/** An object of the landing zone. */
export interface LandedObject {
  readonly key: string;
  readonly lines: readonly string[];
  /** False for one that lands with the second half, although its rows may be of the first. */
  readonly isEarly: boolean;
}

/** A generated landing zone, with the reason of every line that has to be set aside. */
export interface Landing {
  readonly objects: readonly LandedObject[];
  /** Results and measurements that are valid, by the key of their object. */
  readonly good: ReadonlyMap<string, readonly (RecordResult | RequestMeasurement)[]>;
  /** Reasons by the key of the object. */
  readonly aside: ReadonlyMap<string, readonly string[]>;
}

interface Line {
  readonly text: string;
  readonly good?: RecordResult | RequestMeasurement;
  readonly reason?: string;
}

/** Generates requests of twelve hours, with duplicates, late lines and broken ones: the same for the same seed. */
export function generateLanding(requests: number, seed: number): Landing {
  const random = new Random(seed);
  const results: Line[] = [];
  const measurements: Line[] = [];
  let sequence = 0;
  const sequenceNumber = (): string => String(++sequence).padStart(56, '0');
  for (let index = 0; index < requests; index++) {
    const arrivedAt = micro(START + (HOURS * 3600 * index) / requests + random.uniform());
    const result = resultOf(random, index, arrivedAt, sequenceNumber());
    const draw = random.uniform();
    if (draw < 0.01) results.push(broken(result, Math.floor(draw * 1e5) % BREAKS.length));
    else if (draw < 0.015) {
      const late = { ...result, answeredAt: micro(arrivedAt + WATERMARK_SECONDS + 1 + random.uniform()) };
      results.push({ text: formatResultLine(late), reason: 'late' });
      continue;
    } else results.push({ text: formatResultLine(result), good: result });
    if (draw >= 0.1 && draw < 0.13) {
      const at = micro(arrivedAt + random.uniform() * 4000);
      const again = { ...result, position: sequenceNumber(), arrivedAt: at, answeredAt: micro(at + 1) };
      results.push({ text: formatResultLine(again), good: again });
    }
    // A dead letter that was redriven, and answered then.
    if (draw >= 0.4 && draw < 0.41) {
      const at = micro(arrivedAt - 1 - random.uniform() * 3000);
      const none = { inputTokens: null, outputTokens: null, responseBytes: null, response: null, requestSeconds: null };
      const outcome = {
        arrivedAt: at,
        answeredAt: micro(at + 60),
        error: 'failed',
        deadLetter: `dead-letters/${index}`,
      };
      const letter = { ...result, ...none, ...outcome, status: 500, position: sequenceNumber() };
      results.push({ text: formatResultLine(letter), good: letter });
    }
    // The same line twice, as objects of a shard that overlap have it.
    if (draw >= 0.2 && draw < 0.21) results.push({ text: formatResultLine(result), good: result });
    if (draw >= 0.3 || draw < 0.1) {
      const measurement = measurementOf(result);
      measurements.push({ text: formatMeasurementLine(measurement), good: measurement });
      if (draw > 0.9 && draw < 0.92) measurements.push({ text: formatMeasurementLine(measurement), good: measurement });
    }
  }
  const objects: LandedObject[] = [];
  const good = new Map<string, (RecordResult | RequestMeasurement)[]>();
  const aside = new Map<string, string[]>();
  for (const [prefix, lines] of [
    [RESULTS_PREFIX, results],
    [MEASUREMENTS_PREFIX, measurements],
  ] as const)
    for (let from = 0; from < lines.length; from += LINES_PER_OBJECT) {
      const part = lines.slice(from, from + LINES_PER_OBJECT);
      const key = `${prefix}requests/shardId-${(from / LINES_PER_OBJECT) % 3}/${String(from).padStart(9, '0')}.jsonl`;
      // One object in ten of the first half lands late, out of order.
      const isEarly = from < lines.length / 2 && random.uniform() > 0.1;
      objects.push({ key, lines: part.map(({ text }) => text), isEarly });
      good.set(
        key,
        part.flatMap((line) => line.good ?? []),
      );
      aside.set(
        key,
        part.flatMap((line) => line.reason ?? []),
      );
    }
  return { objects, good, aside };
}

const micro = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;

function resultOf(random: Random, index: number, arrivedAt: number, position: string): RecordResult {
  const inputTokens = Math.floor(random.uniform() * 4000);
  const outputTokens = Math.floor(random.uniform() * 600);
  return {
    id: `r-${index}`,
    // A topic may have records with an empty key.
    key: `user-${Math.floor(random.uniform() * 2000)}`.replace(/^user-0$/, '').replace(/^user-1$/, 'a "}{" b'),
    position,
    arrivedAt,
    answeredAt: micro(arrivedAt + 2.5),
    requestSeconds: 2.375,
    status: 200,
    model: 'chat',
    variant: 'main',
    contentType: 'application/json',
    inputTokens,
    outputTokens,
    responseBytes: 12,
    response: '{"a":"}{ \\"b\\""}',
    responseObject: null,
    error: null,
    deadLetter: null,
  };
}

/** Service times that training can learn. */
function measurementOf(result: RecordResult): RequestMeasurement {
  const [contextTokens, generatedTokens] = [result.inputTokens!, result.outputTokens!];
  return {
    id: result.id,
    key: result.key,
    contextTokens,
    generatedTokens,
    sentAt: micro(result.arrivedAt - 0.125),
    answeredAt: result.answeredAt,
    serviceSeconds: 0.05 + 0.000125 * contextTokens + 0.02 * generatedTokens,
    queueSeconds: 0.1,
  };
}

/** Character that stands for a byte which is no UTF-8. */
const NO_UTF8 = '\ue0ff';

/** Ways in which a line is broken, with the reason that the job gives. */
const BREAKS: readonly (readonly [reason: string, change: (text: string) => string])[] = [
  ['not JSON, or a field of another type', (text) => text.slice(0, text.length / 2)],
  ['not JSON, or a field of another type', (text) => text.replace(/"status":200/, '"status":"fine"')],
  ['not JSON, or a field of another type', () => '"text"'],
  ['not JSON, or a field of another type', (text) => `${text} ${text}`],
  ['not UTF-8', (text) => text.replace(/"key":"/, `"key":"${NO_UTF8}`)],
  ['no id', (text) => text.replace(/"id":"[^"]*"/, '"id":""')],
  ['no key', (text) => text.replace(/"key":"[^"]*",/, '')],
  ['no time', (text) => text.replace(/"arrived_at":[\d.]+/, '"arrived_at":null')],
  ['a time out of range', (text) => text.replace(/"arrived_at":[\d.]+/, '"arrived_at":17.5')],
  ['a number below 0 or infinite', (text) => text.replace(/"input_tokens":\d+/, '"input_tokens":-1')],
  // A value that is a number and fits nothing must not end the run.
  ['a time out of range', (text) => text.replace(/"arrived_at":[\d.]+/, '"arrived_at":1e300')],
  [
    'more tokens than a request has',
    (text) => text.replace(/"input_tokens":\d+/, '"input_tokens":4611686018427387904'),
  ],
  ['neither a result nor a measurement', () => '{"id":"x","key":"y"}'],
];

function broken(result: RecordResult, kind: number): Line {
  const [reason, change] = BREAKS[kind]!;
  return { text: change(formatResultLine(result)), reason };
}

/** Writes objects below a folder. */
export function land(folder: string, objects: readonly LandedObject[]): void {
  for (const { key, lines } of objects) {
    const file = path.join(folder, key);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join('')).toString('latin1');
    fs.writeFileSync(file, bytes.replaceAll(Buffer.from(NO_UTF8).toString('latin1'), '\xff'), 'latin1');
  }
}

interface Merged {
  readonly id: string;
  readonly result: RecordResult | undefined;
  readonly measurement: RequestMeasurement | undefined;
  readonly eventUs: number;
}

const isResult = (line: RecordResult | RequestMeasurement): line is RecordResult => 'position' in line;
const us = (seconds: number): number => Math.round(seconds * 1e6);

/** The rows that the table must have, as texts, computed another way: one row an id, in order of time, with the features of its session. */
export function expectedRows(good: readonly (RecordResult | RequestMeasurement)[]): string[] {
  const byId = new Map<string, { result?: RecordResult; measurement?: RequestMeasurement }>();
  for (const line of good) {
    const known = byId.get(line.id) ?? {};
    if (isResult(line)) {
      const first = known.result;
      if (
        first === undefined ||
        Number(line.deadLetter !== null) - Number(first.deadLetter !== null) < 0 ||
        (Number(line.deadLetter !== null) === Number(first.deadLetter !== null) &&
          (line.arrivedAt < first.arrivedAt || (line.arrivedAt === first.arrivedAt && line.position < first.position)))
      )
        known.result = line;
    } else if (known.measurement === undefined || line.answeredAt < known.measurement.answeredAt) {
      known.measurement = line;
    }
    byId.set(line.id, known);
  }
  const byKey = new Map<string, Merged[]>();
  for (const [id, { result, measurement }] of byId) {
    const eventUs = result === undefined ? us(measurement!.sentAt!) : us(result.arrivedAt);
    const key = (result ?? measurement)!.key;
    byKey.set(key, [...(byKey.get(key) ?? []), { id, result, measurement, eventUs }]);
  }
  return [...byKey].flatMap(([key, rows]) => rowsOfKey(key, rows)).sort();
}

function rowsOfKey(key: string, rows: readonly Merged[]): string[] {
  const ordered = [...rows].sort((a, b) => a.eventUs - b.eventUs || (a.id < b.id ? -1 : 1));
  const texts: string[] = [];
  let session = { startUs: 0, count: 0, input: 0, output: 0 };
  ordered.forEach(({ id, result, measurement, eventUs }, index) => {
    const previousUs = ordered[index - 1]?.eventUs;
    const continues = previousUs !== undefined && eventUs - previousUs <= SESSION_GAP_SECONDS * 1e6;
    if (!continues) session = { startUs: eventUs, count: 0, input: 0, output: 0 };
    const sessionId = createHash('sha256').update(`${key}|${session.startUs}`).digest('hex').slice(0, 32);
    texts.push(
      JSON.stringify([
        id,
        key,
        eventUs,
        new Date(eventUs / 1000).toISOString().slice(0, 13),
        sessionId,
        session.count,
        session.input,
        session.output,
        continues ? (eventUs - previousUs) / 1e6 : null,
        result?.position ?? null,
        measurement?.serviceSeconds ?? null,
      ]),
    );
    session.count++;
    session.input += result?.inputTokens ?? measurement?.contextTokens ?? 0;
    session.output += result?.outputTokens ?? measurement?.generatedTokens ?? 0;
  });
  return texts;
}
