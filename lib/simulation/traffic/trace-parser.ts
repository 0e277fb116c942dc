import type { TraceOptions, TraceSettings } from './request-rows';
import { checkTokenLengths, DEFAULT_TOKEN_LENGTHS } from './token-lengths';
import { jsonReader } from './trace-json';
import type { TraceReader } from './trace-reader';
import { ACCEPTED_TRACES, commentedStepSeconds, tableReader } from './trace-table';
import { checkRow, checkText, traceError } from './trace-text';
import type { Workload } from './workload';

/** Maximum number of empty lines and comments of a trace. */
const MAX_SKIPPED_LINES = 100_000;

/** Parses a trace of any format line by line; see `parseTrace` for the formats. */
export class TraceParser {
  private readonly settings: TraceSettings;
  private reader: TraceReader | undefined;
  private stepSeconds: number | undefined;
  private line = 0;
  /** Last line that is not empty, and the first empty one since the first row. */
  private lastLine = 1;
  private emptyLine = 0;
  private skipped = 0;

  /** @throws InputError if the token lengths are invalid. */
  public constructor({ seed = 1, tokens = DEFAULT_TOKEN_LENGTHS, ...more }: TraceOptions) {
    checkTokenLengths(tokens);
    this.settings = { ...more, seed, tokens };
  }

  /**
   * Parses the next line, without its end.
   *
   * @throws InputError `NAME:LINE: ...` naming the value, the allowed values and the remedy.
   */
  public take(raw: string): void {
    const line = ++this.line;
    const { name } = this.settings;
    const text = line === 1 && raw.startsWith('\ufeff') ? raw.slice(1) : raw;
    if (text.trim() === '') {
      if (this.emptyLine === 0) this.emptyLine = line;
      this.skip(line);
      return;
    }
    if (text.startsWith('#')) {
      this.skip(line);
      checkRow(text, { name, line });
      this.stepSeconds = commentedStepSeconds(text, line, name) ?? this.stepSeconds;
    } else if (this.reader === undefined) {
      this.reader = this.firstReader(text, line);
      this.emptyLine = 0;
    } else {
      if (this.emptyLine > 0) throw traceError(name, this.emptyLine, 'the line is empty; fill it or remove it');
      this.reader.take(text, line);
    }
    this.lastLine = line;
  }

  /** Counts a line that says nothing; a file of nothing else is no trace, however long it is. */
  private skip(line: number): void {
    if (++this.skipped <= MAX_SKIPPED_LINES) return;
    throw traceError(
      this.settings.name,
      line,
      `the file has more than ${MAX_SKIPPED_LINES} empty lines and comments; remove them`,
    );
  }

  /**
   * Returns the workload of all lines.
   *
   * @throws InputError if they have no traffic.
   */
  public finish(): Workload {
    const { reader, lastLine, settings } = this;
    if (reader === undefined) throw traceError(settings.name, lastLine, `the file is empty; ${ACCEPTED_TRACES}`);
    return reader.finish(lastLine);
  }

  private firstReader(text: string, line: number): TraceReader {
    const { settings } = this;
    const at = { name: settings.name, line };
    checkText(text, at);
    const first = text.trimStart()[0];
    if (first !== '{' && first !== '[') {
      checkRow(text, at);
      return tableReader(text, line, settings, this.stepSeconds);
    }
    const reader = jsonReader(text, settings);
    reader.take(text, line);
    return reader;
  }
}
