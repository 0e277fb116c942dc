import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runTidegate } from '../support/command-line';
import { testWith } from '../support/needs';

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
  'redrive',
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
  [
    ['tidegate', 'local', '--server', '='],
    ['onnx', 'triton', 'torchserve'],
  ],
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

/** Command lines as they are typed; bash alone takes a sign of equality for a word. */
const LINES = CASES.map(([words]) => words.join(' ').replace(/ = ?/, '='));

/** Completions as the words that they stand for: without quotes, the flag before a sign of equality, and the slash after a folder. */
const plainCompletions = (text: string): string[] =>
  text
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => one.replaceAll('\\', '').replace(/^--\w+=(?=.)|[/=]$/g, ''))
    .sort();

const EXPECTED = CASES.map(([, expected], index) => [LINES[index], [...expected].sort()]);

testWith(isInstalled('fish') ? undefined : 'fish: apt-get install fish')('fish completes the same', () => {
  const lines = LINES.map((line) => `complete -C '${line}' | cut -f 1; echo =`);
  const { stdout, stderr } = spawnSync(
    'fish',
    ['--no-config', '-c', [`source '${scripts}/fish'`, ...lines].join('\n')],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, HOME: scripts },
    },
  );
  expect(stderr).toBe('');
  const completions = stdout.split('=\n').slice(0, -1);
  expect(completions.map((text, index) => [LINES[index], plainCompletions(text)])).toEqual(EXPECTED);
});

/** Start of an interactive zsh that prints the matches of a Tab between two marks, and ends. */
const ZSHRC = String.raw`
PROMPT=$'\x02'
autoload -Uz compinit; compinit -C -d $ZDOTDIR/compdump
source $TIDEGATE_SCRIPT
bindkey '^I' complete-word
mark() { print -rn -- $'\x01' }
compprefuncs=(mark); comppostfuncs=(mark exit)
zstyle ':completion:*' insert-tab false
compadd() {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return $?; fi
  local -a hits
  local hit
  builtin compadd -A hits "$@"
  for hit in $hits; do print -r -- "$hit"; done
}
`.replaceAll('\\$', '$');

/** Types each line of standard input and a Tab into a zsh of its own. */
const TYPED = String.raw`
zmodload zsh/zpty
while IFS= read -r line; do
  zpty z zsh -d -i
  zpty -r z out $'*\x02'
  zpty -w -n z "$line"$'\t'
  zpty -r z out $'*\x01*\x01'
  out=\${out#*$'\x01'}
  print -r -- "\${\${out%%$'\x01'*}//$'\r'/}"
  print -r -- =
  zpty -d z
done
`.replaceAll('\\$', '$');

testWith(isInstalled('zsh') ? undefined : 'zsh: apt-get install zsh')('zsh completes the same', () => {
  fs.writeFileSync(path.join(scripts, '.zshrc'), ZSHRC);
  const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', TYPED], {
    cwd: folder,
    encoding: 'utf8',
    input: `${LINES.join('\n')}\n`,
    env: { ...process.env, ZDOTDIR: scripts, TIDEGATE_SCRIPT: path.join(scripts, 'zsh'), TERM: 'xterm' },
  });
  expect(stderr).toBe('');
  const completions = stdout.split(/^=\n/m).slice(0, -1);
  // Where nothing can follow, zsh offers the flags.
  const found = completions.map((text, index) => {
    const words = plainCompletions(text);
    return [LINES[index], LINES[index]!.endsWith(' ') ? words.filter((word) => !word.startsWith('-')) : words];
  });
  expect(found).toEqual(EXPECTED);
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
