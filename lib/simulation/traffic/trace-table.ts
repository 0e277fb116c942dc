import { ClientWindows, isClientWindow } from './client-windows';
import { foreignForm } from './foreign-forms';
import type { TraceSettings } from './request-rows';
import { AnyReader, CountReader, MetricReader, RequestReader, rowCells } from './table-readers';
import { hasUnknownOrder, parseDateTime } from './timestamps';
import { epochUnit } from './time-unit';
import { isCount, traceColumns, type TraceColumns } from './trace-columns';
import type { TraceReader } from './trace-reader';
import { type Delimiter, readNumber, shownValue, splitCells, traceError } from './trace-text';
import type { Workload } from './workload';

/** Formats of traces, for messages. */
export const ACCEPTED_TRACES =
  'accepted are: a CSV with the header TIMESTAMP,ContextTokens,GeneratedTokens; counts with a line ' +
  '"# step_seconds=60" and the header "requests"; a metric as "timestamp,value"; the JSON of ' +
  '"aws cloudwatch get-metric-statistics" or "get-metric-data"; JSON Lines with timestamp, input_length, output_length; ' +
  'client windows of ServeGen as rows of timestamp,rate,cv,pattern,shape,scale; parquet with the columns of such a CSV';

/** Returns the reader of a table, depending on its header, or on its first row where it has none. */
export function tableReader(
  header: string,
  line: number,
  settings: TraceSettings,
  stepSeconds: number | undefined,
): TraceReader {
  const { name } = settings;
  const at = { name, line };
  const foreign = foreignForm(header);
  if (foreign !== undefined) throw traceError(name, line, foreign);
  const delimiter = delimiterOf(header);
  const cells = splitCells(header, at, delimiter);
  if (isClientWindow(cells)) {
    const windows = new ClientWindows(settings);
    windows.take(header, line);
    return windows;
  }
  if (isMoment(cells[0]!)) return readerWithoutHeader(header, line, settings, delimiter);
  const parts = momentParts(cells);
  if (parts !== undefined) return new PartedMoments(cells, parts, line, settings, stepSeconds, delimiter);
  const columns = traceColumns(cells);
  const table = { header: cells, columns, line, settings, stepSeconds, delimiter };
  return columns.time < 0 && cells.length > 1 ? new UnnamedTime(table) : readerOf(table);
}

/** A table whose header was read. */
interface Table {
  readonly header: readonly string[];
  readonly columns: TraceColumns;
  /** Line of the header. */
  readonly line: number;
  readonly settings: TraceSettings;
  readonly stepSeconds: number | undefined;
  readonly delimiter: Delimiter;
}

/** Returns the reader for the columns of a table. */
function readerOf({ header: cells, columns, line, settings, stepSeconds, delimiter }: Table): TraceReader {
  const { name } = settings;
  const { time, context, generated, value } = columns;
  if (time >= 0 && context >= 0 && generated >= 0) {
    const counted = cells.find(isCount);
    if (counted !== undefined) {
      throw traceError(
        name,
        line,
        `the column ${shownValue(counted)} counts requests, and a row with numbers of tokens is one request; ` +
          'give one row for each request, or only the time and the counts',
      );
    }
    return new RequestReader(settings, cells, { time, context, generated }, delimiter);
  }
  if (context >= 0 || generated >= 0) {
    const missing = time < 0 ? 'a timestamp' : context < 0 ? 'context tokens' : 'generated tokens';
    throw traceError(
      name,
      line,
      `the header ${shownValue(cells.join(delimiter))} has no column for ${missing}; ${ACCEPTED_TRACES}`,
    );
  }
  if (time >= 0 && cells.length === 1) return new RequestReader(settings, cells, { time }, delimiter);
  if (time >= 0 && value >= 0) return new MetricReader(settings, cells, columns, delimiter);
  if (cells.length === 1 && isCount(cells[0]!)) {
    if (stepSeconds === undefined) {
      throw traceError(
        name,
        line,
        'the length of a step is missing; write a line such as "# step_seconds=60" above the header',
      );
    }
    return new CountReader(settings, cells[0]!, stepSeconds);
  }
  if (time >= 0) return new AnyReader(settings, cells, time, delimiter);
  throw traceError(
    name,
    line,
    `the first line, ${shownValue(cells.join(delimiter))}, is not the header of a trace; ${ACCEPTED_TRACES}`,
  );
}

/** Returns the character between cells: that of the header. */
function delimiterOf(header: string): Delimiter {
  const bare = header.replace(/"[^"]*"/g, '');
  return bare.includes(',') ? ',' : bare.includes(';') ? ';' : bare.includes('\t') ? '\t' : ',';
}

