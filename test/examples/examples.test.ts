import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { proveCommand } from '../../bin/commands/prove';
import { simulateCommand } from '../../bin/commands/simulate';
import type { Rehearsal } from '../../lib/simulation/rehearse';
import { projectDirectory } from '../architecture/imports';
import { codeBlocks, exampleNames } from '../readme/code-blocks';
import { runProgram } from '../readme/run-program';

const EXAMPLES = ['budget', 'gpu-endpoint', 'own-endpoint', 'scale-to-zero', 'shared-gpus', 'stream'];

const inExample = (name: string, file: string): string => path.join(projectDirectory, 'examples', name, file);

let folder: string;
beforeAll(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-examples-'))));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Runs a command of the command line in this process. */
async function run(create: typeof simulateCommand | typeof proveCommand, args: readonly string[]) {
  let stdout = '';
  let code: number | undefined;
  const command = create({
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: () => undefined },
    onExitCode: (given: number) => (code = given),
  } as never);
  command.exitOverride();
  await command.parseAsync(args, { from: 'user' });
  return { stdout, code };
}

test('the examples are six', () => expect(exampleNames().sort()).toEqual(EXAMPLES));

describe.each(EXAMPLES)('the example %s', (name) => {
  /** Synthesizes the stack once and returns its template. */
  function template(): string {
    const assembly = path.join(folder, name);
    if (!fs.existsSync(assembly)) {
      process.env.CDK_OUTDIR = assembly;
      try {
        runProgram(inExample(name, 'app.ts'), fs.readFileSync(inExample(name, 'app.ts'), 'utf8'));
      } finally {
        delete process.env.CDK_OUTDIR;
      }
    }
    const [file] = fs.readdirSync(assembly).filter((one) => one.endsWith('.template.json'));
    return path.join(assembly, file!);
  }

  test('has no policies that prove accuses, but for what its README says', async () => {
    const { stdout, code } = await run(proveCommand, [path.dirname(template())]);
    expect(stdout).toContain(name === 'own-endpoint' ? '0 errors, 1 warning' : 'no findings');
    if (name === 'own-endpoint') expect(stdout).toContain('warning single-instance-type');
    expect(code).toBe(0);
  });

  test('serves its traffic in the rehearsal that its README shows', async () => {
    const given = /npx tidegate simulate (.*)/.exec(readme(name).commands)![1]!.split(' ');
    const files = given.map((word) => (word === 'cdk.out' ? path.dirname(template()) : inExample(name, word)));
    const args = given.map((word, index) => (fs.existsSync(files[index]!) ? files[index]! : word));
    const { stdout, code } = await run(simulateCommand, [...args, '--no-advice', '--json']);
    expect(code).toBe(0);
    const { rehearsals } = JSON.parse(stdout) as { readonly rehearsals: readonly Rehearsal[] };
    expect(rehearsals.length).toBe(1);
    const { requests, sloPercent, cost } = rehearsals[0]!;
    expect(requests.arrived).toBeGreaterThan(1000);
    expect(requests.completed + requests.unfinished).toBe(requests.arrived);
    expect(sloPercent).toBeGreaterThan(90);
    expect(cost.usdPerMonth).toBeGreaterThan(100);
  });

  test('has a README of at most 20 lines, with the commands that it takes', () => {
    const { lines, commands } = readme(name);
    expect(lines).toBeLessThanOrEqual(20);
    for (const command of ['npx cdk synth', 'npx tidegate prove', 'npx tidegate simulate'])
      expect(commands).toContain(command);
  });

  test('runs on Node.js as it is', () => {
    expect(JSON.parse(fs.readFileSync(inExample(name, 'cdk.json'), 'utf8'))).toEqual({ app: 'node app.ts' });
  });
});

function readme(name: string): { readonly lines: number; readonly commands: string } {
  const text = fs.readFileSync(inExample(name, 'README.md'), 'utf8');
  const blocks = codeBlocks(path.join('examples', name, 'README.md')).filter(({ language }) => language === 'sh');
  return { lines: text.trim().split('\n').length, commands: blocks.map(({ code }) => code).join('\n') };
}

test('the examples in Python are programs', () => {
  const files = EXAMPLES.map((name) => inExample(name, 'app.py')).filter((file) => fs.existsSync(file));
  expect(files).not.toEqual([]);
  const program = 'import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name).read(), name)';
  const { stderr } = spawnSync(process.env.PYTHON ?? 'python3', ['-c', program, ...files], { encoding: 'utf8' });
  expect(stderr).toBe('');
});
