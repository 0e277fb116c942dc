import { drainSeconds } from '../../../lib/simulation/fleet/drain';
import { demandOf, residualsOf } from '../../../lib/simulation/fleet/pooled/demand';
import type { ServiceTimes } from '../../../lib/simulation/traffic/service-times';
import { countedTraffic, demandFor } from '../tune/tuning-support';

const constant = (meanSeconds: number): ServiceTimes => ({
  kind: 'distribution',
  distribution: 'constant',
  meanSeconds,
});

describe('the demand of a workload', () => {
  test('counts the arrivals of each second and of each ten seconds', () => {
    const { seconds, arrivals, blockArrivals } = demandFor(countedTraffic([3, 0, 5, ...Array(12).fill(1)], 1));
    expect(seconds).toBe(20);
    expect([...arrivals.slice(0, 4)]).toEqual([3, 0, 5, 1]);
    expect(arrivals[19]).toBe(0);
    expect([...blockArrivals]).toEqual([15, 5]);
  });

  test('counts more requests in one second than a number of 32 bits with a fraction can', () => {
    const count = 2 ** 24 + 5;
    const { arrivals, occupancy, blockArrivals, blockPeak } = demandFor(countedTraffic([count], 1), constant(3));
    expect(arrivals[0]).toBe(count);
    expect(occupancy[0]).toBe(count);
    expect(blockArrivals[0]).toBe(count);
    expect(blockPeak[0]).toBe(count);
  }, 120_000);

  test('keeps each request in its slot for its service time', () => {
    // 4 requests within the first second, 3 s each: there at the ends of seconds 0, 1 and 2, gone by the end of second 3.
    const demand = demandFor(countedTraffic([4, ...Array(9).fill(0)], 1), constant(3));
    expect([...demand.occupancy]).toEqual([4, 4, 4, 0, 0, 0, 0, 0, 0, 0]);
    expect(demand.blockOccupancy[0]).toBe(12);
    expect(demand.blockPeak[0]).toBe(4);
    expect(demand.meanServiceSeconds).toBe(3);
  });

  test('holds arrivals × mean service in slots, as Little has it', () => {
    const demand = demandFor(countedTraffic(Array(120).fill(600)), constant(2.5));
    const later = demand.occupancy.slice(60, 7100);
    const mean = later.reduce((sum, present) => sum + present, 0) / later.length;
    expect(mean).toBeGreaterThan(24.5); // 10 a second × 2.5 s = 25
    expect(mean).toBeLessThan(25.5);
  });

  test('tells the share that outlives each second, and how long the last of several requests stays', () => {
    const demand = demandFor(countedTraffic(Array(60).fill(60)), constant(4));
    expect([...demand.survival]).toEqual([1, 1, 1, 1, 0.5]);
    // A residual of 4 s is even between 0 and 4.5 s here; the longest of 100 comes near its end.
    expect(drainSeconds(residualsOf(demand), 100)).toBeGreaterThan(3.5);
    expect(drainSeconds(residualsOf(demand), 1)).toBeLessThan(3);
  });

  test('tells the share that no fleet can serve in time', () => {
    const service: ServiceTimes = { kind: 'measured', seconds: [1, 1, 1, 90] };
    const { unservableRatio } = demandOf(countedTraffic(Array(200).fill(100)), {
      service,
      seed: 1,
      requestTimeoutSeconds: 60,
    });
    expect(unservableRatio).toBeCloseTo(0.25, 1);
  });

  test('shares its memory between threads', () => {
    expect(demandFor(countedTraffic([1, 2, 3])).arrivals.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  test('is empty without requests', () => {
    const demand = demandFor(countedTraffic([0, 0]));
    expect(demand.meanServiceSeconds).toBe(0);
    expect(demand.unservableRatio).toBe(0);
    expect(drainSeconds(residualsOf(demand), 5)).toBe(0);
  });
});
