import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { MEASUREMENTS_PREFIX, RESULTS_PREFIX } from '../../lib/ingestion/contract';
import { PackedAsset } from '../../lib/training';
import { describeWith } from '../support/needs';
import {
  expectedRows,
  generateLanding,
  land,
  SESSION_GAP_SECONDS,
  WATERMARK_SECONDS,
  type LandedObject,
} from './landing';
import { localSpark, runFeaturesJob, type KilledAt, type SparkRun } from './spark';

/** Requests of the landing zone: with duplicates and measurements about twice as many lines. FEATURES_REQUESTS=500000 makes a million. */
const REQUESTS = Number(process.env.FEATURES_REQUESTS ?? 50_000);
const RUN_TIMEOUT_MS = 1_200_000;

interface Commit {
  readonly objects: readonly { readonly path: string }[];
  readonly counts: {
    readonly lines: number;
    readonly result: number;
    readonly measurement: number;
    readonly quarantined: { readonly [reason: string]: number };
    readonly duplicates: { readonly result: number; readonly measurement: number };
  };
}

// Rows of the table, read where their shape is known.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Row = any;

const spark = localSpark();

describeWith('missing' in spark ? spark.missing : undefined, 'the features job on real Spark', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-features-'));
  const landingFolder = path.join(root, 'landing');
  const output = path.join(root, 'features');
  const landing = generateLanding(REQUESTS, 20261130);
  const early = landing.objects.filter(({ isEarly }) => isEarly);

  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  const run = (extra: readonly string[] = [], killed?: KilledAt): Promise<SparkRun> =>
    runFeaturesJob(
      (spark as { readonly python: string }).python,
      [
        ...[RESULTS_PREFIX, MEASUREMENTS_PREFIX].flatMap((prefix) => ['--landing', path.join(landingFolder, prefix)]),
        ...['--output', output],
        ...['--watermark-seconds', String(WATERMARK_SECONDS)],
        ...['--session-gap-seconds', String(SESSION_GAP_SECONDS)],
        ...extra,
      ],
      killed,
    );

  /** Files below a folder of the output. */
  const filesOf = (kind: string, extension: string): string[] => {
    const folder = path.join(output, kind);
    if (!fs.existsSync(folder)) return [];
    return fs
      .readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(extension) && !path.basename(name).startsWith('.'))
      .map((name) => path.join(folder, name))
      .sort();
  };

  /** Rows of the table as the oracle writes them. */
  const tableRows = async (): Promise<string[]> => {
    const { asyncBufferFromFile, parquetReadObjects } = await import('hyparquet');
    const { compressors } = await import('hyparquet-compressors');
    const texts: string[] = [];
    for (const file of filesOf('table', '.parquet')) {
      const [, day, hour] = /day=(.+)\/hour=(.+)\//.exec(file)!;
      const rows: Row[] = await parquetReadObjects({ file: await asyncBufferFromFile(file), compressors });
      for (const row of rows)
        texts.push(
          JSON.stringify([
            row.id,
            row.key,
            Number(row.result?.event_us ?? row.measurement.event_us),
            `${day}T${hour}`,
            row.session_id,
            Number(row.session_index),
            Number(row.session_input_tokens),
            Number(row.session_output_tokens),
            row.seconds_since_previous ?? null,
            row.result?.sequence_number ?? null,
            row.service_seconds ?? null,
          ]),
        );
    }
    return texts.sort();
  };

  const expectTable = async (objects: readonly LandedObject[]): Promise<void> => {
    const expected = expectedRows(objects.flatMap(({ key }) => landing.good.get(key)!));
    const rows = await tableRows();
    expect(rows).toHaveLength(expected.length);
    expect(rows.filter((row, index) => row !== expected[index]).slice(0, 3)).toEqual([]);
  };

  const commits = (): Commit[] =>
    filesOf('_commits', '.json').map((file) => JSON.parse(fs.readFileSync(file, 'utf8')) as Commit);

  const reasonsAside = (): string[] =>
    filesOf('quarantine', '.json')
      .flatMap((file) => fs.readFileSync(file, 'utf8').trimEnd().split('\n'))
      .map((line) => (JSON.parse(line) as { reason: string }).reason)
      .sort();

  const expectAside = (objects: readonly LandedObject[]): void =>
    expect(reasonsAside()).toEqual(objects.flatMap(({ key }) => landing.aside.get(key)!).sort());

  const expectSuccess = ({ status, output: text }: SparkRun): void => {
    if (status !== 0) throw new Error(text.slice(-4000));
  };

  test(
    'that is killed before its commit leaves nothing, and the next one makes the table',
    async () => {
      land(landingFolder, early);
      expect((await run([], { message: 'staged' })).status).toBeNull();
      expect([commits(), filesOf('table', '.parquet')]).toEqual([[], []]);
      expectSuccess(await run());
      await expectTable(early);
      expectAside(early);
    },
    2 * RUN_TIMEOUT_MS,
  );

  test(
    'that is killed while it puts its files in place is completed by the next one, which finds nothing else to do',
    async () => {
      land(landingFolder, landing.objects);
      expect((await run([], { copies: 5 })).status).toBeNull();
      const { output: text, ...rest } = await run();
      expectSuccess({ output: text, ...rest });
      expect(text).toContain('features: completing a commit of an interrupted run');
      expect(text).toContain('features: nothing to do');
      await expectTable(landing.objects);
      expectAside(landing.objects);
    },
    2 * RUN_TIMEOUT_MS,
  );

  test(
    'has counted every line: as a row, a duplicate, or set aside',
    async () => {
      const all = commits();
      const sum = (of: (counts: Commit['counts']) => number): number =>
        all.reduce((total, { counts }) => total + of(counts), 0);
      const lines = landing.objects.reduce((total, object) => total + object.lines.length, 0);
      const rows = (await tableRows()).map((text) => JSON.parse(text) as unknown[]);
      const set = reasonsAside().length;
      const [results, measurements] = [9, 10].map((place) => rows.filter((row) => row[place] !== null).length);
      expect(all.flatMap(({ objects }) => objects)).toHaveLength(landing.objects.length);
      expect(sum((counts) => counts.lines)).toBe(lines);
      expect(sum((counts) => counts.result) + sum((counts) => counts.measurement) + set).toBe(lines);
      expect(sum((counts) => counts.result - counts.duplicates.result)).toBe(results);
      expect(sum((counts) => counts.measurement - counts.duplicates.measurement)).toBe(measurements);
      expect(sum((counts) => counts.duplicates.result)).toBeGreaterThan(REQUESTS / 100);
      expect(sum((counts) => counts.duplicates.measurement)).toBeGreaterThan(0);
      expect(new Set(reasonsAside()).size).toBe(10);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'gives the same table when it computes everything again',
    async () => {
      expectSuccess(await run(['--rebuild']));
      await expectTable(landing.objects);
      expectAside(landing.objects);
      expect(filesOf('_runs', '')).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'feeds the training of this package, which finds the coefficients of the service times',
    () => {
      const model = path.join(root, 'model');
      const { status, stderr } = spawnSync('python3', [path.join(PackedAsset.trainingSourcePath(), 'train.py')], {
        encoding: 'utf8',
        env: {
          PATH: process.env.PATH ?? '/usr/bin:/bin',
          PYTHONDONTWRITEBYTECODE: '1',
          SM_CHANNEL_TRAIN: path.join(output, 'training'),
          SM_MODEL_DIR: model,
          SM_CHECKPOINT_DIR: path.join(root, 'checkpoints'),
          SM_OUTPUT_DIR: path.join(root, 'output'),
        },
      });
      expect({ status, stderr }).toMatchObject({ status: 0 });
      const metrics = JSON.parse(fs.readFileSync(path.join(model, 'metrics.json'), 'utf8')) as {
        readonly [name: string]: number;
      };
      expect(metrics.holdout_r2).toBeGreaterThan(0.999);
      const measured = new Set(
        [...landing.good.values()].flat().flatMap((line) => ('position' in line ? [] : [line.id])),
      );
      expect(metrics.rows! + metrics.holdout_rows!).toBe(measured.size);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'refuses to compute everything again once landed objects are gone',
    async () => {
      fs.rmSync(path.join(landingFolder, early[0]!.key));
      const { status, output: text } = await run(['--rebuild']);
      expect(status).toBe(2);
      expect(text).toContain('1 objects of the manifest are no longer landed');
    },
    RUN_TIMEOUT_MS,
  );
});
