import { Random } from '../random';
import type { Candidate } from './candidate';
import type { CandidateSpace } from './candidate-space';
import type { Estimate } from './estimate';

/** A candidate with what it would cost and miss. */
export interface Estimated {
  readonly candidate: Candidate;
  readonly estimate: Estimate;
}

/** How a search goes. */
export interface SearchOptions {
  /** So many candidates are estimated. */
  readonly candidates: number;
  readonly seed: number;
  /** The share of requests that may be served badly. */
  readonly allowedShare: number;
  /** Candidates that are estimated first, such as today's settings. */
  readonly first: readonly Candidate[];
  readonly onProgress?: (done: number) => void;
}

/** Estimates candidates, in their order. */
export type EstimateAll = (
  candidates: readonly Candidate[],
  onDone: (count: number) => void,
) => Promise<readonly Estimate[]>;

const EXPLORED_SHARE = 0.4;
const ROUNDS = 4;
/** The best are looked for at several strictnesses, because an estimate may flatter. */
const STRICTNESSES = [1.2, 1, 0.6, 0.3];
const BEST_OF_EACH = 4;

/**
 * Searches for the cheapest settings: two fifths of the candidates lie all over the space, the rest in four rounds near the best so far.
 * What is drawn depends on the seed and on earlier estimates alone, never on who computes them or in which order.
 */
export async function search(
  space: CandidateSpace,
  options: SearchOptions,
  estimateAll: EstimateAll,
): Promise<Estimated[]> {
  const { candidates: total, first, onProgress } = options;
  const random = new Random(options.seed).fork('candidates');
  const known = new Set<string>();
  const found: Estimated[] = [];
  const play = async (drawn: readonly Candidate[]): Promise<void> => {
    const fresh = drawn.filter((candidate) => !known.has(keyOf(candidate)) && known.add(keyOf(candidate)));
    const before = found.length;
    let done = 0;
    const estimates = await estimateAll(fresh, (count) => onProgress?.(before + (done += count)));
    fresh.forEach((candidate, index) => found.push({ candidate, estimate: estimates[index]! }));
  };
  const explored = Math.max(1, Math.ceil(total * EXPLORED_SHARE) - first.length);
  await play([...first, ...space.explore(explored, random)]);
  for (let round = ROUNDS; round >= 1; round--) {
    const count = Math.ceil((total - found.length) / round);
    if (count <= 0) break;
    await play(around(space, bestOf(found, options.allowedShare), count, known, random));
  }
  return found;
}

/** New candidates near the best in turn; all over the space where nothing new is left near them. */
function around(
  space: CandidateSpace,
  best: readonly Estimated[],
  count: number,
  known: ReadonlySet<string>,
  random: Random,
): Candidate[] {
  const drawn = new Map<string, Candidate>();
  for (let attempt = 0; drawn.size < count && attempt < 20 * count; attempt++) {
    const candidate = space.near(best[attempt % best.length]!.candidate, random);
    const key = keyOf(candidate);
    if (!known.has(key)) drawn.set(key, candidate);
  }
  return [...drawn.values(), ...space.explore(count - drawn.size, random)];
}

/** The cheapest at each strictness; those that miss least where none keeps the objective. */
export function bestOf(found: readonly Estimated[], allowedShare: number): Estimated[] {
  const best = new Set<Estimated>();
  const cheapest = [...found].sort(byCost);
  for (const strictness of STRICTNESSES) {
    cheapest
      .filter(({ estimate }) => estimate.complete && estimate.missedShare <= strictness * allowedShare)
      .slice(0, BEST_OF_EACH)
      .forEach((one) => best.add(one));
  }
  if (best.size > 0) return [...best];
  return [...found].sort(byMisses).slice(0, BEST_OF_EACH);
}

/** Cheapest first; what was cut short comes last. */
export function byCost(a: Estimated, b: Estimated): number {
  return (
    Number(b.estimate.complete) - Number(a.estimate.complete) ||
    a.estimate.instanceHours - b.estimate.instanceHours ||
    a.estimate.missedShare - b.estimate.missedShare
  );
}

/** Fewest misses first; of those cut short, the one that came furthest. */
export function byMisses(a: Estimated, b: Estimated): number {
  return (
    Number(b.estimate.complete) - Number(a.estimate.complete) ||
    (a.estimate.complete
      ? a.estimate.missedShare - b.estimate.missedShare
      : b.estimate.instanceHours - a.estimate.instanceHours)
  );
}

function keyOf(candidate: Candidate): string {
  return Object.values(candidate).join(' ');
}
