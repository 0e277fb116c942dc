import type { CheckRow, CheckStatus } from '../../lib/preflight/decide/check-account';
import { NO_COLOURS, type Colours } from './colours';
import { junitXml, type JunitCase } from './junit';
import { markdownTable, markdownText } from './markdown';

/** Checks of an account in a region. */
export interface CheckedAccount {
  readonly accountId: string;
  readonly region: string;
  readonly rows: readonly CheckRow[];
}

/** Worst status first: a failure tells more than what could not be read. */
export function exitCodeOf(rows: readonly CheckRow[]): 0 | 1 | 2 {
  const has = (wanted: CheckStatus): boolean => rows.some(({ status }) => status === wanted);
  if (has('fails')) return 1;
  return has('unknown') ? 2 : 0;
}

/** Returns the rows as a table, failures with their ways out. */
export function rowsText({ accountId, region, rows }: CheckedAccount, colours: Colours = NO_COLOURS): string {
  const colourOf: { readonly [status in CheckStatus]: (text: string) => string } = {
    ok: colours.green,
    warning: colours.yellow,
    unknown: colours.yellow,
    fails: colours.red,
  };
  const width = Math.max(...rows.map(({ check }) => check.length));
  const lines = rows.flatMap(({ status, check, found, remedy }) => [
    `${colourOf[status](status.padEnd(7))}  ${check.padEnd(width)}  ${found}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(9)}${' '.repeat(width)}  -> ${remedy}`]),
  ]);
  return `account ${accountId}, ${region}\n\n${lines.join('\n')}\n\n${counts(rows)}\n`;
}

/** Checks as a JUnit report of one suite; what could not be read fails, as it does not let a deployment through either. */
export function junitOfChecks({ accountId, region, rows }: CheckedAccount): string {
  const cases = rows.map(({ check, status, found, remedy }): JunitCase => {
    const text = remedy === undefined ? found : `${found}\n${remedy}`;
    if (status === 'ok') return { name: check };
    if (status === 'warning') return { name: check, output: `warning ${text}` };
    return { name: check, failure: { message: status === 'unknown' ? `could not be read: ${found}` : found, text } };
  });
  return junitXml('tidegate preflight', [{ name: `account ${accountId}, ${region}`, cases }]);
}

/** Checks as a comment on a pull request. */
export function markdownOfChecks({ accountId, region, rows }: CheckedAccount): string {
  const signs: { readonly [status in CheckStatus]: string } = {
    ok: '✅ ok',
    warning: '⚠️ warning',
    unknown: '❓ unknown',
    fails: '❌ fails',
  };
  const table = markdownTable(
    ['', 'check', 'found', 'way out'],
    rows.map(({ status, check, found, remedy = '' }) => [
      signs[status],
      markdownText(check),
      markdownText(found),
      markdownText(remedy),
    ]),
  );
  return `### tidegate preflight: ${counts(rows)}\n\nAccount ${accountId}, ${region}.\n\n${table}\n`;
}

/** Number of rows of each status. */
function counts(rows: readonly CheckRow[]): string {
  return (['fails', 'unknown', 'warning', 'ok'] as const)
    .map((status) => `${rows.filter((row) => row.status === status).length} ${status}`)
    .join(', ');
}
