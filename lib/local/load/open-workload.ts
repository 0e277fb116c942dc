import * as fs from 'node:fs';
import { createGunzip } from 'node:zlib';
import { InputError } from '../../core/errors';
import { generateWorkload, parseTrace, splitLines, workloadWindow, type Workload } from '../../simulation/workload';
import { DEFAULT_DURATION_SECONDS } from '../options';
import { isParquet, parquetLines } from './parquet-lines';

export interface WorkloadChoice {
  /** A file, plain or gzipped; null for the generator. */
  readonly trace: string | null;
  readonly seed: number;
  /** At most so many seconds; null for all of a trace, or the generator's default. */
  readonly durationSeconds: number | null;
}

/** The generated day begins and ends at its quietest hour: a fleet of one then has to grow, and to shrink again. */
const LOWEST_HOUR = 2;

/** Opens the traffic of a run: reads and checks the whole trace, or sets up the generator. */
export async function openWorkload({ trace, seed, durationSeconds }: WorkloadChoice): Promise<Workload> {
  if (trace === null) {
    const seconds = durationSeconds ?? DEFAULT_DURATION_SECONDS;
    return generateWorkload({ seed, durationSeconds: seconds, startHour: LOWEST_HOUR });
  }
  const workload = await parseTrace(linesOf(trace), { name: trace, seed });
  if (workload.requestCount === 0) {
    throw new InputError(`${trace}: the trace holds no request; give one with at least one, or leave out --trace`);
  }
  if (durationSeconds === null || durationSeconds >= workload.durationSeconds) return workload;
  return workloadWindow(workload, 0, durationSeconds);
}

/** The lines of a file; what it is is told by its first bytes, not by its name. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const lines = (await opened(file, isParquet)) ? parquetLines(file) : splitLines(textOf(file), { name: file });
  yield* lines;
}

async function opened<Result>(file: string, read: (file: string) => Promise<Result>): Promise<Result> {
  try {
    return await read(file);
  } catch (error) {
    throw readError(file, error as NodeJS.ErrnoException);
  }
}

/** The text of a file; whether it is compressed is told by its first bytes, not by its name. */
async function* textOf(file: string): AsyncGenerator<string> {
  try {
    const compressed = await startsWithGzipMagic(file);
    const bytes = fs.createReadStream(file);
    const text = compressed ? bytes.pipe(createGunzip()) : bytes;
    if (compressed) bytes.on('error', (error) => text.destroy(error));
    const decoder = new TextDecoder('utf-8');
    for await (const chunk of text) yield decoder.decode(chunk as Buffer, { stream: true });
    yield decoder.decode();
  } catch (error) {
    throw readError(file, error as NodeJS.ErrnoException);
  }
}

async function startsWithGzipMagic(file: string): Promise<boolean> {
  const handle = await fs.promises.open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

function readError(file: string, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'ENOENT':
      return new InputError(`--trace is '${file}', and there is no such file; check the path`);
    case 'EISDIR':
      return new InputError(`--trace is '${file}', which is a folder; name a file in it`);
    case 'EACCES':
      return new InputError(`--trace is '${file}', which may not be read; check its permissions`);
    case 'Z_DATA_ERROR':
    case 'Z_BUF_ERROR':
      return new InputError(`${file}: the gzip data are damaged or cut off (${error.message}); fetch the file again`);
    default:
      return error;
  }
}
