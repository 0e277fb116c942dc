import { isObject, type Json, syntaxProblem } from '../../core/parse';
import { foreignForm } from './foreign-forms';
import { MAX_TOKENS, RequestRows, type TraceSettings } from './request-rows';
import { MAX_COUNT, metricWorkload, type MetricPoint } from './step-counts';
import { epochUnit, RelativeRows, unitInName, UNITS_PER_SECOND } from './time-unit';
import { lateProblem, numberProblem, parseDateTime, TimestampColumn, writtenOffset } from './timestamps';
import { countsNoRequests, isCount, traceColumns, type TraceColumns } from './trace-columns';
import type { TraceReader } from './trace-reader';
import { ACCEPTED_TRACES } from './trace-table';
import { checkNumber, checkRow, checkText, shownValue, traceError } from './trace-text';
import type { Workload } from './workload';

/** Maximum characters of a JSON document; get-metric-data returns at most 100,800 values at once. */
const MAX_DOCUMENT_LENGTH = 64 * 1024 * 1024;

/** Units of metrics that count requests. */
const COUNT_UNITS: readonly string[] = ['Count', 'None', 'Count/Second'];

/** Metrics of hosting that do not count the requests of an endpoint. */
const NO_COUNT =
  /(^|[\s/.])((Model|Overhead|Container|FirstChunk\w*)Latency|\w+Utilization(Normalized)?|InvocationsPer(Instance|Copy)|ConcurrentRequestsPer(Model|Copy)|Invocation(4XX|5XX|Model)Errors|ModelSetupTime|ApproximateBacklog\w+|HasBacklogWithoutCapacity|TimeInBacklog)$/;

/** True for the name of a metric or a statistic; a label of several words may name an endpoint. */
function isOneWord(label: string): boolean {
  return /^[A-Za-z\d.]+$/.test(label);
}

/** Returns the reader of JSON Lines or of a JSON document, depending on the first line. */
export function jsonReader(firstLine: string, settings: TraceSettings): TraceReader {
  const foreign = foreignForm(firstLine);
  if (foreign !== undefined) throw traceError(settings.name, 1, foreign);
  let parsed: unknown;
  try {
    parsed = JSON.parse(firstLine);
  } catch {
    return new MetricDocument(settings);
  }
  const document = !isObject(parsed) || 'Datapoints' in parsed || 'MetricDataResults' in parsed;
  if (document) return new MetricDocument(settings);
  const names = Object.keys(parsed as Json);
  const columns = traceColumns(names);
  const { time, context, generated, value } = columns;
  const isMetric = time >= 0 && context < 0 && generated < 0 && value >= 0;
  return isMetric && typeof (parsed as Json)[names[value]!] === 'number'
    ? new MetricLines(settings, names, columns)
    : new RequestLines(settings);
}

/** One moment and number per line, as a metric is written in JSON Lines. */
class MetricLines implements TraceReader {
  private readonly points: MetricPoint[] = [];
  private readonly times: TimestampColumn;
  private readonly time: string;
  private readonly value: string;

  public constructor(
    private readonly settings: TraceSettings,
    names: readonly string[],
    private readonly columns: TraceColumns,
  ) {
    this.time = names[columns.time]!;
    this.value = names[columns.value]!;
    const named = unitInName(this.time);
    this.times = new TimestampColumn(settings.name, {
      ...(settings.timeUnit !== undefined && { given: settings.timeUnit }),
      ...(named !== undefined && { named }),
    });
  }

  public take(text: string, line: number): void {
    const at = { name: this.settings.name, line };
    const row = rowOf(text, at, `${this.time} and ${this.value}`);
    const written = row[this.time];
    if (typeof written !== 'string' && typeof written !== 'number') {
      throw traceError(at.name, line, `${this.time} ${isWritten(written)}; it must be a date or a number`);
    }
    const number = row[this.value];
    this.points.push({
      atSeconds: this.times.read(String(written), line),
      value: checkNumber(number, number, this.value, { minimum: 0, maximum: MAX_COUNT }, at),
      line,
    });
  }

  public finish(): Workload {
    const { settings, points, times, columns } = this;
    return metricWorkload(points, settings, 'metric export (JSON Lines)', {
      utcOffsetSeconds: times.utcOffsetSeconds,
      kind: columns.valueKind,
      isRelative: times.isRelative,
      notes: [`${shownValue(this.value)} is taken for the requests of a step`, ...times.notes],
    });
  }
}

