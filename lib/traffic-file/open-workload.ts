import * as fs from 'node:fs';
import type { TextDecoder } from 'node:util';
import { createGunzip } from 'node:zlib';
import { InputError } from '../core/errors';
import { isPipe } from '../files/pipe-chunks';
import type { TimeUnit } from '../simulation/traffic/time-unit';
import { parseTrace } from '../simulation/traffic/trace';
import type { ValueKind } from '../simulation/traffic/trace-columns';
import { lineBatches } from '../simulation/traffic/trace-text';
import { type Workload, workloadWindow } from '../simulation/traffic/workload';
import { checkForm, decoderOf, FORM_BYTES, isGzip, traceFileError } from './file-errors';
import { isParquet, parquetLines } from './parquet-lines';

/** Maximum size of the text of a trace, also of one that a small archive holds: a minute's reading. */
const MAX_TEXT_BYTES = 16 * 2 ** 30;

export interface TraceFile {
  /** Path of the file: text or parquet, plain or gzipped. */
  readonly trace: string;
  readonly seed: number;
  /** Unit of timestamps that are numbers. @default - by magnitude, name and fractions */
  readonly timeUnit?: TimeUnit;
  /** Meaning of the numbers of a metric. @default - by name and fractions */
  readonly valueKind?: ValueKind;
  /** Seconds from the trace's start to keep. @default the whole trace */
  readonly durationSeconds?: number;
}

/**
 * Reads and checks the requests of a trace file.
 *
 * @throws InputError when the file cannot be read, is not a trace (with the line) or has no request
 */
export async function openWorkload({ trace, durationSeconds = Infinity, ...options }: TraceFile): Promise<Workload> {
  const workload = await parseTrace(linesOf(trace), { name: trace, ...options });
  if (workload.requestCount === 0) {
    throw new InputError(`${trace}: the trace has no request; give a trace with at least one, or leave out --trace`);
  }
  return durationSeconds < workload.durationSeconds ? workloadWindow(workload, 0, durationSeconds) : workload;
}

async function* linesOf(file: string): AsyncGenerator<string | readonly string[]> {
  try {
    // A pipe is read once, and its first bytes tell its form: commands copy it into a file before.
    if (isPipe(file)) throw new InputError(`--trace is '${file}', which is a pipe; give a file`);
    yield* (await isParquet(file)) ? parquetLines(file) : lineBatches(textOf(file), { name: file });
  } catch (error) {
    throw traceFileError('--trace', file, error as NodeJS.ErrnoException);
  }
}

async function* textOf(file: string): AsyncGenerator<string> {
  const first = await firstBytes(file);
  checkForm('--trace', file, first);
  const compressed = isGzip(first);
  const bytes = fs.createReadStream(file);
  const text = compressed ? bytes.pipe(createGunzip()) : bytes;
  if (compressed) bytes.on('error', (error) => text.destroy(error));
  let decoder: TextDecoder | undefined;
  let read = 0;
  for await (const chunk of text) {
    read += (chunk as Buffer).length;
    if (read > MAX_TEXT_BYTES) {
      throw new InputError(
        `${file}: the trace has more than ${MAX_TEXT_BYTES / 2 ** 30} GiB of text; aggregate its requests to counts per step, or give a part of it`,
      );
    }
    decoder ??= decoderOf(chunk as Buffer);
    yield decoder.decode(chunk as Buffer, { stream: true });
  }
  if (decoder !== undefined) yield decoder.decode();
}

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await fs.promises.open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(FORM_BYTES), 0, FORM_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
