import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { chatTemplate } from '../simulation/blueprint/chat-template';
import { testWith } from '../support/needs';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-pipe-'));
  fs.writeFileSync(path.join(folder, 'Chat.template.json'), JSON.stringify(chatTemplate()));
  fs.writeFileSync(path.join(folder, 'short.csv'), `# step_seconds=60\nrequests\n${'90\n'.repeat(30)}`);
  fs.writeFileSync(path.join(folder, 'trace.csv'), `# step_seconds=1\nrequests\n${'2\n'.repeat(14_400)}`);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Runs the command as a program whose reader waits before it reads. */
function read(waitMs: number): Promise<{ readonly text: string; readonly code: number | null }> {
  const command = path.join(projectDirectory, 'bin/tidegate.mjs');
  const flags = ['--template', 'Chat.template.json', '--trace', 'trace.csv', '--json', '--no-advice'];
  const child = spawn(process.execPath, [command, 'simulate', ...flags], {
    cwd: folder,
    env: { ...process.env, TIDEGATE_SET_UP: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.pause();
  setTimeout(() => child.stdout.resume(), waitMs);
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ text, code })));
}

test('a result longer than a pipe holds arrives whole at a slow reader', async () => {
  const { text, code } = await read(4000);
  expect(code).toBe(0);
  expect(text.length).toBeGreaterThan(200_000);
  expect(() => JSON.parse(text) as unknown).not.toThrow();
}, 60_000);

/** Runs lines of bash, in which `tidegate` is the command. */
function bash(lines: string): { readonly stdout: string; readonly stderr: string } {
  const command = path.join(projectDirectory, 'bin/tidegate.mjs');
  return spawnSync('bash', ['-c', `tidegate() { "$NODE" "${command}" "$@"; }\n${lines}`], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, TIDEGATE_SET_UP: '1', NODE: process.execPath },
  });
}

test('a reader that leaves early ends the command without a word', () => {
  const { stdout, stderr } = bash('tidegate prove --rules | true; echo ${PIPESTATUS[0]}; tidegate --help | sed 1q');
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^(0|141)\nUsage: tidegate .*\n$/);
}, 60_000);

const MISSING_FULL_DEVICE = fs.existsSync('/dev/full') ? undefined : 'a device that is full: /dev/full of Linux';

test.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGKILL'] as const)(
  'the copy of a trace from standard input is gone after %s',
  async (signal) => {
    const copies = fs.mkdtempSync(path.join(folder, 'copies-'));
    const command = path.join(projectDirectory, 'bin/tidegate.mjs');
    const child = spawn(process.execPath, [command, 'simulate', 'Chat.template.json', '--trace', '-'], {
      cwd: folder,
      env: { ...process.env, TIDEGATE_SET_UP: '1', TMPDIR: copies },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const ended = new Promise((resolve) => child.on('close', (_code, by) => resolve(by)));
    child.stdin.write('# step_seconds=60\nrequests\n90\n');
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await until(() => fs.readdirSync(copies, { recursive: true }).some((name) => String(name).endsWith('stdin')));
    child.kill(signal);
    expect(await ended).toBe(signal);
    await until(() => fs.readdirSync(copies).length === 0);
  },
  60_000,
);

testWith(MISSING_FULL_DEVICE).each([
  ['a result in text', 'simulate Chat.template.json --trace short.csv --service-mean 2 --no-advice'],
  ['a result in JSON', 'prove Chat.template.json --json'],
  ['a script', 'completion bash'],
  ['a help', '--help'],
])(
  '%s on a full disk is a failure that is named',
  (_what, args) => {
    // A device that takes nothing, as a full disk.
    const { stdout, stderr } = bash(
      `tidegate ${args} >/dev/full; echo $?; tidegate ${args} >/dev/full 2>/dev/full; echo $?`,
    );
    expect(stderr).toMatch(/^tidegate: standard output cannot be written: its disk is full; .*\(ENOSPC\)/m);
    expect(stdout).toBe('1\n1\n');
  },
  60_000,
);

testWith(MISSING_FULL_DEVICE)(
  'notes on a full disk leave the result as it is',
  () => {
    const { stdout } = bash('tidegate simulate Chat.template.json --trace short.csv --no-advice 2>/dev/full; echo $?');
    expect(stdout).toMatch(/^endpoint\/chat[^]*\n0\n$/);
  },
  60_000,
);

test('a template and a trace come from standard input', () => {
  const { stdout, stderr } = bash(
    [
      'cat Chat.template.json | tidegate prove - --format markdown',
      'tidegate simulate Chat.template.json --trace - --service-mean 2 --no-advice <short.csv | sed -n 1,2p',
      'tidegate simulate - --trace - <short.csv',
    ].join('\n'),
  );
  expect(stdout).toMatch(/`stdin` `/);
  expect(stdout).toMatch(/\nendpoint\/chat\/variant\/main {2}\(Chat\.template\.json\)\n/);
  expect(stderr).toBe(
    'tidegate: a template and --trace are both -, and standard input is read once; give one of them as a file\n',
  );
  expect(fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('tidegate-trace-'))).toEqual([]);
}, 60_000);

test('a template and a trace come from pipes, named or of the shell, whose writers come later', () => {
  const simulate = 'simulate pipe --trace <(sleep 0.5; cat short.csv) --service-mean 2 --no-advice';
  const { stdout, stderr } = bash(
    ['mkfifo pipe', '(sleep 1; cat Chat.template.json >pipe) &', `tidegate ${simulate} | sed -n 1p`].join('\n'),
  );
  expect(stderr).not.toMatch(/^tidegate: /m);
  expect(stdout).toMatch(/^endpoint\/chat\/variant\/main {2}\(pipe\)\n$/);
}, 60_000);
