import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { IngestSource } from '../../lib/local/options';
import { listProcesses } from '../../lib/local/report/process-memory';
import type { RunReport } from '../../lib/local/report/run-report';
import { runLocal } from '../../lib/local/run';

const projectDirectory = path.resolve(__dirname, '../..');
export const TEMPLATE = 'Tidegate-local.template.json';

/** Synthesizes the stage `local` into a folder. */
export function synthesizeLocal(assembly: string, added: { readonly [name: string]: string } = {}): void {
  const { context } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'cdk.json'), 'utf8')) as {
    context: object;
  };
  const { status, stderr } = spawnSync(process.execPath, ['bin/app.mjs'], {
    cwd: projectDirectory,
    env: {
      ...process.env,
      CDK_OUTDIR: assembly,
      CDK_CONTEXT_JSON: JSON.stringify({ ...context, stage: 'local', ...added }),
    },
    encoding: 'utf8',
  });
  expect(`${status} ${stderr}`).toMatch(/^0/);
}

export interface PlatformRun {
  readonly report: RunReport;
  readonly output: string;
  readonly outDirectory: string;
}

/** Time of a run on a busy machine: after it the run stops its processes, so that none stays beside the tests that follow. */
const RUN_LIMIT_MS = 400_000;

/** Time limit of a test with one run. */
export const RUN_TEST_LIMIT_MS = RUN_LIMIT_MS + 50_000;

/** Deploys an assembly to the local engine with the plain cdk command and sends two minutes of traffic through it. */
export async function runPlatform(
  assemblyDirectory: string,
  outDirectory: string,
  {
    server = null,
    model = null,
    ingest = 'kinesis',
  }: { readonly server?: 'triton' | null; readonly model?: string | null; readonly ingest?: IngestSource } = {},
): Promise<PlatformRun> {
  let output = '';
  const report = await runLocal(
    {
      projectDirectory,
      stage: 'local',
      trace: null,
      speed: 30,
      seed: 7,
      budgetUsd: null,
      chaos: false,
      quietMetrics: 'zeros',
      keep: false,
      server,
      model,
      modelName: null,
      payload: null,
      ingest,
      endpoint: null,
      outDirectory,
      durationSeconds: 120,
      pagePort: null,
      assemblyDirectory,
    },
    { output: { write: (text: string) => (output += text) }, signal: AbortSignal.timeout(RUN_LIMIT_MS) },
  );
  return { report, output, outDirectory };
}

/** Checks that a run accounts for every request and resource, trained a model, and left no process behind. */
export async function expectWhole({ report, outDirectory }: PlatformRun, assembly: string): Promise<void> {
  const template = JSON.parse(fs.readFileSync(path.join(assembly, TEMPLATE), 'utf8')) as { Resources: object };
  expect(report.problems).toEqual([]);
  expect(report.ok).toBe(true);
  const { declared, verified } = report.resources;
  expect(verified).toBe(declared);
  // The metadata resource of the CDK belongs to no service.
  expect(declared).toBe(Object.keys(template.Resources).filter((id) => id !== 'CDKMetadata').length);
  const { in: sent, answered, deadLettered, queued } = report.requests;
  expect(sent).toBeGreaterThan(100);
  expect(answered + deadLettered + queued).toBe(sent);
  expect(answered).toBeGreaterThan(0.95 * sent);
  expect(report.training).toMatchObject({
    status: 'SUCCEEDED',
    modelArtifact: expect.stringMatching(/model\.tar\.gz$/),
  });
  expect(report.deniedCalls).toEqual([]);
  expect(JSON.parse(fs.readFileSync(path.join(outDirectory, 'report.json'), 'utf8'))).toMatchObject({ ok: true });
  expect(fs.readFileSync(path.join(outDirectory, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/i);

  const processes = await listProcesses();
  const commands = processes
    .filter(({ parent }) => parent === process.pid)
    .map(({ pid }) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  expect(commands.filter((command) => command.includes('launcher.py'))).toEqual([]);
}
