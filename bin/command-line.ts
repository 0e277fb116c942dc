import { Command, CommanderError, Help } from 'commander';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../lib/core/errors';
import { COMMANDS, neededCommands } from './command-list';
import type { LocalSurroundings } from './commands/local';
import type { ProgressStream } from './commands/progress-bar';
import { withExamples } from './examples';
import { coloursFor, NO_COLOUR_FLAG, NO_COLOURS, type Colours } from './output/colours';

/** Everything that the command line uses of its process. */
export interface CommandLineSurroundings extends Omit<LocalSurroundings, 'onExitCode'> {
  readonly stderr: ProgressStream;
  /** Environment variables. @default - none */
  readonly environment?: { readonly [name: string]: string | undefined };
}

/** Exit codes of the command line. */
export const EXIT = { ok: 0, failed: 1, badInput: 2, interrupted: 130, outputClosed: 141 } as const;

const NO_COLOUR_TEXT = 'print without colours, as with NO_COLOR=1';

/** Columns of help that is not printed on a terminal. */
const HELP_COLUMNS = 100;

/** Columns below which descriptions stand under their flags, as nothing is left beside them. */
const NARROW_COLUMNS = 72;

/** Runs the command line and returns its exit code; every failure is one message on stderr. */
export async function runCommandLine(args: readonly string[], surroundings: CommandLineSurroundings): Promise<number> {
  const { stdout, stderr, signal, environment = {} } = surroundings;
  let code: number = EXIT.ok;
  const onExitCode = (given: number): void => {
    code = given;
  };
  const say = (message: string): void => {
    const colours = coloursFor({ stream: stderr, environment, args });
    stderr.write(`${colours.red('tidegate:')} ${shortened(message)}\n`);
  };
  const colours = coloursFor({ stream: stdout, environment, args });
  const program = await createProgram(surroundings, onExitCode, { colours, needed: neededCommands(args) });
  if (args.every((arg) => arg === NO_COLOUR_FLAG)) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok;
      say(usageMessage(error, args, program));
      return EXIT.badInput;
    }
    if (signal.aborted) {
      say('interrupted; everything was stopped');
      return EXIT.interrupted;
    }
    const problem = pathProblem(error);
    say(problem ?? (error instanceof Error ? error.message : String(error)));
    return problem !== undefined || error instanceof InputError ? EXIT.badInput : EXIT.failed;
  }
}

/** Longest word of a message, above that of any path, and the part of a longer one that is shown. */
const MAX_WORD = { length: 4096, shown: 200 };

/** Message whose words have a length that a terminal shows: one may repeat an argument of any length. */
function shortened(message: string): string {
  return message.replace(/\S+/g, (word) =>
    word.length <= MAX_WORD.length ? word : `${word.slice(0, MAX_WORD.shown)}... (${word.length} characters)`,
  );
}

/** Message about arguments that are no command, with the way out. */
function usageMessage({ code, message }: CommanderError, args: readonly string[], program: Command): string {
  const text = message.replace(/^error: /, '').replace(/\n+/g, ' ');
  const command = program.commands.find((one) => one.name() === args[0]);
  if (code === 'commander.help' && command !== undefined) {
    const parts = command.commands.map((one) => `tidegate ${command.name()} ${one.name()}`);
    return `${command.name()} needs a command of its own: ${parts.join(', ')}`;
  }
  if (code === 'commander.excessArguments' || code === 'commander.missingArgument') {
    return `${text.replace(/\.$/, '')}; its arguments and flags are in tidegate help ${args[0]!}`;
  }
  if (code === 'commander.unknownOption' && args[0]!.startsWith('-') && !/did you mean/i.test(text)) {
    return `${text}; flags come after the command, as in tidegate prove --json`;
  }
  if (code === 'commander.unknownCommand' && !/did you mean/i.test(text)) {
    const wrong = /'(.*)'/.exec(text)?.[1]?.replace(/\W/g, '') ?? '';
    const meant = partsOf(program).find((names) => names.at(-1) === wrong || names.join('') === wrong);
    return meant === undefined
      ? `${text}; there are ${program.commands.map((one) => one.name()).join(', ')}`
      : `${text} (Did you mean ${meant.join(' ')}?)`;
  }
  return text;
}

