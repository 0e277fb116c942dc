import { AggregatedFleet } from '../../../lib/simulation/fleet/pooled/aggregated-fleet';
import { EndpointFleet } from '../../../lib/simulation/fleet';
import { Random } from '../../../lib/simulation/random';

const SLOTS = 16;
const SECONDS = 5400;
const PROVISIONING = 258;

/** Lognormal service of mean 2 s and standard deviation 2 s. */
function serviceSeconds(random: Random): number {
  const variance = Math.log(2);
  return Math.exp(Math.log(2) - variance / 2 + Math.sqrt(variance) * random.normal());
}

/** Whole arrivals of each second around a rate that moves. */
function arrivalsOf(rate: (second: number) => number, seed: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: SECONDS }, (_, second) =>
    Math.max(0, Math.round(rate(second) + Math.sqrt(rate(second)) * random.normal())),
  );
}

interface Outcome {
  readonly onTime: number;
  readonly instanceHours: number;
}

type Schedule = readonly { readonly at: number; readonly count: number }[];

function aggregated(arrivals: Float64Array, begin: number, schedule: Schedule): Outcome {
  const fleet = new AggregatedFleet({
    arrivals,
    fromSeconds: 0,
    toSeconds: SECONDS,
    slotsPerInstance: SLOTS,
    service: { meanSeconds: 2, coefficientOfVariation: 1 },
    sloWaitSeconds: 1,
    provisioning: { medianSeconds: PROVISIONING, sigma: 0 },
    seed: 1,
  });
  fleet.begin(begin);
  for (let second = 0; second < SECONDS; second++) {
    for (const { at, count } of schedule) if (at === second) fleet.setDesired(count);
    fleet.step();
  }
  return { onTime: fleet.slo(), instanceHours: fleet.instanceHours() };
}

function perRequest(arrivals: Float64Array, begin: number, schedule: Schedule): Outcome {
  const random = new Random(9);
  const fleet = new EndpointFleet({
    pools: [{ instanceType: 'ml.g5.xlarge', priority: 1 }],
    slotsPerInstance: SLOTS,
    provisioning: () => PROVISIONING,
    random: random.fork('routing'),
  });
  fleet.startInService(begin, 0);
  let arrived = 0;
  let late = 0;
  const take = (until: number): void => {
    for (const event of fleet.advanceTo(until)) {
      if (event.kind === 'timed-out') late++;
      else if (event.kind === 'completed' && event.startedAt - event.arrivedAt > 1) late++;
    }
  };
  for (let second = 0; second < SECONDS; second++) {
    take(second);
    for (const { at, count } of schedule) if (at === second) fleet.setDesired(count, second);
    const come = arrivals[second]!;
    for (let index = 0; index < come; index++) {
      fleet.arrive(second + index / come, { id: arrived++, serviceSeconds: serviceSeconds(random) });
    }
  }
  take(SECONDS);
  const billed = Object.values(fleet.billedInstanceSeconds(SECONDS)).reduce((sum, seconds) => sum + seconds, 0);
  take(SECONDS + 120);
  return { onTime: 1 - late / arrived, instanceHours: billed / 3600 };
}

describe('the aggregated fleet beside the fleet of single requests', () => {
  // Where it is overloaded for minutes, requests that wait in one instance stay there though another has room; the pooled fleet has one queue.
  test.each<[string, (second: number) => number, number, Schedule, number]>([
    ['with room to spare', () => 60, 12, [], 0.002],
    ['at high use', () => 86, 12, [], 0.002],
    ['through a wave that overloads it for a while', (second) => 70 + 35 * Math.sin(second / 600), 12, [], 0.05],
    [
      'growing and shrinking',
      (second) => (second < 900 || second > 3600 ? 50 : 110),
      8,
      [
        { at: 960, count: 16 },
        { at: 3900, count: 8 },
      ],
      0.05,
    ],
  ])('agrees on cost within 1 %% and on the share on time %s', (_name, rate, begin, schedule, bearable) => {
    const arrivals = arrivalsOf(rate, 4);
    const fast = aggregated(arrivals, begin, schedule);
    const exact = perRequest(arrivals, begin, schedule);
    expect(Math.abs(fast.instanceHours / exact.instanceHours - 1)).toBeLessThan(0.01);
    expect(Math.abs(fast.onTime - exact.onTime)).toBeLessThan(bearable);
  });
});
