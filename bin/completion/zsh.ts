import { allCommands, type CompletedCommand, type CompletedFlag, type CompletedValue } from './command-tree';

/** Script of completions for zsh, to be sourced or put into a folder of `fpath` as `_tidegate`. */
export function zshCompletion(program: CompletedCommand): string {
  return `#compdef tidegate
# Completions of tidegate for zsh: source <(tidegate completion zsh)
${allCommands(program).map(functionOf).join('\n')}
if [ "\${funcstack[1]}" = _tidegate ]; then
  _tidegate "$@"
else
  compdef _tidegate tidegate
fi
`;
}

function functionOf({ path, flags, parts, argument }: CompletedCommand): string {
  const name = nameOf(path);
  const specs = flags.map(flagSpec);
  if (parts.length === 0) {
    const value = actionOf(argument);
    return `${name}() {\n  _arguments -s -S ${[...specs, ...(value === '' ? [] : [`'*:${argument.kind === 'choice' ? 'word' : 'file'}:${value}'`])].join(' \\\n    ')}\n}`;
  }
  const described = parts.map((part) => quoted(`${part.path.at(-1)!}:${part.description}`));
  const branches = parts.map((part) => `        ${part.path.at(-1)!}) ${nameOf(part.path)} ;;`);
  return `${name}() {
  local context state line
  _arguments -C ${[...specs, "'1: :->command'", "'*:: :->arguments'"].join(' \\\n    ')}
  case $state in
    command)
      local -a commands=(${described.join(' \\\n        ')})
      _describe command commands ;;
    arguments)
      case $words[1] in
${branches.join('\n')}
      esac ;;
  esac
}`;
}

function nameOf(path: readonly string[]): string {
  return ['_tidegate', ...path].join('_');
}

function flagSpec({ names, description, value, isRepeatable }: CompletedFlag): string {
  const text = `[${description.replace(/[[\]\\]/g, '\\$&').replaceAll(':', '\\:')}]`;
  const rest = value.kind === 'none' ? '' : `:value:${actionOf(value)}`;
  const repeat = isRepeatable ? '*' : '';
  // A long flag takes its value after a sign of equality too.
  const forms = names.map((name) => (value.kind !== 'none' && name.startsWith('--') ? `${name}=` : name));
  if (names.length === 1) return quoted(`${repeat}${forms[0]!}${text}${rest}`);
  return `${quoted(`${repeat === '' ? `(${names.join(' ')})` : repeat}`)}{${forms.join(',')}}${quoted(`${text}${rest}`)}`;
}

function actionOf(value: CompletedValue): string {
  if (value.kind === 'path') return '_files';
  return value.kind === 'choice' ? `(${value.choices.join(' ')})` : '';
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
