import { HISTORY_MINUTES } from '../../../lambda/capacity-forecaster/observe';
import { CapacityForecast } from '../../../lib/scaling/decide/forecast';
import { configuration, MIDNIGHT, World } from './world';

const DAY = 1440;
/** 1200 requests a minute of 2 s each keep 40 of 8 slots an instance busy: at least 5 instances. */
const STEADY = 1200;

/** Fleet with steady traffic up to midnight and one evaluation then. */
async function steadyWorld(...overrides: ConstructorParameters<typeof World>): Promise<World> {
  const world = new World(...overrides);
  world.count(MIDNIGHT - 600, MIDNIGHT, () => STEADY);
  await world.runAfter(MIDNIGHT - 1);
  return world;
}

/** Traffic that grows a little every minute: yesterday tells too little of it. */
function growing(minute: number): number {
  return STEADY + Math.round((minute - MIDNIGHT) / 40);
}

/** Levels that come again every day to the minute, five minutes each: yesterday tells them, and the level before does not. */
function repeated(minute: number): number {
  const x = Math.sin(Math.floor((minute % DAY) / 5) * 12.9898) * 43_758.5453;
  return Math.round(STEADY * (0.2 + 1.6 * (x - Math.floor(x))));
}

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('the first evaluation', () => {
  test('learns from 14 days of minutes and sets the minimum of the forecast', async () => {
    const world = new World();
    world.count(MIDNIGHT - 20 * DAY, MIDNIGHT, growing);
    const run = await world.runAfter(MIDNIGHT - 1);
    expect(world.reads).toEqual([[MIDNIGHT - HISTORY_MINUTES, MIDNIGHT]]);
    expect(run).toMatchObject({ outcome: 'decided', counted: HISTORY_MINUTES, missing: 0 });
    expect(world.writes).toHaveLength(1);
    expect(world.writes[0]).toBeGreaterThanOrEqual(5);
    expect(world.limits).toEqual({ minCapacity: world.writes[0], maxCapacity: 20 });
    expect(world.item).toMatchObject({ fleet: { S: configuration.resourceId }, generation: { N: '1' } });
  });

  test('begins with the first minute that was counted, before which nothing is missing', async () => {
    const world = await steadyWorld();
    expect(world.reads[0]).toEqual([MIDNIGHT - HISTORY_MINUTES, MIDNIGHT]);
    const state = JSON.parse(world.item!['state']!.S!) as { lastMinute: number };
    expect(state.lastMinute).toBe(MIDNIGHT - 1);
  });

  test('changes and stores nothing before anything was counted', async () => {
    const world = new World();
    await expect(world.run()).resolves.toEqual({ outcome: 'held', counted: 0, missing: 0, upToDate: false });
    expect(world.item).toBeUndefined();
    expect(world.writes).toEqual([]);
  });
});

