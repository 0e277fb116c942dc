import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { projectDirectory } from '../architecture/imports';
import { chatTemplate } from '../simulation/blueprint/chat-template';
import { runTidegate } from '../support/command-line';
import { getProducts } from '../support/price-lists';
import { runInTerminal, screenLines, type TerminalOptions, type TerminalRun } from '../support/terminal';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-terminal-'));
  fs.writeFileSync(path.join(folder, 'Chat.template.json'), JSON.stringify(chatTemplate()));
  const list = getProducts([{ instanceType: 'ml.g5.xlarge', usd: '1.57' }]);
  fs.writeFileSync(path.join(folder, 'list.json'), JSON.stringify(list));
  const counts = Array.from({ length: 120 }, (_, minute) => Math.round(180 + 90 * Math.sin(minute / 15)));
  fs.writeFileSync(path.join(folder, 'trace.csv'), `# step_seconds=60\nrequests\n${counts.join('\n')}\n`);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Nothing listens there. */
const NOBODY = 'http://127.0.0.1:9';

const tidegate = (flags: string, options: Partial<TerminalOptions> = {}): Promise<TerminalRun> =>
  runInTerminal([process.execPath, path.join(projectDirectory, 'bin/tidegate.mjs'), ...flags.split(' ')], {
    cwd: folder,
    ...options,
    env: {
      ...process.env,
      TIDEGATE_SET_UP: '1',
      TERM: 'xterm',
      NO_COLOR: undefined,
      FORCE_COLOR: undefined,
      ...options.env,
    },
  });

/** One line a command, those without a bar too: a command without a line is a failure. */
const COMMANDS: readonly [command: string, flags: string, result: RegExp, bar: RegExp | null][] = [
  ['prove', 'prove C*.template.json', /\d+ errors?, \d+ warnings?/, null],
  [
    'simulate',
    'simulate --template Chat.template.json --trace trace.csv --to 2400',
    /recommended changes/,
    /endpoint\/chat.*[█░]/,
  ],
  [
    'tune',
    'tune --template Chat.template.json --trace trace.csv --candidates 4 --workers 1 --service-mean 2',
    /TargetValue|keep|save/i,
    /tune .*[█░]/,
  ],
  ['compare', 'compare --trace trace.csv --from 1800 --seeds 1', /tidegate-forecast/, /compare .*[█░]/],
  ['prices update', 'prices update --from list.json', /^1 prices of eu-west-1 are in tidegate\.prices\.json$/m, null],
  ['preflight', `preflight Chat.template.json --region us-east-1 --endpoint ${NOBODY}`, /could not be asked/, null],
  ['redrive', `redrive --stack Chat --endpoint ${NOBODY}`, /stack Chat could not be read/, null],
  ['inspect', 'inspect --endpoint chat --region us-east-1 --commands', /aws sagemaker describe-endpoint/, null],
  ['agree', 'agree .', /'\.' has no inspection\.json/, null],
  ['local', 'local --tour endpoints --budget 3', /--tour goes with .*leave out --budget/, null],
  ['help', 'help prove', /Usage: tidegate prove/, null],
  ['version', 'version', /^\d+\.\d+\.\d+/m, null],
  ['completion', 'completion bash', /^complete -F _tidegate tidegate$/m, null],
];

describe('in a terminal', () => {
  test('every command is tried', async () => {
    const { stdout } = await runTidegate(['completion', 'bash']);
    const commands = [...stdout.matchAll(/^ {4}'(.+)'\)$/gm)].map(([, name]) => name!);
    const groups = commands.filter((name) => commands.some((other) => other.startsWith(`${name} `)));
    expect(COMMANDS.map(([name]) => name).sort()).toEqual(commands.filter((name) => !groups.includes(name)).sort());
  });

  test('a result has colours, and none where NO_COLOR forbids them', async () => {
    const [coloured, plain] = await Promise.all([
      tidegate('prove --rules'),
      tidegate('prove --rules', { env: { NO_COLOR: '1' } }),
    ]);
    expect(coloured.text).toContain('\u001b[');
    expect(plain.text).not.toContain('\u001b');
    expect(stripVTControlCharacters(coloured.text)).toBe(plain.text);
  }, 60_000);

  test.each(COMMANDS)(
    '%s draws its progress, removes it, and prints its result',
    async (_name, flags, result, bar) => {
      const { text, code } = await tidegate(flags);
      expect(`${code} ${text}`).toMatch(/^[012] /);
      if (bar !== null) expect(text).toMatch(bar);
      const left = screenLines(text).join('\n');
      expect(stripVTControlCharacters(left)).toMatch(result);
      expect(left).not.toMatch(/[█░]+ +\d+ %|\u001b\[2K/);
    },
    120_000,
  );

  test('a progress bar never exceeds a narrow terminal', async () => {
    const { text, code } = await tidegate(COMMANDS[3][1], { columns: 40 });
    expect(code).toBe(0);
    const bars = text.split('\r').filter((line) => /compare .*[█░]/.test(line));
    expect(bars.length).toBeGreaterThan(0);
    for (const line of bars) expect(line.replace('\u001b[2K', '').length).toBeLessThan(40);
  }, 120_000);

  test('Ctrl-C ends a command in the middle of a calculation', async () => {
    const { code } = await tidegate(COMMANDS[3][1], { interruptAt: /compare / });
    expect(code).toBe(130);
  }, 120_000);

  test('bad input is one message', async () => {
    const { text, code } = await tidegate('compare --trace nothing.csv');
    expect(code).toBe(2);
    expect(screenLines(stripVTControlCharacters(text)).filter((line) => line !== '')).toEqual([
      expect.stringMatching(/^tidegate: .*nothing\.csv/),
    ]);
  }, 60_000);
});
