import { decide, EMPTY_MEMORY, type FleetPlan } from '../../scaling/decide';
import type { FleetBlueprint } from '../blueprint';
import { AlarmPair } from './alarm-pair';
import { policyOf, type Candidate } from './candidate';
import { BLOCK_SECONDS, type Demand } from '../fleet/pooled/demand';
import { START_SECONDS, startCapacity } from '../fleet/start-capacity';
import { PooledFleet, type PooledFleetOptions } from '../fleet/pooled/pooled-fleet';

/** Estimated cost and misses of a candidate, computed without single requests. */
export interface Estimate {
  readonly instanceHours: number;
  /** Ratio of requests served badly; of an abandoned estimate, the ratio up to its end. */
  readonly missedRatio: number;
  /** False if the estimate was abandoned because too many requests were missed. */
  readonly complete: boolean;
}

/** The fleet of the candidates, and the part of the trace that they are estimated on. */
export interface EstimateOptions extends PooledFleetOptions {
  readonly blueprint: FleetBlueprint;
  /** End of the part, in seconds from the start of the trace. */
  readonly untilSeconds: number;
  /** Missed ratio above which an estimate is abandoned. */
  readonly abandonRatio: number;
}

const BLOCKS_PER_MINUTE = 60 / BLOCK_SECONDS;
/** Peak within a second above the requests present at its end, relative to their square root; calibrated with rehearsals. */
const PEAK_WITHIN_SECOND = 0.4;

/**
 * Estimates a candidate on one pooled fleet, with its alarms and the decision that runs in production.
 *
 * Metrics of 10 seconds are visible 10 seconds after the end of their period, those of a minute 60 seconds after.
 */
export function estimate(candidate: Candidate, demand: Demand, options: EstimateOptions): Estimate {
  const { blueprint, slotsPerInstance } = options;
  const { minCapacity, maxCapacity } = candidate;
  const policy = policyOf(candidate, { slotsPerInstance, meanServiceSeconds: demand.meanServiceSeconds }, blueprint);
  const { policyName } = policy;
  const plan: FleetPlan = { minCapacity, maxCapacity, policies: [policy], schedules: [] };
  const alarms = new AlarmPair(policy);
  const fleet = new PooledFleet(demand, options);
  fleet.begin(startInstances(candidate, policy.targetValue, demand));
  const blocks = Math.min(demand.blockArrivals.length, Math.ceil(options.untilSeconds / BLOCK_SECONDS));
  const requests = sumOf(demand.blockArrivals, blocks);
  const maxMissed = options.abandonRatio * requests;
  const metric = new PeriodMetric(candidate);
  let memory = EMPTY_MEMORY;
  let block = 0;
  for (; block < blocks && fleet.missed <= maxMissed; block++) {
    fleet.playBlock(block);
    const value = metric.take(fleet, demand.blockArrivals[block], block);
    if (value === undefined) continue;
    const atSeconds = (block + 1) * BLOCK_SECONDS;
    if (!alarms.take(value, atSeconds)) continue;
    const { standing } = alarms;
    // At the limits the outcome is certain.
    if (standing === 'low' && fleet.desired <= minCapacity) continue;
    if (standing === 'high' && fleet.desired >= maxCapacity) continue;
    const decided = decide(
      plan,
      {
        atSeconds,
        desiredCapacity: fleet.desired,
        inServiceCapacity: fleet.inService,
        signals: { [policyName]: { value, alarm: standing } },
        triggered: [policyName],
      },
      memory,
    );
    memory = decided.memory;
    const { desiredCapacity } = decided.decision;
    if (desiredCapacity !== fleet.desired) fleet.setDesired(desiredCapacity, atSeconds);
  }
  return {
    instanceHours: fleet.billedSeconds / 3600,
    missedRatio: requests === 0 ? 0 : fleet.missed / requests + demand.unservableRatio,
    complete: block === blocks,
  };
}

/** Instances that the first five minutes need at the candidate's target: the same start as a rehearsal's. */
function startInstances(candidate: Candidate, target: number, demand: Demand): number {
  const blocks = Math.min(demand.blockArrivals.length, START_SECONDS / BLOCK_SECONDS);
  const perSecond = sumOf(demand.blockArrivals, blocks) / (blocks * BLOCK_SECONDS);
  const load = candidate.metric === 'invocations' ? 60 * perSecond : perSecond * demand.meanServiceSeconds;
  return startCapacity(load, target, candidate);
}

/** Metric of a candidate: the value of each period becomes visible at the end of the next. */
class PeriodMetric {
  private readonly blocksPerPeriod: number;
  private previous: number | undefined;
  private current = 0;

  public constructor(private readonly candidate: Candidate) {
    this.blocksPerPeriod = candidate.metric === 'concurrency-10s' ? 1 : BLOCKS_PER_MINUTE;
  }

  public take(
    { inService, meanPresent, peakPresent }: PooledFleet,
    arrivals: number,
    block: number,
  ): number | undefined {
    const serving = Math.max(1, inService);
    switch (this.candidate.metric) {
      case 'concurrency-10s':
        this.current = meanPresent / serving;
        break;
      case 'concurrency-60s':
        // The busiest instance has one request more if they do not divide evenly; peaks within seconds are added.
        this.current = Math.max(
          this.current,
          Math.ceil((peakPresent + PEAK_WITHIN_SECOND * Math.sqrt(peakPresent)) / serving),
        );
        break;
      case 'invocations':
        this.current += arrivals / serving;
    }
    if ((block + 1) % this.blocksPerPeriod !== 0) return undefined;
    const visible = this.previous;
    this.previous = this.current;
    this.current = 0;
    return visible;
  }
}

function sumOf(values: Float64Array, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += values[index];
  return sum;
}
