import { InputError } from '../core/errors';
import { parquetParts } from './parquet-rows';

// Entry point of the process that reads a parquet file for `parquetLines`: one part of it for each message.

/** Message from the process: lines of the next part, the end, or the reason why there are none. */
export type ParquetReply =
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly message: string; readonly isInput: boolean };

const parts = parquetParts(process.argv[2]!);

process.on('message', () => void nextPart().then((reply) => process.send!(reply)));
// The reader is gone.
process.on('disconnect', () => process.exit());

async function nextPart(): Promise<ParquetReply> {
  try {
    const { done, value } = await parts.next();
    return done === true ? { kind: 'end' } : { kind: 'lines', lines: value };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'error', message, isInput: error instanceof InputError };
  }
}
