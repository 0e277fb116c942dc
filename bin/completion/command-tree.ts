import type { Argument, Command, Option } from 'commander';

/** Value after a flag or a command: none, one of some words, a path, or text of its own. */
export type CompletedValue =
  { readonly kind: 'none' | 'text' | 'path' } | { readonly kind: 'choice'; readonly choices: readonly string[] };

export interface CompletedFlag {
  /** Forms of the flag, such as `-V` and `--version`. */
  readonly names: readonly string[];
  readonly description: string;
  readonly value: CompletedValue;
  readonly isRepeatable: boolean;
}

/** A command as completions see it. */
export interface CompletedCommand {
  /** Names from the program to the command; empty for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly flags: readonly CompletedFlag[];
  readonly parts: readonly CompletedCommand[];
  readonly argument: CompletedValue;
}

/** Names of values that are paths. */
const PATH = /^(files?|dir|folder|templates|inspection)$/;

/** The program and all of its commands. */
export function commandTree(command: Command, path: readonly string[] = [], program = command): CompletedCommand {
  const help = command.createHelp();
  const [argument] = command.registeredArguments;
  return {
    path,
    description: command.description(),
    flags: help.visibleOptions(command).map(flagOf),
    parts: help.visibleCommands(command).map((part) => commandTree(part, [...path, part.name()], program)),
    argument: argument === undefined ? { kind: 'none' } : argumentOf(argument, program),
  };
}

/** A command and everything below it. */
export function allCommands(command: CompletedCommand): CompletedCommand[] {
  return [command, ...command.parts.flatMap(allCommands)];
}

function argumentOf(argument: Argument, program: Command): CompletedValue {
  // The argument of help is a command.
  if (argument.name() === 'command') return { kind: 'choice', choices: program.commands.map((one) => one.name()) };
  return valueOf(argument.name(), argument.argChoices);
}

function flagOf(option: Option): CompletedFlag {
  const name = /[<[]([^.>\]]+)/.exec(option.flags)?.[1];
  return {
    names: [option.short, option.long].flatMap((one) => one ?? []),
    description: option.description,
    value: name === undefined ? { kind: 'none' } : valueOf(name, option.argChoices),
    isRepeatable: option.variadic,
  };
}

function valueOf(name: string, choices: readonly string[] | undefined): CompletedValue {
  if (choices !== undefined) return { kind: 'choice', choices };
  return { kind: PATH.test(name) ? 'path' : 'text' };
}
