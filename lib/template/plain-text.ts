/** Text of a plain value; empty for objects, lists and null, some of which cannot even be turned into text. */
export function plainText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}
