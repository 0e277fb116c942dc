import { Command } from 'commander';
import { nearestNames } from '../../lib/core/nearest';
import { InputError } from '../../lib/core/errors';
import { withExamples } from '../examples';

/** `tidegate help`: prints the help of the program, or of a command. */
export function helpCommand(program: Command): Command {
  const command = new Command('help')
    .argument('[command...]', 'command, such as prove or prices update')
    .action((names: string[]) => commandNamed(names, program).outputHelp());
  return withExamples(command, [
    ['tidegate help prove', 'the same as tidegate prove --help'],
    ['tidegate help prices update', 'a command of a command'],
  ]);
}

function commandNamed(names: readonly string[], program: Command): Command {
  return names.reduce((command, name) => {
    const part = command.commands.find((one) => one.name() === name);
    if (part !== undefined) return part;
    const known = command.commands.map((one) => one.name());
    throw new InputError(
      known.length === 0
        ? `${command.name()} has no commands of its own, and so none called '${name}'`
        : `unknown command '${name}' (did you mean ${nearestNames(name, known, 1)[0]}?); there are ${known.join(', ')}`,
    );
  }, program);
}

/** `tidegate version`: prints the version, as `--version` does. */
export function versionCommand(program: Command, write: (text: string) => void): Command {
  const command = new Command('version').allowExcessArguments(false).action(() => write(`${program.version()}\n`));
  return withExamples(command, [['tidegate version', 'the same as tidegate --version and tidegate -V']]);
}
