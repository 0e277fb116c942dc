import { InputError } from '../../core/errors';
import { isObject } from '../../core/parse';

/** Source of a record's id or order key. */
export type RecordFieldSource =
  | { readonly kind: 'partition-key' }
  | { readonly kind: 'sequence-number' }
  | { readonly kind: 'payload-hash' }
  /** Member of a JSON payload: names of objects and indexes of lists from the root. */
  | { readonly kind: 'json'; readonly path: readonly (string | number)[] };

const STEP = /\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^'\\]+)'\]|\[(\d{1,9})\]/y;

/**
 * Parses `partition-key`, `sequence-number`, `payload-hash`, or a JSON path of names and indexes such as `$.user.id` or `$['user-id'][0]`.
 *
 * @throws InputError for another text
 */
export function parseRecordField(text: string): RecordFieldSource {
  if (text === 'partition-key' || text === 'sequence-number' || text === 'payload-hash') return { kind: text };
  const path: (string | number)[] = [];
  let at = 1;
  while (text.startsWith('$') && at < text.length) {
    STEP.lastIndex = at;
    const step = STEP.exec(text);
    if (step === null) break;
    path.push(step[1] ?? step[2] ?? Number(step[3]));
    at = STEP.lastIndex;
  }
  if (path.length === 0 || at < text.length) {
    throw new InputError(
      `the record field is '${text}'; expected 'partition-key', 'sequence-number', 'payload-hash', or a path of names and indexes ` +
        "such as $.id, $.user.id, $['user-id'] or $.ids[0]",
    );
  }
  return { kind: 'json', path };
}

/**
 * Returns the text or number at a path of a JSON value, as text; undefined for anything else.
 *
 * @param json returns the text of the value, from which a whole number beyond 2^53 has all of its digits: rounded, different ids would be the same
 */
export function readPath(value: unknown, path: readonly (string | number)[], json: () => string): string | undefined {
  const found = memberAt(value, path);
  const isExact = typeof found !== 'number' || !Number.isInteger(found) || Number.isSafeInteger(found);
  return textOf(isExact ? found : memberAt(JSON.parse(withExactNumbers(json())), path));
}

/** Texts and numbers of JSON: a text is passed over as a whole, so that no digit in it counts. */
const TEXT_OR_NUMBER = /"[^"\\]*(?:\\[^][^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Returns JSON in which whole numbers that a double does not hold are texts. */
function withExactNumbers(json: string): string {
  return json.replace(TEXT_OR_NUMBER, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token,
  );
}

function memberAt(value: unknown, path: readonly (string | number)[]): unknown {
  let found: unknown = value;
  for (const step of path) {
    if (typeof step === 'number') found = Array.isArray(found) ? (found as unknown[])[step] : undefined;
    else found = isObject(found) && Object.hasOwn(found, step) ? found[step] : undefined;
  }
  return found;
}

function textOf(found: unknown): string | undefined {
  if (typeof found === 'string') return found === '' ? undefined : found;
  return typeof found === 'number' && Number.isFinite(found) ? String(found) : undefined;
}
