/** Text as it may stand in HTML, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** A table with a heading row; cells are HTML already. A `log` has its rows stacked in narrow windows. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], className = 'plain'): string {
  const head = headings.map((heading) => `<th scope="col">${heading}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('');
  return `<div class="scroll ${className}" tabindex="0" role="region" aria-label="${headings.filter((heading) => heading !== '').join(', ')}"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** Names with what belongs to them; both are HTML already. */
export function definitions(className: string, entries: readonly (readonly [string, string])[]): string {
  return `<dl class="${className}">${entries.map(([name, text]) => `<div><dt>${name}</dt><dd>${text}</dd></div>`).join('')}</dl>`;
}
