import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import type { Json } from '../emulator/engine/support/fake-emulator';

const SCRIPT = path.join(projectDirectory, 'lib', 'drift', 'assets', 'drift.py');

/** Rows of a day: ages with a spread, a plan for each, and a confidence. */
const rows = (count: number, shift = 0, plan = 'free', confidence = 0.9): readonly object[] =>
  Array.from({ length: count }, (_, index) => ({
    age: 20 + shift + ((index * 7919) % 101) / 2,
    plan: index % 3 === 0 ? plan : 'team',
    p: confidence + ((index * 31) % 21) / 1000,
  }));

/** Copies of requests as data capture writes them. */
const captured = (given: readonly object[]): readonly object[] =>
  given.map((row, index) => ({
    captureData: {
      endpointInput: {
        observedContentType: 'application/json',
        mode: 'INPUT',
        // Copies of a media type that the configuration does not name are in base64.
        ...(index % 2 === 0
          ? { data: JSON.stringify(row), encoding: 'JSON' }
          : { data: Buffer.from(JSON.stringify(row)).toString('base64'), encoding: 'BASE64' }),
      },
      endpointOutput: { mode: 'OUTPUT', data: JSON.stringify({ scores: [0.2, 0.8] }), encoding: 'JSON' },
    },
    eventMetadata: { eventId: String(index) },
  }));

