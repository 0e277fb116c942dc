/** Maximum rows of a table: a comment on a pull request has at most 65,536 characters. */
const MAX_ROWS = 50;

/** A table; its last line counts the rows that were left out. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const shown = rows.slice(0, MAX_ROWS).map(line);
  const left = rows.length - shown.length;
  return [
    line(head),
    line(head.map(() => '---')),
    ...shown,
    ...(left > 0 ? ['', `${left} more ${left === 1 ? 'row' : 'rows'} left out.`] : []),
  ].join('\n');
}

/** Text as it is, in a cell of a table: no markup, no line of its own, and no mention of a person. */
export function markdownText(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]|~]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('@', '&#64;');
}

/** Text as code in a cell of a table. */
export function markdownCode(text: string): string {
  const plain = text.replace(/\s+/g, ' ').replaceAll('|', '\\|');
  const fence = '`'.repeat(Math.max(0, ...[...plain.matchAll(/`+/g)].map(([ticks]) => ticks.length)) + 1);
  return fence.length === 1 ? `\`${plain}\`` : `${fence} ${plain} ${fence}`;
}
