import { CapacityForecast, parseForecastState, type ForecastSettings } from '../../../lib/scaling/decide/forecast';
import { ChangePhases } from '../../../lib/scaling/decide/forecast/change-phases';
import { DemandQuantile, pinball } from '../../../lib/scaling/decide/forecast/demand-quantile';
import { ShadowFleet } from '../../../lib/scaling/decide/forecast/shadow-fleet';
import { Random } from '../../../lib/simulation/random';

const settings: ForecastSettings = {
  slotsPerInstance: 16,
  serviceSeconds: 2,
  provisioningSeconds: 258,
  minCapacity: 1,
  maxCapacity: 100,
};
const DAY = 1440;

/** Minutes of traffic whose rate in requests per second is a function of the minute, with the scatter of independent arrivals. */
function fed(rateOf: (minute: number) => number, minutes: number, changes: Partial<ForecastSettings> = {}) {
  const forecast = new CapacityForecast({ ...settings, ...changes });
  const random = new Random(3);
  for (let minute = 0; minute < minutes; minute++) {
    const requests = Math.max(0, Math.round(60 * rateOf(minute) + Math.sqrt(60 * rateOf(minute)) * random.normal()));
    forecast.observe(minute, requests);
  }
  return forecast;
}

/** Returns the paths of the values of a document that are no objects, of long lists only the first and the last. */
function leavesOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  const names = Object.keys(value);
  const some = Array.isArray(value) && names.length > 2 ? [names[0]!, names.at(-1)!] : names;
  return some.flatMap((name) =>
    leavesOf((value as { [name: string]: unknown })[name], path === '' ? name : `${path}.${name}`),
  );
}

function set(document: object, path: string, value: unknown): void {
  const names = path.split('.');
  let place = document as { [name: string]: unknown };
  for (const name of names.slice(0, -1)) place = place[name] as typeof place;
  place[names.at(-1)!] = value;
}

function refusal(json: unknown): string {
  try {
    parseForecastState(json);
    return 'accepted';
  } catch (error) {
    return String(error);
  }
}

