import type { Random } from '../random';
import type { FleetBlueprint } from '../template';
import { rounded, type Candidate, type CandidateMetric } from './candidate';
import type { Demand } from './demand';

const SCALE_OUT_COOLDOWNS = [0, 10, 30, 60, 120, 300];
const SCALE_IN_COOLDOWNS = [0, 60, 120, 300, 600, 900, 1800];
const METRICS: readonly (readonly [CandidateMetric, number])[] = [
  ['concurrency-10s', 0.5],
  ['concurrency-60s', 0.25],
  ['invocations', 0.25],
];
const LEAST_SHARE = 0.2;
const MOST_SHARE = 1;
/** Slots in use, as a share, at which the usual fleet would hold a demand. */
const USUAL_SHARE = 0.7;

/** How often a minimum is drawn from those that hold more than the usual demand. */
const HIGH_MINIMUMS = 0.15;

/** The settings a search chooses from. */
export class CandidateSpace {
  /** The minimums to choose from, ascending: today's, and what the quieter half of the time asks for. */
  public readonly minimums: readonly number[];
  /** Minimums for traffic that rises faster than any instance starts: what the busier half asks for, up to the peak. */
  public readonly highMinimums: readonly number[];
  /** The maximums to choose from: today's, and what the peak asks for where that is more. */
  public readonly maximums: readonly number[];

  /** @param leastCapacity no candidate has a smaller minimum */
  public constructor(
    { plan, slotsPerInstance }: Pick<FleetBlueprint, 'plan' | 'slotsPerInstance'>,
    demand: Demand,
    private readonly leastCapacity = 1,
  ) {
    const { minCapacity, maxCapacity } = plan;
    const sorted = demand.blockPeak.slice().sort();
    const needed = (share: number): number =>
      Math.ceil(sorted[Math.floor(share * (sorted.length - 1))] / (USUAL_SHARE * slotsPerInstance));
    const most = Math.max(maxCapacity, leastCapacity);
    this.maximums = needed(1) > most ? [most, needed(1)] : [most];
    const within = (counts: readonly number[], most: number): number[] =>
      distinct(counts.map((count) => Math.min(most, Math.max(leastCapacity, 1, count))));
    this.minimums = within([leastCapacity, minCapacity, ...[0.01, 0.1, 0.25, 0.5].map(needed)], most);
    this.highMinimums = within([0.75, 0.9, 0.99, 0.999, 1].map(needed), this.maximums.at(-1)!);
  }

  /** Candidates all over the space: the shares evenly, the rest by chance. */
  public explore(count: number, random: Random): Candidate[] {
    return Array.from({ length: count }, (_, index) => {
      const share = LEAST_SHARE + ((MOST_SHARE - LEAST_SHARE) * (index + random.uniform())) / count;
      return this.withLimits({
        metric: metricBy(random),
        safetyFactor: rounded(share, 2),
        scaleOutCooldownSeconds: oneOf(SCALE_OUT_COOLDOWNS, random),
        scaleInCooldownSeconds: oneOf(SCALE_IN_COOLDOWNS, random),
        minCapacity: this.minimum(random),
        maxCapacity: oneOf(this.maximums, random),
      });
    });
  }

  /** A candidate that differs a little: another share, and each of the other settings one time in four. */
  public near(candidate: Candidate, random: Random): Candidate {
    const moved = candidate.safetyFactor + (random.uniform() - 0.5) * 0.12;
    const sometimes = <Value>(keep: Value, draw: () => Value): Value => (random.uniform() < 0.25 ? draw() : keep);
    return this.withLimits({
      metric: sometimes(candidate.metric, () => metricBy(random)),
      safetyFactor: rounded(Math.min(MOST_SHARE, Math.max(LEAST_SHARE, moved)), 2),
      scaleOutCooldownSeconds: sometimes(candidate.scaleOutCooldownSeconds, () => oneOf(SCALE_OUT_COOLDOWNS, random)),
      scaleInCooldownSeconds: sometimes(candidate.scaleInCooldownSeconds, () => oneOf(SCALE_IN_COOLDOWNS, random)),
      minCapacity: sometimes(candidate.minCapacity, () => this.minimumNear(candidate.minCapacity, random)),
      maxCapacity: sometimes(candidate.maxCapacity, () => oneOf(this.maximums, random)),
    });
  }

  private minimum(random: Random): number {
    return oneOf(random.uniform() < HIGH_MINIMUMS ? this.highMinimums : this.minimums, random);
  }

  /** Half the time any minimum, half the time one up to a third smaller or a sixth larger. */
  private minimumNear(count: number, random: Random): number {
    if (random.uniform() < 0.5) return this.minimum(random);
    const moved = Math.round(count * (0.67 + 0.5 * random.uniform()));
    return Math.min(this.maximums.at(-1)!, Math.max(this.leastCapacity, 1, moved));
  }

  /** A minimum above the maximum takes it along. */
  private withLimits(candidate: Candidate): Candidate {
    return { ...candidate, maxCapacity: Math.max(candidate.minCapacity, candidate.maxCapacity) };
  }
}

function metricBy(random: Random): CandidateMetric {
  let left = random.uniform();
  for (const [metric, share] of METRICS) {
    if (left < share) return metric;
    left -= share;
  }
  return 'concurrency-10s';
}

function oneOf(values: readonly number[], random: Random): number {
  return values[random.integer(values.length)]!;
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
