import type { Figures } from './figures';
import { byCost, byMisses, type Estimated } from './search';

/** Candidate that was rehearsed request by request. */
export interface Confirmed extends Estimated {
  readonly figures: Figures;
  /** True if the rehearsal meets the objective. */
  readonly meetsObjective: boolean;
}

/** Objective and budget of a confirmation. */
export interface ConfirmOptions {
  /** Requests to serve well, in percent. */
  readonly sloPercent: number;
  /** Maximum number of candidates to rehearse. */
  readonly maxRehearsals: number;
}

/** Number of candidates in a batch; the same for any number of threads. */
const BATCH_SIZE = 2;
/** Limits of a batch's candidates relative to the current limit: the second is stricter in case the first one's estimate was too low. */
const STRICTNESSES = [1, 0.6];

/**
 * Rehearses the cheapest candidates until no cheaper one is likely to meet the objective, or the maximum is reached.
 *
 * Estimates are inexact, so the limit of an estimate's misses adapts: it falls after a rehearsal that misses the objective, and rises after
 * one that meets it.
 *
 * @returns every rehearsed candidate, in order
 */
export async function confirm(
  found: readonly Estimated[],
  { sloPercent, maxRehearsals }: ConfirmOptions,
  rehearseAll: (candidates: readonly Estimated[]) => Promise<readonly Figures[]>,
): Promise<Confirmed[]> {
  const allowed = 1 - sloPercent / 100;
  const confirmed: Confirmed[] = [];
  const remaining = new Set([...found].sort(byCost));
  let highestMet = 0;
  let lowestFailed = Infinity;
  let limit = allowed;
  while (confirmed.length < maxRehearsals) {
    const size = Math.min(BATCH_SIZE, maxRehearsals - confirmed.length);
    const batch = nextBatch(remaining, limit, cheapestConfirmed(confirmed), size);
    if (batch.length === 0) break;
    const figures = await rehearseAll(batch);
    batch.forEach((one, index) => {
      remaining.delete(one);
      const meetsObjective = figures[index]!.sloPercent >= sloPercent;
      confirmed.push({ ...one, figures: figures[index]!, meetsObjective });
      const { missedRatio } = one.estimate;
      if (meetsObjective) highestMet = Math.max(highestMet, missedRatio);
      else lowestFailed = Math.min(lowestFailed, missedRatio * Math.min(1, allowedToMissed(figures[index]!, allowed)));
    });
    limit = nextLimit(limit, highestMet, lowestFailed);
  }
  return confirmed;
}

/** The cheapest candidate that meets the objective. */
export function cheapestConfirmed(confirmed: readonly Confirmed[]): Confirmed | undefined {
  return confirmed
    .filter(({ meetsObjective }) => meetsObjective)
    .reduce<Confirmed | undefined>(
      (best, one) => (best === undefined || one.figures.usd < best.figures.usd ? one : best),
      undefined,
    );
}

/** Allowed misses ÷ those of the rehearsal, at least 0.3. */
function allowedToMissed({ missed, requests }: Figures, allowed: number): number {
  return Math.max(0.3, (allowed * requests) / Math.max(1, missed));
}

function nextLimit(limit: number, highestMet: number, lowestFailed: number): number {
  if (lowestFailed === Infinity) return limit * 1.25;
  return highestMet > 0 && highestMet < lowestFailed ? Math.sqrt(highestMet * lowestFailed) : lowestFailed * 0.95;
}

function nextBatch(
  remaining: ReadonlySet<Estimated>,
  limit: number,
  best: Confirmed | undefined,
  size: number,
): Estimated[] {
  const candidates = [...remaining].filter(
    ({ estimate }) =>
      estimate.complete && (best === undefined || estimate.instanceHours < 0.998 * best.estimate.instanceHours),
  );
  const batch: Estimated[] = [];
  for (const strictness of STRICTNESSES) {
    const next = candidates.find((one) => one.estimate.missedRatio <= strictness * limit && !batch.includes(one));
    if (next !== undefined && batch.length < size) batch.push(next);
  }
  // If no estimate meets the limit, the best ones are rehearsed anyway: the rehearsal decides.
  if (batch.length === 0 && best === undefined) batch.push(...[...remaining].sort(byMisses).slice(0, size));
  return batch;
}
