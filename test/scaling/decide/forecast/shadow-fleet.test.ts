import { ShadowFleet } from '../../../../lib/scaling/decide/forecast/shadow-fleet';

const settings = {
  slotsPerInstance: 16,
  serviceSeconds: 2,
  provisioningSeconds: 258,
  minCapacity: 1,
  maxCapacity: 100,
};

describe('a fleet that is only computed', () => {
  const parts = (rate: number): number[] => new Array<number>(6).fill(rate * 10);

  test('costs its instances and keeps nobody waiting while they suffice', () => {
    const fleet = new ShadowFleet(settings);
    fleet.setDesired(-1, 10);
    fleet.simulate(0, parts(79), 1);
    expect({ cost: fleet.cost, missed: fleet.missed }).toEqual({ cost: 600, missed: 0 });
  });

  test('pays for instances from their launch and has them when they are ready', () => {
    const fleet = new ShadowFleet(settings);
    fleet.setDesired(-1, 5);
    fleet.setDesired(-1, 10); // serves 268 seconds later
    for (let minute = 0; minute < 4; minute++) fleet.simulate(minute, parts(79), 1);
    expect(fleet.cost).toBe(10 * 240);
    const early = fleet.missed;
    expect(early).toBeGreaterThan(0.9 * 79 * 230);
    for (let minute = 4; minute < 30; minute++) fleet.simulate(minute, parts(20), 1);
    const drained = fleet.missed;
    for (let minute = 30; minute < 40; minute++) fleet.simulate(minute, parts(79), 1);
    expect(fleet.missed).toBe(drained);
  });

  test('cancels what has not started before it gives up what serves', () => {
    const fleet = new ShadowFleet(settings);
    fleet.setDesired(-1, 5);
    fleet.setDesired(-1, 10);
    fleet.setDesired(-1, 4);
    expect(fleet.toState()).toMatchObject({ desired: 4, serving: 4, launches: [] });
  });
});

describe('the capacity of such a fleet', () => {
  const fleetOf = (...capacities: number[]): ShadowFleet => {
    const fleet = new ShadowFleet(settings);
    for (const capacity of capacities) fleet.setDesired(0, capacity);
    return fleet;
  };

  test.each([
    [0.2, 1],
    [4.2, 5],
    [5.0000000001, 5],
    [200, 100],
  ])('for %p is %p, in service at once at first', (capacity, expected) => {
    expect(fleetOf(capacity).toState()).toMatchObject({ desired: expected, serving: expected, launches: [] });
  });

  test('grows by instances that serve once they have started', () => {
    // The minute ends at 60 s, its metric comes 10 s later, and an instance starts in 258 s.
    expect(fleetOf(5, 7, 10).toState()).toMatchObject({
      desired: 10,
      serving: 5,
      launches: [
        { at: 328, count: 2 },
        { at: 328, count: 3 },
      ],
    });
  });

  test('shrinks by more than one in fifty only', () => {
    expect(fleetOf(50, 49).toState()).toMatchObject({ desired: 50, serving: 50 });
    expect(fleetOf(50, 48).toState()).toMatchObject({ desired: 48, serving: 48 });
  });

  test('loses the newest launches first, then what serves', () => {
    const launch = (count: number) => ({ at: 328, count });
    expect(fleetOf(5, 7, 10, 8).toState()).toMatchObject({ desired: 8, serving: 5, launches: [launch(2), launch(1)] });
    expect(fleetOf(5, 7, 10, 6).toState()).toMatchObject({ desired: 6, serving: 5, launches: [launch(1)] });
    expect(fleetOf(5, 7, 10, 3).toState()).toMatchObject({ desired: 3, serving: 3, launches: [] });
  });

  test('grows in the part of a minute in which the instances are ready', () => {
    const fleet = new ShadowFleet({ ...settings, provisioningSeconds: 60 });
    fleet.setDesired(-1, 1);
    fleet.setDesired(-1, 3); // ready at 0 + 10 + 60 s
    fleet.simulate(0, [0, 0, 0, 0, 0, 0], 1);
    expect(fleet.toState().serving).toBe(1);
    // Two more serve from 70 s on: 8 a second for 10 s, then 24.
    fleet.simulate(1, [240, 240, 240, 240, 240, 240], 1);
    expect(fleet.toState()).toMatchObject({ serving: 3, queue: 240 - 80, launches: [] });
  });
});

describe('the queue of such a fleet', () => {
  /** One instance, that serves 8 requests a second; a queue of 8 waits a second. */
  function queued(...parts: number[]) {
    const fleet = new ShadowFleet(settings);
    fleet.setDesired(-1, 1);
    fleet.simulate(0, [...parts, ...new Array<number>(6 - parts.length).fill(0)], 1);
    const { queue, missed } = fleet.toState();
    return [queue, missed];
  }

  test.each<[string, number[], number, number]>([
    ['none waits more than a second', [88, 80, 80, 80, 80, 80], 8, 0],
    // The queue grows from 0 to 20 in 10 s, and lies above 8 for 12 of 20.
    ['those who come while it grows above a second are late', [100], 0, 60],
    // It falls from 20 to 0: 40 × 12 ÷ 20 are late too.
    ['those who come while it still falls are late', [100, 40], 0, 60 + 24],
    // 60, then all of a part: the queue is 20 at its begin, and 40 at its end.
    ['all who come while it is longer are late', [100, 100, 0, 0, 0, 0], 0, 60 + 100],
    // 2000 come: 1920 wait, 1912 ÷ 1920 of the time above 8. A part later those who waited a minute have left: 480 are left, and fall by 80 a part.
    ['none waits longer than a minute', [2000], 160, (2000 * 1912) / 1920],
  ])('%s', (_, parts, queue, missed) => {
    expect(queued(...parts)).toEqual([queue, expect.closeTo(missed, 9)]);
  });

  test('is everybody without an instance', () => {
    const fleet = new ShadowFleet(settings);
    fleet.simulate(0, [10, 10, 10, 10, 10, 10], 1);
    expect(fleet.toState()).toMatchObject({ queue: 10, cost: 0, missed: 60 });
  });

  test('counts, like the cost, less with every minute', () => {
    const fleet = new ShadowFleet(settings);
    fleet.setDesired(-1, 1);
    fleet.simulate(0, [100, 0, 0, 0, 0, 0], 0.5);
    fleet.simulate(1, [100, 0, 0, 0, 0, 0], 0.5);
    expect([fleet.cost, fleet.missed]).toEqual([60 + 30, expect.closeTo(60 + 30, 9)]);
  });

  test('goes on from its state, which it leaves as it is', () => {
    const state = { desired: 5, serving: 2, launches: [{ at: 328, count: 3 }], queue: 7, cost: 11, missed: 13 };
    const fleet = new ShadowFleet(settings, state);
    expect(fleet.toState()).toEqual(state);
    fleet.setDesired(0, 4);
    expect(fleet.toState().launches).toEqual([{ at: 328, count: 2 }]);
    expect(state.launches).toEqual([{ at: 328, count: 3 }]);
    expect(new ShadowFleet(settings).toState()).toEqual({
      desired: 0,
      serving: 0,
      launches: [],
      queue: 0,
      cost: 0,
      missed: 0,
    });
  });
});
