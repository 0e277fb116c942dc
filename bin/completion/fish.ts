import { allCommands, type CompletedCommand, type CompletedFlag } from './command-tree';

/** Script of completions for fish. */
export function fishCompletion(program: CompletedCommand): string {
  const lines = allCommands(program).flatMap((command) => linesOf(command));
  return `# Completions of tidegate for fish: tidegate completion fish | source\ncomplete -c tidegate -f\n${lines.join('\n')}\n`;
}

function linesOf({ path, flags, parts, argument }: CompletedCommand): string[] {
  const names = parts.map((part) => part.path.at(-1)!);
  const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`);
  const open = path.length === 0 ? ['__fish_use_subcommand'] : seen;
  const before =
    names.length > 0 && path.length > 0 ? [...open, `not __fish_seen_subcommand_from ${names.join(' ')}`] : open;
  const at = (conditions: readonly string[]): string => `complete -c tidegate -n ${quoted(conditions.join('; and '))}`;
  const value =
    argument.kind === 'path'
      ? [`${at(before)} -F`]
      : argument.kind === 'choice'
        ? [`${at(before)} -a ${quoted(argument.choices.join(' '))}`]
        : [];
  return [
    ...parts.map((part) => `${at(before)} -a ${part.path.at(-1)!} -d ${quoted(part.description)}`),
    ...(parts.length > 0 ? [] : value),
    ...flags.map((flag) => `${at(open)} ${flagText(flag)}`),
  ];
}

function flagText({ names, description, value }: CompletedFlag): string {
  const forms = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const follows =
    value.kind === 'none'
      ? ''
      : value.kind === 'path'
        ? ' -r -F'
        : value.kind === 'choice'
          ? ` -x -a ${quoted(value.choices.join(' '))}`
          : ' -x';
  return `${forms.join(' ')}${follows} -d ${quoted(description)}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