describe('every later evaluation', () => {
  test('reads only what is new', async () => {
    const world = await steadyWorld();
    world.count(MIDNIGHT, MIDNIGHT + 3, () => STEADY);
    await expect(world.runAfter(MIDNIGHT)).resolves.toMatchObject({ counted: 1 });
    await expect(world.runAfter(MIDNIGHT + 2)).resolves.toMatchObject({ counted: 2 });
    expect(world.reads.slice(1)).toEqual([
      [MIDNIGHT, MIDNIGHT + 1],
      [MIDNIGHT + 1, MIDNIGHT + 3],
    ]);
    expect(world.item!['generation']).toEqual({ N: '3' });
  });

  test('leaves a minute alone that CloudWatch may still be collecting', async () => {
    const world = await steadyWorld();
    world.count(MIDNIGHT, MIDNIGHT + 1, () => STEADY);
    world.now = (MIDNIGHT + 1) * 60 + 59;
    await expect(world.run()).resolves.toMatchObject({ outcome: 'held', counted: 0 });
    world.now += 1;
    await expect(world.run()).resolves.toMatchObject({ outcome: 'decided', counted: 1 });
  });

  test('passes every minute to the forecast once, in order, and its state from one evaluation to the next', async () => {
    const world = await steadyWorld();
    let forecast = new CapacityForecast(configuration.settings);
    for (const [minute, requests] of world.counts) forecast.observe(minute, requests);
    forecast.decide();
    for (let minute = MIDNIGHT; minute < MIDNIGHT + 90; minute++) {
      world.counts.set(minute, STEADY + 20 * (minute - MIDNIGHT));
      const run = await world.runAfter(minute);
      forecast = new CapacityForecast(configuration.settings, copy(forecast.toState()));
      forecast.observe(minute, world.counts.get(minute));
      expect(run).toMatchObject({ outcome: 'decided', decision: forecast.decide() });
    }
    expect(JSON.parse(world.item!['state']!.S!)).toEqual(copy(forecast.toState()));
  });

  test('writes a minimum once, and again only when it changes', async () => {
    const world = await steadyWorld();
    const [first] = world.writes;
    for (let minute = MIDNIGHT; minute < MIDNIGHT + 60; minute++) {
      world.counts.set(minute, minute < MIDNIGHT + 10 ? STEADY : 2 * STEADY);
      await world.runAfter(minute);
      if (minute === MIDNIGHT + 9) expect(world.writes).toEqual([first]);
    }
    expect(world.writes.length).toBeGreaterThan(1);
    expect(world.writes.at(-1)).toBeGreaterThan(first!);
    world.writes.forEach((minimum, index) => expect(minimum).not.toBe(world.writes[index - 1]));
  });

  test('puts a minimum back that someone else has changed', async () => {
    const world = await steadyWorld();
    world.limits = { minCapacity: 1, maxCapacity: 20 }; // a deployment declared it again
    world.count(MIDNIGHT, MIDNIGHT + 1, () => STEADY);
    await world.runAfter(MIDNIGHT);
    expect(world.writes).toEqual([world.writes[0], world.writes[0]]);
  });

  test('stays small: what was learned is below 100 kB', async () => {
    const world = new World();
    world.count(MIDNIGHT - 14 * DAY, MIDNIGHT, (minute) => STEADY * (1.3 + Math.sin((2 * Math.PI * minute) / DAY)));
    await world.runAfter(MIDNIGHT - 1);
    expect(world.item!['state']!.S!.length).toBeLessThan(100_000);
  });

  test('learns again from 14 days when the fleet is another than before', async () => {
    const world = await steadyWorld();
    const larger = new World({ settings: { ...configuration.settings, slotsPerInstance: 16 } });
    larger.item = world.item;
    larger.count(MIDNIGHT - 600, MIDNIGHT + 1, () => STEADY);
    await expect(larger.runAfter(MIDNIGHT)).resolves.toMatchObject({ outcome: 'decided', counted: 601 });
    expect(larger.item!['generation']).toEqual({ N: '2' });
  });
});