/** Object of a line. */
function rowOf(text: string, at: { readonly name: string; readonly line: number }, fields: string): Json {
  checkRow(text, at);
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (cause) {
    throw traceError(at.name, at.line, `the line is not valid JSON (${syntaxProblem(cause)}); correct it or remove it`);
  }
  if (isObject(row)) return row;
  throw traceError(at.name, at.line, `the line is ${shownValue(text)}; it must be an object with ${fields}`);
}

function isWritten(value: unknown): string {
  return value === undefined ? 'is missing' : `is ${shownValue(value)}`;
}

/** Usual names of the fields of a request. */
const FIELDS = ['timestamp', 'input_length', 'output_length'] as const;

/** One request per line: `{"timestamp": milliseconds or seconds or a date, "input_length": tokens, "output_length": tokens}`. */
class RequestLines implements TraceReader {
  private readonly settings: TraceSettings;
  private rows: RequestRows;
  private relative: RelativeRows;
  private fields: readonly [time: string, context: string | undefined, generated: string | undefined] | undefined;
  private unitsPerSecond: number | undefined;
  private utcOffsetSeconds = 0;

  public constructor(settings: TraceSettings) {
    this.settings = settings;
    this.rows = new RequestRows(settings, true, 'JSON Lines');
    this.relative = new RelativeRows(this.rows, 'ms', settings.name);
  }

  public take(text: string, line: number): void {
    const at = { name: this.settings.name, line };
    const row = rowOf(text, at, FIELDS.join(', '));
    const [time, context, generated] = (this.fields ??= this.fieldsOf(row, line));
    const limits = { minimum: 0, maximum: MAX_TOKENS };
    const tokens = (field: string | undefined): number =>
      field === undefined ? 0 : Math.round(checkNumber(row[field], row[field], field, limits, at));
    const written = row[time];
    const moment = typeof written === 'string' ? parseDateTime(written) : undefined;
    const value =
      moment === undefined ? checkNumber(written, written, time, { minimum: 0, maximum: MAX_TIMESTAMP }, at) : 0;
    const [contextTokens, generatedTokens] = [tokens(context), tokens(generated)];
    if (moment !== undefined) {
      this.refuseLate(moment, written, line);
      if (this.rows.length === 0) this.utcOffsetSeconds = writtenOffset(written as string);
      this.rows.add(moment, contextTokens, generatedTokens, written, line);
      return;
    }
    if (this.rows.length + this.relative.length === 0) {
      const named = unitInName(time);
      const problem = numberProblem(String(value), {
        ...(this.settings.timeUnit !== undefined && { given: this.settings.timeUnit }),
        ...(named !== undefined && { named }),
      });
      if (problem !== undefined) throw traceError(at.name, line, problem);
      const unit = this.settings.timeUnit ?? named ?? epochUnit(value);
      this.unitsPerSecond = unit === undefined ? undefined : UNITS_PER_SECOND[unit];
    }
    if (this.unitsPerSecond === undefined) this.relative.add(value, contextTokens, generatedTokens, written, line);
    else {
      const seconds = value / this.unitsPerSecond;
      this.refuseLate(seconds, written, line);
      this.rows.add(seconds, contextTokens, generatedTokens, written, line);
    }
  }

  private refuseLate(seconds: number, written: unknown, line: number): void {
    const problem = lateProblem(seconds, written);
    if (problem !== undefined) throw traceError(this.settings.name, line, problem);
  }

  public finish(): Workload {
    this.relative.decide();
    return this.rows.toWorkload(this.utcOffsetSeconds, this.relative.notes);
  }

