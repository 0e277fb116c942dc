import { CapacityForecast, type ForecastSettings } from '../../../../lib/scaling/decide/forecast';

const settings: ForecastSettings = {
  slotsPerInstance: 16,
  serviceSeconds: 2,
  provisioningSeconds: 258,
  minCapacity: 1,
  maxCapacity: 100,
};

describe('a minute of traffic', () => {
  /** State after a minute of 4800 requests: 80 a second of 2 s each, so 160 at a time. */
  function after(parts?: readonly number[]) {
    const forecast = new CapacityForecast(settings);
    forecast.observe(0, 4800, parts);
    return forecast.toState();
  }

  test('is kept as its demand, its rate and what the fleets would have served', () => {
    const { minutes, quantile, phases, requests, fleets, settings: key } = after();
    expect(minutes.means).toEqual([160]);
    expect(quantile.recent).toEqual([80]);
    expect(quantile.open).toMatchObject([{ minute: 10, level: 80 }]);
    expect(phases.visits).toEqual(new Array<number>(60).fill(0));
    expect(requests).toBe(4800);
    expect(key).toBe('16/2/258/1/100');
    // The expected demand is 160 × (1 + 1 ÷ √801) × 1.07 = 177.3, for 16 slots at 70 % to 108 %: 15.8 to 10.3 instances.
    expect([fleets[0]!.desired, fleets.at(-1)!.desired]).toEqual([16, 11]);
    // No instance was there.
    expect(fleets[0]).toMatchObject({ cost: 0, missed: 4800 });
  });

  test.each([
    // The scatter of independent arrivals, 800 in each part
    [undefined, 1 / Math.sqrt(801)],
    [[1600, 1600, 1600], 1 / Math.sqrt(801)],
    // Two of six parts are off by the whole mean
    [[1600, 800, 800, 800, 800, 0], Math.sqrt(2 / 6)],
    [[800, 800, 800, 800, 800, 800], 0],
    // Off by 5, and five times by 1: √(30 ÷ 6) = 2.24
    [[4800, 0, 0, 0, 0, 0], 2],
    [[0, 0, 0, 0, 0, 0], 0],
  ])('has bursts by its parts of ten seconds, where there are six: %j', (parts, spread) => {
    expect(after(parts).minutes.spreads).toEqual([expect.closeTo(spread, 12)]);
  });

  test('moves from the one before, and weighs more than older ones', () => {
    const forecast = new CapacityForecast(settings);
    forecast.observe(6, 4800);
    forecast.observe(7, 2400);
    const { phases, requests } = forecast.toState();
    expect(phases.visits.slice(6, 9)).toEqual([0, 1, 0]);
    expect(phases.moves[7]).toBeCloseTo(Math.log(160.5 / 80.5), 12);
    // A half-life of two days
    expect(requests).toBeCloseTo(4800 * 0.5 ** (1 / 2880) + 2400, 9);
  });

  test('counts once', () => {
    const forecast = new CapacityForecast(settings);
    forecast.observe(6, 4800);
    const before = structuredClone(forecast.toState());
    forecast.observe(6, 2400);
    forecast.observe(5, 2400);
    expect(forecast.toState()).toEqual(before);
  });
});

