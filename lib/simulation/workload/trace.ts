import type { TraceOptions, TraceSettings } from './request-rows';
import { checkTokenLengths, DEFAULT_TOKEN_LENGTHS } from './token-lengths';
import { jsonReader } from './trace-json';
import type { TraceReader } from './trace-reader';
import { ACCEPTED_TRACES, commentedStepSeconds, tableReader } from './trace-table';
import { checkRow, checkText, traceError } from './trace-text';
import type { Workload } from './workload';

/**
 * Reads a trace of traffic; its form is told by its content:
 *
 * - one request per row: CSV with a timestamp and token columns in any order (`TIMESTAMP,ContextTokens,GeneratedTokens` of
 *   AzurePublicDataset; the headers of BurstGPT and other common names are known), or with a timestamp only;
 * - JSON Lines with `timestamp` (milliseconds), `input_length`, `output_length` (Mooncake);
 * - counts per step: comment lines with `#`, one of them `# step_seconds=N`, the header `requests`, a count per line;
 * - a CloudWatch metric: CSV `timestamp,value`, or the JSON of `get-metric-statistics` or `get-metric-data`, statistic Sum.
 * - client windows of ServeGen: `timestamp,rate,cv,pattern,shape,scale` without a header, one client after the other.
 *
 * Rows are taken one at a time. A per-request trace keeps 16 bytes a request, a trace of counts 4 bytes a step.
 *
 * @param lines the lines without their ends; `splitLines` makes them from chunks of text.
 * @throws InputError `NAME:LINE: ...` naming the value, what is allowed, and the way out.
 */
export async function parseTrace(
  lines: AsyncIterable<string> | Iterable<string>,
  options: TraceOptions,
): Promise<Workload> {
  const settings: TraceSettings = {
    name: options.name,
    seed: options.seed ?? 1,
    tokens: options.tokens ?? DEFAULT_TOKEN_LENGTHS,
  };
  checkTokenLengths(settings.tokens);
  const { name } = settings;
  let reader: TraceReader | undefined;
  let stepSeconds: number | undefined;
  let line = 0;
  let lastLine = 1;
  let emptyLine = 0;
  for await (const raw of lines) {
    line++;
    const text = line === 1 && raw.startsWith('\ufeff') ? raw.slice(1) : raw;
    if (text.trim() === '') {
      if (emptyLine === 0) emptyLine = line;
      continue;
    }
    if (text.startsWith('#')) {
      checkRow(text, { name, line });
      stepSeconds = commentedStepSeconds(text, line, name) ?? stepSeconds;
      lastLine = line;
      continue;
    }
    if (reader === undefined) {
      checkText(text, { name, line });
      const first = text.trimStart()[0];
      if (first === '{' || first === '[') {
        reader = jsonReader(text, settings);
        reader.take(text, line);
      } else {
        checkRow(text, { name, line });
        reader = tableReader(text, line, settings, stepSeconds);
      }
      emptyLine = 0;
    } else {
      if (emptyLine > 0) throw traceError(name, emptyLine, 'the line is empty; fill it or remove it');
      reader.take(text, line);
    }
    lastLine = line;
  }
  if (reader === undefined) throw traceError(name, lastLine, `the file is empty; ${ACCEPTED_TRACES}`);
  return reader.finish(lastLine);
}
