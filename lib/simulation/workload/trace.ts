import type { TraceOptions } from './request-rows';
import { TraceParser } from './trace-parser';
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
 * Rows are taken one at a time. A per-request trace keeps about six bytes a request, a trace of counts 4 bytes a step.
 *
 * @param lines the lines without their ends; `splitLines` makes them from chunks of text.
 * @throws InputError `NAME:LINE: ...` naming the value, what is allowed, and the way out.
 */
export async function parseTrace(
  lines: AsyncIterable<string> | Iterable<string>,
  options: TraceOptions,
): Promise<Workload> {
  const parser = new TraceParser(options);
  for await (const text of lines) parser.take(text);
  return parser.finish();
}
