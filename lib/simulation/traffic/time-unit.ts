import { traceError } from './trace-text';

/** Units of timestamps that are numbers. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns';

/** Ticks of a second in each unit. */
export const UNITS_PER_SECOND: { readonly [unit in TimeUnit]: number } = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 };

const NAMES: { readonly [unit in TimeUnit]: string } = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
};

const UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns'];

/** Returns the unit of numbers since 1970, by their magnitude; undefined for smaller numbers, which count from another moment. */
export function epochUnit(value: number): TimeUnit | undefined {
  if (value >= 1e17) return 'ns';
  if (value >= 1e14) return 'us';
  if (value >= 1e11) return 'ms';
  return value >= 1e9 ? 's' : undefined;
}

/** Returns the unit in the name of a column, such as `timestamp_ms` or `time (us)`. */
export function unitInName(column: string): TimeUnit | undefined {
  const match =
    /(?:^|[^a-z])(ns|nanos(?:econds)?|us|µs|micros(?:econds)?|ms|millis(?:econds)?|s|secs?|seconds)\W*$/i.exec(
      column.replace(/([a-z])(?=(?:Ns|Us|Ms|Millis|Micros|Nanos|Seconds)$)/, '$1_'),
    )?.[1];
  if (match === undefined) return undefined;
  const letter = match.toLowerCase();
  if (letter.startsWith('n')) return 'ns';
  if (letter.startsWith('m')) return letter === 'ms' || letter.startsWith('milli') ? 'ms' : 'us';
  return letter.startsWith('s') ? 's' : 'us';
}

/** Latest moment of a trace, 2100-01-01: later ones are numbers in another unit, or dates without separators. */
export const LATEST_DATE = 4_102_444_800;

/** Seconds from another moment than 1970 below which a number in a named unit stays believable, whatever its magnitude. */
const MAX_UPTIME_SECONDS = 86_400;

/** Returns the unit in which a number is a date of today, where the unit that its column names makes it one of days after 1970. */
export function otherUnit(value: number, named: TimeUnit): TimeUnit | undefined {
  const unit = epochUnit(value);
  const seconds = value / UNITS_PER_SECOND[named];
  if (unit === undefined || unit === named || seconds >= 1e9 || seconds < MAX_UPTIME_SECONDS) return undefined;
  return value / UNITS_PER_SECOND[unit] <= LATEST_DATE ? unit : undefined;
}

/** Name of a unit in a sentence. */
export function unitName(unit: TimeUnit): string {
  return NAMES[unit];
}

/** Days since 1900 of the years 2000 to 2099, as spreadsheets write dates without their format. */
const SPREADSHEET_DAYS = { first: 36_526, last: 73_050 };

/** Longest trace in such days. */
const MAX_SPREADSHEET_DAYS = 456;

/** True if numbers may be the days of a spreadsheet: of this century, with fractions, and of a span that a trace may have. */
export function maySpreadsheetDays(values: readonly number[]): boolean {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  return (
    least >= SPREADSHEET_DAYS.first &&
    most <= SPREADSHEET_DAYS.last &&
    most - least <= MAX_SPREADSHEET_DAYS &&
    values.length > 1 &&
    values.some((value) => !Number.isInteger(value))
  );
}

/** Sentence about numbers that may be days of a spreadsheet. */
export const SPREADSHEET_DAYS_PROBLEM =
  'the timestamps may be seconds, or days as a spreadsheet counts them; format the column as dates like 2026-01-31 12:00:00, or give --time-unit s';

/** Requests per second above which whole numbers cannot be milliseconds, and below which they cannot be as coarse a unit. */
const PLAUSIBLE_RATE = { most: 100, least: 1e-3 };

/** Minimum number of rows for a guess by the rate. */
const MIN_ROWS = 20;

/** Unit of numbers from another moment than 1970, and the sentence that says how it was guessed. */
export interface UnitGuess {
  readonly unit: TimeUnit;
  readonly note?: string;
}

/**
 * Guesses the unit of relative timestamps: fractions are seconds; whole numbers have the usual unit of their format, unless that makes a
 * rate that no endpoint has.
 */
function guessUnit(values: readonly number[], usual: TimeUnit): UnitGuess {
  const span = values.reduce((most, value) => Math.max(most, value), 0) - (values[0] ?? 0);
  const rate = (unit: TimeUnit): number => (values.length * UNITS_PER_SECOND[unit]) / Math.max(span, 1);
  // As milliseconds they would be traffic that endpoints have, too.
  const isUnsure = values.length > 1 && rate('ms') <= PLAUSIBLE_RATE.most;
  if (values.some((value) => !Number.isInteger(value))) {
    return { unit: 's', ...(isUnsure && { note: guessNote('numbers', 's') }) };
  }
  let unit = usual;
  if (values.length >= MIN_ROWS) {
    if (usual !== 's' && rate(usual) > PLAUSIBLE_RATE.most) unit = 's';
    while (unit !== 'ns' && rate(unit) < PLAUSIBLE_RATE.least) unit = UNITS[UNITS.indexOf(unit) + 1]!;
  }
  if (unit === 's' && usual === 's' && !isUnsure) return { unit };
  return { unit, note: guessNote('whole numbers', unit) };
}

function guessNote(what: string, unit: TimeUnit): string {
  return `the timestamps are ${what} without a date, taken for ${NAMES[unit]}; say otherwise with --time-unit`;
}

/** Receiver of rows whose moments are in seconds. */
interface RowReceiver {
  add(seconds: number, contextTokens: number, generatedTokens: number, written: unknown, line: number): void;
}

/** Row whose moment is not yet known. */
interface PendingRow {
  readonly value: number;
  readonly context: number;
  readonly generated: number;
  readonly written: unknown;
  readonly line: number;
}

/** Rows after which the unit is decided. */
const ROWS_TO_DECIDE = 1000;

/** Adds rows whose timestamps are numbers from another moment than 1970; the first thousand decide the unit of all. */
export class RelativeRows {
  private pending: PendingRow[] | undefined = [];
  private unitsPerSecond = 1;
  private guessed: UnitGuess | undefined;

  public constructor(
    private readonly rows: RowReceiver,
    private readonly usual: TimeUnit,
    private readonly name: string,
  ) {}

  /** Sentence about the guess; none before the last row. */
  public get notes(): readonly string[] {
    return this.guessed?.note === undefined ? [] : [this.guessed.note];
  }

  public get length(): number {
    return this.pending?.length ?? 0;
  }

  public add(value: number, context: number, generated: number, written: unknown, line: number): void {
    if (this.pending === undefined) {
      this.rows.add(value / this.unitsPerSecond, context, generated, written, line);
      return;
    }
    this.pending.push({ value, context, generated, written, line });
    if (this.pending.length >= ROWS_TO_DECIDE) this.decide();
  }

  /**
   * Decides with the rows that there are.
   *
   * @throws InputError for numbers that may be days
   */
  public decide(): void {
    const { pending } = this;
    if (pending === undefined || pending.length === 0) return;
    this.pending = undefined;
    const values = pending.map(({ value }) => value);
    if (maySpreadsheetDays(values)) throw traceError(this.name, pending[0]!.line, SPREADSHEET_DAYS_PROBLEM);
    this.guessed = guessUnit(values, this.usual);
    this.unitsPerSecond = UNITS_PER_SECOND[this.guessed.unit];
    for (const { value, context, generated, written, line } of pending) {
      this.rows.add(value / this.unitsPerSecond, context, generated, written, line);
    }
  }
}