describe('missing and late metrics', () => {
  test('hold the capacity and are waited for', async () => {
    const world = await steadyWorld();
    const before = world.item;
    for (let minute = MIDNIGHT; minute < MIDNIGHT + 5; minute++)
      await expect(world.runAfter(minute)).resolves.toMatchObject({ outcome: 'held', counted: 0, missing: 0 });
    expect(world.item).toEqual(before);
    world.count(MIDNIGHT, MIDNIGHT + 5, () => STEADY);
    await expect(world.runAfter(MIDNIGHT + 4)).resolves.toMatchObject({ outcome: 'decided', counted: 5, missing: 0 });
  });

  test('count as missing once five minutes late, and still hold the capacity', async () => {
    const world = await steadyWorld();
    const [floor] = world.writes;
    // 29 minutes have settled, of which the last 5 may yet come.
    await expect(world.runAfter(MIDNIGHT + 28)).resolves.toMatchObject({ outcome: 'held', missing: 24 });
    expect(world.limits!.minCapacity).toBe(floor);
    expect(world.writes).toEqual([floor]);
    expect(world.item!['floor']).toEqual({ N: String(floor) });
    expect(world.metrics).toHaveLength(4); // of the first evaluation
  });

  test('hold the capacity for half an hour; then the declared minimum applies', async () => {
    const world = await steadyWorld();
    const [floor] = world.writes;
    for (let minute = MIDNIGHT; minute < MIDNIGHT + 60; minute++) {
      const run = await world.runAfter(minute);
      expect(run).toMatchObject({ outcome: 'held', written: minute === MIDNIGHT + 29 ? 1 : undefined });
      expect(world.limits!.minCapacity).toBe(minute < MIDNIGHT + 29 ? floor : 1);
    }
    expect(world.item!['floor']).toEqual({ N: '1' });
    world.count(MIDNIGHT + 60, MIDNIGHT + 61, () => STEADY);
    await expect(world.runAfter(MIDNIGHT + 60)).resolves.toMatchObject({ outcome: 'decided' });
    expect(world.limits!.minCapacity).toBeGreaterThan(1);
  });

  test('do not keep the fleet from shrinking under a lowered maximum', async () => {
    const world = await steadyWorld();
    const [floor] = world.writes;
    world.limits = { minCapacity: floor!, maxCapacity: floor! };
    await expect(world.runAfter(MIDNIGHT)).resolves.toMatchObject({ outcome: 'held', written: 1 });
    expect(world.limits).toEqual({ minCapacity: 1, maxCapacity: floor });
  });

  test('leave the minimum to the faster one of two evaluations', async () => {
    const world = await steadyWorld();
    world.beforeClaim = () => (world.item = { ...world.item, generation: { N: '2' } });
    await expect(world.runAfter(MIDNIGHT + 40)).resolves.toMatchObject({ outcome: 'overtaken' });
    expect(world.writes).toHaveLength(1);
  });

  test('are missing for good before a minute that was counted', async () => {
    const world = await steadyWorld();
    world.counts.set(MIDNIGHT + 2, STEADY);
    await expect(world.runAfter(MIDNIGHT + 2)).resolves.toMatchObject({ outcome: 'decided', counted: 1, missing: 2 });
    world.count(MIDNIGHT, MIDNIGHT + 2, () => STEADY);
    await expect(world.runAfter(MIDNIGHT + 2)).resolves.toMatchObject({ outcome: 'held', counted: 0 });
  });

  test('change nothing when they cannot be read, not even half', async () => {
    const world = await steadyWorld();
    const { item: before, limits } = world;
    world.count(MIDNIGHT, MIDNIGHT + 2500, () => 5 * STEADY);
    world.broken.add('history');
    await expect(world.runAfter(MIDNIGHT + 2499)).rejects.toThrow('history is broken');
    expect(world.item).toEqual(before);
    expect(world.limits).toEqual(limits);
  });
});

describe('an endpoint without traffic', () => {
  test.each([
    ['publishes zeros', (world: World, minute: number) => world.counts.set(minute, 0)],
    ['publishes no counts, but runs', (world: World, minute: number) => world.running.add(minute)],
  ])('is given the declared minimum where it %s', async (_, play) => {
    const world = await steadyWorld();
    expect(world.limits!.minCapacity).toBeGreaterThan(4);
    for (let minute = MIDNIGHT; minute < MIDNIGHT + 3 * 60; minute++) {
      play(world, minute);
      await expect(world.runAfter(minute)).resolves.toMatchObject({ missing: 0 });
    }
    expect(world.limits).toEqual({ minCapacity: 1, maxCapacity: 20 });
  });

  test('is quiet once its count would be three minutes late, or at once where a later minute was counted', async () => {
    const world = await steadyWorld();
    for (let minute = MIDNIGHT; minute < MIDNIGHT + 4; minute++) world.running.add(minute);
    await expect(world.runAfter(MIDNIGHT + 1)).resolves.toMatchObject({ outcome: 'held', counted: 0 });
    await expect(world.runAfter(MIDNIGHT + 2)).resolves.toMatchObject({ outcome: 'decided', counted: 1 });
    world.counts.set(MIDNIGHT + 3, STEADY);
    await expect(world.runAfter(MIDNIGHT + 3)).resolves.toMatchObject({ outcome: 'decided', counted: 3, missing: 0 });
  });

  test('learns from late counts as from those in time', async () => {
    const world = await steadyWorld();
    world.running.add(MIDNIGHT);
    await expect(world.runAfter(MIDNIGHT)).resolves.toMatchObject({ outcome: 'held', counted: 0 });
    world.counts.set(MIDNIGHT, STEADY);
    await expect(world.runAfter(MIDNIGHT + 1)).resolves.toMatchObject({ outcome: 'decided', counted: 1 });
  });
});

