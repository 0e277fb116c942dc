import type { TraceOptions } from './request-rows';
import { TraceParser } from './trace-parser';
import type { Workload } from './workload';

/**
 * Parses a trace of traffic; the format is detected from the content:
 *
 * - one request per row: CSV with a timestamp and token columns in any order (`TIMESTAMP,ContextTokens,GeneratedTokens` of
 *   AzurePublicDataset, the headers of BurstGPT and other common names), or with a timestamp only;
 * - JSON Lines with `timestamp` (milliseconds), `input_length`, `output_length` (Mooncake);
 * - counts per step: comment lines with `#`, one of them `# step_seconds=N`, the header `requests`, a count per line;
 * - a CloudWatch metric: CSV `timestamp,value`, or the JSON of `get-metric-statistics` or `get-metric-data`, statistic Sum.
 * - client windows of ServeGen: `timestamp,rate,cv,pattern,shape,scale` without a header, one client after the other.
 *
 * Rows are parsed one at a time. A trace of requests needs about 6 bytes per request, a trace of counts 4 bytes per step.
 *
 * @param lines lines without their ends, one by one or in batches; see `splitLines` and `lineBatches`.
 * @throws InputError `NAME:LINE: ...` naming the value, the allowed values and the remedy.
 */
export async function parseTrace(
  lines: AsyncIterable<string | readonly string[]> | Iterable<string>,
  options: TraceOptions,
): Promise<Workload> {
  const parser = new TraceParser(options);
  for await (const some of lines) {
    if (typeof some === 'string') parser.take(some);
    else for (const text of some) parser.take(text);
  }
  return parser.finish();
}
