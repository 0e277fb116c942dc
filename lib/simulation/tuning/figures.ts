import { HOURS_PER_MONTH } from '../simulator/billing';
import type { Rehearsal } from '../simulator/rehearsal';
import { rounded } from './candidate';

/** What a rehearsal, request by request, says of a policy. */
export interface Figures {
  readonly seconds: number;
  readonly requests: number;
  /** Requests served badly. */
  readonly missed: number;
  /** Requests served well, in percent. */
  readonly sloPercent: number;
  readonly usd: number;
  /** For a month of 730 hours at this rate. */
  readonly usdPerMonth: number;
  readonly instanceHours: number;
  readonly meanInstances: number;
  readonly peakInstances: number;
  readonly waitP99Seconds: number;
  readonly scaleOuts: number;
  readonly scaleIns: number;
}

/** A part of the trace: what the whole has beyond its beginning. */
export type PartFigures = Pick<Figures, 'seconds' | 'requests' | 'missed' | 'sloPercent' | 'usd' | 'usdPerMonth'>;

/** The figures of a rehearsal. */
export function figuresOf({
  traffic,
  requests,
  missedBy,
  sloPercent,
  cost,
  capacity,
  waitSeconds,
  scaling,
}: Rehearsal): Figures {
  return {
    seconds: traffic.seconds,
    requests: requests.arrived,
    missed: Object.values(missedBy).reduce((sum, count) => sum + count, 0),
    sloPercent,
    usd: cost.usd,
    usdPerMonth: cost.usdPerMonth,
    instanceHours: capacity.instanceHours,
    meanInstances: capacity.meanInstances,
    peakInstances: capacity.peakInstances,
    waitP99Seconds: waitSeconds.p99,
    scaleOuts: scaling.scaleOuts,
    scaleIns: scaling.scaleIns,
  };
}

/**
 * The rest of a trace: the whole without its beginning. A rehearsal of the beginning plays the same requests and starts as the whole does,
 * so the difference is what happened after it.
 */
export function restOf(whole: Figures, beginning: Figures): PartFigures {
  const seconds = whole.seconds - beginning.seconds;
  const requests = whole.requests - beginning.requests;
  const missed = Math.max(0, whole.missed - beginning.missed);
  const usd = whole.usd - beginning.usd;
  return {
    seconds,
    requests,
    missed,
    sloPercent: requests === 0 ? 100 : rounded(100 * (1 - missed / requests), 4),
    usd: rounded(usd, 4),
    usdPerMonth: seconds === 0 ? 0 : rounded((usd / seconds) * 3600 * HOURS_PER_MONTH, 2),
  };
}
