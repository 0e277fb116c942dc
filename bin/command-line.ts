import { Command, CommanderError, InvalidArgumentError } from 'commander';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../lib/core/errors';
import { MODEL_SERVERS, MODEL_SERVER_NAMES, type ModelServerName } from '../lib/local/model-server/model-servers';
import {
  DEFAULT_OUT_DIRECTORY,
  DEFAULT_PAGE_PORT,
  DEFAULT_SEED,
  DEFAULT_SPEED,
  DEFAULT_STAGE,
  parseFlag,
  type LocalRunOptions,
} from '../lib/local/options';
import type { RunReport } from '../lib/local/report/run-report';
import { TOUR_SPEED, type TourOptions, type TourReport } from '../lib/local/tour/tour';
import type { TerminalOutput } from '../lib/local/terminal';
import { compareCommand } from './commands/compare';
import { proveCommand } from './commands/prove';
import { simulateCommand } from './commands/simulate';
import { tuneCommand } from './commands/tune';

export interface CommandLineSurroundings {
  readonly projectDirectory: string;
  readonly stdout: TerminalOutput;
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly signal: AbortSignal;
  readonly runLocal: (
    options: LocalRunOptions,
    surroundings: { readonly output: TerminalOutput; readonly signal: AbortSignal },
  ) => Promise<RunReport>;
  readonly runTour: (
    options: TourOptions,
    surroundings: { readonly output: TerminalOutput; readonly signal: AbortSignal },
  ) => Promise<TourReport>;
}

/** What the command exits with. */
export const EXIT = { ok: 0, failed: 1, badInput: 2, interrupted: 130 } as const;

/** The stage of a tour, unless one is named. */
const TOUR_STAGE = 'dev';

interface LocalFlags {
  readonly trace?: string;
  readonly tour?: 'endpoints';
  readonly speed?: number;
  readonly seed: number;
  readonly budget?: number;
  readonly chaos: boolean;
  readonly keep: boolean;
  readonly server?: ModelServerName;
  readonly endpoint?: string;
  readonly stage: string;
  readonly out: string;
  readonly duration?: number;
  readonly port: number;
  readonly page: boolean;
  readonly assembly?: string;
}