  /** Fields of the first row; the usual names where it has none that are known. */
  private fieldsOf(row: Json, line: number): readonly [string, string | undefined, string | undefined] {
    const names = Object.keys(row);
    const { time, context, generated } = traceColumns(names);
    const counted = names.find((name) => isCount(name) && typeof row[name] === 'number');
    if (counted !== undefined) {
      throw traceError(
        this.settings.name,
        line,
        `${shownValue(counted)} counts requests, and a line with numbers of tokens is one request; ` +
          'give one line for each request, or only the time and the counts',
      );
    }
    const isWithoutTokens = time >= 0 && context < 0 && generated < 0;
    if (isWithoutTokens) {
      this.rows = new RequestRows(this.settings, false, 'JSON Lines');
      this.relative = new RelativeRows(this.rows, 'ms', this.settings.name);
      return [names[time]!, undefined, undefined];
    }
    return [names[time] ?? FIELDS[0], names[context] ?? FIELDS[1], names[generated] ?? FIELDS[2]];
  }
}

/** Maximum number of a timestamp: nanoseconds until the year 2286. */
const MAX_TIMESTAMP = 1e19;

/** Output of get-metric-statistics or get-metric-data, in one line or several. */
class MetricDocument implements TraceReader {
  private readonly lines: string[] = [];
  private readonly lineNumbers: number[] = [];
  private length = 0;
  private utcOffsetSeconds: number | undefined;

  public constructor(private readonly settings: TraceSettings) {}

  public take(text: string, line: number): void {
    const at = { name: this.settings.name, line };
    checkText(text, at);
    this.length += text.length + 1;
    if (this.length > MAX_DOCUMENT_LENGTH) {
      throw traceError(
        at.name,
        line,
        `the JSON document has more than ${MAX_DOCUMENT_LENGTH} characters; export a shorter time`,
      );
    }
    this.lines.push(text);
    this.lineNumbers.push(line);
  }

  public finish(line: number): Workload {
    const { name } = this.settings;
    const document = this.parse(line);
    if (isObject(document)) this.checkWhole(document);
    const points = isObject(document)
      ? Array.isArray(document.Datapoints)
        ? this.statisticsPoints(document.Datapoints)
        : Array.isArray(document.MetricDataResults)
          ? this.dataPoints(document.MetricDataResults)
          : undefined
      : undefined;
    if (points === undefined) {
      throw traceError(name, 1, `the JSON has neither Datapoints nor MetricDataResults; ${ACCEPTED_TRACES}`);
    }
    if (points.length === 0) {
      throw traceError(name, line, 'the export has no datapoint; check the metric, its dimensions and the time range');
    }
    return metricWorkload(points, this.settings, 'metric export (JSON)', {
      utcOffsetSeconds: this.utcOffsetSeconds ?? 0,
    });
  }

  /** @throws InputError for a part of a result, and for metrics that count no requests */
  private checkWhole(document: Json): void {
    const refuse = (key: string, message: string): never => {
      throw traceError(this.settings.name, this.linesOf(key, 1)[0]!, message);
    };
    if (typeof document.NextToken === 'string' && document.NextToken !== '') {
      refuse(
        '"NextToken"',
        'the export is cut off (NextToken); leave out --max-items and --no-paginate, so that the AWS CLI reads all pages',
      );
    }
    const messages = Array.isArray(document.Messages) ? (document.Messages as unknown[]) : [];
    if (messages.length > 0) {
      refuse(
        '"Messages"',
        `CloudWatch says of the export ${shownValue(messages[0])}; see what it left out, and export again`,
      );
    }
    const results = Array.isArray(document.MetricDataResults) ? (document.MetricDataResults as unknown[]) : [];
    for (const result of results) {
      if (!isObject(result)) continue;
      const { StatusCode: status, Label: label } = result;
      if (status !== undefined && status !== 'Complete') {
        refuse(
          '"StatusCode"',
          `the export is not whole (StatusCode ${shownValue(status)}); export it again, in shorter parts of time if that stays`,
        );
      }
      this.checkMetric(label, refuse);
    }
    this.checkMetric(document.Label, refuse);
    const points = Array.isArray(document.Datapoints) ? (document.Datapoints as unknown[]) : [];
    const unit = points.map((point) => (isObject(point) ? point.Unit : undefined)).find((one) => one !== undefined);
    if (typeof unit === 'string' && !COUNT_UNITS.includes(unit)) {
      refuse(
        '"Unit"',
        `the datapoints are in ${unit}, and requests are a count; export Invocations with the statistic Sum`,
      );
    }
  }

