import { prove } from '../../../lib/proof/prove';
import { Random } from '../../../lib/simulation/random';
import { AUTHORS } from './authors';
import { documents, goodFleet, type WrittenFleet } from './fleets';
import { MISTAKES } from './mistakes';

/** Outcome of planting every mistake into templates of every author. */
export interface PlantedResult {
  readonly kinds: number;
  readonly authors: number;
  readonly planted: number;
  /** Mistakes that none of their rules named, each with where it lies. */
  readonly missed: readonly string[];
  readonly good: number;
  /** Findings about good templates and good neighbours. */
  readonly accused: readonly string[];
}

const NAMES = ['Chat', 'Rank', 'Embed', 'Vision', 'Speech'];

/**
 * Plants every mistake into good templates of every author, and judges them, their good neighbours and the good templates themselves.
 *
 * @param rounds number of templates of each mistake, kind of fleet and author, with names and sizes of their own
 * @param isSample true for one author of each mistake and kind of fleet, in turn
 */
export function plantAll(seed: string, rounds: number, isSample = false): PlantedResult {
  const missed: string[] = [];
  const accused: string[] = [];
  let planted = 0;
  let turn = 0;
  let good = 0;
  for (const mistake of MISTAKES) {
    for (const kind of mistake.kinds) {
      const sampled = turn++ % AUTHORS.length;
      for (const [index, authorOf] of AUTHORS.entries()) {
        if (isSample && index !== sampled) continue;
        for (let round = 0; round < rounds; round++) {
          const key = `${seed}/${mistake.name}/${kind}/${index}/${round}`;
          // The same chance for all three, so that they differ in the change alone.
          const judged = (change?: (fleet: WrittenFleet, random: Random) => void) => {
            const random = new Random(key);
            const author = authorOf(random, NAMES[Math.floor(random.uniform() * NAMES.length)]!);
            const fleet = goodFleet(kind, author, random);
            change?.(fleet, random);
            return { author, findings: prove(documents(fleet, random)) };
          };
          const { author, findings } = judged(mistake.plant);
          const place = `${mistake.name} (${kind}, ${author.name}, round ${round})`;
          planted++;
          if (!findings.some(({ rule }) => mistake.rules.includes(rule))) {
            missed.push(`${place}: found ${findings.map(({ rule }) => rule).join(', ') || 'nothing'}`);
          }
          for (const [what, change] of [
            ['neighbour', mistake.neighbour],
            ['without it', undefined],
          ] as const) {
            good++;
            for (const { rule, logicalId, message } of judged(change).findings) {
              accused.push(`${place}, ${what}: ${rule} at ${logicalId}: ${message}`);
            }
          }
        }
      }
    }
  }
  return { kinds: MISTAKES.length, authors: AUTHORS.length, planted, missed, good, accused };
}
