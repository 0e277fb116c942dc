import { allCommands, type CompletedCommand, type CompletedValue } from './command-tree';

/** Script of completions for bash 3.2 and newer, without further packages. */
export function bashCompletion(program: CompletedCommand): string {
  const commands = allCommands(program);
  const paths = commands.flatMap(({ path }) => (path.length === 0 ? [] : `'${path.join(' ')}'`));
  return `# Completions of tidegate for bash: source <(tidegate completion bash)
_tidegate() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command= flags= argument= choices= kind= words= ended= index line
  COMPREPLY=()
  # A flag, = and its value are three words in bash.
  if [[ $word == = ]]; then
    word=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    if [[ \${COMP_WORDS[index]} == -- ]]; then
      ended=1 previous=
      break
    fi
    case "\${command:+$command }\${COMP_WORDS[index]}" in
      ${paths.join(' | ')}) command="\${command:+$command }\${COMP_WORDS[index]}" ;;
    esac
  done
  case "$command" in
${commands.map(caseOf).join('\n')}
  esac
  if [[ -z $kind && -z $ended && $word == -* ]]; then
    kind=words words=$flags
  elif [[ -z $kind ]]; then
    kind=$argument words=$choices
  fi
  case "$kind" in
    path)
      type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word") ;;
    words)
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "$words" -- "$word") ;;
  esac
}
complete -F _tidegate tidegate
`;
}

function caseOf(command: CompletedCommand): string {
  const { path, flags, parts } = command;
  const argument: CompletedValue =
    parts.length > 0 ? { kind: 'choice', choices: parts.map((part) => part.path.at(-1)!) } : command.argument;
  const values = flags.filter(({ value }) => value.kind !== 'none');
  return `    '${path.join(' ')}')
      flags='${flags.flatMap(({ names }) => names).join(' ')}' argument=${kindOf(argument)} choices='${wordsOf(argument)}'
      case "$previous" in
${values.map(({ names, value }) => `        ${names.join(' | ')}) kind=${kindOf(value)} words='${wordsOf(value)}' ;;`).join('\n')}
      esac ;;`;
}

function kindOf({ kind }: CompletedValue): string {
  return kind === 'choice' ? 'words' : kind;
}

function wordsOf(value: CompletedValue): string {
  return value.kind === 'choice' ? value.choices.join(' ') : '';
}