describe("the guard's limits", () => {
  test('are respected: a lowered maximum stays, and the declared minimum is restored', async () => {
    const world = await steadyWorld();
    world.limits = { minCapacity: world.writes[0]!, maxCapacity: world.writes[0]! };
    world.count(MIDNIGHT, MIDNIGHT + 2, () => 4 * STEADY);
    await world.runAfter(MIDNIGHT);
    expect(world.limits).toEqual({ minCapacity: 1, maxCapacity: world.writes[0] });
    await world.runAfter(MIDNIGHT + 1);
    expect(world.writes).toHaveLength(2);
  });

  test('are not exceeded where the maximum lies below the declared minimum', async () => {
    const world = await steadyWorld({ settings: { ...configuration.settings, minCapacity: 3 } });
    world.limits = { minCapacity: 2, maxCapacity: 2 };
    world.count(MIDNIGHT, MIDNIGHT + 1, () => STEADY);
    await expect(world.runAfter(MIDNIGHT)).resolves.toMatchObject({ outcome: 'decided', written: undefined });
    expect(world.limits).toEqual({ minCapacity: 2, maxCapacity: 2 });
  });

  test('win when they are set between reading and writing', async () => {
    const world = await steadyWorld();
    world.count(MIDNIGHT, MIDNIGHT + 1, () => 2 * STEADY);
    world.beforeClaim = () => (world.limits = { minCapacity: 1, maxCapacity: 2 });
    await expect(world.runAfter(MIDNIGHT)).resolves.toMatchObject({ outcome: 'decided', written: undefined });
    expect(world.limits).toEqual({ minCapacity: 1, maxCapacity: 2 });
    expect(world.logged).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'the limits were changed meanwhile: the minimum stays' }),
    );
  });

  test('enable the forecast again when they are released', async () => {
    const world = await steadyWorld();
    const [floor] = world.writes;
    world.count(MIDNIGHT, MIDNIGHT + 2, () => STEADY);
    world.limits = { minCapacity: 1, maxCapacity: 2 };
    await world.runAfter(MIDNIGHT);
    expect(world.writes).toEqual([floor]);
    world.limits = { minCapacity: 1, maxCapacity: 20 };
    await world.runAfter(MIDNIGHT + 1);
    expect(world.writes).toEqual([floor, floor]);
  });
});

describe('a shadow', () => {
  test('publishes and remembers what it would do, and changes nothing', async () => {
    const world = await steadyWorld({ active: false });
    expect(world.writes).toEqual([]);
    expect(world.limits).toEqual({ minCapacity: 1, maxCapacity: 20 });
    expect(world.item!['generation']).toEqual({ N: '1' });
    expect(world.item!['floor']).toBeUndefined();
    expect(world.metrics.map(({ metricName, unit }) => [metricName, unit])).toEqual([
      ['ForecastRequestsPerSecond', 'Count/Second'],
      ['ForecastFloor', 'Count'],
      ['ForecastLoss', 'None'],
      ['NaiveForecastLoss', 'None'],
    ]);
    for (const { dimensions, atSeconds } of world.metrics) {
      expect(dimensions).toEqual({ ResourceId: configuration.resourceId });
      expect(atSeconds).toBe(world.now);
    }
    expect(world.metrics[0]!.value).toBeGreaterThan(0.9 * (STEADY / 60));
    expect(world.metrics[1]!.value).toBeGreaterThanOrEqual(5);
  });

  test('warns of the minimum that remains from when it was active', async () => {
    const active = await steadyWorld();
    const shadow = new World({ active: false });
    shadow.item = active.item;
    shadow.count(MIDNIGHT, MIDNIGHT + 1, () => STEADY);
    await shadow.runAfter(MIDNIGHT);
    const left = active.writes[0];
    expect(shadow.logged.map(({ message }) => message)).toContain(
      `the minimum may still be ${left} from when the forecast was active; set it to 1 by hand`,
    );
    expect(shadow.item!['floor']).toEqual({ N: String(left) });
  });
});

describe('a forecast that is worse than the naive one', () => {
  test('gives the declared minimum back', async () => {
    const world = new World();
    world.limits = { minCapacity: 7, maxCapacity: 20 };
    world.count(MIDNIGHT - 4 * DAY, MIDNIGHT, repeated);
    await expect(world.runAfter(MIDNIGHT - 1)).resolves.toMatchObject({
      outcome: 'decided',
      decision: { mode: 'reactive', capacity: 1 },
    });
    expect(world.writes).toEqual([1]);
    expect(world.limits).toEqual({ minCapacity: 1, maxCapacity: 20 });
  });
});