/** True for a cell that certainly is a moment: a date, or a number since 1970. */
function isMoment(cell: string): boolean {
  return /^\d+(\.\d+)?$/.test(cell) ? epochUnit(Number(cell)) !== undefined : parseDateTime(cell) !== undefined;
}

/** Returns the reader of a table whose first row is already one of data, with the moment first. */
function readerWithoutHeader(row: string, line: number, settings: TraceSettings, delimiter: Delimiter): TraceReader {
  const cells = splitCells(row, { name: settings.name, line }, delimiter);
  const names = cells.map((_cell, index) => (index === 0 ? 'timestamp' : `column ${index + 1}`));
  const reader =
    cells.length === 1
      ? new RequestReader(settings, names, { time: 0 }, delimiter)
      : new AnyReader(settings, names, 0, delimiter);
  reader.take(row, line);
  return reader;
}

/** Returns the step length of a comment line; undefined if it has none. */
export function commentedStepSeconds(text: string, line: number, name: string): number | undefined {
  const match = /step_seconds\s*[=:]\s*([^\s,;]*)/.exec(text);
  if (match === null) return undefined;
  return readNumber(match[1], 'step_seconds', { minimum: 0.001, maximum: 86_400 }, { name, line });
}

/** A table without a column that is named as a time: the one whose first value is a moment is taken for it. */
class UnnamedTime implements TraceReader {
  private reader: TraceReader | undefined;
  private note: string[] = [];

  public constructor(private readonly table: Table) {}

  public take(text: string, line: number): void {
    if (this.reader === undefined) {
      const { header, columns, settings, delimiter } = this.table;
      const cells = rowCells(text, header, { name: settings.name, line }, delimiter);
      const moments = header.flatMap((name, index) =>
        isMoment(cells[index]!) || hasUnknownOrder(cells[index]!) ? [{ name, index }] : [],
      );
      if (moments.length > 1) {
        const names = moments.map(({ name }) => shownValue(name)).join(', ');
        throw traceError(
          settings.name,
          line,
          `${names} all hold moments; call the column with the arrivals "timestamp"`,
        );
      }
      const [moment] = moments;
      const time = moment?.index ?? -1;
      const value = columns.value === time ? -1 : columns.value;
      this.reader = readerOf({ ...this.table, columns: { ...columns, time, value } });
      if (moment !== undefined) this.note = [`column ${shownValue(moment.name)} is taken for the time`];
    }
    this.reader.take(text, line);
  }

  public finish(line: number): Workload {
    const workload = (this.reader ?? readerOf(this.table)).finish(line);
    return { ...workload, notes: [...this.note, ...(workload.notes ?? [])] };
  }
}

/** Places of the two columns of a moment: its date, and its time of day. */
interface MomentParts {
  readonly date: number;
  readonly timeOfDay: number;
}

/** Returns the columns of a moment that is written in two; undefined where it is in one. */
function momentParts(header: readonly string[]): MomentParts | undefined {
  const date = header.findIndex((name) => /^(date|day)$/i.test(name.trim()));
  const timeOfDay = header.findIndex((name) => /^(time|time[ _]?of[ _]?day|clock)$/i.test(name.trim()));
  return date >= 0 && timeOfDay >= 0 ? { date, timeOfDay } : undefined;
}

/** A table with the date and the time of day of a moment in columns of their own. */
class PartedMoments implements TraceReader {
  private reader: TraceReader | undefined;

  public constructor(
    private readonly header: readonly string[],
    private readonly parts: MomentParts,
    private readonly headerLine: number,
    private readonly settings: TraceSettings,
    private readonly stepSeconds: number | undefined,
    private readonly delimiter: Delimiter,
  ) {}

  public take(text: string, line: number): void {
    const { header, settings, delimiter, parts } = this;
    const cells = rowCells(text, header, { name: settings.name, line }, delimiter);
    const date = cells[parts.date]!;
    const timeOfDay = cells[parts.timeOfDay]!;
    // A date beside a whole moment, as some logs have it.
    const moment = /^\d{1,2}:\d{2}/.test(timeOfDay) ? `${date} ${timeOfDay}` : timeOfDay;
    this.reader ??= this.open();
    this.reader.take(this.joined(cells, moment), line);
  }

  public finish(line: number): Workload {
    return (this.reader ?? this.open()).finish(line);
  }

  private open(): TraceReader {
    const header = this.joined(this.header, 'timestamp');
    return tableReader(header, this.headerLine, this.settings, this.stepSeconds);
  }

  /** Row with the moment in place of its date, and without its time of day. */
  private joined(cells: readonly string[], moment: string): string {
    const { date, timeOfDay } = this.parts;
    return cells
      .map((cell, index) => (index === date ? moment : cell))
      .filter((_cell, index) => index !== timeOfDay)
      .map((cell) => `"${cell.replaceAll('"', '""')}"`)
      .join(this.delimiter);
  }
}
