import { decide, EMPTY_MEMORY, type FleetPlan } from '../../scaling/decide';
import type { FleetBlueprint } from '../template';
import { AlarmPair } from './alarm-pair';
import { policyOf, type Candidate } from './candidate';
import { BLOCK_SECONDS, type Demand } from './demand';
import { PooledFleet, type PooledFleetOptions } from './pooled-fleet';

/** What a candidate would cost and miss, without single requests. */
export interface Estimate {
  readonly instanceHours: number;
  /** The share of requests served badly; of an estimate that was cut short, what had been missed by then. */
  readonly missedShare: number;
  /** False where it missed so much that the rest was not played. */
  readonly complete: boolean;
}

/** The world that candidates are estimated in. */
export interface EstimateOptions extends PooledFleetOptions {
  readonly blueprint: FleetBlueprint;
  /** Where the part that is tuned on ends, in seconds from the start. */
  readonly untilSeconds: number;
  /** A candidate that misses this share is not played to the end. */
  readonly giveUpShare: number;
}

const BLOCKS_PER_MINUTE = 60 / BLOCK_SECONDS;
const START_SECONDS = 300;
/** Within a second as many more are present at most as this share of the root of those at its end; found beside rehearsals. */
const PEAKS_WITHIN_SECONDS = 0.4;

/**
 * Plays a candidate through its alarms and the decision that runs in production, on one pooled fleet.
 *
 * The 10-second metric of a period can be read 10 seconds after its end, those of a minute 60 seconds after.
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
  const mostMissed = options.giveUpShare * requests;
  const metric = new PeriodMetric(candidate);
  let memory = EMPTY_MEMORY;
  let block = 0;
  for (; block < blocks && fleet.missed <= mostMissed; block++) {
    fleet.playBlock(block);
    const known = metric.take(fleet, demand.blockArrivals[block], block);
    if (known === undefined) continue;
    const atSeconds = (block + 1) * BLOCK_SECONDS;
    if (!alarms.take(known, atSeconds)) continue;
    const { standing } = alarms;
    // Limits make these decisions beforehand.
    if (standing === 'low' && fleet.desired <= minCapacity) continue;
    if (standing === 'high' && fleet.desired >= maxCapacity) continue;
    const decided = decide(
      plan,
      {
        atSeconds,
        desiredCapacity: fleet.desired,
        inServiceCapacity: fleet.inService,
        signals: { [policyName]: { value: known, alarm: standing } },
        triggered: [policyName],
      },
      memory,
    );
    memory = decided.memory;
    const wanted = decided.decision.desiredCapacity;
    if (wanted !== fleet.desired) fleet.setDesired(wanted, atSeconds);
  }
  return {
    instanceHours: fleet.billedSeconds / 3600,
    missedShare: requests === 0 ? 0 : fleet.missed / requests + demand.hopelessShare,
    complete: block === blocks,
  };
}

/** The instances that the first five minutes ask for at the candidate's target, as a rehearsal begins. */
function startInstances({ metric, minCapacity, maxCapacity }: Candidate, target: number, demand: Demand): number {
  const blocks = Math.min(demand.blockArrivals.length, START_SECONDS / BLOCK_SECONDS);
  const perSecond = sumOf(demand.blockArrivals, blocks) / (blocks * BLOCK_SECONDS);
  const load = metric === 'invocations' ? 60 * perSecond : perSecond * demand.meanServiceSeconds;
  return Math.min(maxCapacity, Math.max(minCapacity, Math.ceil(load / target)));
}

/** The candidate's metric: told at the end of each period what the period before was. */
class PeriodMetric {
  private readonly blocksPerPeriod: number;
  private before: number | undefined;
  private gathered = 0;

  public constructor(private readonly candidate: Candidate) {
    this.blocksPerPeriod = candidate.metric === 'concurrency-10s' ? 1 : BLOCKS_PER_MINUTE;
  }

  public take({ inService, meanPresent, peakPresent }: PooledFleet, come: number, block: number): number | undefined {
    const serving = Math.max(1, inService);
    switch (this.candidate.metric) {
      case 'concurrency-10s':
        this.gathered = meanPresent / serving;
        break;
      case 'concurrency-60s':
        // The busiest instance has a request more than the others where they do not divide evenly; peaks within seconds come on top.
        this.gathered = Math.max(
          this.gathered,
          Math.ceil((peakPresent + PEAKS_WITHIN_SECONDS * Math.sqrt(peakPresent)) / serving),
        );
        break;
      case 'invocations':
        this.gathered += come / serving;
    }
    if ((block + 1) % this.blocksPerPeriod !== 0) return undefined;
    const known = this.before;
    this.before = this.gathered;
    this.gathered = 0;
    return known;
  }
}

function sumOf(values: Float32Array, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += values[index];
  return sum;
}
