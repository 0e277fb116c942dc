import { CapacityForecast, parseForecastState, type ForecastSettings } from '../../../../lib/scaling/decide/forecast';
import { Random } from '../../../../lib/simulation/random';

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
});
