import { MAX_TOKENS, RequestRows, type TraceSettings } from './request-rows';
import { MAX_COUNT, MAX_STEPS, type MetricPoint, metricWorkload, StepCounts } from './step-counts';
import { RelativeRows, unitInName } from './time-unit';
import { TimestampColumn } from './timestamps';
import { countsNoRequests, type TraceColumns } from './trace-columns';
import type { TraceReader } from './trace-reader';
import { checkRow, type Delimiter, readNumber, shownValue, splitCells, traceError } from './trace-text';
import type { Workload } from './workload';

function isNumber(cell: string): boolean {
  return /^[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?$/.test(cell);
}

/** Returns the cells of a row; their number must be that of the header. */
export function rowCells(
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
  const named = unitInName(column);
  return new TimestampColumn(settings.name, {
    ...(settings.timeUnit !== undefined && { given: settings.timeUnit }),
    ...(named !== undefined && { named }),
  });
}

/** One request per row. */
export class RequestReader implements TraceReader {
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
    this.relative = new RelativeRows(this.rows, 's', settings.name);
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
    return this.rows.toWorkload(this.times.utcOffsetSeconds, [
      ...this.notes,
      ...this.times.notes,
      ...this.relative.notes,
    ]);
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

/** Rows and seconds from which on even steps of numbers are those of a metric. */
const EVEN_STEPS = { minRows: 10, minSeconds: 1 };

/** Notices tables of numbers alone at even steps: they have several series of a metric, and no row of them is a request. */
class EvenSteps {
  private rows = 0;
  private last = 0;
  private step: number | undefined;
  private isMetric = true;

  public add(seconds: number, others: readonly string[]): void {
    if (!this.isMetric) return;
    const distance = seconds - this.last;
    if (this.rows === 1) this.step = distance;
    const isEven = this.rows < 2 || Math.abs(distance - this.step!) < 1e-3;
    this.isMetric = isEven && others.every((cell) => cell === '' || isNumber(cell)) && others.some(isNumber);
    this.last = seconds;
    this.rows++;
  }

  /** False once a row differs. */
  public get isPossible(): boolean {
    return this.isMetric;
  }

  public get isOfMetric(): boolean {
    return this.isMetric && this.rows >= EVEN_STEPS.minRows && this.step! >= EVEN_STEPS.minSeconds;
  }
}

/** A table with a time column and others of unknown names: its first row decides between counts per step and a request per row. */
export class AnyReader implements TraceReader {
  private reader: TraceReader | undefined;
  private steps: EvenSteps | undefined;
  private readonly times: TimestampColumn;

  public constructor(
    private readonly settings: TraceSettings,
    private readonly header: readonly string[],
    private readonly time: number,
    private readonly delimiter: Delimiter,
  ) {
    this.times = timestamps(settings, header[time]!);
  }

  public take(text: string, line: number): void {
    this.reader ??= this.readerOf(text, line);
    this.reader.take(text, line);
    if (this.steps === undefined) return;
    const cells = rowCells(text, this.header, { name: this.settings.name, line }, this.delimiter);
    const others = cells.filter((_cell, index) => index !== this.time);
    this.steps.add(this.times.read(cells[this.time]!, line), others);
    if (!this.steps.isPossible) this.steps = undefined;
  }

  public finish(line: number): Workload {
    if (this.reader === undefined) throw noRows(this.settings.name, line);
    if (this.steps?.isOfMetric === true) {
      throw traceError(
        this.settings.name,
        line,
        `the table has ${this.header.length - 1} columns of numbers at even steps, so that no row is a request; ` +
          `keep ${shownValue(this.header[this.time])} and the column that counts the requests`,
      );
    }
    return this.reader.finish(line);
  }

  private readerOf(text: string, line: number): TraceReader {
    const { settings, header, time, delimiter } = this;
    const cells = rowCells(text, header, { name: settings.name, line }, delimiter);
    const value = 1 - time;
    if (header.length === 2 && isNumber(cells[value]!)) {
      if (countsNoRequests(header[value]!)) {
        throw traceError(
          settings.name,
          line,
          `the column ${shownValue(header[value])} counts no requests by its name; leave it out if each row is one request, ` +
            'export the sum of a metric such as Invocations, or call it "requests" if it does count them',
        );
      }
      const columns = { time, context: -1, generated: -1, value, valueKind: 'count' } as const;
      return new MetricReader(settings, header, columns, delimiter, [
        `column ${shownValue(header[value])} is taken for the requests of a step; a column called "duration" or the like is not: leave it out`,
      ]);
    }
    this.steps = new EvenSteps();
    return new RequestReader(settings, header, { time }, delimiter, [
      `each row is taken for one request; of its ${header.length} columns only ${shownValue(header[time])} is read`,
    ]);
  }
}

/** One count per row, for steps of a known length. */
export class CountReader implements TraceReader {
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
export class MetricReader implements TraceReader {
  private readonly points: MetricPoint[] = [];
  private readonly times: TimestampColumn;
  /** Columns that name a part of the traffic, in files with several rows for each moment. */
  private readonly part: number;
  /** First text of each column that is neither the time nor the number, and the columns that have others, too. */
  private readonly texts = new Map<number, string>();
  private readonly labels = new Set<number>();
  private mayHaveThousands: boolean;

  public constructor(
    private readonly settings: TraceSettings,
    private readonly header: readonly string[],
    private readonly columns: TraceColumns,
    private readonly delimiter: Delimiter,
    private readonly notes: readonly string[] = [],
  ) {
    this.times = timestamps(settings, header[columns.time]!);
    this.part = header.findIndex((name) => /^name$/i.test(name));
    this.mayHaveThousands = delimiter === ';';
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
    if (written.includes('.') && !/^[1-9]\d{0,2}\.\d{3}$/.test(cells[columns.value]!)) this.mayHaveThousands = false;
    this.lookAtTexts(cells);
  }

  /** Remembers columns that name parts of the traffic. */
  private lookAtTexts(cells: readonly string[]): void {
    for (const [index, cell] of cells.entries()) {
      if (index === this.columns.time || index === this.columns.value || isNumber(cell)) continue;
      const first = this.texts.get(index);
      if (first === undefined) this.texts.set(index, cell);
      else if (first !== cell) this.labels.add(index);
    }
  }

  public finish(line: number): Workload {
    const { settings, points, columns, times, notes } = this;
    if (points.length === 0) throw noRows(settings.name, line);
    const value = shownValue(this.header[columns.value]);
    if (this.mayHaveThousands && points.some(({ value: number }) => !Number.isInteger(number))) {
      throw traceError(
        settings.name,
        line,
        `column ${value} has numbers such as 1.234, which may be thousands or fractions; write thousands without a point, or commas between the cells`,
      );
    }
    const labels = [...this.labels].map((index) => shownValue(this.header[index])).join(', ');
    if (labels !== '' && columns.valueKind === 'counter') {
      throw traceError(
        settings.name,
        line,
        `column ${value} is a counter, and ${labels} ${this.labels.size === 1 ? 'names' : 'name'} several of them; give one, or export their increase per step`,
      );
    }
    return metricWorkload(points, settings, 'metric export (CSV)', {
      utcOffsetSeconds: times.utcOffsetSeconds,
      kind: columns.valueKind,
      isRelative: times.isRelative,
      notes: [
        ...notes,
        ...times.notes,
        ...(labels === ''
          ? []
          : [`the rows of all values of ${labels} are added up; give those of one if it is meant`]),
      ],
    });
  }
}
