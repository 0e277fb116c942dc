import * as fc from 'fast-check';
import { COMPARISON_DEFAULTS, type ComparisonSettings } from '../../../lib/simulation/compare';
import { evaluatePolicy } from '../../../lib/simulation/compare/evaluation';
import { constantPolicy } from '../../../lib/simulation/compare/policies/constant';
import { trialOf } from '../../../lib/simulation/compare/trial';
import { generateWorkload } from '../../../lib/simulation/traffic';

const WINDOW = 900;

/** Share on time of a constant fleet under traffic that needs some instances on average. */
function onTime(needed: number, instances: number, seed: number, abandonedWork: 'served' | 'dropped'): number {
  const settings: ComparisonSettings = {
    ...COMPARISON_DEFAULTS,
    toSeconds: WINDOW,
    fromSeconds: 0,
    slotsPerInstance: 4,
    serviceMeanSeconds: 4,
    seeds: 1,
    abandonedWork,
  };
  const workload = generateWorkload({
    seed,
    durationSeconds: WINDOW,
    lowRequestsPerSecond: needed,
    highRequestsPerSecond: needed,
    spike: { requestsPerSecond: 2 * needed },
  });
  return evaluatePolicy(constantPolicy('constant', instances), trialOf(workload, settings, 1)).sloRatio;
}

describe('the work of callers that gave up, in a comparison', () => {
  test('keeps an overloaded fleet from recovering where it is served, and not where it is dropped', () => {
    // A spike of three times the traffic waits for longer than a minute in three instances, which catch up later if they serve all of it.
    expect(onTime(1.5, 3, 1, 'served')).toBeLessThan(onTime(1.5, 3, 1, 'dropped') - 0.01);
  });

  test('makes no difference where nobody waits for a minute', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
        expect(onTime(2, 12, seed, 'served')).toBe(onTime(2, 12, seed, 'dropped'));
      }),
      { numRuns: 5 },
    );
  });

  test('is served unless the settings say otherwise', () => {
    expect(COMPARISON_DEFAULTS.abandonedWork).toBe('served');
  });
});
