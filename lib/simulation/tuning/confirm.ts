import type { Figures } from './figures';
import { byCost, byMisses, type Estimated } from './search';

/** A candidate that was rehearsed request by request. */
export interface Confirmed extends Estimated {
  readonly figures: Figures;
  /** It serves enough requests well. */
  readonly keeps: boolean;
}

/** How candidates are confirmed. */
export interface ConfirmOptions {
  /** Requests to serve well, in percent. */
  readonly sloPercent: number;
  /** At most so many are rehearsed. */
  readonly rehearsals: number;
}

/** So many are rehearsed at a time, whoever rehearses them. */
const AT_A_TIME = 2;
/** The second of them is chosen by a stricter bar, in case the first one's estimate flattered. */
const STRICTER = 0.6;

/**
 * Rehearses the cheapest candidates until none that is cheaper could still keep the objective, or so many were rehearsed.
 *
 * Estimates are a little off, so the share that an estimate may miss moves: down where a rehearsal misses more than is allowed, up where
 * it keeps the objective with room to spare.
 *
 * @returns all that were rehearsed, in their order
 */
export async function confirm(
  found: readonly Estimated[],
  { sloPercent, rehearsals }: ConfirmOptions,
  rehearseAll: (candidates: readonly Estimated[]) => Promise<readonly Figures[]>,
): Promise<Confirmed[]> {
  const allowed = 1 - sloPercent / 100;
  const confirmed: Confirmed[] = [];
  const left = new Set([...found].sort(byCost));
  let kept = 0;
  let failed = Infinity;
  let bar = allowed;
  while (confirmed.length < rehearsals) {
    const batch = nextBatch(left, bar, cheapestKept(confirmed), Math.min(AT_A_TIME, rehearsals - confirmed.length));
    if (batch.length === 0) break;
    const figures = await rehearseAll(batch);
    batch.forEach((one, index) => {
      left.delete(one);
      const keeps = figures[index]!.sloPercent >= sloPercent;
      confirmed.push({ ...one, figures: figures[index]!, keeps });
      const { missedShare } = one.estimate;
      if (keeps) kept = Math.max(kept, missedShare);
      else failed = Math.min(failed, missedShare * Math.min(1, flattery(figures[index]!, allowed)));
    });
    bar = nextBar(bar, kept, failed);
  }
  return confirmed;
}

/** The cheapest of those that keep the objective. */
export function cheapestKept(confirmed: readonly Confirmed[]): Confirmed | undefined {
  return confirmed
    .filter(({ keeps }) => keeps)
    .reduce<Confirmed | undefined>(
      (best, one) => (best === undefined || one.figures.usd < best.figures.usd ? one : best),
      undefined,
    );
}

/** Allowed misses ÷ those of the rehearsal, within reason. */
function flattery({ missed, requests }: Figures, allowed: number): number {
  return Math.max(0.3, (allowed * requests) / Math.max(1, missed));
}

function nextBar(bar: number, kept: number, failed: number): number {
  if (failed === Infinity) return bar * 1.25;
  return kept > 0 && kept < failed ? Math.sqrt(kept * failed) : failed * 0.95;
}

function nextBatch(left: ReadonlySet<Estimated>, bar: number, best: Confirmed | undefined, most: number): Estimated[] {
  const candidates = [...left].filter(
    ({ estimate }) =>
      estimate.complete && (best === undefined || estimate.instanceHours < 0.998 * best.estimate.instanceHours),
  );
  const batch: Estimated[] = [];
  for (const strictness of [1, STRICTER]) {
    const next = candidates.find((one) => one.estimate.missedShare <= strictness * bar && !batch.includes(one));
    if (next !== undefined && batch.length < most) batch.push(next);
  }
  // Where no estimate is good enough, the best ones get their chance: a rehearsal has the last word.
  if (batch.length === 0 && best === undefined) batch.push(...[...left].sort(byMisses).slice(0, most));
  return batch;
}
