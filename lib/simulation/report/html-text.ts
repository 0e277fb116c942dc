/** Escapes text for HTML, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/**
 * Table with a heading row; cells are HTML.
 *
 * @param label name of the table for screen readers
 * @param className `plain` and `figures` begin each row with its name, and `figures` aligns numbers; rows of a `log` are stacked in narrow windows
 */
export function table(
  label: string,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  className: 'plain' | 'figures' | 'log' = 'plain',
): string {
  const cellHtml = (cell: string, column: number): string =>
    column === 0 && className !== 'log' ? `<th scope="row">${cell}</th>` : `<td>${cell}</td>`;
  const head = headings.map((heading) => `<th scope="col">${heading}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map(cellHtml).join('')}</tr>`).join('');
  return `<div class="scroll ${className}" tabindex="0" role="region" aria-label="${escapeHtml(label)}"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** Description list; names and descriptions are HTML. */
export function definitions(className: string, entries: readonly (readonly [string, string])[]): string {
  return `<dl class="${className}">${entries.map(([name, text]) => `<div><dt>${name}</dt><dd>${text}</dd></div>`).join('')}</dl>`;
}
