import type { Command } from 'commander';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { stringify } from 'yaml';
import { createProgram } from '../../bin/command-line';
import { COMMANDS } from '../../bin/command-list';
import { coloursFor } from '../../bin/output/colours';
import { projectDirectory } from '../architecture/imports';
import { chatTemplate } from '../simulation/blueprint/chat-template';
import { runTidegate, shellWords } from '../support/command-line';
import { getProducts } from '../support/price-lists';

let folder: string;
const before = process.cwd();

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-command-line-'));
  const write = (name: string, text: string): void => fs.writeFileSync(path.join(folder, name), text);
  fs.mkdirSync(path.join(folder, 'cdk.out'));
  write('cdk.out/Chat.template.json', JSON.stringify(chatTemplate()));
  write('stack.yaml', stringify(chatTemplate()));
  write('service.json', '{"measuredSeconds":[1.5,2,2.5]}');
  write('prices.json', JSON.stringify(getProducts([{ instanceType: 'ml.g5.xlarge', usd: '1.57' }])));
  const counts = Array.from({ length: 75 }, (_, minute) => Math.round(18 + 9 * Math.sin(minute / 15)));
  write('traffic.csv', `# step_seconds=60\nrequests\n${counts.join('\n')}\n`);
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  fs.rmSync(folder, { recursive: true, force: true });
});

const program = (columns?: number): Promise<Command> =>
  createProgram(
    { projectDirectory, stdout: { write: () => undefined, columns }, stderr: { write: () => undefined } } as never,
    () => undefined,
  );

/** Every command that does something, with its names. */
function commandsOf(command: Command, names: readonly string[] = []): { names: readonly string[]; command: Command }[] {
  if (command.commands.length === 0) return [{ names, command }];
  return command.commands.flatMap((part) => commandsOf(part, [...names, part.name()]));
}

/** Commands with parts, which do nothing themselves. */
const PARTS: { readonly [name: string]: readonly string[] } = { prices: ['prices update'] };
const NAMES = COMMANDS.flatMap(({ name }) => PARTS[name] ?? [name]);

