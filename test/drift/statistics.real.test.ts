import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { ensurePythonEnvironment } from '../../lib/emulator/engine/python-environment';
import { projectDirectory } from '../architecture/imports';

const SCRIPT = path.join(projectDirectory, 'lib', 'drift', 'assets', 'drift.py');
const LIMIT_MS = 600_000;

interface Judged {
  readonly cases: { readonly numeric: number; readonly counts: number };
  readonly worst: { readonly [statistic: string]: number };
  readonly gamma: { readonly points: number; readonly difference: number };
  readonly findings: readonly { readonly shift: number; readonly drift: boolean; readonly river: boolean }[];
}

describe('the statistics of drift, beside those of SciPy and river', () => {
  let judged: Judged;

  beforeAll(async () => {
    const python = await ensurePythonEnvironment({
      projectDirectory,
      packages: {
        folder: 'drift-judges',
        requirements: path.join(__dirname, 'requirements.txt'),
        title: 'SciPy and river',
        module: 'river',
      },
    });
    const output = execFileSync(python, [path.join(__dirname, 'judge.py'), SCRIPT], { encoding: 'utf8' });
    judged = JSON.parse(output) as Judged;
    console.info(
      [
        `${judged.cases.numeric} pairs of samples, ${judged.cases.counts} pairs of counts; largest difference from SciPy:`,
        ...Object.entries({ ...judged.worst, gamma: judged.gamma.difference }).map(
          ([name, difference]) => `  ${name.padEnd(20)}${difference.toExponential(1)}`,
        ),
        'shift, drift found here, by river:',
        ...judged.findings.map(({ shift, drift, river }) => `  ${shift.toFixed(1)}  ${drift}  ${river}`),
      ].join('\n'),
    );
  }, LIMIT_MS);

  test('have distances, indices and p-values of their limits as SciPy has them', () => {
    const { worst, cases, gamma } = judged;
    expect(cases).toEqual({ numeric: 48, counts: 36 });
    expect(worst['kolmogorovSmirnov']).toBeLessThan(1e-12);
    expect(worst['kolmogorovPValue']).toBeLessThan(1e-10);
    expect(worst['chiSquare']).toBeLessThan(1e-10);
    expect(worst['chiSquarePValue']).toBeLessThan(1e-6);
    expect(worst['psi']).toBeLessThan(1e-10);
    expect(gamma).toMatchObject({ points: 1666 });
    expect(gamma.difference).toBeLessThan(1e-10);
  });

  test('approach the exact p-value of the two-sample test', () => {
    expect(judged.worst['exactPValue']).toBeLessThan(0.1);
  });

  test('find a drift in the streams in which river finds one, and in no others', () => {
    expect(judged.findings.map(({ drift }) => drift)).toEqual(judged.findings.map(({ river }) => river));
    expect(judged.findings.map(({ shift, drift }) => [shift, drift])).toEqual([
      [0, false],
      [0, false],
      [0, false],
      [0.8, true],
      [1.5, true],
      [4, true],
    ]);
  });
});