  private checkMetric(label: unknown, refuse: (key: string, message: string) => never): void {
    if (typeof label !== 'string' || !(NO_COUNT.test(label) || (isOneWord(label) && countsNoRequests(label)))) return;
    refuse(
      '"Label"',
      `the metric is ${shownValue(label)}, which counts no requests; export Invocations with the statistic Sum`,
    );
  }

  private parse(lastLine: number): unknown {
    const text = this.lines.join('\n');
    try {
      return JSON.parse(text);
    } catch (cause) {
      const message = syntaxProblem(cause);
      const position = /position (\d+)/.exec(message);
      const index =
        position === null ? this.lines.length - 1 : text.slice(0, Number(position[1])).split('\n').length - 1;
      throw traceError(
        this.settings.name,
        this.lineNumbers[index] ?? lastLine,
        `the file is not valid JSON (${message}); export it again`,
      );
    }
  }

  private statisticsPoints(datapoints: readonly unknown[]): MetricPoint[] {
    const lines = this.linesOf('"Timestamp"', datapoints.length);
    return datapoints.map((datapoint, index) => {
      const at = { name: this.settings.name, line: lines[index] };
      const what = `Datapoints[${index}]`;
      if (!isObject(datapoint))
        throw traceError(at.name, at.line, `${what} is ${shownValue(datapoint)}; it must be an object`);
      const statistic = 'Sum' in datapoint ? 'Sum' : 'SampleCount';
      if (!(statistic in datapoint)) {
        throw traceError(at.name, at.line, `${what} has neither Sum nor SampleCount; export with --statistics Sum`);
      }
      const value = datapoint[statistic];
      return {
        atSeconds: this.moment(datapoint.Timestamp, `${what}.Timestamp`, at.line),
        value: checkNumber(value, value, `${what}.${statistic}`, { minimum: 0, maximum: MAX_COUNT }, at),
        line: at.line,
      };
    });
  }

  private dataPoints(results: readonly unknown[]): MetricPoint[] {
    const { name } = this.settings;
    const [line] = this.linesOf('"Values"', 1);
    if (results.length !== 1) {
      throw traceError(
        name,
        line,
        `MetricDataResults has ${results.length} results; export one metric with the statistic Sum`,
      );
    }
    const result = results[0];
    if (!isObject(result) || !Array.isArray(result.Timestamps) || !Array.isArray(result.Values)) {
      throw traceError(name, line, 'MetricDataResults[0] must have the lists Timestamps and Values');
    }
    const moments: readonly unknown[] = result.Timestamps;
    const values: readonly unknown[] = result.Values;
    if (moments.length !== values.length) {
      throw traceError(
        name,
        line,
        `there are ${moments.length} Timestamps, but ${values.length} Values; export it again`,
      );
    }
    const onePerLine = this.lines[this.lineNumbers.indexOf(line)]?.trimEnd().endsWith('[') === true;
    return values.map((value, index) => {
      const at = { name, line: onePerLine ? line + 1 + index : line };
      return {
        atSeconds: this.moment(moments[index], `Timestamps[${index}]`, at.line),
        value: checkNumber(value, value, `Values[${index}]`, { minimum: 0, maximum: MAX_COUNT }, at),
        line: at.line,
      };
    });
  }

  private moment(written: unknown, what: string, line: number): number {
    if (typeof written === 'number' && written >= 0 && written < 1e12) return written;
    const moment = typeof written === 'string' ? parseDateTime(written) : undefined;
    if (moment !== undefined) {
      const late = lateProblem(moment, written);
      if (late !== undefined) throw traceError(this.settings.name, line, late);
      this.utcOffsetSeconds ??= writtenOffset(written as string);
      return moment;
    }
    const is = written === undefined ? 'is missing' : `is ${shownValue(written)}`;
    throw traceError(this.settings.name, line, `${what} ${is}; it must be like 2026-01-31T12:00:00Z, or epoch seconds`);
  }

  /** Returns the number of the line of each occurrence of a key; the first line for missing occurrences. */
  private linesOf(key: string, count: number): number[] {
    const found: number[] = [];
    this.lines.forEach((text, index) => {
      for (let at = text.indexOf(key); at >= 0 && found.length < count; at = text.indexOf(key, at + 1)) {
        found.push(this.lineNumbers[index]);
      }
    });
    while (found.length < count) found.push(this.lineNumbers[0]);
    return found;
  }
}