describe('the decision', () => {
  const UTILIZATIONS = [
    0.7, 0.76, 0.8, 0.83, 0.86, 0.88, 0.9, 0.92, 0.94, 0.955, 0.97, 0.98, 0.99, 1, 1.01, 1.02, 1.03, 1.045, 1.06, 1.08,
  ];

  interface Known {
    readonly means?: readonly number[];
    readonly jump?: number;
    readonly requests?: number;
    readonly capacity?: number;
    readonly changes?: readonly boolean[];
    readonly fleet?: (utilization: number) => { readonly cost?: number; readonly missed?: number };
  }

  /** Forecast at minute 10 that knows demands without bursts; the higher its utilization, the cheaper a fleet. */
  function known({ means = [144], jump = 0, requests = 0, capacity = 0, changes, fleet }: Known, maxCapacity = 100) {
    const own = { ...settings, maxCapacity };
    const empty = new CapacityForecast(own).toState();
    return new CapacityForecast(own, {
      ...empty,
      lastMinute: 10,
      capacity,
      requests,
      minutes: { means, spreads: means.map(() => 0), jumps: new Array<number>(12).fill(jump) },
      phases: { ...empty.phases, changes: changes ?? null },
      fleets: UTILIZATIONS.map((utilization, index) => ({
        ...empty.fleets[0]!,
        cost: 1000 - index,
        ...fleet?.(utilization),
      })),
    }).decide();
  }

  test('has its numbers in words', () => {
    // 144 ÷ 16 ÷ 0.9
    expect(known({})).toMatchObject({
      capacity: 10,
      mode: 'forecast',
      explanation:
        '144 concurrent requests now, 144 expected (the highest of 12 minutes, its bursts, and jumps of 0 %), at 16 an instance and 90 % use: 10 instances',
    });
    // 200 × 1.08 ÷ 16 ÷ 0.9
    expect(known({ means: [200, 144], jump: 0.08 })).toMatchObject({
      capacity: 15,
      explanation:
        '144 concurrent requests now, 216 expected (the highest of 12 minutes, its bursts, and jumps of 8 %), at 16 an instance and 90 % use: 15 instances',
    });
    expect(new CapacityForecast(settings).decide().explanation).toBe('no traffic has been observed yet');
  });

  test('leaves the jumps out where demand changes at known minutes, and none of them is due before an instance serves', () => {
    // The eleven minutes since the change at the full hour, the first of which was the highest; an instance takes 4 minutes.
    const means = [288, ...new Array<number>(10).fill(144)];
    const changesAt = (...minutes: number[]) => Array.from({ length: 60 }, (_, minute) => minutes.includes(minute));
    expect(known({ means, jump: 0.5, changes: changesAt(0, 16) })).toMatchObject({
      capacity: 20,
      explanation:
        '144 concurrent requests now, 288 expected (no change is due before an instance could start), at 16 an instance and 90 % use: 20 instances',
    });
    // 288 × 1.5 ÷ 16 ÷ 0.9
    expect(known({ means, jump: 0.5, changes: changesAt(0, 15) }).capacity).toBe(30);
  });

  // One minute of 144 is a prior of 60 × 144 × 60 ÷ 2 requests: of these 0.6 % are late at 0.9, 1.06 % at 0.92, 2 % from 0.955 on.
  const PRIOR = 259_200;
  test.each<[string, number, Known['fleet'], number]>([
    ['of the prior alone is 0.9', 0, undefined, 0.9],
    // 1.06 % of the prior are 0.53 % of twice as many
    ['of as much traffic without late requests is 0.92', PRIOR, undefined, 0.92],
    // 2 % of the prior are 0.33 % of six times as many
    ['of five times as much is the highest', 5 * PRIOR, undefined, 1.08],
    // 0.78 % of 2 × 259,200 are 4043.5, of which 2753.8 are the prior's
    ['keeps to 0.78 % late requests', PRIOR, (one) => ({ missed: one === 0.92 ? 1289 : 0 }), 0.92],
    ['is lower where more are late', PRIOR, (one) => ({ missed: one === 0.92 ? 1290 : 0 }), 0.9],
    ['is the lowest where all have too many late ones', 0, () => ({ missed: 1e6 }), 0.7],
    ['is that of the cheapest', 0, (one) => ({ cost: one === 0.83 ? 1 : 2 }), 0.83],
    ['is the first of those that cost the same', 0, () => ({ cost: 1 }), 0.7],
  ])('for a use that %s', (_, requests, fleet, expected) => {
    expect(known({ requests, fleet }).explanation).toContain(`${Number((100 * expected).toPrecision(3))} % use`);
  });

  test('keeps the capacity where two in a hundred fewer would do', () => {
    // n instances for a demand of 14.4 × n
    const from = (capacity: number, wanted: number) => known({ means: [14.4 * wanted], capacity }, 200).capacity;
    expect([from(100, 101), from(100, 100), from(100, 98), from(100, 97)]).toEqual([101, 100, 100, 97]);
    expect(from(0, 300)).toBe(200);
  });
});
