import type { Command } from 'commander';
import type { LocalSurroundings } from './commands/local';
import type { CommandSurroundings } from './commands/surroundings';
import type { ProgressStream } from './commands/progress-bar';

/** Everything that any command uses of the command line. */
export interface ListedSurroundings extends LocalSurroundings, Omit<CommandSurroundings, 'onExitCode' | 'stdout'> {
  readonly version: string;
  readonly stderr: ProgressStream;
  readonly onExitCode: (code: 0 | 1 | 2) => void;
  readonly program: Command;
}

/** A command, without its code. */
export interface ListedCommand {
  readonly name: string;
  readonly description: string;
  /** Loads the code, and returns the command with its flags. */
  readonly load: (surroundings: ListedSurroundings) => Promise<Command>;
}

/** All commands. Their code is bundled in files of its own, and only that of the chosen command is read. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    name: 'local',
    description: 'deploy the platform on this machine, drive traffic through it and report what happened',
    load: async (surroundings) => (await import('./commands/local')).localCommand(surroundings),
  },
  {
    name: 'inspect',
    description:
      'write what already runs as a folder for prove, simulate, tune and compare: template, traffic, service times',
    load: async (surroundings) => (await import('./commands/inspect')).inspectCommand(surroundings),
  },
  {
    name: 'agree',
    description: 'replay the recorded days of an inspection: how far a rehearsal is from what really happened',
    load: async (surroundings) => (await import('./commands/agree')).agreeCommand(surroundings),
  },
  {
    name: 'simulate',
    description:
      'rehearse the fleets of synthesized templates under recorded traffic: latency, drops, dollars, what to change',
    load: async (surroundings) => (await import('./commands/simulate')).simulateCommand(surroundings),
  },
  {
    name: 'compare',
    description: 'play every scaling policy over a window of a trace, beside a clairvoyant and a lower bound',
    load: async (surroundings) => (await import('./commands/compare')).compareCommand(surroundings),
  },
  {
    name: 'tune',
    description: 'search the cheapest scaling policy that keeps the objective, and print the construct to paste',
    load: async (surroundings) => (await import('./commands/tune')).tuneCommand(surroundings),
  },
  {
    name: 'prove',
    description: 'check the scaling of synthesized templates: unpublished metrics, impossible zeros, lost counts …',
    load: async (surroundings) => (await import('./commands/prove')).proveCommand(surroundings),
  },
  {
    name: 'preflight',
    description:
      'ask an account and a region, read-only, for what a stage or templates need: quotas, bootstrap, images, permissions',
    load: async (surroundings) => (await import('./commands/preflight')).preflightCommand(surroundings),
  },
  {
    name: 'redrive',
    description: 'put dead letters and failed batches of a deployed stream into it again, at a bounded rate',
    load: async (surroundings) => (await import('./commands/redrive')).redriveCommand(surroundings),
  },
  {
    name: 'prices',
    description: 'prices of SageMaker instances, from the AWS Price List',
    load: async (surroundings) => (await import('./commands/prices')).pricesCommand(surroundings),
  },
  {
    name: 'completion',
    description: 'print the script that completes commands, flags and files in a shell',
    load: async (surroundings) => (await import('./commands/completion')).completionCommand(surroundings),
  },
  {
    name: 'help',
    description: 'print the help of a command',
    load: async ({ program }) => (await import('./commands/help')).helpCommand(program),
  },
  {
    name: 'version',
    description: 'print the version',
    load: async ({ stdout, program }) =>
      (await import('./commands/help')).versionCommand(program, (text) => void stdout.write(text)),
  },
];

/**
 * Names of the commands whose code a command line needs: the chosen one, and all of them for the script of a completion, or for advice
 * on a word that is no command.
 */
export function neededCommands(args: readonly string[]): readonly string[] {
  const all = COMMANDS.map(({ name }) => name);
  const [chosen, part] = args.filter((arg) => !arg.startsWith('-'));
  if (chosen === undefined) return [];
  if (!all.includes(chosen)) return all;
  if (part === undefined) return [chosen];
  return chosen === 'completion' ? all : chosen === 'help' ? [chosen, part] : [chosen];
}
