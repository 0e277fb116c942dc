import { Argument, Command } from 'commander';
import { bashCompletion } from '../completion/bash';
import { commandTree, type CompletedCommand } from '../completion/command-tree';
import { fishCompletion } from '../completion/fish';
import { powershellCompletion } from '../completion/powershell';
import { zshCompletion } from '../completion/zsh';
import { withExamples } from '../examples';
import type { CommandSurroundings } from './surroundings';

/** Surroundings of `tidegate completion`. */
export interface CompletionSurroundings extends Pick<CommandSurroundings, 'stdout'> {
  /** Program with all of its commands. */
  readonly program: Command;
}

const SHELLS: { readonly [shell: string]: (program: CompletedCommand) => string } = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
  powershell: powershellCompletion,
};

/** `tidegate completion`: prints a script that completes commands, flags, their choices and files. */
export function completionCommand({ stdout, program }: CompletionSurroundings): Command {
  const command = new Command('completion')
    .addArgument(new Argument('<shell>', 'shell of the script').choices(Object.keys(SHELLS)))
    .allowExcessArguments(false)
    .action((shell: string) => void stdout.write(SHELLS[shell]!(commandTree(program))));
  return withExamples(command, [
    ['source <(tidegate completion bash)', 'in ~/.bashrc'],
    ['source <(tidegate completion zsh)', 'in ~/.zshrc, after compinit'],
    ['tidegate completion fish | source', 'in ~/.config/fish/config.fish'],
    ['tidegate completion powershell | Out-String | Invoke-Expression', 'in $PROFILE'],
  ]);
}
