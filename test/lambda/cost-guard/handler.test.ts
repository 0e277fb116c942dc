import { FLEET_METRICS, GUARD_METRICS, MAX_WAITING_NOTICES } from '../../../lib/cost/contract';
import { budgetOf, configuration, job, NOVEMBER, World, type Fault, run, spark } from './fakes';

const levels = (world: World): string[] =>
  world.records.filter(({ level, previousLevel }) => level !== previousLevel).map(({ level }) => level);

describe('the cost guard', () => {
  test('enters the levels in order and ends with every fleet at its floor', async () => {
    const world = new World();
    // 8 instances x 3 USD/h = 0.40 USD a minute, of which 0.30 above the floors, and 0.90 in the three minutes until a limit takes effect.
    // The floors cost 6 of 14.38 USD: 90 % of the other 8.38 is reached after 23 minutes, 100 % after 25. The forecast of 24 USD warns at once.
    await world.runMinutes(27);
    expect(levels(world)).toEqual(['warn', 'freeze-growth', 'shrink']);
    expect(world.records.map(({ atSeconds }) => (atSeconds - NOVEMBER) / 60)).toEqual([0, 23, 25]);
    expect(world.limits).toEqual({
      'endpoint/a/variant/main': { minCapacity: 1, maxCapacity: 1 },
      'endpoint/b/variant/main': { minCapacity: 1, maxCapacity: 1 },
    });
    expect(world.effects).toEqual([
      'endpoint/a/variant/main 1..4',
      'endpoint/b/variant/main 1..4',
      'endpoint/a/variant/main 1..1',
      'endpoint/b/variant/main 1..1',
    ]);
    // A fleet that is held is one that is guarded: it is seen once.
    expect(world.lastValues(FLEET_METRICS.current)).toEqual([1, 1]);
  });

  test('writes numbers, limits and reason into every record', async () => {
    const world = new World();
    await world.runMinutes(27);
    expect(world.records[1]).toEqual({
      atSeconds: NOVEMBER + 23 * 60,
      level: 'freeze-growth',
      previousLevel: 'warn',
      spentUsd: expect.closeTo(9.2, 6),
      budgetUsd: 14.38,
      // 9.2 + 6 USD/h x 37 minutes
      committedUsd: expect.closeTo(12.9, 6),
      burnRateUsdPerHour: 24,
      // 9.2 + 24 USD/h x 37 minutes
      forecastUsd: expect.closeTo(24, 6),
      liftingBudgetUsd: 44,
      actions: [
        { resourceId: 'endpoint/a/variant/main', minCapacity: 1, maxCapacity: 4 },
        { resourceId: 'endpoint/b/variant/main', minCapacity: 1, maxCapacity: 4 },
      ],
      withheldActions: [],
      stops: [],
      failedResourceIds: [],
      failedJobNames: [],
      reason:
        '9.20 USD of 14.38 USD is spent (64.0 %), 12.90 USD is committed and 0.90 USD more until limits take effect, ' +
        'at or above 13.54 USD: fleets may not grow',
      dryRun: false,
    });
  });

  test('records every level when several are passed at once, the limits with the last', async () => {
    const world = new World();
    await world.runMinutes(1);
    world.now += 7200;
    await world.run();
    expect(levels(world)).toEqual(['warn', 'freeze-growth', 'shrink']);
    // The last record is the notice that the period is over.
    expect(world.records.map(({ actions }) => actions.length)).toEqual([0, 0, 2, 0]);
  });

  test('notifies once for each change, with the numbers and the way to lift the limits', async () => {
    const world = new World();
    await world.runMinutes(27);
    expect(world.notices.map(({ subject }) => subject)).toEqual([
      'Tidegate cost guard chat: ok -> warn',
      'Tidegate cost guard chat: warn -> freeze-growth',
      'Tidegate cost guard chat: freeze-growth -> shrink',
    ]);
    const { message } = world.notices[2]!;
    expect(message).toContain(
      'Spent 10.00 of 14.38 USD, now 24.00 USD an hour; 13.50 USD is committed until the period ends',
    );
    expect(message).toContain('endpoint/a/variant/main: minimum 1, maximum 1');
    // 13.5 + 0.9 are committed, and 14 instances more for the other 35 minutes cost 24.5: 6 + 32.9 / 90 % = 42.6
    expect(message).toContain(
      'write {"amountUsd": 43} or more, with the period as it is, to the parameter /tidegate/budget',
    );
    // frozen at 12.9 + 0.9 committed, 14 instances more for 37 minutes cost 25.9: 6 + 33.7 / 90 % = 43.4
    expect(world.notices[1]!.message).toContain('To lift the limits, write {"amountUsd": 44} or more');
    expect(world.notices[0]!.message).toContain('To change the budget, write {"amountUsd": ...} to the parameter');
    expect(world.notices[0]!.message).toContain('No limit was changed.');
  });

  test('shortens a long name in the subject, never the levels', async () => {
    const world = new World({ name: 'n'.repeat(128) });
    await world.runMinutes(1);
    expect(world.notices[0]!.subject).toHaveLength(100);
    expect(world.notices[0]!.subject).toMatch(/^Tidegate cost guard n+: ok -> warn$/);
  });

  test('writes its state once where nothing changes, and records limits that change alone', async () => {
    const world = new World();
    await world.runMinutes(26);
    const { generation } = world.state!;
    await world.run();
    expect(world.state!.generation).toBe(generation + 1);
    const written = world.records.length;
    world.limits['endpoint/a/variant/main'] = { minCapacity: 1, maxCapacity: 8 };
    await world.run();
    expect(world.records.slice(written)).toEqual([
      expect.objectContaining({
        level: 'shrink',
        previousLevel: 'shrink',
        actions: [{ resourceId: 'endpoint/a/variant/main', minCapacity: 1, maxCapacity: 1 }],
        failedResourceIds: [],
        reason: 'shrink: minimum 1 -> 1, maximum 8 -> 1, its protected floor',
      }),
    ]);
    expect(world.notices).toHaveLength(3);
    for (const { resourceId } of configuration.fleets) world.limits[resourceId] = { minCapacity: 1, maxCapacity: 8 };
    await world.run();
    const reason = 'shrink: minimum 1 -> 1, maximum 8 -> 1, its protected floor';
    expect(world.records.at(-1)!.reason).toBe(`${reason}; ${reason}`);
  });

  test('releases the fleets when the budget is raised as its notification says', async () => {
    const world = new World();
    await world.runMinutes(26);
    world.budget = budgetOf(43);
    await world.run();
    expect(levels(world).at(-1)).toBe('ok');
    expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 8 });
  });

  test('publishes its metrics at every evaluation', async () => {
    const world = new World();
    await world.runMinutes(2);
    expect(world.metrics).toHaveLength(2);
    const guard = world.metrics[1]!.filter(({ dimensions }) => dimensions[GUARD_METRICS.dimension] === 'chat');
    expect(Object.fromEntries(guard.map(({ metricName, value }) => [metricName, value]))).toEqual({
      [GUARD_METRICS.spend]: expect.closeTo(0.4, 6),
      [GUARD_METRICS.budget]: 14.38,
      [GUARD_METRICS.burnRate]: 24,
      [GUARD_METRICS.budgetUsed]: expect.closeTo(40 / 14.38, 6),
      [GUARD_METRICS.committed]: expect.closeTo(6.3, 6),
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

  test('gives every metric its unit, the moment and its dimension, by which alarms find it', async () => {
    const world = new World();
    await world.run();
    const published = world.metrics[0]!.map(({ metricName, unit, atSeconds, dimensions }) => [
      metricName,
      unit,
      atSeconds,
      dimensions,
    ]);
    const guard = { [GUARD_METRICS.dimension]: 'chat' };
    const fleets = configuration.fleets.map(({ resourceId }) => ({ [FLEET_METRICS.dimension]: resourceId }));
    const { spend, budget, burnRate, budgetUsed, committed, forecast, level, problems } = GUARD_METRICS;
    expect(published).toEqual([
      ...[spend, budget, burnRate].map((name) => [name, 'None', NOVEMBER, guard]),
      [budgetUsed, 'Percent', NOVEMBER, guard],
      ...[committed, forecast, level].map((name) => [name, 'None', NOVEMBER, guard]),
      [problems, 'Count', NOVEMBER, guard],
      ...fleets.flatMap((fleet) =>
        [FLEET_METRICS.current, FLEET_METRICS.desired, FLEET_METRICS.maximum].map((name) => [
          name,
          'Count',
          NOVEMBER,
          fleet,
        ]),
      ),
    ]);
  });

  test('looks for no training jobs where none are guarded', async () => {
    const world = new World({ training: null });
    world.jobs.push(job);
    await world.runMinutes(2);
    expect(world.listedSince).toEqual([]);
    expect(world.lastValues(GUARD_METRICS.burnRate)).toEqual([24]);
  });

  test('counts a budget that cannot be read as a problem, and sends no notice of it', async () => {
    const world = new World();
    await world.run();
    world.broken.add('budget');
    await world.run();
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([1]);
    expect(world.notices.map(({ subject }) => subject)).toEqual(['Tidegate cost guard chat: ok -> warn']);
  });

  test('publishes no maximum of a fleet whose limits it could not read, or that has none', async () => {
    const world = new World();
    delete world.limits['endpoint/a/variant/main'];
    await world.run();
    expect(world.lastValues(FLEET_METRICS.maximum)).toEqual([8]);
    expect(world.metrics[0]).toHaveLength(8 + 2 + 3);
    world.broken.add('limits');
    await world.run();
    expect(world.lastValues(FLEET_METRICS.maximum)).toEqual([]);
  });

  test('charges training jobs beside the fleets', async () => {
    const world = new World({ fleets: [] });
    world.jobs.push({
      ...job,
      name: 'tidegate-1',
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
  test('F2 limits the other endpoint when one cannot be observed', async () => {
    const world = new World();
    await world.run();
    world.broken.add('endpoint a');
    await world.runMinutes(27);
    expect(world.limits['endpoint/b/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([1]);
  });

  test('F2 one limit that cannot be set keeps no other from being set and is tried again', async () => {
    const world = new World();
    world.broken.add('scaling of endpoint/a/variant/main');
    await world.runMinutes(26);
    expect(world.limits['endpoint/b/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 8 });
    expect(world.records.find(({ level }) => level === 'shrink')!.failedResourceIds).toEqual([
      'endpoint/a/variant/main',
    ]);
    // One fleet that cannot be limited, none that cannot be observed
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([1]);
    expect(world.notices.at(-1)!.message).toContain('maximum 1 - FAILED, tried again in a minute');
    world.broken.clear();
    await world.run();
    expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([0]);
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
    expect(slower.overtaken).toBe(true);
    expect(world.effects).toHaveLength(2);
    expect(levels(world)).toEqual(['warn', 'freeze-growth']);
    expect(world.notices).toHaveLength(2);
  });

  test('F4 of two runs that have seen the same, the one whose claim comes second does nothing', async () => {
    const world = new World();
    await world.runMinutes(23);
    let raced = false;
    world.gate = async (what): Promise<Fault> => {
      if (what !== 'claim' || raced) return 'none';
      raced = true;
      await world.run();
      return 'none';
    };
    const slower = await world.run();
    expect(slower.overtaken).toBe(true);
    expect(slower.records).toStrictEqual([]);
    expect(world.effects).toEqual(['endpoint/a/variant/main 1..4', 'endpoint/b/variant/main 1..4']);
  });

  test('sets only the limit that changes, so that the other one stays as somebody has set it meanwhile', async () => {
    const fleets = configuration.fleets.map((fleet) => ({ ...fleet, minCapacity: 2 }));
    const world = new World({ fleets });
    const a = 'endpoint/a/variant/main';
    // Between the look and the effect, somebody else changes the limits of fleet a.
    const meanwhile = (change: object): void => {
      world.gate = (what) => {
        if (what === `scaling of ${a}`) world.limits[a] = { ...world.limits[a]!, ...change };
        return 'none';
      };
    };
    await world.runMinutes(23);
    meanwhile({ minCapacity: 3 });
    await world.runMinutes(1);
    expect(world.limits[a]).toEqual({ minCapacity: 3, maxCapacity: 4 });
    world.gate = () => 'none';
    await world.runMinutes(2);
    // Both change to the floor.
    expect(world.limits[a]).toEqual({ minCapacity: 1, maxCapacity: 1 });
    world.limits[a] = { minCapacity: 1, maxCapacity: 3 };
    world.budget = budgetOf(1000);
    meanwhile({ maxCapacity: 5 });
    await world.run();
    // The guard's own minimum is given back, whether or not the maximum is somebody's.
    expect(world.limits[a]).toEqual({ minCapacity: 2, maxCapacity: 5 });
    expect(world.limits['endpoint/b/variant/main']).toEqual({ minCapacity: 2, maxCapacity: 8 });
  });

  test('says in its log what it could not read, publish or store, and goes on', async () => {
    const world = new World();
    await world.run();
    expect(world.errors).toEqual([]);
    ['endpoint a', 'limits', 'budget', 'training', 'metrics'].forEach((what) => world.broken.add(what));
    await world.run();
    expect([...world.errors].sort()).toEqual([
      'cannot publish',
      'cannot read budget',
      'cannot read endpoint/a/variant/main',
      'cannot read limits of endpoint/a/variant/main',
      'cannot read limits of endpoint/b/variant/main',
      'cannot read training jobs',
    ]);
    world.broken.clear();
    world.errors.length = 0;
    world.now += 7200;
    world.broken.add('removal of notices');
    await world.run();
    expect(world.errors).toEqual(['cannot remove the notices that were sent; they are repeated']);
    world.broken.clear();
    world.broken.add('topic');
    world.errors.length = 0;
    await world.run();
    expect(world.errors).toEqual(['cannot publish']);
  });

  test('F17 a second run at the same moment changes nothing', async () => {
    const world = new World();
    await world.runMinutes(26);
    const before = { limits: { ...world.limits }, records: world.records.length, effects: world.effects.length };
    await world.run();
    await world.run();
    expect({ limits: world.limits, records: world.records.length, effects: world.effects.length }).toEqual(before);
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
    expect(world.records.at(-1)!.actions).toHaveLength(2);
  });

  test.each<Fault>(['fails', 'fails after its effect', 'dies', 'dies after its effect'])(
    'F17 limits are lifted with their reason, although settling %s',
    async (fault) => {
      const world = new World();
      await world.runMinutes(23);
      world.gate = (what) => (what === 'settle' ? fault : 'none');
      await Promise.race([world.run().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 50))]);
      expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 4 });
      world.gate = () => 'none';
      world.budget = JSON.stringify({ amountUsd: 1000, periodStart: NOVEMBER, periodEnd: NOVEMBER + 3600 });
      world.now += 60;
      await world.run();
      expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 8 });
    },
  );

  test('F17 limits are lifted with their reason, although the answer to setting them was lost', async () => {
    const world = new World();
    await world.runMinutes(23);
    world.gate = (what) => (what.startsWith('scaling') ? 'fails after its effect' : 'none');
    await world.run();
    expect(world.records.at(-1)!.failedResourceIds).toHaveLength(2);
    world.gate = () => 'none';
    world.budget = JSON.stringify({ amountUsd: 1000, periodStart: NOVEMBER, periodEnd: NOVEMBER + 3600 });
    await world.run();
    expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 8 });
  });

  test('a target that was deregistered on purpose stays so, and is limited within an evaluation once it is registered', async () => {
    const world = new World();
    await world.runMinutes(24);
    delete world.limits['endpoint/a/variant/main'];
    await world.runMinutes(3);
    expect(world.limits).toEqual({ 'endpoint/b/variant/main': { minCapacity: 1, maxCapacity: 1 } });
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([0]);
    world.limits['endpoint/a/variant/main'] = { minCapacity: 1, maxCapacity: 8 };
    await world.run();
    expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
  });

  test('a target that is deregistered while its limits are set stays so', async () => {
    const world = new World();
    await world.runMinutes(23);
    world.gate = (what) => {
      if (what === 'scaling of endpoint/a/variant/main') delete world.limits['endpoint/a/variant/main'];
      return 'none';
    };
    await world.run();
    expect(Object.keys(world.limits)).toEqual(['endpoint/b/variant/main']);
    expect(world.records.at(-1)!.failedResourceIds).toEqual(['endpoint/a/variant/main']);
  });

  test('a fleet that leaves the guard while it is held has its declared limits within an evaluation', async () => {
    const world = new World();
    await world.runMinutes(26);
    world.deploy({ fleets: configuration.fleets.slice(1) });
    world.broken.add('limits');
    await world.runMinutes(1);
    world.broken.clear();
    await world.runMinutes(1);
    expect(world.limits).toEqual({
      'endpoint/a/variant/main': { minCapacity: 1, maxCapacity: 8 },
      'endpoint/b/variant/main': { minCapacity: 1, maxCapacity: 1 },
    });
    expect(world.records.at(-1)!.reason).toContain('the fleet is no longer guarded: the declared limits are restored');
    await world.runMinutes(3);
    expect(Object.keys(world.state!.memory.holds)).toEqual(['endpoint/b/variant/main']);
  });

  test('a dry run that begins while fleets are held restores them, and its end limits them again', async () => {
    const world = new World();
    await world.runMinutes(26);
    world.deploy({ dryRun: true });
    await world.runMinutes(3);
    expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 8 });
    world.deploy({ dryRun: false });
    await world.run();
    expect(world.limits['endpoint/a/variant/main']).toEqual({ minCapacity: 1, maxCapacity: 1 });
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
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([0]);
    const { message } = world.notices.at(-1)!;
    expect(message).toContain('(dry run: the guard limits nothing)');
    expect(message).toContain('No limit was changed.');
    expect(message).toContain(
      'would have been set without the dry run:\n  endpoint/a/variant/main: minimum 1, maximum 1',
    );
    expect(message).not.toContain('Limits set');
    expect(message).not.toContain('To lift the limits');
    expect(world.records.flatMap(({ actions }) => actions)).toEqual([]);
    expect(world.lastValues(FLEET_METRICS.maximum)).toEqual([8, 8]);
  });

  test('F19 acts by its own meter, without any billing data', async () => {
    const world = new World();
    await world.runMinutes(26);
    const breach = NOVEMBER + 25 * 60;
    expect(levels(world).at(-1)).toBe('shrink');
    expect(world.records.at(-1)!.atSeconds - breach).toBeLessThanOrEqual(60);
  });

  test('F20 a runaway training job alone makes the guard act', async () => {
    const world = new World();
    world.instances['a'] = 0;
    world.instances['b'] = 0;
    world.jobs.push({
      ...job,
      name: 'tidegate-runaway',
      instanceCount: 8,
      startedAt: NOVEMBER,
      endedAt: null,
      billableSeconds: null,
    });
    await world.runMinutes(26);
    expect(levels(world).at(-1)).toBe('shrink');
  });

  test('F20 a job that starts while growth is frozen is stopped at the next evaluation', async () => {
    const world = new World();
    await world.runMinutes(24);
    world.jobs.push({ ...job, startedAt: world.now - 30 });
    await world.runMinutes(2);
    expect(world.effects.filter((effect) => effect.startsWith('stop'))).toEqual(['stop tidegate-1']);
    const { stops, failedJobNames, reason } = world.records.find((one) => one.stops.length > 0)!;
    expect(stops).toEqual([{ jobName: 'tidegate-1', reason: 'it has started at freeze-growth' }]);
    expect(failedJobNames).toStrictEqual([]);
    expect(reason).toBe('it has started at freeze-growth');
    expect(world.notices.map(({ message }) => message).join()).toContain(
      'training job tidegate-1 is stopped: it has started at freeze-growth',
    );
  });

  test('F20 the runs of a Spark pipeline are metered at their ceiling until they end, and charged once', async () => {
    const world = new World({ executions: [spark], training: null });
    world.instances['a'] = 0;
    world.instances['b'] = 0;
    await world.run();
    world.executions.push({ ...run, startedAt: world.now });
    await world.runMinutes(31);
    expect(world.lastValues(GUARD_METRICS.burnRate)).toEqual([4]);
    expect(world.lastValues(GUARD_METRICS.spend)[0]).toBeCloseTo(2, 5);
    world.executions[0] = { ...world.executions[0]!, endedAt: NOVEMBER + 1860, billableSeconds: 1800 };
    await world.runMinutes(5);
    expect(world.lastValues(GUARD_METRICS.burnRate)).toEqual([0]);
    expect(world.lastValues(GUARD_METRICS.spend)[0]).toBeCloseTo(2, 5);
  });

  test('F20 a run of a Spark pipeline that starts while growth is frozen is stopped at the next evaluation', async () => {
    const world = new World({ executions: [spark] });
    await world.runMinutes(24);
    world.executions.push({ ...run, startedAt: world.now - 30 });
    await world.runMinutes(2);
    expect(world.effects.filter((effect) => effect.startsWith('stop'))).toEqual([`stop ${run.name}`]);
    expect(world.notices.map(({ message }) => message).join()).toContain(
      `execution ${run.name} is stopped: it has started at freeze-growth`,
    );
  });

  test('an execution that could not be listed keeps its charge', async () => {
    const world = new World({ executions: [spark], training: null });
    await world.run();
    world.executions.push({ ...run, startedAt: world.now });
    await world.run();
    world.broken.add('executions');
    await world.runMinutes(10);
    expect(world.lastValues(GUARD_METRICS.burnRate)).toEqual([24 + 4]);
  });

  test('F20 a job whose maximum runtime does not fit into the budget is stopped when it starts', async () => {
    const world = new World();
    await world.run();
    // 2 x 3 USD/h for the hour, beside the floors' 6 USD and 0.9 USD: 12.9 of 13.54 USD; a third instance is too much
    world.jobs.push({ ...job, instanceCount: 2 }, { ...job, name: 'tidegate-2' });
    await world.run();
    expect(world.effects).toEqual(['stop tidegate-2']);
    expect(new Set(levels(world))).toEqual(new Set(['warn']));
    expect(world.notices.at(-1)!.message).toMatch(/maximum runtime of 3600 s may cost 3\.00 USD in this period/);
  });

  test('F20 running jobs finish, and their maximum runtime is reserved', async () => {
    const world = new World();
    world.jobs.push(job);
    await world.runMinutes(61);
    // The job and the floors cost 9 of the 14.38 USD
    expect(world.effects.some((effect) => effect.startsWith('stop'))).toBe(false);
    expect(levels(world)).toEqual(['warn', 'freeze-growth', 'shrink']);
    expect(world.lastValues(GUARD_METRICS.spend)[0]).toBeGreaterThan(13);
    expect(world.lastValues(GUARD_METRICS.spend)[0]).toBeLessThanOrEqual(14.38);
  });

  test('F20 running jobs are stopped when growth is frozen, where that is configured', async () => {
    const world = new World({ training: { ...configuration.training!, runningJobs: 'STOP' } });
    world.jobs.push({ ...job, maxRuntimeSeconds: 86_400 });
    await world.runMinutes(10);
    expect(world.effects).toEqual([]);
    // 0.35 USD a minute above the floors, and 1.05 until a limit takes effect: 13.54 USD are reached after 19 minutes
    await world.runMinutes(10);
    expect(world.effects.filter((effect) => effect.startsWith('stop'))).toEqual(['stop tidegate-1']);
    expect(levels(world)).toEqual(['warn', 'freeze-growth']);
  });

  test('F20 a job that cannot be stopped is tried again with every evaluation, and people are told once', async () => {
    const world = new World();
    await world.runMinutes(28);
    world.broken.add('stop of tidegate-1');
    world.jobs.push({ ...job, startedAt: world.now - 30 });
    const told = world.notices.length;
    await world.runMinutes(2);
    expect(world.records.at(-1)!.failedJobNames).toEqual(['tidegate-1']);
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([1]);
    expect(world.notices).toHaveLength(told + 1);
    world.broken.clear();
    await world.run();
    expect(world.effects.at(-1)).toBe('stop tidegate-1');
  });

  test('F20 a dry run stops nothing and says once what it would have stopped', async () => {
    const world = new World({ dryRun: true });
    await world.runMinutes(28);
    world.jobs.push({ ...job, startedAt: world.now - 30 });
    await world.runMinutes(2);
    expect(world.effects).toEqual([]);
    expect(world.records.filter(({ stops }) => stops.length > 0)).toHaveLength(1);
    expect(world.notices.at(-1)!.message).toContain('tidegate-1 would be stopped, were this no dry run');
  });

  test('keeps the last good budget while a value is refused, counts it as a problem and tells people once', async () => {
    const world = new World();
    await world.runMinutes(2);
    world.budget = JSON.stringify({ amountUsd: 50, periodStart: 1000 * NOVEMBER, periodEnd: 1000 * NOVEMBER + 60 });
    await world.runMinutes(3);
    expect(world.lastValues(GUARD_METRICS.budget)).toEqual([14.38]);
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([1]);
    const told = world.notices.filter(({ subject }) => subject.endsWith('notice'));
    expect(told).toHaveLength(1);
    expect(told[0]!.message).toContain(
      'periodStart (1793491200000) is in milliseconds; give seconds since 1970: 1793491200',
    );
  });

  test('holds on when the budget cannot be read or is broken', async () => {
    const world = new World();
    await world.runMinutes(10);
    world.budget = '{"amountUsd": -1}';
    await world.runMinutes(5);
    world.broken.add('budget');
    await world.runMinutes(11);
    expect(levels(world)).toEqual(['warn', 'freeze-growth', 'shrink']);
    expect(world.errors).toContain('cannot read budget');
  });

  test('fails loudly when no budget was ever read', async () => {
    const world = new World();
    world.broken.add('budget');
    await expect(world.run()).rejects.toThrow('write the budget parameter');
  });

  test('acts although it cannot publish', async () => {
    const world = new World();
    world.broken.add('topic').add('metrics');
    await world.runMinutes(26);
    expect(world.effects).toHaveLength(4);
    expect(world.errors).toContain('cannot publish');
  });

  test('lists training jobs that changed since an hour before the last evaluation, whatever its clock says', async () => {
    const world = new World();
    await world.runMinutes(2);
    await world.run(-900);
    expect(world.listedSince.map((since) => since - NOVEMBER)).toEqual([-86_400, -3600, 60 - 3600 + 60 - 900]);
  });

  test('describes a training job no more once it is settled', async () => {
    const world = new World({ fleets: [] });
    world.jobs.push({
      ...job,
      name: 'tidegate-1',
      instanceCount: 1,
      startedAt: NOVEMBER,
      endedAt: NOVEMBER + 60,
      billableSeconds: 60,
    });
    world.now += 120;
    await world.runMinutes(3);
    expect(world.described).toEqual(['tidegate-1']);
  });

  test('charges a training job that cannot be described on', async () => {
    const world = new World({ fleets: [] });
    world.jobs.push({
      ...job,
      name: 'tidegate-1',
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

describe('the notices of the cost guard', () => {
  const subjects = (world: World): string[] => world.notices.map(({ subject }) => subject.replace(/^.*chat: /, ''));

  test('are sent again, marked as repeated, until the topic takes them, and count as a problem meanwhile', async () => {
    const world = new World();
    await world.runMinutes(23);
    world.broken.add('topic');
    await world.runMinutes(2);
    expect(subjects(world)).toEqual(['ok -> warn']);
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([1]);
    world.broken.clear();
    await world.runMinutes(2);
    expect(subjects(world)).toEqual(['ok -> warn', 'warn -> freeze-growth (repeated)', 'freeze-growth -> shrink']);
    expect(world.state!.notices).toEqual([]);
    expect(world.lastValues(GUARD_METRICS.problems)).toEqual([0]);
  });

  test.each<[string, string, Fault, string[]]>([
    ['dies before it is sent', 'topic', 'dies', ['freeze-growth (repeated)']],
    ['dies once it is sent', 'topic', 'dies after its effect', ['freeze-growth', 'freeze-growth (repeated)']],
    ['loses the answer of the topic', 'topic', 'fails after its effect', ['freeze-growth', 'freeze-growth (repeated)']],
    ['cannot remove it', 'removal of notices', 'fails', ['freeze-growth', 'freeze-growth (repeated)']],
    ['cannot settle', 'settle', 'fails', ['freeze-growth']],
    ['settles without an answer', 'settle', 'fails after its effect', ['freeze-growth (repeated)']],
    ['dies before it settles', 'settle', 'dies', ['freeze-growth']],
  ])('reach people although a run %s', async (_, call, fault, expected) => {
    const world = new World();
    await world.runMinutes(23);
    world.gate = (what) => (what === call ? fault : 'none');
    await Promise.race([world.run().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 50))]);
    world.gate = () => 'none';
    world.now += 60;
    await world.run();
    expect(subjects(world)).toEqual(['ok -> warn', ...expected.map((level) => `warn -> ${level}`)]);
  });

  test('are left to the run that was faster, when this one settles', async () => {
    const world = new World();
    await world.runMinutes(23);
    let raced = false;
    world.gate = async (what): Promise<Fault> => {
      if (what !== 'settle' || raced) return 'none';
      raced = true;
      await world.run();
      return 'none';
    };
    const slower = await world.run();
    expect(slower).toMatchObject({ overtaken: true, records: [] });
    expect(subjects(world)).toEqual(['ok -> warn', 'warn -> freeze-growth']);
    expect(levels(world)).toEqual(['warn', 'freeze-growth']);
  });

  test('are dropped, oldest first, where the topic takes none for too long', async () => {
    const world = new World();
    world.broken.add('topic');
    for (let change = 0; change < 15; change++) {
      world.budget = JSON.stringify({ amountUsd: 1, periodStart: NOVEMBER, periodEnd: NOVEMBER + 86_400 });
      world.now += 3600;
      await world.run();
      world.budget = JSON.stringify({ amountUsd: 1e6, periodStart: NOVEMBER, periodEnd: NOVEMBER + 86_400 });
      world.now += 60;
      await world.run();
    }
    // 30 changes of level, of which the last 20 wait
    expect(world.state!.notices).toHaveLength(MAX_WAITING_NOTICES);
    expect(world.errors).toContain('too many notices wait: the oldest is dropped');
    world.broken.clear();
    await world.run();
    expect(world.notices).toHaveLength(MAX_WAITING_NOTICES);
    expect(world.notices.every(({ subject }) => subject.endsWith('(repeated)'))).toBe(true);
    expect(world.state!.notices).toEqual([]);
  });
});
