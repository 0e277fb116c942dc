import { InputError } from '../../lib/core/errors';
import { isObject } from '../../lib/core/parse';
import { decideEdgeOffload, type EdgeCounts } from '../../lib/edge/decide/offload';
import { readText } from '../../lib/files/read-text';

const WAY =
  'write the share in percent, such as 85, or the name of a file with the metrics messages of devices, one in a line, ' +
  'as aws logs tail of their log group prints them with --format short';

/**
 * Reads `--edge-offload`: a percentage, or a file with the metrics messages of devices. Returns the share of requests that devices answer, 0 to 1.
 *
 * @throws InputError naming the flag, the value and what is allowed.
 */
export function readEdgeOffload(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text.trim())) {
    const percent = Number(text);
    if (percent <= 100) return percent / 100;
    throw new InputError(`--edge-offload is '${text}'; it must be a number from 0 to 100`);
  }
  let content: string;
  try {
    content = readText(text);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(`--edge-offload is '${text}', which cannot be read (${code}); ${WAY}`);
  }
  const counts = content.split('\n').flatMap((line): EdgeCounts[] => countsOf(line));
  const { share, requests } = decideEdgeOffload(counts);
  if (requests === 0) {
    throw new InputError(`--edge-offload: ${text} has no metrics messages with requests (EdgeRequests); ${WAY}`);
  }
  return share;
}

/** Counts of a line with a metrics message, which a time may precede; none for another line. */
function countsOf(line: string): EdgeCounts[] {
  const begin = line.indexOf('{');
  if (begin === -1) return [];
  let value: unknown;
  try {
    value = JSON.parse(line.slice(begin));
  } catch {
    return [];
  }
  if (!isObject(value)) return [];
  const { EdgeRequests: requests, EdgeAskedCloud: askedCloud } = value as { readonly [name: string]: unknown };
  const isCount = (one: unknown): one is number => typeof one === 'number' && Number.isFinite(one) && one >= 0;
  return isCount(requests) && isCount(askedCloud) ? [{ requests, askedCloud }] : [];
}