describe('failures', () => {
  test.each([
    [
      'no JSON',
      { state: { S: '{"version":' }, generation: { N: '4' } },
      /deploy the version .*delete the item.*not valid JSON/,
    ],
    [
      'another document',
      { state: { S: '{"version":1}' }, generation: { N: '4' } },
      /delete the item: the forecast then learns again.*settings is missing/s,
    ],
    ['no generation', { state: { S: '{}' } }, /delete the item.*generation is missing/],
    [
      'a generation that is no number',
      { state: { S: '{}' }, generation: { N: '1.5' } },
      /generation is 1.5; expected a whole number of at least 1/,
    ],
    [
      'a minimum that is none',
      {
        state: { S: JSON.stringify(new CapacityForecast(configuration.settings).toState()) },
        generation: { N: '4' },
        floor: { N: '-2' },
      },
      /floor is -2; expected a whole number of at least 0/,
    ],
  ])('of the stored state (%s) are thrown and change nothing', async (_name, item, message) => {
    const world = new World();
    world.count(MIDNIGHT - 600, MIDNIGHT, () => STEADY);
    world.item = item;
    await expect(world.runAfter(MIDNIGHT - 1)).rejects.toThrow(message);
    expect(world.item).toBe(item);
    expect(world.writes).toEqual([]);
    expect(world.reads).toEqual([]);
  });

  test('to write are thrown, and the next evaluation writes', async () => {
    const world = new World();
    world.count(MIDNIGHT - 600, MIDNIGHT + 1, () => STEADY);
    world.broken.add('scaling');
    await expect(world.runAfter(MIDNIGHT - 1)).rejects.toThrow('scaling is broken');
    world.broken.delete('scaling');
    await world.runAfter(MIDNIGHT);
    expect(world.writes).toHaveLength(1);
  });

  test('to publish undo nothing', async () => {
    const world = new World();
    world.count(MIDNIGHT - 600, MIDNIGHT, () => STEADY);
    world.broken.add('metrics');
    await expect(world.runAfter(MIDNIGHT - 1)).resolves.toMatchObject({ outcome: 'decided' });
    expect(world.writes).toHaveLength(1);
    expect(world.logged).toContainEqual(expect.objectContaining({ level: 'error', message: 'cannot publish' }));
  });
});

describe('a target that is not registered', () => {
  test('stays so, and has its minimum within an evaluation once it is registered again', async () => {
    const world = new World();
    world.count(MIDNIGHT - 600, MIDNIGHT + 1, () => STEADY);
    world.limits = undefined;
    await expect(world.runAfter(MIDNIGHT - 1)).resolves.toMatchObject({ outcome: 'decided', written: undefined });
    expect(world.limits).toBeUndefined();
    expect(world.logged).toContainEqual(expect.objectContaining({ level: 'warn' }));
    world.limits = { minCapacity: 1, maxCapacity: 20 };
    await world.runAfter(MIDNIGHT);
    expect(world.writes).toHaveLength(1);
  });

  test('stays so when it is deregistered between reading and writing', async () => {
    const world = new World();
    world.count(MIDNIGHT - 600, MIDNIGHT, () => STEADY);
    world.beforeClaim = () => (world.limits = undefined);
    await expect(world.runAfter(MIDNIGHT - 1)).resolves.toMatchObject({ outcome: 'decided', written: undefined });
    expect(world.limits).toBeUndefined();
  });
});

describe('two evaluations at once', () => {
  test('leave the minimum to the faster one', async () => {
    const world = await steadyWorld();
    world.count(MIDNIGHT, MIDNIGHT + 1, () => 3 * STEADY);
    world.beforeClaim = () => (world.item = { ...world.item, generation: { N: '2' } });
    await expect(world.runAfter(MIDNIGHT)).resolves.toMatchObject({ outcome: 'overtaken' });
    expect(world.writes).toHaveLength(1);
  });
});

test('every decision is logged with its explanation', async () => {
  const world = await steadyWorld();
  const [line] = world.logged.filter(({ message }) => message === 'forecast');
  expect(line!.fields).toMatchObject({
    resourceId: configuration.resourceId,
    generation: 1,
    mode: 'forecast',
    explanation: expect.stringMatching(/instances$/) as unknown,
    limits: { minCapacity: 1, maxCapacity: 20 },
    floor: { minCapacity: world.writes[0], reason: expect.stringMatching(/^the forecast asks for \d+$/) as unknown },
    written: world.writes[0],
  });
});