describe('the capacity forecast', () => {
  test('asks for the minimum before it has seen anything', () => {
    expect(new CapacityForecast({ ...settings, minCapacity: 3 }).decide()).toMatchObject({
      capacity: 3,
      mode: 'reactive',
    });
  });

  test('keeps a little more than steady traffic needs', () => {
    // 80 requests per second of 2 seconds are 160 concurrent ones: 10 full instances.
    const { capacity, mode, explanation } = fed(() => 80, 2 * DAY).decide();
    expect(mode).toBe('forecast');
    expect(capacity).toBeGreaterThanOrEqual(10);
    expect(capacity).toBeLessThanOrEqual(12);
    expect(explanation).toContain(`${capacity} instances`);
  });

  test('is ready for jumps of the size that came before', () => {
    const calm = fed(() => 80, DAY).decide().capacity;
    const jumpy = fed((minute) => (Math.floor(minute / 10) % 2 === 0 ? 80 : 60), DAY + 5).decide().capacity;
    expect(jumpy).toBeGreaterThan(calm);
  });

  test('follows demand up at once and down within the time it holds', () => {
    const step = (minute: number): number => (minute < DAY ? 40 : minute < DAY + 60 ? 160 : 40);
    expect(fed(step, DAY).decide().capacity).toBeLessThan(8);
    expect(fed(step, DAY + 3).decide().capacity).toBeGreaterThanOrEqual(20);
    expect(fed(step, DAY + 90).decide().capacity).toBeLessThan(12);
  });

  test('stays within the limits of the fleet', () => {
    expect(fed(() => 80, 300, { maxCapacity: 4 }).decide().capacity).toBe(4);
    expect(fed(() => 0, 300, { minCapacity: 2 }).decide().capacity).toBe(2);
  });

  test('holds capacity while metrics are missing, and takes late or repeated minutes for nothing', () => {
    const forecast = fed(() => 80, DAY);
    const before = forecast.decide();
    for (let minute = DAY; minute < DAY + 30; minute++) forecast.observe(minute, undefined);
    forecast.observe(DAY - 5, 1e6);
    expect(forecast.decide()).toEqual(before);
    expect(forecast.lastMinute()).toBe(DAY + 29);
  });

  test('goes on from its state as if it had never stopped', () => {
    const rate = (minute: number): number => 60 + 30 * Math.sin(minute / 200);
    const whole = new CapacityForecast(settings);
    let parted = new CapacityForecast(settings);
    let bytes = 0;
    const random = new Random(3);
    for (let minute = 0; minute < DAY + 200; minute++) {
      const requests = Math.round(60 * rate(minute) + 30 * random.normal());
      for (const forecast of [whole, parted]) {
        forecast.observe(minute, requests);
        forecast.decide();
      }
      if (minute % 100 !== 0) continue;
      const text = JSON.stringify(parted.toState());
      bytes = text.length;
      parted = new CapacityForecast(settings, parseForecastState(JSON.parse(text)));
    }
    expect(parted.decide()).toEqual(whole.decide());
    expect(parted.toState()).toEqual(whole.toState());
    expect(bytes).toBeLessThan(100_000);
  });

  test('falls back to reactive where yesterday tells more than the last minutes', () => {
    const random = new Random(5);
    const day = Array.from({ length: DAY }, () => 20 + 200 * random.uniform());
    const forecast = new CapacityForecast(settings);
    for (let minute = 0; minute < 3 * DAY; minute++) forecast.observe(minute, Math.round(60 * day[minute % DAY]!));
    const { mode, capacity, explanation, score } = forecast.decide();
    expect(score.naive).toBeLessThan(score.forecast);
    expect({ mode, capacity }).toEqual({ mode: 'reactive', capacity: 1 });
    expect(explanation).toContain('naive');
  });

  test.each<[string, (minute: number) => number]>([
    ['the same in every minute', () => 4800],
    // Yesterday's same minute is exact; the learned margin goes up and down by some percent.
    ['a request more in every other minute', (minute) => 4800 + (minute % 2)],
    ['10 requests more for half of the time', (minute) => 4800 + (minute % 20 < 10 ? 10 : 0)],
    ['an extra request in every hour', (minute) => (minute % 60 === 0 ? 4801 : 4800)],
  ])('serves constant traffic, where the naive forecast is perfect as well: %s', (_, requestsOf) => {
    const forecast = new CapacityForecast(settings);
    for (let minute = 0; minute < 3 * DAY; minute++) forecast.observe(minute, requestsOf(minute));
    const { mode, capacity, score } = forecast.decide();
    expect(score.naive).toBe(0);
    expect(score.forecast).toBeGreaterThanOrEqual(0);
    expect(mode).toBe('forecast');
    // 80 requests per second of 2 seconds are 160 concurrent ones: 10 full instances.
    expect(capacity).toBeGreaterThanOrEqual(10);
    expect(capacity).toBeLessThanOrEqual(12);
  });

  test('asks for the minimum where nothing comes', () => {
    const forecast = new CapacityForecast({ ...settings, minCapacity: 2 });
    for (let minute = 0; minute < 2 * DAY; minute++) forecast.observe(minute, 0);
    expect(forecast.decide().capacity).toBe(2);
  });

  test('goes on from a state that was kept before gaps and rates were', () => {
    const { quantile, ...state } = fed(() => 80, 2 * DAY).toState();
    const { rate, ...losses } = quantile.losses;
    expect(rate).toBeGreaterThan(0);
    const before = parseForecastState(JSON.parse(JSON.stringify({ ...state, quantile: { ...quantile, losses } })));
    const forecast = new CapacityForecast(settings, before);
    forecast.observe(2 * DAY, 4800);
    expect(forecast.decide().mode).toBe('forecast');
    expect(forecast.toState().quantile.losses.rate).toBeGreaterThan(0);
  });

  test('forgets what it learned of another fleet', () => {
    const state = fed(() => 80, DAY).toState();
    expect(new CapacityForecast({ ...settings, slotsPerInstance: 8 }, state).lastMinute()).toBeUndefined();
  });

  test.each([null, 7, {}, { version: 2 }, { ...new CapacityForecast(settings).toState(), fleets: [] }])(
    'refuses %j as a state',
    (json) => expect(() => parseForecastState(json)).toThrow(/state of the forecast:/),
  );

  test('refuses a state in which any number is not one, or any part is missing', () => {
    const whole = JSON.parse(JSON.stringify(fed(() => 80, DAY).toState())) as object;
    expect(parseForecastState(whole)).toEqual(whole);
    const optional =
      /^(lastMinute|phases\.changes|quantile\.losses\.rate|quantile\.recent\.\d+|quantile\.open\.\d+\.naive)$/;
    for (const path of leavesOf(whole)) {
      for (const value of ['', -1, true, {}, undefined]) {
        if (value === undefined && (optional.test(path) || /\.\d+$/.test(path))) continue;
        const copy = structuredClone(whole);
        set(copy, path, value);
        expect([path, value, refusal(copy)]).toEqual([path, value, expect.stringContaining('state of the forecast:')]);
      }
    }
  });

  test.each([
    ['phases.moves', 59],
    ['phases.visits', 61],
    ['minutes.spreads', 2],
    ['fleets', 1],
  ])('refuses a state with %s of length %i', (path, length) => {
    const copy = JSON.parse(JSON.stringify(fed(() => 80, DAY).toState())) as object;
    set(copy, path, new Array<number>(length).fill(0));
    expect(refusal(copy)).toContain(`${path} is [0`);
  });
});

