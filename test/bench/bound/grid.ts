import { COMPARISON_DEFAULTS } from '../../../lib/simulation/compare';
import { trialOf } from '../../../lib/simulation/compare/trial';
import { boundInstanceHours, runClairvoyant } from '../../../lib/simulation/compare/yardsticks';
import { generateWorkload } from '../../../lib/simulation/traffic';

/** Service and fleet of one cell. */
export interface Cell {
  readonly serviceMeanSeconds: number;
  readonly slotsPerInstance: number;
  /** Instances that the traffic fills at its highest, apart from its spike. */
  readonly instances: number;
}

/** Two hours with a wave, and a spike by half of the highest rate. */
const WINDOW_SECONDS = 7200;

/** Cost of the bound over that of the best schedule found, or undefined where none keeps the objective. */
export function ratioOf({ serviceMeanSeconds, slotsPerInstance, instances }: Cell, seed: number): number | undefined {
  const rate = (instances * slotsPerInstance) / serviceMeanSeconds;
  const workload = generateWorkload({
    seed,
    durationSeconds: WINDOW_SECONDS,
    daySeconds: WINDOW_SECONDS,
    lowRequestsPerSecond: rate / 2,
    highRequestsPerSecond: rate,
    spike: { requestsPerSecond: rate / 2 },
  });
  const settings = {
    ...COMPARISON_DEFAULTS,
    fromSeconds: 0,
    toSeconds: WINDOW_SECONDS,
    slotsPerInstance,
    serviceMeanSeconds,
    seeds: 1,
  };
  const trial = trialOf(workload, settings, 1);
  const { run, isFound } = runClairvoyant(trial, settings);
  return isFound ? boundInstanceHours(trial, settings) / run.instanceHours : undefined;
}
