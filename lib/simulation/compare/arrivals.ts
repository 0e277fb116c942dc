import { requestSource, RequestBlock } from '../traffic/request-source';
import type { Workload } from '../traffic/workload';

/**
 * Arrivals of a workload in each second from its start.
 *
 * Counts of one-second steps are used as they are; longer steps are spread by the seed, as for the request engine; requests with
 * timestamps are counted in their second.
 *
 * @param untilSeconds end, in seconds from the workload's start
 */
export function arrivalsPerSecond(workload: Workload, seed: number | string, untilSeconds: number): Float64Array {
  const length = Math.ceil(untilSeconds);
  const arrivals = new Float64Array(length);
  const { columns } = workload;
  if (columns?.kind === 'counts' && columns.stepSeconds === 1) {
    const steps = Math.min(length, columns.steps);
    for (let second = 0; second < steps; second++) arrivals[second] = columns.counts[second];
    return arrivals;
  }
  const source = requestSource(workload, {
    service: { kind: 'distribution', distribution: 'constant', meanSeconds: 1 },
    seed,
    toSeconds: length,
  });
  const block = new RequestBlock();
  while (source.next(block)) {
    for (let index = 0; index < block.length; index++) arrivals[Math.min(length - 1, Math.floor(block.at[index]))]++;
  }
  return arrivals;
}