describe("the naive forecast, yesterday's same minute", () => {
  /** A rate that tells its minute of the day. */
  const rateOf = (minute: number): number => 1 + (minute % DAY);

  /** Where the naive forecast made in each minute is known: what it is off by; null elsewhere. */
  function offBy(until: number, missing: (minute: number) => boolean, restart = false): Map<number, number | null> {
    let quantile = new DemandQuantile();
    const found = new Map<number, number | null>();
    for (let minute = 0; minute < until; minute++) {
      if (missing(minute)) continue;
      quantile.add(minute, rateOf(minute), rateOf(minute));
      const forecast = quantile.toState().open.at(-1)!;
      found.set(minute, forecast.naive === null ? null : forecast.naive - rateOf(forecast.minute));
      if (restart) quantile = new DemandQuantile(JSON.parse(JSON.stringify(quantile.toState())) as never);
    }
    return found;
  }

  test('is known once the same minute of a day ago was seen', () => {
    const found = offBy(2 * DAY, () => false);
    expect(found.get(DAY - 11)).toBeNull();
    for (let minute = DAY - 10; minute < 2 * DAY; minute++) expect(found.get(minute)).toBe(0);
  });

  test.each([
    ['minutes', 45],
    ['all but the last minutes of a day', DAY - 20],
    ['a day', DAY],
    ['days', 3 * DAY + 7],
  ])('stays that of the same minute after a gap of %s', (_, length) => {
    const from = DAY + 100;
    const gap = (minute: number): boolean => minute >= from && minute < from + length;
    for (const restart of [false, length < DAY]) {
      const found = offBy(from + length + 2 * DAY, gap, restart);
      for (const [minute, off] of found) {
        const yesterday = minute + 10 - DAY;
        expect([minute, off]).toEqual([minute, yesterday < 0 || gap(yesterday) ? null : 0]);
      }
    }
  });

  test('is perfect on traffic that repeats every day, however often a minute is missing', () => {
    const forecast = new CapacityForecast(settings);
    const random = new Random(7);
    for (let minute = 0; minute < 4 * DAY; minute++)
      forecast.observe(minute, random.uniform() < 0.1 ? undefined : 60 * rateOf(minute));
    expect(forecast.decide().score.naive).toBe(0);
  });

  test('keeps no more than a day', () => {
    const quantile = new DemandQuantile();
    for (let minute = 0; minute < 5 * DAY; minute += 1 + (minute % 7)) quantile.add(minute, 1, 1);
    expect(quantile.toState().recent).toHaveLength(DAY);
  });
});

describe('the minutes of change', () => {
  test('are found where demand moves at certain minutes of the hour alone', () => {
    const phases = new ChangePhases();
    const random = new Random(1);
    let level = 100;
    let before = 100;
    for (let minute = 0; minute < DAY; minute++) {
      if (minute % 20 === 0) level = 100 * Math.exp(0.2 * random.normal());
      const now = level * (1 + 0.01 * random.normal());
      phases.add(minute, before, now);
      before = now;
    }
    expect(phases.calmSince(DAY + 3, 4)).toBe(3);
    expect(phases.calmSince(DAY + 17, 4)).toBeUndefined();
    expect(phases.calmSince(DAY, 4)).toBeUndefined();
  });

  test('are none where demand moves at all times alike', () => {
    const phases = new ChangePhases();
    const random = new Random(1);
    for (let minute = 0; minute < DAY; minute++) phases.add(minute, 100, 100 * Math.exp(0.1 * random.normal()));
    expect(phases.calmSince(DAY + 3, 4)).toBeUndefined();
  });
});

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

test('the pinball loss weighs a forecast that is too low nine times', () => {
  expect([pinball(10, 8), pinball(8, 10), pinball(5, 5)]).toEqual([1.8, expect.closeTo(0.2, 12), 0]);
});
