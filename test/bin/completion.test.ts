import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runTidegate } from '../support/command-line';

let folder: string;
let scripts: string;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-completion-'));
  scripts = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-completion-scripts-'));
  fs.mkdirSync(path.join(folder, 'cdk.out'));
  fs.writeFileSync(path.join(folder, 'a stack.yaml'), '');
  fs.writeFileSync(path.join(folder, 'traffic.csv'), '');
  for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
    const { stdout, code } = await runTidegate(['completion', shell]);
    expect(code).toBe(0);
    fs.writeFileSync(path.join(scripts, shell), stdout);
  }
});
afterAll(() => {
  for (const one of [folder, scripts]) fs.rmSync(one, { recursive: true, force: true });
});

const isInstalled = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

const FILES = ['a stack.yaml', 'cdk.out', 'traffic.csv'];
const COMMANDS = [
  'local',
  'inspect',
  'agree',
  'simulate',
  'compare',
  'tune',
  'prove',
  'preflight',
  'prices',
  'completion',
  'help',
  'version',
];

/** Command lines, the last word of which is completed. */
const CASES: readonly [words: string[], completions: string[]][] = [
  [['tidegate', ''], COMMANDS],
  [
    ['tidegate', 'p'],
    ['prove', 'preflight', 'prices'],
  ],
  [
    ['tidegate', '--'],
    ['--version', '--no-color', '--help'],
  ],
  [['tidegate', 'prove', ''], FILES],
  [['tidegate', 'prove', 'cdk'], ['cdk.out']],
  [['tidegate', 'prove', 'traffic.csv', 'a'], ['a stack.yaml']],
  [['tidegate', 'prove', '--ru'], ['--rules']],
  [['tidegate', 'prove', '--json', '--template', 't'], ['traffic.csv']],
  [['tidegate', 'prove', '--region', ''], []],
  [['tidegate', 'prove', '--', '--r'], []],
  [['tidegate', 'simulate', 'cdk.out', '--trace', 'tr'], ['traffic.csv']],
  [['tidegate', 'simulate', '--fail'], ['--fail-if']],
  [['tidegate', 'local', '--server', 'tr'], ['triton']],
  [['tidegate', 'local', '--server', '=', 'tr'], ['triton']],
  [['tidegate', 'local', '--server', '='], ['python', 'triton', 'torchserve'].slice(1)],
  [['tidegate', 'prices', ''], ['update']],
  [['tidegate', 'prices', 'update', '--o'], ['--out']],
  [['tidegate', 'completion', 'z'], ['zsh']],
  [
    ['tidegate', 'help', 'com'],
    ['compare', 'completion'],
  ],
  [['tidegate', 'version', ''], []],
];

test('bash completes commands, flags, their choices and files', () => {
  const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
  const script = [
    `source '${scripts}/bash'; complete -p tidegate`,
    ...CASES.map(
      ([words]) =>
        `COMP_WORDS=(${words.map(quoted).join(' ')}); COMP_CWORD=${words.length - 1}; _tidegate; printf '%s\\n' "\${COMPREPLY[@]}"; echo =`,
    ),
  ].join('\n');
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  const [registered, ...rest] = stdout.split('\n');
  expect(registered).toBe('complete -F _tidegate tidegate');
  const completions = rest.join('\n').split('\n=\n').slice(0, -1);
  expect(
    CASES.map(([words], index) => [
      words,
      completions[index]!.split('\n')
        .filter((one) => one !== '')
        .sort(),
    ]),
  ).toEqual(CASES.map(([words, expected]) => [words, [...expected].sort()]));
});

test.each(['bash', 'zsh', 'fish'].filter(isInstalled))('%s accepts its script', (shell) => {
  expect(spawnSync(shell, ['-n', path.join(scripts, shell)], { encoding: 'utf8' })).toMatchObject({
    status: 0,
    stderr: '',
  });
});

test('the scripts of the other shells name every command, flag and choice', async () => {
  const bash = fs.readFileSync(path.join(scripts, 'bash'), 'utf8');
  const flags = new Set(bash.match(/--[a-z-]+/g));
  expect(flags.size).toBeGreaterThan(40);
  for (const shell of ['zsh', 'fish', 'powershell']) {
    const text = fs.readFileSync(path.join(scripts, shell), 'utf8');
    for (const command of [...COMMANDS, 'update']) expect(text).toContain(command);
    for (const flag of flags) expect(text).toContain(shell === 'fish' ? `-l ${flag.slice(2)}` : flag);
    expect(text).toContain('triton');
  }
});
