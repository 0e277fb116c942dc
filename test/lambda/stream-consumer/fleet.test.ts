import { playFleet, type FleetPlan, type FleetPlay } from './fleet-play';

/** Five minutes with 4 requests in service, then 48: six full instances of at most twelve, from one. */
const jump = (second: number): number => (second < 300 ? 0.25 : 3);
const plan: FleetPlan = {
  followsCapacity: false,
  onBacklog: false,
  rate: jump,
  seconds: 1080,
  meanServiceSeconds: 16,
  seed: 1,
};

describe('a fleet that scales behind a stream', () => {
  let fixed: FleetPlay;
  let alone: FleetPlay;
  let both: FleetPlay;
  beforeAll(async () => {
    fixed = await playFleet(plan);
    alone = await playFleet({ ...plan, followsCapacity: true });
    both = await playFleet({ ...plan, followsCapacity: true, onBacklog: true });
    // Seconds on an idle machine.
  }, 240_000);

  test('answers every record, whatever its consumer follows', () => {
    for (const { answered, deadLetters } of [fixed, alone, both]) {
      expect(answered).toBeGreaterThan(2_000);
      expect(deadLetters).toBe(0);
    }
  });

  test('does not see what waits in the stream by its own metrics alone', () => {
    expect(alone.instancesAt(800)).toBeLessThan(6);
    expect(both.instancesAt(800)).toBeGreaterThanOrEqual(9);
    expect(alone.waits(300, 900).p95).toBeGreaterThan(2 * both.waits(300, 900).p95);
  });

  test('computes nothing in vain where its consumer follows it and it scales on the backlog, and is no later', () => {
    expect(fixed.inVain).toBeGreaterThan(0.01);
    expect(both.inVain).toBe(0);
    expect(both.waits(300, 900).p95).toBeLessThan(fixed.waits(300, 900).p95);
  });

  test('adds less than two seconds once it has caught up', () => {
    expect(both.waits(1000, 1080).p95).toBeLessThan(2);
  });
});
