import type { Random } from '../../lib/simulation/random';

/** Content of a file, of a flag, of a parameter or of an event. */
export type HostileInput = string | Uint8Array;

/** Form of input that the product reads, with a generator of hostile ones. */
export interface Form {
  readonly name: string;
  /** Share of all inputs, relative to those of the other forms. */
  readonly share: number;
  /** Returns the next input; equal random numbers give equal inputs. */
  input(random: Random): HostileInput;
  /** Reads the input as the product does and returns what it makes of it. Input is refused by an InputError. */
  read(input: HostileInput, folder: string): unknown;
}

/** Text of an input. */
export function textOf(input: HostileInput): string {
  return typeof input === 'string' ? input : Buffer.from(input).toString('utf8');
}

/** Bytes of an input. */
export function bytesOf(input: HostileInput): Buffer {
  return typeof input === 'string' ? Buffer.from(input, 'utf8') : Buffer.from(input);
}

/** Maximum number of values that are looked at in a result. */
const MAX_VALUES = 200_000;

/** Returns the first number in a result, or word in its text, that is none; undefined if all are. Words of the input are repeated freely. */
export function notANumber(result: unknown, input: HostileInput): string | undefined {
  const given = textOf(input);
  let values = 0;
  const visit = (value: unknown, path: string): string | undefined => {
    if (++values > MAX_VALUES) return undefined;
    if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${path} is ${value}`;
    if (typeof value === 'string') {
      const word = /\b(NaN|-?Infinity)\b|\[object Object\]/.exec(value)?.[0];
      return word === undefined || given.includes(word)
        ? undefined
        : `${path} has the word ${word}: ${around(value, word)}`;
    }
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
    for (const [name, member] of Object.entries(value)) {
      const found = visit(member, path === '' ? name : `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return visit(result, '');
}

function around(text: string, word: string): string {
  const at = text.indexOf(word);
  return JSON.stringify(text.slice(Math.max(0, at - 60), at + 60));
}
