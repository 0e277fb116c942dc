import { type ChildProcess, fork } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../core/errors';
import type { ParquetReply } from './parquet-worker';

/** First and last bytes of a parquet file. */
const MAGIC = 'PAR1';

/** Maximum time for the next 100,000 rows, which take 0.2 s on an idle machine: what takes longer does not end. */
const MAX_SECONDS = 60;

/** Maximum memory of the values of the decoding process: 100,000 rows take a tenth of it. */
const MAX_MIB = 1024;

/** True for a parquet file, by its first bytes. */
export async function isParquet(file: string): Promise<boolean> {
  const handle = await fs.promises.open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.toString('latin1') === MAGIC;
  } finally {
    await handle.close();
  }
}

/**
 * Rows of a parquet file as lines of a CSV, the header first, so that one parser reads both: row N of the file is line N + 1.
 *
 * A process of its own decodes them, under a limit of time and of memory, because a damaged file can make the decoding run without end, or
 * ask for a list of a size that ends the whole process.
 *
 * @throws InputError when the file is damaged or has no plain columns
 */
export async function* parquetLines(file: string, maxSeconds = MAX_SECONDS, maxMib = MAX_MIB): AsyncGenerator<string> {
  const decoder = fork(workerFile(), [file], {
    execArgv: [`--max-old-space-size=${maxMib}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // An error without a listener ends this process, also between two parts.
  decoder.on('error', () => undefined);
  try {
    for (let line = 0; ;) {
      const reply = await nextReply(decoder, file, line, maxSeconds);
      if (reply.kind === 'end') return;
      if (reply.kind === 'error') throw reply.isInput ? new InputError(reply.message) : new Error(reply.message);
      yield* reply.lines;
      line += reply.lines.length;
    }
  } finally {
    decoder.kill('SIGKILL');
  }
}

function nextReply(decoder: ChildProcess, file: string, line: number, maxSeconds: number): Promise<ParquetReply> {
  return new Promise((resolve, reject) => {
    const where = line === 0 ? 'its head' : `row ${line}`;
    const refuse = (reason: string): void =>
      settle(() =>
        reject(
          new InputError(
            `${file}: the parquet data are damaged after ${where} (${reason}); fetch the file again, or give it as CSV`,
          ),
        ),
      );
    const timer = setTimeout(() => refuse(`decoding takes more than ${maxSeconds} s`), maxSeconds * 1000);
    const onMessage = (reply: ParquetReply): void => settle(() => resolve(reply));
    const onError = ({ message }: Error): void => refuse(message);
    const onExit = (code: number | null, signal: string | null): void =>
      refuse(`the decoding ended with ${signal ?? `code ${code}`}`);
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      decoder.off('message', onMessage).off('error', onError).off('exit', onExit);
      end();
    };
    decoder.on('message', onMessage).on('error', onError).on('exit', onExit);
    decoder.send('next', (error) => error !== null && onError(error));
  });
}

/** Bundle of the process: beside that of the command line, or in the build of a clone. */
function workerFile(): string {
  const files = [__dirname, path.join(__dirname, '..', '..', 'dist', 'cli')].map((folder) =>
    path.join(folder, 'parquet-worker.mjs'),
  );
  return files.find((file) => fs.existsSync(file)) ?? files[1]!;
}
