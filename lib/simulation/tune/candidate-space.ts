import { TARGET_UTILIZATION } from '../../scaling/decide';
import type { Random } from '../random';
import type { FleetBlueprint } from '../blueprint';
import { round } from '../number-text';
import type { Candidate, CandidateMetric } from './candidate';
import type { Demand } from '../fleet/pooled/demand';

const SCALE_OUT_COOLDOWNS = [0, 10, 30, 60, 120, 300];
const SCALE_IN_COOLDOWNS = [0, 60, 120, 300, 600, 900, 1800];
/** Metrics with the probability of each. */
const METRICS: readonly (readonly [CandidateMetric, number])[] = [
  ['concurrency-10s', 0.5],
  ['concurrency-60s', 0.25],
  ['invocations', 0.25],
];
const MIN_TARGET_RATIO = 0.2;
const MAX_TARGET_RATIO = 1;
/** Probability that a minimum is drawn from those for more than the usual demand. */
const HIGH_MINIMUM_PROBABILITY = 0.15;

/** Settings among which a search chooses. */
export class CandidateSpace {
  /** Minimums, ascending: today's, and those that the quieter half of the time needs. */
  public readonly minimums: readonly number[];
  /** Minimums for traffic that rises faster than instances start: those that the busier half of the time needs, up to the peak. */
  public readonly highMinimums: readonly number[];
  /** Maximums: today's, and that of the peak if it is higher. */
  public readonly maximums: readonly number[];

  /** @param minCapacityFloor smallest minimum of a candidate */
  public constructor(
    { plan, slotsPerInstance }: Pick<FleetBlueprint, 'plan' | 'slotsPerInstance'>,
    demand: Demand,
    private readonly minCapacityFloor = 1,
  ) {
    const { minCapacity, maxCapacity } = plan;
    const sorted = demand.blockPeak.slice().sort();
    const needed = (rank: number): number =>
      Math.ceil(sorted[Math.floor(rank * (sorted.length - 1))] / (TARGET_UTILIZATION * slotsPerInstance));
    const maximum = Math.max(maxCapacity, minCapacityFloor);
    this.maximums = needed(1) > maximum ? [maximum, needed(1)] : [maximum];
    const within = (counts: readonly number[], highest: number): number[] =>
      distinct(counts.map((count) => Math.min(highest, Math.max(minCapacityFloor, 1, count))));
    this.minimums = within([minCapacityFloor, minCapacity, ...[0.01, 0.1, 0.25, 0.5].map(needed)], maximum);
    this.highMinimums = within([0.75, 0.9, 0.99, 0.999, 1].map(needed), this.maximums.at(-1)!);
  }

  /** Candidates all over the space: target ratios evenly spread, other settings at random. */
  public explore(count: number, random: Random): Candidate[] {
    return Array.from({ length: count }, (_, index) => {
      const ratio = MIN_TARGET_RATIO + ((MAX_TARGET_RATIO - MIN_TARGET_RATIO) * (index + random.uniform())) / count;
      return this.withLimits({
        metric: metricBy(random),
        targetRatio: round(ratio, 2),
        scaleOutCooldownSeconds: oneOf(SCALE_OUT_COOLDOWNS, random),
        scaleInCooldownSeconds: oneOf(SCALE_IN_COOLDOWNS, random),
        minCapacity: this.minimum(random),
        maxCapacity: oneOf(this.maximums, random),
      });
    });
  }

  /** A similar candidate: another target ratio, and each of the other settings changed with a probability of a quarter. */
  public near(candidate: Candidate, random: Random): Candidate {
    const moved = candidate.targetRatio + (random.uniform() - 0.5) * 0.12;
    const maybe = <Value>(keep: Value, draw: () => Value): Value => (random.uniform() < 0.25 ? draw() : keep);
    return this.withLimits({
      metric: maybe(candidate.metric, () => metricBy(random)),
      targetRatio: round(Math.min(MAX_TARGET_RATIO, Math.max(MIN_TARGET_RATIO, moved)), 2),
      scaleOutCooldownSeconds: maybe(candidate.scaleOutCooldownSeconds, () => oneOf(SCALE_OUT_COOLDOWNS, random)),
      scaleInCooldownSeconds: maybe(candidate.scaleInCooldownSeconds, () => oneOf(SCALE_IN_COOLDOWNS, random)),
      minCapacity: maybe(candidate.minCapacity, () => this.minimumNear(candidate.minCapacity, random)),
      maxCapacity: maybe(candidate.maxCapacity, () => oneOf(this.maximums, random)),
    });
  }

  private minimum(random: Random): number {
    return oneOf(random.uniform() < HIGH_MINIMUM_PROBABILITY ? this.highMinimums : this.minimums, random);
  }

  /** Either any minimum or one up to a third smaller or a sixth larger, with equal probability. */
  private minimumNear(count: number, random: Random): number {
    if (random.uniform() < 0.5) return this.minimum(random);
    const moved = Math.round(count * (0.67 + 0.5 * random.uniform()));
    return Math.min(this.maximums.at(-1)!, Math.max(this.minCapacityFloor, 1, moved));
  }

  /** Raises the maximum to the minimum where it is lower. */
  private withLimits(candidate: Candidate): Candidate {
    return { ...candidate, maxCapacity: Math.max(candidate.minCapacity, candidate.maxCapacity) };
  }
}

function metricBy(random: Random): CandidateMetric {
  let left = random.uniform();
  for (const [metric, probability] of METRICS) {
    if (left < probability) return metric;
    left -= probability;
  }
  return 'concurrency-10s';
}

function oneOf(values: readonly number[], random: Random): number {
  return values[random.integer(values.length)]!;
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