describe('the comparison of an hour with the baseline', () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-drift-test-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  function run(mode: 'baseline' | 'compare', given: readonly (object | string)[], ...flags: string[]) {
    const data = path.join(folder, 'data', '2026');
    fs.rmSync(data, { recursive: true, force: true });
    fs.mkdirSync(data, { recursive: true });
    const lines = given.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`);
    fs.writeFileSync(path.join(data, 'rows.jsonl'), lines.join(''));
    const at = (name: string): string => path.join(folder, name);
    const { status, stdout, stderr } = spawnSync(
      'python3',
      [
        ...[SCRIPT, '--mode', mode, '--data', at('data'), '--baseline', at('baseline')],
        ...['--baseline-output', at('baseline'), '--report-output', at('report'), '--message', at('message')],
        ...(flags.includes('--columns') ? [] : ['--columns', 'age,plan']),
        ...flags,
      ],
      { encoding: 'utf8' },
    );
    const read = (name: string): string => fs.readFileSync(at(name), 'utf8');
    return {
      status,
      output: stdout + stderr,
      report: () => JSON.parse(read('report/report.json')) as { [member: string]: Json },
      message: () => read('message'),
    };
  }

  test('finds nothing in the same traffic', () => {
    expect(run('baseline', rows(1000)).report()).toMatchObject({ status: 'baselined', rows: 1000 });
    const { report } = run('compare', rows(400));
    expect(report()).toMatchObject({ status: 'stable', driftedColumns: 0, drifted: [], rows: 400 });
    expect(report().score).toBeLessThan(0.5);
  });

  test('names the column that drifted, a numeric one and one of categories', () => {
    run('baseline', rows(1000));
    expect(run('compare', rows(400, 15)).report()).toMatchObject({ status: 'drifted', drifted: ['age'] });
    const plans = run('compare', rows(400, 0, 'company')).report();
    expect(plans).toMatchObject({ status: 'drifted', drifted: ['plan'] });
    expect(plans.columns.plan).toMatchObject({ drifted: true, chiSquare: expect.any(Number) });
    expect(plans.columns.age).toMatchObject({ drifted: false, kolmogorovSmirnov: expect.any(Number) });
  });

  test('is not stable with too few rows, or none', () => {
    run('baseline', rows(1000));
    expect(run('compare', rows(199, 15)).report()).toMatchObject({ status: 'too-few-rows', rows: 199 });
    expect(run('compare', []).report()).toMatchObject({ status: 'too-few-rows', rows: 0 });
    fs.rmSync(path.join(folder, 'baseline'), { recursive: true });
    expect(run('baseline', rows(100)).report()).toMatchObject({ status: 'too-few-rows' });
    expect(fs.existsSync(path.join(folder, 'baseline'))).toBe(false);
  });

  test('takes a column that vanishes for a drift', () => {
    run('baseline', rows(1000));
    const without = rows(400).map((row) => ({ ...row, age: undefined }));
    expect(run('compare', without).report()).toMatchObject({ status: 'drifted', drifted: ['age'] });
  });

  test('takes a column that more rows lack for a drift, though the numbers that are left are those of the baseline', () => {
    run('baseline', rows(1000));
    const lacking = (share: number): readonly object[] =>
      rows(400).map((row, index) => (index % 100 < share ? { ...row, age: 'unknown' } : row));
    const { status, drifted, columns } = run('compare', lacking(40)).report();
    expect([status, drifted]).toEqual(['drifted', ['age']]);
    expect(columns.age).toMatchObject({ absence: expect.any(Number), drifted: true });
    expect(columns.age.kolmogorovSmirnov).toBeLessThan(0.1);
    // The share of the baseline is none.
    run('baseline', lacking(40));
    expect(run('compare', lacking(40)).report()).toMatchObject({ status: 'stable' });
  });

  test('tells a fall of the confidence that other columns do not show', () => {
    run('baseline', rows(1000), '--confidence', 'p');
    const lower = run('compare', rows(400, 0, 'free', 0.8), '--confidence', 'p').report();
    expect(lower).toMatchObject({ status: 'drifted', drifted: ['confidence of p'] });
    expect(lower.confidence.loss).toBeCloseTo(0.1, 3);
    expect(run('compare', rows(400, 0, 'free', 0.87), '--confidence', 'p').report().status).toBe('stable');
  });

  test('reads captured requests and responses, and lists in them', () => {
    const columns = ['--columns', 'input.age,output.scores.1'];
    run('baseline', captured(rows(1000)), ...columns);
    expect(run('compare', captured(rows(400, 15)), ...columns).report().drifted).toEqual(['input.age']);
  });

  test('reads tensors of captured requests', () => {
    const tensors = (count: number, shift: number): readonly object[] =>
      captured(
        Array.from({ length: count }, (_, index) => ({
          inputs: [{ name: 'features', shape: [1, 2], data: [1, shift + ((index * 7919) % 101) / 50] }],
        })),
      );
    const columns = ['--columns', 'input.inputs.0.data.0,input.inputs.0.data.1'];
    run('baseline', tensors(1000, 0), ...columns);
    expect(run('compare', tensors(400, 0), ...columns).report()).toMatchObject({ status: 'stable' });
    expect(run('compare', tensors(400, 1), ...columns).report().drifted).toEqual(['input.inputs.0.data.1']);
  });

  test('counts lines that are no rows, however deep they go', () => {
    run('baseline', rows(1000));
    const deep = ['['.repeat(100_000), `${'{"a":'.repeat(100_000)}1`, `${'{"a":'.repeat(900)}1${'}'.repeat(900)}`];
    const { status, report } = run('compare', [...rows(400), '{"age": 3', '[1]', ...deep]);
    expect(status).toBe(0);
    expect(report()).toMatchObject({ status: 'stable' });
    expect(report().invalidLines).toBeGreaterThanOrEqual(4);
  });

  test('takes numbers that float32 does not hold for none', () => {
    const extreme = ['1'.repeat(400), '1e300', '-1e300', 'NaN', 'Infinity'].map(
      (age) => `{"age": ${age}, "plan": "team"}`,
    );
    run('baseline', [...rows(1000), ...extreme], '--confidence', 'age');
    const { status, report } = run('compare', [...rows(400), ...extreme], '--confidence', 'age');
    expect([status, report().status]).toEqual([0, 'stable']);
  });

  test.each<[string, 'baseline' | 'compare', string[], string]>([
    ['a column that no row has', 'baseline', ['--columns', 'input.age'], 'no row of the baseline has input.age'],
    ['a column that the baseline lacks', 'compare', ['--columns', 'age,p'], 'the baseline has no p; learn it again'],
    ['a confidence of words', 'compare', ['--confidence', 'plan'], 'the column of --confidence has no numbers'],
  ])('refuses %s with the way out', (_name, mode, flags, message) => {
    run('baseline', rows(1000));
    const refused = run(mode, rows(400), ...flags);
    expect(refused.status).toBe(1);
    expect(refused.message()).toContain(message);
  });
});
