import type { HostileInput } from './form';

/** Maximum number of smaller inputs to try. */
const MAX_TRIES = 400;

/** Maximum time for one input. */
const MAX_MS = 10_000;

/**
 * Returns a smaller input of the same failure: parts of it are left out, halves first, for as long as it fails in the same way (delta
 * debugging, Zeller and Hildebrandt 2002).
 */
export async function shrunk(
  input: HostileInput,
  fails: (smaller: HostileInput) => Promise<boolean>,
): Promise<HostileInput> {
  const end = performance.now() + MAX_MS;
  let best = input;
  let tries = 0;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length;) {
      if (++tries > MAX_TRIES || performance.now() > end) return best;
      const smaller = without(best, at, size);
      if (await fails(smaller)) best = smaller;
      else at += size;
    }
  }
  return best;
}

function without(input: HostileInput, at: number, size: number): HostileInput {
  if (typeof input === 'string') return input.slice(0, at) + input.slice(at + size);
  return Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
}