/** Examples of a help text, without what other programs do in them. */
function examplesOf(help: string): string[][] {
  const [, examples = ''] = help.split('\nExamples:\n');
  return [...examples.matchAll(/^ {2}.*?\b(tidegate (?:(?! (?:>|&&|\|) )[^)#\n])+)/gm)]
    .filter(([line]) => !line.trim().startsWith('#'))
    .map(([, line]) => shellWords(line!));
}

async function helpOf(names: readonly string[]): Promise<string> {
  return (await runTidegate(['help', ...names])).stdout;
}

describe('help', () => {
  test('is tested for every command', async () => {
    expect(commandsOf(await program()).map(({ names }) => names.join(' '))).toEqual(NAMES);
  });

  test.each(NAMES)('of %s has examples that parse', async (names) => {
    const help = await helpOf(names.split(' '));
    expect(help).toMatch(new RegExp(`^Usage: tidegate ${names} `));
    expect(help).toContain('--no-color');
    expect(await runTidegate([...names.split(' '), '--help'])).toEqual({ stdout: help, stderr: '', code: 0 });
    const examples = examplesOf(help);
    expect(examples.length).toBeGreaterThan(0);
    const used: string[] = [];
    for (const [, ...args] of examples) {
      const parsed = await program();
      const seen: string[] = [];
      for (const one of commandsOf(parsed)) one.command.action(() => void seen.push(one.names.join(' ')));
      await parsed.parseAsync(args, { from: 'user' });
      expect(seen).toHaveLength(1);
      used.push(...seen);
    }
    expect(used).toContain(names);
  });

  test.each(['prove', 'simulate', 'tune', 'compare', 'completion', 'help', 'version', 'local'])(
    'has examples of %s that work as they stand',
    async (name) => {
      for (const [, ...args] of examplesOf(await helpOf([name]))) {
        const { stdout, stderr, code } = await runTidegate(args);
        // 1 is a result: the chat template has a fault.
        expect({ args, stderr, worked: code < 2 }).toEqual({
          args,
          stderr: expect.not.stringContaining('tidegate: --') as string,
          worked: true,
        });
        expect(stdout !== '' || name === 'local').toBe(true);
      }
    },
    120_000,
  );

  test('has an example of prices update that works from a saved list', async () => {
    const [, saved] = examplesOf(await helpOf(['prices', 'update']));
    const { stdout, code } = await runTidegate(saved!.slice(1));
    expect({ stdout, code }).toEqual({ stdout: '1 prices of eu-west-1 are in tidegate.prices.json\n', code: 0 });
  });

  test('of the program lists every command, and is the answer to no arguments', async () => {
    const help = await runTidegate(['help']);
    expect(await runTidegate([])).toEqual(help);
    expect(await runTidegate(['--help'])).toEqual(help);
    for (const { name } of COMMANDS) expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });

  test('of every command fits a narrow terminal: descriptions stand under their flags', async () => {
    const columns = 40;
    const narrow = await program(columns);
    for (const { command } of [{ command: narrow }, ...commandsOf(narrow)]) {
      const [body] = command.helpInformation().split('\nExamples:\n');
      const described = body!.split('\n').filter((line) => line.startsWith('      '));
      expect(described.length).toBeGreaterThan(1);
      expect(described.filter((line) => line.length > columns)).toEqual([]);
    }
  });

  test('has every command in the README', () => {
    const readme = fs.readFileSync(path.join(projectDirectory, 'bin/README.md'), 'utf8');
    for (const name of NAMES) expect(readme).toMatch(new RegExp(`^\\|.*\`${name}\\b`, 'm'));
  });

  test('offers the forms of a result in the same flags wherever there is one', async () => {
    // The --out of inspect is its folder, and its result is a file in it.
    const withResult = commandsOf(await program()).filter(
      ({ names, command }) => names[0] !== 'inspect' && command.options.some(({ long }) => long === '--json'),
    );
    expect(withResult.map(({ names }) => names.join(' '))).toEqual([
      'agree',
      'simulate',
      'compare',
      'tune',
      'prove',
      'preflight',
      'redrive',
    ]);
    for (const { command } of withResult) {
      const format = command.options.find(({ long }) => long === '--format');
      expect(format?.argChoices).toEqual(expect.arrayContaining(['text', 'json', 'markdown']));
      expect(command.options.some(({ long }) => long === '--out')).toBe(true);
    }
  });

  test('tells the version in every way in which people ask', async () => {
    const { version } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8')) as {
      version: string;
    };
    for (const args of [['-V'], ['--version'], ['version']])
      expect(await runTidegate(args)).toEqual({ stdout: `${version}\n`, stderr: '', code: 0 });
  });
});

describe('a mistyped command line', () => {
  test.each<[string, string]>([
    ['prov cdk.out', "unknown command 'prov' (Did you mean prove?)"],
    ['price update', "unknown command 'price' (Did you mean prices?)"],
    ['prices updat', "unknown command 'updat' (Did you mean update?)"],
    ['prices-update', "unknown command 'prices-update' (Did you mean prices update?)"],
    ['update', "unknown command 'update' (Did you mean prices update?)"],
    ['prices', 'prices needs a command of its own: tidegate prices update'],
    ['deploy', "unknown command 'deploy'; there are local, inspect, "],
    ['help pirces', "unknown command 'pirces' (did you mean prices?)"],
    ['help prices updat', "unknown command 'updat' (did you mean update?)"],
    ['help prove rules', "prove has no commands of its own, and so none called 'rules'"],
    ['prove --jsn cdk.out', "unknown option '--jsn' (Did you mean --json?)"],
    ['--json prove cdk.out', "unknown option '--json'; flags come after the command"],
    ['completion', "missing required argument 'shell'"],
    ['agree', "missing required argument 'folder'; its arguments and flags are in tidegate help agree"],
    ['inspect chat', 'Expected 0 arguments but got 1; its arguments and flags are in tidegate help inspect'],
    ['completion tcsh', 'Allowed choices are bash, zsh, fish, powershell.'],
    ['version now', "too many arguments for 'version'"],
    ['prove', 'no template is given; name files or folders'],
  ])('%s says what is meant, and exits with 2', async (line, message) => {
    const { stdout, stderr, code } = await runTidegate(line.split(' '));
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toMatch(/^tidegate: [^\n]*\n$/);
    expect(stderr).toContain(message);
  });

  test.each([
    ['a command', (long: string) => [long]],
    ['a flag', (long: string) => ['prove', `--${long}`]],
    ['a value', (long: string) => ['simulate', 'cdk.out', '--fail-if', long]],
  ])('%s of any length is shown by its beginning', async (_what, args) => {
    const { stderr, code } = await runTidegate(args('x'.repeat(100_000)));
    expect(code).toBe(2);
    expect(stderr).toMatch(/^tidegate: [^]*x{150}/);
    expect(stderr.length).toBeLessThan(3000);
  });

  test('takes what follows -- for a template', async () => {
    const { stderr } = await runTidegate(['prove', '--json', '--', '--rules']);
    expect(stderr).toContain("--template is '--rules', which cannot be read");
    expect((await runTidegate(['prove', '--', 'cdk.out'])).stdout).toBe(
      (await runTidegate(['prove', 'cdk.out'])).stdout,
    );
  });
});

describe('colours', () => {
  const terminal = { isTTY: true };
  test.each<[boolean, string, object, { readonly [name: string]: string }, string[]]>([
    [true, 'a terminal', terminal, { TERM: 'xterm' }, []],
    [false, 'a pipe', {}, { TERM: 'xterm' }, []],
    [false, 'a dumb terminal', terminal, { TERM: 'dumb' }, []],
    [false, 'NO_COLOR', terminal, { NO_COLOR: '1' }, []],
    [true, 'an empty NO_COLOR', terminal, { NO_COLOR: '' }, []],
    [true, 'FORCE_COLOR on a pipe', {}, { FORCE_COLOR: '1' }, []],
    [false, 'FORCE_COLOR=0 on a terminal', terminal, { FORCE_COLOR: '0' }, []],
    [false, 'NO_COLOR beside FORCE_COLOR', {}, { NO_COLOR: '1', FORCE_COLOR: '1' }, []],
    [false, '--no-color beside FORCE_COLOR', terminal, { FORCE_COLOR: '1' }, ['prove', '--no-color', 'x.json']],
    [true, 'a file called --no-color', terminal, {}, ['prove', '--', '--no-color']],
    [false, 'continuous integration', {}, { CI: 'true', GITHUB_ACTIONS: 'true' }, []],
  ])('are %s for %s', (expected, _what, stream, environment, args) =>
    expect(coloursFor({ stream, environment, args }).isColorSupported).toBe(expected),
  );

  test.each([
    'prove cdk.out stack.yaml',
    'prove --rules',
    'simulate cdk.out --trace traffic.csv',
    'tune cdk.out --trace traffic.csv --candidates 2 --service-mean 2',
    'compare --trace traffic.csv --seeds 1',
    'help simulate',
    'deploy',
  ])('of %s change nothing but colours', async (line) => {
    const plain = await runTidegate(line.split(' '));
    const coloured = await runTidegate(line.split(' '), { FORCE_COLOR: '1' });
    expect(`${coloured.stdout}${coloured.stderr}`).toMatch(/\u001b\[\d+m/);
    expect(stripVTControlCharacters(coloured.stdout)).toBe(plain.stdout);
    expect(stripVTControlCharacters(coloured.stderr)).toBe(plain.stderr);
    expect(await runTidegate([...line.split(' '), '--no-color'], { FORCE_COLOR: '1' })).toEqual(plain);
    expect(plain.stdout + plain.stderr).not.toContain('\u001b');
  });
});
