import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { listProcesses } from '../../lib/local/process-memory';
import type { RunReport } from '../../lib/local/report/run-report';
import { runLocal } from '../../lib/local/run';
import { canServeModels } from '../support/model-server';

const projectDirectory = path.resolve(__dirname, '../..');
const TEMPLATE = 'Tidegate-local.template.json';

/** Deploys the stage to the local engine with the plain cdk command and sends two minutes of traffic through it. */
describe('the platform on this machine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-platform-'));
  const assembly = path.join(folder, 'assembly');

  beforeAll(() => {
    const { status, stderr } = spawnSync(process.execPath, ['bin/app.mjs'], {
      cwd: projectDirectory,
      env: { ...process.env, CDK_OUTDIR: assembly, CDK_CONTEXT_JSON: JSON.stringify(cdkContext()) },
      encoding: 'utf8',
    });
    expect(`${status} ${stderr}`).toMatch(/^0/);
  });

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  async function run(
    assemblyDirectory: string,
    name: string,
    server: 'triton' | null = null,
  ): Promise<{ readonly report: RunReport; readonly output: string; readonly outDirectory: string }> {
    const outDirectory = path.join(folder, name);
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
        keep: false,
        server,
        endpoint: null,
        outDirectory,
        durationSeconds: 120,
        pagePort: null,
        assemblyDirectory,
      },
      { output: { write: (text: string) => (output += text) }, signal: new AbortController().signal },
    );
    return { report, output, outDirectory };
  }

  test('answers real traffic, trains, and leaves nothing behind', async () => {
    const server = canServeModels() ? 'triton' : null;
    const { report, outDirectory } = await run(assembly, 'whole', server);
    const template = JSON.parse(fs.readFileSync(path.join(assembly, TEMPLATE), 'utf8')) as { Resources: object };

    expect(report.problems).toEqual([]);
    expect(report.ok).toBe(true);
    // Every answer went through the real model server, also those that Kinesis and the handler carried.
    if (server !== null) expect(report.modelServer!.requests).toBeGreaterThanOrEqual(report.requests.answered);
    const { declared, verified } = report.resources;
    expect(verified).toBe(declared);
    // The CDK's own metadata resource is no resource of any service.
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
  }, 150_000);

  test('fails, naming the denied action, when a handler lacks one permission', async () => {
    const lacking = path.join(folder, 'lacking');
    fs.cpSync(assembly, lacking, { recursive: true });
    const file = path.join(lacking, TEMPLATE);
    const template = JSON.parse(fs.readFileSync(file, 'utf8')) as PolicyTemplate;
    expect(removeStatement(template, 'WriteObjects')).toBe(1);
    fs.writeFileSync(file, JSON.stringify(template));

    const { report, output } = await run(lacking, 'lacking-report');
    expect(report.ok).toBe(false);
    expect(report.deniedCalls.map(({ action }) => action)).toContain('s3:PutObject');
    expect(output).toContain('s3:PutObject');
  }, 150_000);
});

interface PolicyTemplate {
  readonly Resources: {
    readonly [id: string]: {
      readonly Type: string;
      readonly Properties: { PolicyDocument: { Statement: { readonly Sid?: string }[] } };
    };
  };
}

/** Removes the statement from the policies of a template, and answers how often it stood there. */
function removeStatement(template: PolicyTemplate, sid: string): number {
  let removed = 0;
  for (const { Type, Properties } of Object.values(template.Resources)) {
    if (Type !== 'AWS::IAM::Policy') continue;
    const document = Properties.PolicyDocument;
    const kept = document.Statement.filter((statement) => statement.Sid !== sid);
    removed += document.Statement.length - kept.length;
    document.Statement = kept;
  }
  return removed;
}

function cdkContext(): object {
  const { context } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'cdk.json'), 'utf8')) as {
    context: object;
  };
  return { ...context, stage: 'local' };
}
