import type { Command } from 'commander';

/** A command line, and the purpose of it. */
export type Example = readonly [line: string, purpose: string];

/** Ends the help of a command with examples. */
export function withExamples(command: Command, examples: readonly Example[]): Command {
  const blocks = examples.map(([line, purpose]) => `  # ${purpose}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${blocks.join('\n')}`);
}
