import {
  CapacityForecast,
  parseForecastState,
  type ForecastSettings,
  type ForecastState,
} from '../../../../lib/scaling/decide/forecast';

const settings: ForecastSettings = {
  slotsPerInstance: 16,
  serviceSeconds: 2,
  provisioningSeconds: 258,
  minCapacity: 1,
  maxCapacity: 100,
};

/** State after half an hour in which demand grew, so that instances are on their way, with everything that later minutes add. */
function someState(): ForecastState {
  const forecast = new CapacityForecast(settings);
  for (let minute = 0; minute < 30; minute++) forecast.observe(minute, minute < 27 ? 2400 : 9600);
  const { phases, quantile, ...state } = forecast.toState();
  expect(state.fleets[0]!.launches).not.toEqual([]);
  return {
    ...state,
    phases: { ...phases, changes: new Array<boolean>(60).fill(false) },
    quantile: { ...quantile, open: quantile.open.map((one) => ({ ...one, naive: 40 })) },
  };
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

test.each([null, 7, {}, { version: 2 }, { ...new CapacityForecast(settings).toState(), fleets: [] }])(
  'refuses %j as a state',
  (json) => expect(() => parseForecastState(json)).toThrow(/state of the forecast:/),
);

test('reads a state without what is not known yet', () => {
  const whole = JSON.parse(JSON.stringify(new CapacityForecast(settings).toState())) as object;
  expect(whole).toMatchObject({ lastMinute: null, phases: { changes: null } });
  expect(parseForecastState(whole)).toStrictEqual(whole);
  const { quantile, ...rest } = someState();
  const gaps = { ...quantile, recent: [1, null, 0], open: [{ minute: 10, level: 0, margin: 0, naive: null }] };
  const sparse = { ...rest, lastMinute: 0, capacity: 0, quantile: gaps };
  expect(parseForecastState(JSON.parse(JSON.stringify(sparse)))).toStrictEqual(sparse);
});

test('refuses a state in which any value is of another kind, or any part is missing', () => {
  const whole = JSON.parse(JSON.stringify(someState())) as object;
  expect(parseForecastState(whole)).toEqual(whole);
  const optional =
    /^(lastMinute|phases\.changes|quantile\.losses\.rate|quantile\.recent\.\d+|quantile\.open\.\d+\.naive)$/;
  for (const path of leavesOf(whole)) {
    for (const value of ['', -1, path.startsWith('phases.changes') ? 1 : true, {}, undefined]) {
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
  ['phases.changes', 59],
  ['minutes.spreads', 2],
  ['fleets', 1],
])('refuses a state with %s of length %i', (path, length) => {
  const copy = JSON.parse(JSON.stringify(someState())) as object;
  set(copy, path, new Array<number>(length).fill(0));
  expect(refusal(copy)).toMatch(new RegExp(`${path} is \\[0.*expected a list of \\d+`));
});
