import { Random } from '../random';
import type { Candidate } from './candidate';
import type { CandidateSpace } from './candidate-space';
import type { Estimate } from './estimate';

/** Candidate with its estimate. */
export interface Estimated {
  readonly candidate: Candidate;
  readonly estimate: Estimate;
}

/** Size, objective and seed of a search. */
export interface SearchOptions {
  /** Number of candidates to estimate. */
  readonly candidates: number;
  readonly seed: number;
  /** Ratio of requests that may be served badly. */
  readonly allowedMissRatio: number;
  /** Candidates to estimate first, such as today's settings. */
  readonly first: readonly Candidate[];
  readonly onProgress?: (done: number) => void;
}

/** Returns the estimates of candidates, in their order. */
export type EstimateAll = (
  candidates: readonly Candidate[],
  onDone: (count: number) => void,
) => Promise<readonly Estimate[]>;

/** Ratio of the candidates that explore the whole space. */
const EXPLORED_RATIO = 0.4;
const ROUNDS = 4;
/** Limits of misses, relative to the allowed ones, at which the best are chosen: estimates may be too low. */
const STRICTNESSES = [1.2, 1, 0.6, 0.3];
const BEST_OF_EACH = 4;

/**
 * Searches for the cheapest settings: two fifths of the candidates explore the whole space, the others lie in four rounds near the best so far.
 * The candidates depend only on the seed and on earlier estimates, not on the threads that compute them.
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
  const estimateNew = async (drawn: readonly Candidate[]): Promise<void> => {
    const fresh = drawn.filter((candidate) => !known.has(keyOf(candidate)) && known.add(keyOf(candidate)));
    const before = found.length;
    let done = 0;
    const estimates = await estimateAll(fresh, (count) => onProgress?.(before + (done += count)));
    fresh.forEach((candidate, index) => found.push({ candidate, estimate: estimates[index]! }));
  };
  const explored = Math.max(1, Math.ceil(total * EXPLORED_RATIO) - first.length);
  await estimateNew([...first, ...space.explore(explored, random)]);
  for (let round = ROUNDS; round >= 1; round--) {
    const count = Math.ceil((total - found.length) / round);
    if (count <= 0) break;
    await estimateNew(near(space, bestOf(found, options.allowedMissRatio), count, known, random));
  }
  return found;
}

/** New candidates near each of the best in turn; all over the space if nothing new is left near them. */
function near(
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

/** The cheapest candidates at each strictness; those with the fewest misses if none meets the objective. */
function bestOf(found: readonly Estimated[], allowedMissRatio: number): Estimated[] {
  const best = new Set<Estimated>();
  const cheapest = [...found].sort(byCost);
  for (const strictness of STRICTNESSES) {
    cheapest
      .filter(({ estimate }) => estimate.complete && estimate.missedRatio <= strictness * allowedMissRatio)
      .slice(0, BEST_OF_EACH)
      .forEach((one) => best.add(one));
  }
  if (best.size > 0) return [...best];
  return [...found].sort(byMisses).slice(0, BEST_OF_EACH);
}

/** Order by cost; abandoned estimates come last. */
export function byCost(a: Estimated, b: Estimated): number {
  return (
    Number(b.estimate.complete) - Number(a.estimate.complete) ||
    a.estimate.instanceHours - b.estimate.instanceHours ||
    a.estimate.missedRatio - b.estimate.missedRatio
  );
}

/** Order by misses; of abandoned estimates, the one that lasted longest comes first. */
export function byMisses(a: Estimated, b: Estimated): number {
  return (
    Number(b.estimate.complete) - Number(a.estimate.complete) ||
    (a.estimate.complete
      ? a.estimate.missedRatio - b.estimate.missedRatio
      : b.estimate.instanceHours - a.estimate.instanceHours)
  );
}

function keyOf(candidate: Candidate): string {
  return Object.values(candidate).join(' ');
}
