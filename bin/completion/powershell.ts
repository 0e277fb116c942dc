import { allCommands, type CompletedCommand, type CompletedValue } from './command-tree';

/** Script of completions for PowerShell 5 and newer. Where it returns nothing, PowerShell completes files. */
export function powershellCompletion(program: CompletedCommand): string {
  const commands = allCommands(program).map(entryOf);
  return `# Completions of tidegate for PowerShell: tidegate completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName tidegate -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = @{
${commands.join('\n')}
  }
  $before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  $command = ''
  foreach ($word in ($before | Select-Object -Skip 1)) {
    $longer = "$command $word".Trim()
    if ($commands.ContainsKey($longer)) { $command = $longer }
  }
  $known = $commands[$command]
  $previous = if ($before.Count -gt 1) { $before[-1] } else { '' }
  $words = if ($known.Values.ContainsKey($previous)) { $known.Values[$previous] }
    elseif ($wordToComplete -like '-*') { $known.Flags }
    else { $known.Words }
  $words | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}

function entryOf({ path, flags, parts, argument }: CompletedCommand): string {
  const words = parts.length > 0 ? parts.map((part) => part.path.at(-1)!) : wordsOf(argument);
  const values = flags
    .filter(({ value }) => value.kind !== 'none')
    .flatMap(({ names, value }) => names.map((name) => `${quoted(name)} = ${list(wordsOf(value))}`));
  return `    ${quoted(path.join(' '))} = @{
      Words = ${list(words)}
      Flags = ${list(flags.flatMap(({ names }) => names))}
      Values = @{ ${values.join('; ')} }
    }`;
}

function wordsOf(value: CompletedValue): readonly string[] {
  return value.kind === 'choice' ? value.choices : [];
}

function list(words: readonly string[]): string {
  return `@(${words.map(quoted).join(', ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
