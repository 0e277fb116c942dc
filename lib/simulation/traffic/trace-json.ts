import { isObject, syntaxProblem } from '../../core/parse';
import { MAX_TOKENS, RequestRows, type TraceSettings } from './request-rows';
import { MAX_COUNT, metricWorkload, type MetricPoint } from './step-counts';
import { parseDateTime, writtenOffset } from './timestamps';
import type { TraceReader } from './trace-reader';
import { ACCEPTED_TRACES } from './trace-table';
import { checkNumber, checkRow, checkText, shownValue, traceError } from './trace-text';
import type { Workload } from './workload';

/** Maximum characters of a JSON document; get-metric-data returns at most 100,800 values at once. */
const MAX_DOCUMENT_LENGTH = 64 * 1024 * 1024;

/** Returns the reader of JSON Lines or of a JSON document, depending on the first line. */
export function jsonReader(firstLine: string, settings: TraceSettings): TraceReader {
  let parsed: unknown;
  try {
    parsed = JSON.parse(firstLine);
  } catch {
    return new MetricDocument(settings);
  }
  const document = !isObject(parsed) || 'Datapoints' in parsed || 'MetricDataResults' in parsed;
  return document ? new MetricDocument(settings) : new RequestLines(settings);
}

/** One request per line: `{"timestamp": milliseconds, "input_length": tokens, "output_length": tokens}`. */
class RequestLines implements TraceReader {
  private readonly rows: RequestRows;

  public constructor(private readonly settings: TraceSettings) {
    this.rows = new RequestRows(settings, true, 'JSON Lines');
  }

  public take(text: string, line: number): void {
    const at = { name: this.settings.name, line };
    checkRow(text, at);
    let row: unknown;
    try {
      row = JSON.parse(text);
    } catch (cause) {
      throw traceError(at.name, line, `the line is not valid JSON (${syntaxProblem(cause)}); correct it or remove it`);
    }
    if (!isObject(row)) {
      throw traceError(
        at.name,
        line,
        `the line is ${shownValue(text)}; it must be an object with timestamp, input_length, output_length`,
      );
    }
    const milliseconds = checkNumber(row.timestamp, row.timestamp, 'timestamp', { minimum: 0, maximum: 1e15 }, at);
    const limits = { minimum: 0, maximum: MAX_TOKENS };
    const context = Math.round(checkNumber(row.input_length, row.input_length, 'input_length', limits, at));
    const generated = Math.round(checkNumber(row.output_length, row.output_length, 'output_length', limits, at));
    this.rows.add(milliseconds / 1000, context, generated, row.timestamp, line);
  }

  public finish(): Workload {
    return this.rows.toWorkload();
  }
}

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
    return metricWorkload(points, this.settings, 'metric export (JSON)', this.utcOffsetSeconds ?? 0);
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
