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
  if (values.some((value) => !Number.isInteger(value))) return { unit: 's' };
  const span = values.reduce((most, value) => Math.max(most, value), 0) - (values[0] ?? 0);
  const rate = (unit: TimeUnit): number => (values.length * UNITS_PER_SECOND[unit]) / Math.max(span, 1);
  let unit = usual;
  if (values.length >= MIN_ROWS) {
    if (usual !== 's' && rate(usual) > PLAUSIBLE_RATE.most) unit = 's';
    while (unit !== 'ns' && rate(unit) < PLAUSIBLE_RATE.least) unit = UNITS[UNITS.indexOf(unit) + 1]!;
  }
  if (unit === 's' && usual === 's') return { unit };
  return {
    unit,
    note: `the timestamps are whole numbers without a date, taken for ${NAMES[unit]}; say otherwise with --time-unit`,
  };
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

  /** Decides with the rows that there are. */
  public decide(): void {
    const { pending } = this;
    if (pending === undefined || pending.length === 0) return;
    this.pending = undefined;
    this.guessed = guessUnit(
      pending.map(({ value }) => value),
      this.usual,
    );
    this.unitsPerSecond = UNITS_PER_SECOND[this.guessed.unit];
    for (const { value, context, generated, written, line } of pending) {
      this.rows.add(value / this.unitsPerSecond, context, generated, written, line);
    }
  }
}