/** Names of the commands of commands. */
function partsOf(program: Command): string[][] {
  return program.commands.flatMap((command) => command.commands.map((part) => [command.name(), part.name()]));
}

/** Returns the program with all of its commands; only the needed ones have flags, arguments and actions. */
export async function createProgram(
  surroundings: CommandLineSurroundings,
  onExitCode: (code: number) => void,
  {
    colours = NO_COLOURS,
    needed = COMMANDS.map(({ name }) => name),
  }: { readonly colours?: Colours; readonly needed?: readonly string[] } = {},
): Promise<Command> {
  const { projectDirectory, stdout } = surroundings;
  const version = packageVersion(projectDirectory);
  const program = new Command('tidegate')
    .description('Autoscaling infrastructure for AI, as code.')
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: () => undefined,
      getOutHelpWidth: () => stdout.columns ?? HELP_COLUMNS,
      getOutHasColors: () => colours.isColorSupported,
    })
    .configureHelp({
      // Flags and arguments are those of the help of each command.
      subcommandTerm: (command) => command.name(),
      minWidthToWrap: 20,
      formatItem(term, termWidth, description, helper) {
        const columns = helper.helpWidth ?? HELP_COLUMNS;
        if (columns >= NARROW_COLUMNS || description === '')
          return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
        const text = helper.boxWrap(description, columns - 6);
        return `  ${term}\n${text.replace(/^/gm, '      ')}`;
      },
      styleTitle: (text) => colours.bold(text),
      styleCommandText: (text) => colours.cyan(text),
      styleSubcommandText: (text) => colours.cyan(text),
      styleOptionText: (text) => colours.green(text),
      styleArgumentText: (text) => colours.yellow(text),
    })
    .showSuggestionAfterError()
    .helpCommand(false);
  for (const { name, description, load } of COMMANDS) {
    const isNeeded = needed.includes(name);
    const command = isNeeded
      ? await load({ ...surroundings, onExitCode, colours, version, program })
      : new Command(name);
    command.description(description);
    program.addCommand(command);
    inherit(command, program);
  }
  return withExamples(program.option(NO_COLOUR_FLAG, NO_COLOUR_TEXT), [
    ['tidegate prove cdk.out', 'faults in the scaling of synthesized templates'],
    ['tidegate simulate cdk.out --trace traffic.csv', 'what recorded traffic does to them'],
    ['tidegate help prove', 'flags and examples of a command'],
  ]);
}

/** Passes output, errors and help of the program on to a command and its parts, and the flags that all have. */
function inherit(command: Command, from: Command): void {
  command.copyInheritedSettings(from);
  if (command.commands.length === 0) command.option(NO_COLOUR_FLAG, NO_COLOUR_TEXT);
  for (const part of command.commands) inherit(part, command);
}

function packageVersion(projectDirectory: string): string {
  const text = fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** Directory of package.json: given by the launcher, or found above a file. */
export function findProjectDirectory(from: string, environment: NodeJS.ProcessEnv): string {
  const given = environment.TIDEGATE_PROJECT_DIRECTORY;
  if (given) return path.resolve(given);
  for (let directory = from; ; directory = path.dirname(directory)) {
    if (fs.existsSync(path.join(directory, 'package.json'))) return directory;
    if (directory === path.dirname(directory)) throw new Error(`no package.json is above ${from}`);
  }
}

/** System calls that fail because of the path that somebody gave. */
const READING_CALLS = ['open', 'stat', 'lstat', 'scandir', 'read', 'realpath', 'access'];

/** Message about a path that the system refuses, for reasons that no reader of files expects; undefined for any other error. */
function pathProblem(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path: file } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined || file === undefined || !READING_CALLS.includes(syscall))
    return undefined;
  const shown = file.length > 200 ? `${file.slice(0, 200)}...` : file;
  return `'${shown}' cannot be read (${code}); check the path and its permissions`;
}