/** Runs the command line and answers its exit code; every failure is one message on stderr. */
export async function runCommandLine(args: readonly string[], surroundings: CommandLineSurroundings): Promise<number> {
  const { stderr, signal } = surroundings;
  let code: number = EXIT.ok;
  const program = createProgram(surroundings, (told) => {
    code = told;
  });
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok;
      stderr.write(`tidegate: ${error.message.replace(/^error: /, '').replace(/\n+/g, ' ')}\n`);
      return EXIT.badInput;
    }
    if (signal.aborted) {
      stderr.write('tidegate: interrupted; everything was stopped\n');
      return EXIT.interrupted;
    }
    stderr.write(`tidegate: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof InputError ? EXIT.badInput : EXIT.failed;
  }
}

function createProgram(surroundings: CommandLineSurroundings, onExitCode: (code: number) => void): Command {
  const { projectDirectory, stdout, stderr, signal, runLocal, runTour } = surroundings;
  const program = new Command('tidegate')
    .description('Autoscaling infrastructure for AI, as code.')
    .version(packageVersion(projectDirectory), '--version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: () => undefined })
    .showSuggestionAfterError()
    .helpCommand(false);
  program
    .command('local')
    .description('deploy the platform on this machine, drive traffic through it and report what happened')
    .option('--trace <file>', 'traffic to replay: requests, counts per step or a CloudWatch export; plain or gzipped')
    .addOption(
      program
        .createOption('--tour <what>', 'instead: deploy one endpoint of every kind and see each of them scale')
        .choices(['endpoints']),
    )
    .option(
      '--speed <n>',
      `local seconds per real second, 1 to 120 (default: ${DEFAULT_SPEED}, on a tour ${TOUR_SPEED})`,
      flag(parseFlag.speed),
    )
    .option('--seed <n>', 'seed of everything random', flag(parseFlag.seed), DEFAULT_SEED)
    .option(
      '--budget <usd>',
      'what the run may spend from its first request on; shows the cost guard',
      flag(parseFlag.budget),
    )
    .option('--chaos', 'drop the capacity of the first instance type for a while around the peak', false)
    .option('--keep', 'leave everything up after the run, until Ctrl-C', false)
    .addOption(
      program
        .createOption('--server <name>', `put a real model server behind the endpoints; ${modelServerNeeds()}`)
        .choices(MODEL_SERVER_NAMES),
    )
    .option('--endpoint <url>', 'use an AWS engine that already runs', flag(parseFlag.endpoint))
    .option('--stage <name>', 'the stage to deploy', flag(parseFlag.stage), DEFAULT_STAGE)
    .option('--out <dir>', 'where the report goes', DEFAULT_OUT_DIRECTORY)
    .option('--duration <seconds>', 'at most so many local seconds of traffic', flag(parseFlag.duration))
    .option('--port <n>', 'port of the live page on 127.0.0.1; 0 for any', flag(parseFlag.port), DEFAULT_PAGE_PORT)
    .option('--no-page', 'serve no live page')
    .addOption(program.createOption('--assembly <dir>', 'deploy this cloud assembly instead').hideHelp())
    .allowExcessArguments(false)
    .action(async (flags: LocalFlags, command: Command) => {
      if (flags.tour !== undefined) {
        const report = await runTour(tourOptionsOf(flags, command, projectDirectory), { output: stdout, signal });
        onExitCode(report.ok ? EXIT.ok : EXIT.failed);
        return;
      }
      const report = await runLocal(optionsOf(flags, projectDirectory), { output: stdout, signal });
      onExitCode(report.ok ? EXIT.ok : EXIT.failed);
    });
  for (const command of [
    simulateCommand({ stdout, stderr, onExitCode }),
    compareCommand({ stdout, stderr }),
    tuneCommand({ stdout, stderr, onExitCode }),
    proveCommand({ stdout, onExitCode }),
  ]) {
    program.addCommand(command.copyInheritedSettings(program));
  }
  return program;
}

function modelServerNeeds(): string {
  return MODEL_SERVER_NAMES.map((name) => `${name} needs ${MODEL_SERVERS[name].needs}`).join('; ');
}

/** What a tour takes; the other flags are about traffic that it does not have. */
const TOUR_FLAGS: readonly string[] = ['tour', 'speed', 'seed', 'stage', 'out'];

function tourOptionsOf(flags: LocalFlags, command: Command, projectDirectory: string): TourOptions {
  const foreign = command.options.filter(
    (option) =>
      command.getOptionValueSource(option.attributeName()) === 'cli' && !TOUR_FLAGS.includes(option.attributeName()),
  );
  if (foreign.length > 0) {
    const names = foreign.map(({ long }) => long).join(', ');
    throw new InputError(
      `--tour goes with ${TOUR_FLAGS.slice(1)
        .map((name) => `--${name}`)
        .join(', ')} only; leave out ${names}`,
    );
  }
  return {
    projectDirectory,
    stage: command.getOptionValueSource('stage') === 'cli' ? flags.stage : TOUR_STAGE,
    speed: flags.speed ?? TOUR_SPEED,
    seed: flags.seed,
    outDirectory: outDirectoryOf(flags, projectDirectory),
  };
}

/** Paths that the user types are relative to where they are; the default is in the project. */
function outDirectoryOf({ out }: LocalFlags, projectDirectory: string): string {
  return out === DEFAULT_OUT_DIRECTORY ? path.join(projectDirectory, out) : path.resolve(out);
}

function optionsOf(flags: LocalFlags, projectDirectory: string): LocalRunOptions {
  return {
    projectDirectory,
    stage: flags.stage,
    trace: flags.trace ?? null,
    speed: flags.speed ?? DEFAULT_SPEED,
    seed: flags.seed,
    budgetUsd: flags.budget ?? null,
    chaos: flags.chaos,
    keep: flags.keep,
    server: flags.server ?? null,
    endpoint: flags.endpoint ?? null,
    outDirectory: outDirectoryOf(flags, projectDirectory),
    durationSeconds: flags.duration ?? null,
    pagePort: flags.page ? flags.port : null,
    assemblyDirectory: flags.assembly === undefined ? null : path.resolve(flags.assembly),
  };
}

/** A value reader whose refusal becomes the command's own one message. */
function flag<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw error instanceof InputError ? error : new InvalidArgumentError((error as Error).message);
    }
  };
}

function packageVersion(projectDirectory: string): string {
  const text = fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** The directory that holds package.json: told by the launcher, or found above a file. */
export function findProjectDirectory(from: string, environment: NodeJS.ProcessEnv): string {
  const told = environment.TIDEGATE_PROJECT_DIRECTORY;
  if (told) return path.resolve(told);
  for (let directory = from; ; directory = path.dirname(directory)) {
    if (fs.existsSync(path.join(directory, 'package.json'))) return directory;
    if (directory === path.dirname(directory)) throw new Error(`no package.json is above ${from}`);
  }
}
