import { ClientWindows, isClientWindow } from './client-windows';
import { MAX_TOKENS, RequestRows, type TraceSettings } from './request-rows';
import { MAX_COUNT, MAX_STEPS, metricWorkload, StepCounts, type MetricPoint } from './step-counts';
import { foreignForm } from './foreign-forms';
import { epochUnit, RelativeRows, unitInName } from './time-unit';
import { parseDateTime, TimestampColumn } from './timestamps';
import { COUNT_NAMES, traceColumns, type TraceColumns } from './trace-columns';
import type { TraceReader } from './trace-reader';
import { checkRow, type Delimiter, readNumber, shownValue, splitCells, traceError } from './trace-text';
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
  const columns = traceColumns(cells);
  const { time, context, generated, value } = columns;
  if (time >= 0 && context >= 0 && generated >= 0) {
    return new RequestTable(settings, cells, { time, context, generated }, delimiter);
  }
  if (context >= 0 || generated >= 0) {
    const missing = time < 0 ? 'a timestamp' : context < 0 ? 'context tokens' : 'generated tokens';
    throw traceError(name, line, `the header ${shownValue(header)} has no column for ${missing}; ${ACCEPTED_TRACES}`);
  }
  if (time >= 0 && cells.length === 1) return new RequestTable(settings, cells, { time }, delimiter);
  if (time >= 0 && value >= 0) return new MetricTable(settings, cells, columns, delimiter);
  if (cells.length === 1 && COUNT_NAMES.includes(cells[0]!.toLowerCase().replace(/[^a-z0-9]/g, ''))) {
    if (stepSeconds === undefined) {
      throw traceError(
        name,
        line,
        'the length of a step is missing; write a line such as "# step_seconds=60" above the header',
      );
    }
    return new CountTable(settings, cells[0]!, stepSeconds);
  }
  if (time >= 0) return new AnyTable(settings, cells, time, delimiter);
  throw traceError(
    name,
    line,
    `the first line, ${shownValue(header)}, is not the header of a trace; ${ACCEPTED_TRACES}`,
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

function isNumber(cell: string): boolean {
  return /^[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?$/.test(cell);
}

/** Returns the reader of a table whose first row is already one of data, with the moment first. */
function readerWithoutHeader(row: string, line: number, settings: TraceSettings, delimiter: Delimiter): TraceReader {
  const cells = splitCells(row, { name: settings.name, line }, delimiter);
  const names = cells.map((_cell, index) => (index === 0 ? 'timestamp' : `column ${index + 1}`));
  const reader =
    cells.length === 1
      ? new RequestTable(settings, names, { time: 0 }, delimiter)
      : new AnyTable(settings, names, 0, delimiter);
  reader.take(row, line);
  return reader;
}

/** Returns the step length of a comment line; undefined if it has none. */
export function commentedStepSeconds(text: string, line: number, name: string): number | undefined {
  const match = /step_seconds\s*[=:]\s*([^\s,;]*)/.exec(text);
  if (match === null) return undefined;
  return readNumber(match[1], 'step_seconds', { minimum: 0.001, maximum: 86_400 }, { name, line });
}

/** Returns the cells of a row; their number must be that of the header. */
function rowCells(
  text: string,
  header: readonly string[],
  at: { readonly name: string; readonly line: number },
  delimiter: Delimiter = ',',
): string[] {
  checkRow(text, at);
  const cells = splitCells(text, at, delimiter);
  if (cells.length !== header.length) {
    throw traceError(
      at.name,
      at.line,
      `the row has ${cells.length} column${cells.length === 1 ? '' : 's'}, the header ${header.length} ` +
        `(${header.join(', ')}); complete the row or remove it`,
    );
  }
  return cells;
}

function noRows(name: string, line: number): Error {
  return traceError(name, line, 'the header has no rows below it; export the trace again');
}

/** Returns the timestamps of a column, in the unit of the flags, of its name, or of its first value. */
function timestamps(settings: TraceSettings, column: string): TimestampColumn {
  return new TimestampColumn(settings.name, settings.timeUnit ?? unitInName(column));
}

/** One request per row. */
class RequestTable implements TraceReader {
  private readonly rows: RequestRows;
  private readonly relative: RelativeRows;
  private readonly times: TimestampColumn;

  public constructor(
    private readonly settings: TraceSettings,
    private readonly header: readonly string[],
    private readonly columns: { readonly time: number; readonly context?: number; readonly generated?: number },
    private readonly delimiter: Delimiter,
    private readonly notes: readonly string[] = [],
  ) {
    this.rows = new RequestRows(settings, columns.context !== undefined, 'per-request CSV');
    this.relative = new RelativeRows(this.rows, 's');
    this.times = timestamps(settings, header[columns.time]!);
  }

  public take(text: string, line: number): void {
    const at = { name: this.settings.name, line };
    const cells = rowCells(text, this.header, at, this.delimiter);
    const written = cells[this.columns.time];
    const seconds = this.times.read(written, line);
    const context = this.tokens(cells, this.columns.context, at);
    const generated = this.tokens(cells, this.columns.generated, at);
    if (this.times.isRelative) this.relative.add(seconds, context, generated, written, line);
    else this.rows.add(seconds, context, generated, written, line);
  }

  public finish(line: number): Workload {
    this.relative.decide();
    if (this.rows.length === 0) throw noRows(this.settings.name, line);
    return this.rows.toWorkload(this.times.utcOffsetSeconds, [...this.notes, ...this.relative.notes]);
  }

  private tokens(
    cells: readonly string[],
    column: number | undefined,
    at: { readonly name: string; readonly line: number },
  ): number {
    if (column === undefined) return 0;
    const what = this.header[column];
    return Math.round(readNumber(cells[column], what, { minimum: 0, maximum: MAX_TOKENS }, at));
  }
}

/** A table with a time column and others of unknown names: its first row decides between counts per step and a request per row. */
class AnyTable implements TraceReader {
  private reader: TraceReader | undefined;

  public constructor(
    private readonly settings: TraceSettings,
    private readonly header: readonly string[],
    private readonly time: number,
    private readonly delimiter: Delimiter,
  ) {}

  public take(text: string, line: number): void {
    this.reader ??= this.readerOf(text, line);
    this.reader.take(text, line);
  }

  public finish(line: number): Workload {
    if (this.reader === undefined) throw noRows(this.settings.name, line);
    return this.reader.finish(line);
  }

  private readerOf(text: string, line: number): TraceReader {
    const { settings, header, time, delimiter } = this;
    const cells = rowCells(text, header, { name: settings.name, line }, delimiter);
    const value = 1 - time;
    if (header.length === 2 && isNumber(cells[value]!)) {
      const columns = { time, context: -1, generated: -1, value, valueKind: 'count' } as const;
      return new MetricTable(settings, header, columns, delimiter, [
        `column ${shownValue(header[value])} is taken for the requests of a step; a column called "duration" or the like is not: leave it out`,
      ]);
    }
    return new RequestTable(settings, header, { time }, delimiter, [
      `each row is taken for one request; of its ${header.length} columns only ${shownValue(header[time])} is read`,
    ]);
  }
}

/** One count per row, for steps of a known length. */
class CountTable implements TraceReader {
  private readonly counts = new StepCounts();

  public constructor(
    private readonly settings: TraceSettings,
    private readonly column: string,
    private readonly stepSeconds: number,
  ) {}

  public take(text: string, line: number): void {
    const at = { name: this.settings.name, line };
    const cells = rowCells(text, [this.column], at);
    if (this.counts.steps >= MAX_STEPS) {
      throw traceError(at.name, line, `the trace has more than ${MAX_STEPS} steps; shorten it, or use longer steps`);
    }
    this.counts.add(readNumber(cells[0], this.column, { minimum: 0, maximum: MAX_COUNT }, at));
  }

  public finish(line: number): Workload {
    if (this.counts.steps === 0) throw noRows(this.settings.name, line);
    return this.counts.toWorkload(this.settings, this.stepSeconds, 'counts per step', line);
  }
}

/** A timestamp and a count or rate per row, as in exports of CloudWatch, Grafana and load generators. */
class MetricTable implements TraceReader {
  private readonly points: MetricPoint[] = [];
  private readonly times: TimestampColumn;
  /** Columns that name a part of the traffic, in files with several rows for each moment. */
  private readonly part: number;

  public constructor(
    private readonly settings: TraceSettings,
    private readonly header: readonly string[],
    private readonly columns: TraceColumns,
    private readonly delimiter: Delimiter,
    private readonly notes: readonly string[] = [],
  ) {
    this.times = timestamps(settings, header[columns.time]!);
    this.part = header.findIndex((name) => /^name$/i.test(name));
  }

  public take(text: string, line: number): void {
    const { settings, header, columns, delimiter } = this;
    const at = { name: settings.name, line };
    const cells = rowCells(text, header, at, delimiter);
    // Load generators have a row for the sum of all parts.
    if (this.part >= 0 && /^Requests\/s$/i.test(header[columns.value]!) && cells[this.part] !== 'Aggregated') return;
    const atSeconds = this.times.read(cells[columns.time], line);
    const limits = { minimum: 0, maximum: MAX_COUNT };
    const written = delimiter === ';' ? cells[columns.value].replace(/^(\d+),(\d+)$/, '$1.$2') : cells[columns.value];
    this.points.push({ atSeconds, value: readNumber(written, header[columns.value], limits, at), line });
  }

  public finish(line: number): Workload {
    const { settings, points, columns, times, notes } = this;
    if (points.length === 0) throw noRows(settings.name, line);
    return metricWorkload(points, settings, 'metric export (CSV)', {
      utcOffsetSeconds: times.utcOffsetSeconds,
      kind: columns.valueKind,
      isRelative: times.isRelative,
      notes,
    });
  }
}
