import { HOURS_PER_MONTH } from '../rehearse/billing';
import { round } from '../number-text';
import type { Rehearsal } from '../rehearse/rehearsal';

/** Results of a policy in a rehearsal. */
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

/** Results over the rest of a trace: the whole without its beginning. */
export type PartFigures = Pick<Figures, 'seconds' | 'requests' | 'missed' | 'sloPercent' | 'usd' | 'usdPerMonth'>;

/** Figures of a rehearsal. */
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
 * Figures of the rest of a trace. A rehearsal of the beginning has the same requests and the same start as that of the whole, so the
 * difference is the rest.
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
    sloPercent: requests === 0 ? 100 : round(100 * (1 - missed / requests), 4),
    usd: round(usd, 4),
    usdPerMonth: seconds === 0 ? 0 : round((usd / seconds) * 3600 * HOURS_PER_MONTH, 2),
  };
}
