import { ClientWindows, isClientWindow } from './client-windows';
import { MAX_TOKENS, RequestRows, type TraceSettings } from './request-rows';
import { MAX_COUNT, MAX_STEPS, metricWorkload, StepCounts, type MetricPoint } from './step-counts';
import { TimestampColumn } from './timestamps';
import type { TraceReader } from './trace-reader';
import { checkRow, readNumber, shownValue, splitCells, traceError } from './trace-text';
import type { Workload } from './workload';

/** Formats of traces, for messages. */
export const ACCEPTED_TRACES =
  'accepted are: a CSV with the header TIMESTAMP,ContextTokens,GeneratedTokens; counts with a line ' +
  '"# step_seconds=60" and the header "requests"; a metric as "timestamp,value"; the JSON of ' +
  '"aws cloudwatch get-metric-statistics" or "get-metric-data"; JSON Lines with timestamp, input_length, output_length; ' +
  'client windows of ServeGen as rows of timestamp,rate,cv,pattern,shape,scale; parquet with the columns of such a CSV';

const TIME_COLUMNS = ['timestamp', 'time', 'arrivedat', 'arrivaltime', 'arrivaltimestamp'];
const CONTEXT_COLUMNS = [
  'contexttokens',
  'requesttokens',
  'inputtokens',
  'prompttokens',
  'inputlength',
  'numprefilltokens',
];
const GENERATED_COLUMNS = [
  'generatedtokens',
  'responsetokens',
  'outputtokens',
  'completiontokens',
  'outputlength',
  'numdecodetokens',
];
const VALUE_COLUMNS = ['value', 'sum', 'samplecount', 'count', 'requests', 'requestcount', 'invocations'];
const COUNT_COLUMNS = ['requests', 'requestcount', 'count', 'arrivals', 'invocations'];

/** Returns the reader of a table, depending on its header. */
export function tableReader(
  header: string,
  line: number,
  settings: TraceSettings,
  stepSeconds: number | undefined,
): TraceReader {
  const { name } = settings;
  const cells = splitCells(header, { name, line });
  if (isClientWindow(cells)) {
    const windows = new ClientWindows(settings);
    windows.take(header, line);
    return windows;
  }
  const columns = cells.map((cell) => cell.toLowerCase().replace(/[^a-z0-9]/g, ''));
  const find = (names: readonly string[]): number => columns.findIndex((column) => names.includes(column));
  const time = find(TIME_COLUMNS);
  const context = find(CONTEXT_COLUMNS);
  const generated = find(GENERATED_COLUMNS);
  if (time >= 0 && context >= 0 && generated >= 0) {
    return new RequestTable(settings, cells, { time, context, generated });
  }
  if (context >= 0 || generated >= 0) {
    const missing = time < 0 ? 'a timestamp' : context < 0 ? 'context tokens' : 'generated tokens';
    throw traceError(name, line, `the header ${shownValue(header)} has no column for ${missing}; ${ACCEPTED_TRACES}`);
  }
  if (time >= 0 && columns.length === 1) return new RequestTable(settings, cells, { time });
  const value = find(VALUE_COLUMNS);
  if (time >= 0 && value >= 0) return new MetricTable(settings, cells, time, value);
  if (columns.length === 1 && COUNT_COLUMNS.includes(columns[0])) {
    if (stepSeconds === undefined) {
      throw traceError(
        name,
        line,
        'the length of a step is missing; write a line such as "# step_seconds=60" above the header',
      );
    }
    return new CountTable(settings, cells[0], stepSeconds);
  }
  throw traceError(
    name,
    line,
    `the first line, ${shownValue(header)}, is not the header of a trace; ${ACCEPTED_TRACES}`,
  );
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
): string[] {
  checkRow(text, at);
  const cells = splitCells(text, at);
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

/** One request per row. */
class RequestTable implements TraceReader {
  private readonly rows: RequestRows;
  private readonly times: TimestampColumn;

  public constructor(
    private readonly settings: TraceSettings,
    private readonly header: readonly string[],
    private readonly columns: { readonly time: number; readonly context?: number; readonly generated?: number },
  ) {
    this.rows = new RequestRows(settings, columns.context !== undefined, 'per-request CSV');
    this.times = new TimestampColumn(settings.name);
  }

  public take(text: string, line: number): void {
    const at = { name: this.settings.name, line };
    const cells = rowCells(text, this.header, at);
    const written = cells[this.columns.time];
    const seconds = this.times.read(written, line);
    this.rows.add(
      seconds,
      this.tokens(cells, this.columns.context, at),
      this.tokens(cells, this.columns.generated, at),
      written,
      line,
    );
  }

  public finish(line: number): Workload {
    if (this.rows.length === 0) throw noRows(this.settings.name, line);
    return this.rows.toWorkload(this.times.utcOffsetSeconds);
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

/** A timestamp and a count per row, as in CloudWatch exports. */
class MetricTable implements TraceReader {
  private readonly points: MetricPoint[] = [];
  private readonly times: TimestampColumn;

  public constructor(
    private readonly settings: TraceSettings,
    private readonly header: readonly string[],
    private readonly time: number,
    private readonly value: number,
  ) {
    this.times = new TimestampColumn(settings.name);
  }

  public take(text: string, line: number): void {
    const at = { name: this.settings.name, line };
    const cells = rowCells(text, this.header, at);
    const atSeconds = this.times.read(cells[this.time], line);
    const limits = { minimum: 0, maximum: MAX_COUNT };
    this.points.push({ atSeconds, value: readNumber(cells[this.value], this.header[this.value], limits, at), line });
  }

  public finish(line: number): Workload {
    if (this.points.length === 0) throw noRows(this.settings.name, line);
    return metricWorkload(this.points, this.settings, 'metric export (CSV)', this.times.utcOffsetSeconds);
  }
}
