import { FLEET_METRICS, GUARD_METRICS } from '../../../lib/cost/contract';
import { configuration, NOVEMBER, World } from './fakes';

const levels = (world: World): string[] => world.records.map(({ level }) => level);

describe('the cost guard', () => {
  test('enters the levels in order and ends with every fleet at its floor', async () => {
    const world = new World();
    // 8 instances x 3 USD/h = 0.40 USD a minute: 80 % of 10 USD after 20 minutes, 90 % after 23, 100 % after 25;
    // the forecast of 24 USD warns at the first look.
    await world.runMinutes(27);
    expect(levels(world)).toEqual(['warn', 'freeze-growth', 'shrink']);
    expect(world.records.map(({ atSeconds }) => (atSeconds - NOVEMBER) / 60)).toEqual([0, 23, 25]);
    expect(world.bounds).toEqual({
      'endpoint/a/variant/main': { minCapacity: 1, maxCapacity: 1 },
      'endpoint/b/variant/main': { minCapacity: 1, maxCapacity: 1 },
    });
    expect(world.effects).toEqual([
      'endpoint/a/variant/main 1..4',
      'endpoint/b/variant/main 1..4',
      'endpoint/a/variant/main 1..1',
      'endpoint/b/variant/main 1..1',
    ]);
  });

  test('writes numbers, limits and reason into every record', async () => {
    const world = new World();
    await world.runMinutes(27);
    expect(world.records[1]).toEqual({
      atSeconds: NOVEMBER + 23 * 60,
      level: 'freeze-growth',
      previousLevel: 'warn',
      spentUsd: expect.closeTo(9.2, 6),
      budgetUsd: 10,
      burnRateUsdPerHour: 24,
      // 9.2 + 24 USD/h x 37 minutes
      forecastUsd: expect.closeTo(24, 6),
      actions: [
        { resourceId: 'endpoint/a/variant/main', minCapacity: 1, maxCapacity: 4 },
        { resourceId: 'endpoint/b/variant/main', minCapacity: 1, maxCapacity: 4 },
      ],
      failedResourceIds: [],
      reason: '9.20 USD of 10.00 USD is spent (92.0 %), at or above 90 %: fleets may not grow',
      dryRun: false,
    });
  });

  test('records every level when several are passed at once, the limits with the last', async () => {
    const world = new World();
    await world.runMinutes(1);
    world.now += 7200;
    await world.run();
    expect(levels(world)).toEqual(['warn', 'freeze-growth', 'shrink']);
    expect(world.records.map(({ actions }) => actions.length)).toEqual([0, 0, 2]);
  });

  test('tells people once a change, with the numbers and the way to lift it', async () => {
    const world = new World();
    await world.runMinutes(27);
    expect(world.notices.map(({ subject }) => subject)).toEqual([
      'Tidegate cost guard chat: ok -> warn',
      'Tidegate cost guard chat: warn -> freeze-growth',
      'Tidegate cost guard chat: freeze-growth -> shrink',
    ]);
    const { message } = world.notices[2]!;
    expect(message).toContain('Spent 10.00 of 10.00 USD, now 24.00 USD an hour');
    expect(message).toContain('endpoint/a/variant/main: minimum 1, maximum 1');
    // 10.00 USD x 100 / 85 = 11.77 -> 12, one more to be clearly below
    expect(message).toContain('write {"amountUsd": 13} or more to the parameter /tidegate/budget');
  });

  test('lets go when the budget is raised as its notice says', async () => {
    const world = new World();
    await world.runMinutes(26);
    world.budget = JSON.stringify({ amountUsd: 13, periodStart: NOVEMBER, periodEnd: NOVEMBER + 3600 });
    await world.run();
    expect(levels(world).at(-1)).toBe('warn');
    expect(world.bounds['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 8 });
  });

  test('publishes its numbers at every look', async () => {
    const world = new World();
    await world.runMinutes(2);
    expect(world.metrics).toHaveLength(2);
    const guard = world.metrics[1]!.filter(({ dimensions }) => dimensions[GUARD_METRICS.dimension] === 'chat');
    expect(Object.fromEntries(guard.map(({ metricName, value }) => [metricName, value]))).toEqual({
      [GUARD_METRICS.spend]: expect.closeTo(0.4, 6),
      [GUARD_METRICS.budget]: 10,
      [GUARD_METRICS.burnRate]: 24,
      [GUARD_METRICS.budgetUsed]: expect.closeTo(4, 6),
      [GUARD_METRICS.forecast]: expect.closeTo(0.4 + 24 * (59 / 60), 6),
      [GUARD_METRICS.level]: 1,
      [GUARD_METRICS.problems]: 0,
    });
  });

  test('publishes what it saw of each fleet, and nothing of one it did not see', async () => {
    const world = new World();
    world.instances['b'] = 2;
    await world.run();
    expect(world.lastValues(FLEET_METRICS.current)).toEqual([4, 2]);
    expect(world.lastValues(FLEET_METRICS.desired)).toEqual([4, 2]);
    expect(world.lastValues(FLEET_METRICS.maximum)).toEqual([8, 8]);
    world.broken.add('endpoint a');
    await world.run();
    expect(world.lastValues(FLEET_METRICS.current)).toEqual([2]);
  });

  test('charges training jobs beside the fleets', async () => {
    const world = new World({ fleets: [] });
    world.jobs.push({
      name: 'tidegate-1',
      instanceType: 'ml.g5.xlarge',
      instanceCount: 2,
      startedAt: NOVEMBER,
      endedAt: null,
      billableSeconds: null,
    });
    world.now += 600;
    await world.run();
    // 2 x 3 USD/h x 600 s
    expect(world.lastValues(GUARD_METRICS.spend)).toEqual([expect.closeTo(1, 6)]);
  });
});

describe('faults of the cost guard', () => {
  test('F2 one endpoint that cannot be seen does not keep the other from being limited', async () => {
    const world = new World();
    await world.run();
    world.broken.add('endpoint a');
    await world.runMinutes(27);
    expect(world.bounds['endpoint/b/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(world.bounds['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([1]);
  });

  test('F2 one limit that cannot be set keeps no other from being set and is tried again', async () => {
    const world = new World();
    world.broken.add('scaling of endpoint/a/variant/main');
    await world.runMinutes(26);
    expect(world.bounds['endpoint/b/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(world.bounds['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 8 });
    expect(world.records.find(({ level }) => level === 'shrink')!.failedResourceIds).toEqual([
      'endpoint/a/variant/main',
    ]);
    world.broken.clear();
    await world.run();
    expect(world.bounds['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
  });

  test('F4 two runs at once have one effect', async () => {
    const world = new World();
    await world.runMinutes(23);
    let raced = false;
    world.afterLoad = async () => {
      if (raced) return;
      raced = true;
      await world.run();
    };
    const slower = await world.run();
    expect(slower.claimed).toBe(false);
    expect(world.effects).toHaveLength(2);
    expect(levels(world)).toEqual(['warn', 'freeze-growth']);
    expect(world.notices).toHaveLength(2);
  });

  test('F17 a second run at the same moment changes nothing', async () => {
    const world = new World();
    await world.runMinutes(26);
    const before = { bounds: { ...world.bounds }, records: world.records.length, effects: world.effects.length };
    await world.run();
    await world.run();
    expect({ bounds: world.bounds, records: world.records.length, effects: world.effects.length }).toEqual(before);
  });

  test('F17 a run that dies between its effects and its records is made up for, and charged once', async () => {
    const world = new World();
    await world.runMinutes(23);
    world.broken.add('settle');
    await expect(world.run()).rejects.toThrow('settle is broken');
    expect(levels(world)).toEqual(['warn']);
    world.broken.clear();
    world.now += 60;
    await world.run();
    expect(levels(world)).toEqual(['warn', 'freeze-growth']);
    // 24 minutes x 0.40 USD, none of them twice
    expect(world.records.at(-1)!.spentUsd).toBeCloseTo(9.6, 6);
  });

  test('F18 a fleet whose floor is its maximum is never limited', async () => {
    const fleets = configuration.fleets.map((fleet) => ({ ...fleet, protectedFloor: 8 }));
    const world = new World({ fleets });
    await world.runMinutes(40);
    expect(levels(world).at(-1)).toBe('shrink');
    expect(world.effects).toEqual([]);
  });

  test('F18 a dry run does everything but the effects, once', async () => {
    const world = new World({ dryRun: true });
    await world.runMinutes(40);
    expect(world.effects).toEqual([]);
    expect(levels(world)).toEqual(['warn', 'freeze-growth', 'shrink']);
    expect(world.records.every(({ dryRun }) => dryRun)).toBe(true);
    expect(world.notices.at(-1)!.message).toContain('dry run: nothing was changed');
  });

  test('F19 acts by its own meter, without any billing data', async () => {
    const world = new World();
    await world.runMinutes(26);
    const breach = NOVEMBER + 25 * 60;
    expect(world.records.at(-1)!.atSeconds - breach).toBeLessThanOrEqual(60);
  });

  test('F20 a runaway training job alone makes the guard act', async () => {
    const world = new World();
    world.instances['a'] = 0;
    world.instances['b'] = 0;
    world.jobs.push({
      name: 'tidegate-runaway',
      instanceType: 'ml.g5.xlarge',
      instanceCount: 8,
      startedAt: NOVEMBER,
      endedAt: null,
      billableSeconds: null,
    });
    await world.runMinutes(26);
    expect(levels(world).at(-1)).toBe('shrink');
  });

  test('holds on when the budget cannot be read or is broken', async () => {
    const world = new World();
    await world.runMinutes(10);
    world.budget = '{"amountUsd": -1}';
    await world.runMinutes(5);
    world.broken.add('budget');
    await world.runMinutes(11);
    expect(levels(world)).toEqual(['warn', 'freeze-growth', 'shrink']);
    expect(world.errors).toContain('cannot see budget');
  });

  test('fails loudly when no budget was ever read', async () => {
    const world = new World();
    world.broken.add('budget');
    await expect(world.run()).rejects.toThrow('write the budget parameter');
  });

  test('acts although it cannot tell anybody', async () => {
    const world = new World();
    world.broken.add('topic').add('metrics');
    await world.runMinutes(26);
    expect(world.effects).toHaveLength(4);
    expect(world.errors).toContain('cannot tell');
  });

  test('charges a training job that cannot be described on', async () => {
    const world = new World({ fleets: [] });
    world.jobs.push({
      name: 'tidegate-1',
      instanceType: 'ml.g5.xlarge',
      instanceCount: 1,
      startedAt: NOVEMBER,
      endedAt: null,
      billableSeconds: null,
    });
    world.now += 600;
    await world.run();
    world.broken.add('job tidegate-1');
    world.now += 600;
    await world.run();
    expect(world.lastValues(GUARD_METRICS.spend)).toEqual([expect.closeTo(1, 6)]);
  });
});
