import { CapacityForecast, parseForecastState, type ForecastSettings } from '../../../lib/scaling/decide/forecast';
import { ChangePhases } from '../../../lib/scaling/decide/forecast/change-phases';
import { pinball } from '../../../lib/scaling/decide/forecast/demand-quantile';
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

  test('forgets what it learned of another fleet', () => {
    const state = fed(() => 80, DAY).toState();
    expect(new CapacityForecast({ ...settings, slotsPerInstance: 8 }, state).lastMinute()).toBeUndefined();
  });

  test.each([null, 7, {}, { version: 2 }, { ...new CapacityForecast(settings).toState(), fleets: [] }])(
    'refuses %j as a state',
    (json) => expect(() => parseForecastState(json)).toThrow(/not one of the capacity forecast.*delete it/),
  );
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
    fleet.want(-1, 10);
    fleet.play(0, parts(79), 1);
    expect({ cost: fleet.cost, missed: fleet.missed }).toEqual({ cost: 600, missed: 0 });
  });

  test('pays for instances from their launch and has them when they are ready', () => {
    const fleet = new ShadowFleet(settings);
    fleet.want(-1, 5);
    fleet.want(-1, 10); // serves 268 seconds later
    for (let minute = 0; minute < 4; minute++) fleet.play(minute, parts(79), 1);
    expect(fleet.cost).toBe(10 * 240);
    const early = fleet.missed;
    expect(early).toBeGreaterThan(0.9 * 79 * 230);
    for (let minute = 4; minute < 30; minute++) fleet.play(minute, parts(20), 1);
    const drained = fleet.missed;
    for (let minute = 30; minute < 40; minute++) fleet.play(minute, parts(79), 1);
    expect(fleet.missed).toBe(drained);
  });

  test('cancels what has not started before it gives up what serves', () => {
    const fleet = new ShadowFleet(settings);
    fleet.want(-1, 5);
    fleet.want(-1, 10);
    fleet.want(-1, 4);
    expect(fleet.toState()).toMatchObject({ desired: 4, serving: 4, launches: [] });
  });
});

test('the pinball loss weighs a forecast that is too low nine times', () => {
  expect([pinball(10, 8), pinball(8, 10), pinball(5, 5)]).toEqual([1.8, expect.closeTo(0.2, 12), 0]);
});
