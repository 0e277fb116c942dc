import * as fc from 'fast-check';
import { InputError } from '../../lib/core/errors';
import {
  formatBudget,
  parseBudget,
  parseGuardConfiguration,
  parseGuardRecord,
  parseGuardState,
} from '../../lib/cost/contract';
import { decideGuardLevel } from '../../lib/cost/decide';
import { job, plan, seenAt } from './decide/fixtures';

/** 2026-11-01T00:00:00Z. */
const NOVEMBER = 1_793_491_200;
const DAY = 86_400;

describe('parseBudget', () => {
  test('reads back what was written', () => {
    const amount = fc.double({ min: 0.01, max: 1e9, noNaN: true });
    const start = fc.integer({ min: NOVEMBER - 366 * DAY, max: NOVEMBER + 93 * DAY });
    const period = fc.option(fc.tuple(start, fc.integer({ min: 60, max: 366 * DAY })));
    fc.assert(
      fc.property(amount, period, (amountUsd, given) => {
        const [periodStart, periodEnd] = given === null ? [null, null] : [given[0], given[0] + given[1]];
        const budget = { amountUsd, periodStart, periodEnd };
        expect(parseBudget(formatBudget(budget, NOVEMBER), NOVEMBER)).toEqual(budget);
      }),
    );
  });

  test('takes an amount alone as the budget of the calendar month', () => {
    expect(parseBudget('{"amountUsd": 7}', NOVEMBER)).toEqual({ amountUsd: 7, periodStart: null, periodEnd: null });
  });

  const between = (start: unknown, end: unknown) =>
    JSON.stringify({ amountUsd: 1, periodStart: start, periodEnd: end });

  test.each([
    ['500', /^budget: the value is 500; expected an object$/],
    ['{', /^budget is not valid JSON; expected \{"amountUsd": 500, /],
    ['{"amountUsd": "500"}', /amountUsd is "500"; expected an amount above 0/],
    ['{"amountUsd": 1e999}', /amountUsd is Infinity; expected an amount above 0/],
    ['{"amountUsd": 2e9}', /amountUsd \(2000000000\) is out of range; give an amount above 0 and up to 1000000000 USD/],
    ['{"amountUSD": 500}', /amountUsd is missing/],
    ['{"amountUsd": 5, "periodstart": null}', /'periodstart' is unknown; did you mean periodStart\?/],
    [between('today', null), /periodStart is "today"; expected seconds since 1970/],
    [between(1e3 * NOVEMBER, 1e3 * NOVEMBER + 9), /periodStart \(1793491200000\) is in milliseconds; .*: 1793491200\n/],
    [
      between(NOVEMBER, 1e3 * NOVEMBER),
      /periodEnd \(1793491200000\) is in milliseconds; give seconds since 1970: 1793491200/,
    ],
    [between(9, 99), /periodStart \(9\) is no moment of this century/],
    [between(NOVEMBER, NOVEMBER), /periodEnd \(1793491200\) is not after periodStart \(1793491200\)/],
    [between(NOVEMBER, null), /periodEnd is missing; give both ends of the period, or none/],
    [between(null, NOVEMBER), /periodStart is missing; give both ends/],
    [between(NOVEMBER, NOVEMBER + 367 * DAY), /is 31708800 s long; give one of 60 s to 366 days/],
    [between(NOVEMBER, NOVEMBER + 59), /is 59 s long/],
    [between(NOVEMBER + 94 * DAY, NOVEMBER + 99 * DAY), /2027-02-03\) is more than 93 days ahead/],
    [between(NOVEMBER - 1099 * DAY, NOVEMBER - 1000 * DAY), /further back than spend is remembered/],
  ])('refuses %s', (text, message) => {
    expect(() => parseBudget(text, NOVEMBER)).toThrow(message);
  });

  test('does not measure the distance of a start where the present moment is not known', () => {
    expect(parseBudget(between(NOVEMBER + 94 * DAY, NOVEMBER + 99 * DAY), null).periodStart).toBe(NOVEMBER + 94 * DAY);
  });

  test('whoever writes a budget is held to the same rules', () => {
    const budget = { amountUsd: 1, periodStart: 1e3 * NOVEMBER, periodEnd: 1e3 * NOVEMBER + 60 };
    expect(() => formatBudget(budget, NOVEMBER)).toThrow(/is in milliseconds/);
  });
});

describe('the other parsers', () => {
  const fleet = {
    resourceId: 'r',
    endpointName: 'chat',
    variantName: 'main',
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    minCapacity: 1,
    maxCapacity: 2,
    protectedFloor: 1,
    pricesPerHourUsd: { a: 1 },
  };
  const configuration = {
    name: 'guard',
    dryRun: false,
    fleets: [fleet],
    training: null,
    thresholds: { warnAtPercent: 80, freezeAtPercent: 90, shrinkAtPercent: 100, releasePercent: 5 },
    forecastSmoothingSeconds: 3600,
  };
  const parsed = (fleets: readonly object[]) => parseGuardConfiguration(JSON.stringify({ ...configuration, fleets }));

  test('read back a configuration as it was written', () => {
    const training = { jobNamePrefix: 'tg-', runningJobs: 'STOP', pricesPerHourUsd: { a: 2 } };
    expect(parsed([fleet])).toEqual(configuration);
    expect(parseGuardConfiguration(JSON.stringify({ ...configuration, training }))).toEqual({
      ...configuration,
      training,
    });
  });

  test('refuse a configuration whose price is missing', () => {
    expect(() => parsed([{ ...fleet, pricesPerHourUsd: {} }])).toThrow(/r: no price is given/);
  });

  test('refuse limits that contradict each other', () => {
    expect(() => parsed([{ ...fleet, maxCapacity: null }])).toThrow(/one of minCapacity and maxCapacity is missing/);
    expect(() => parsed([{ ...fleet, minCapacity: 3, protectedFloor: 5 }])).toThrow(
      /minCapacity \(3\) is above maxCapacity \(2\)[^]*protectedFloor/,
    );
  });

  test('name every member of another type with its path', () => {
    expect(() => parsed([fleet, { ...fleet, endpointName: '', maxCapacity: '8' }])).toThrow(
      /fleets\[1\]\.endpointName is ""; expected non-empty text\n.*fleets\[1\]\.maxCapacity is "8"; expected a number/,
    );
  });

  test.each([
    ['null', /the value is null; expected an object/],
    ['[]', /the value is \[\]; expected an object/],
    [JSON.stringify({ ...configuration, fleets: 'all' }), /fleets is "all"; expected a list/],
    [JSON.stringify({ ...configuration, thresholds: null }), /thresholds is null; expected an object/],
    [JSON.stringify({ ...configuration, forecastSmoothingSeconds: -1 }), /forecastSmoothingSeconds is -1; expected/],
    [
      JSON.stringify({
        ...configuration,
        training: { jobNamePrefix: 'a', runningJobs: 'KILL', pricesPerHourUsd: { a: 1 } },
      }),
      /training\.runningJobs is "KILL"; expected 'FINISH' or 'STOP'/,
    ],
  ])('refuse %s as a configuration, with the path', (text, message) => {
    expect(() => parseGuardConfiguration(text)).toThrow(InputError);
    expect(() => parseGuardConfiguration(text)).toThrow(message);
  });

  test('refuse thresholds above the budget', () => {
    const thresholds = { ...configuration.thresholds, shrinkAtPercent: 110 };
    expect(() => parseGuardConfiguration(JSON.stringify({ ...configuration, thresholds }))).toThrow(
      /shrinkAtPercent \(110\) is above 100, the budget; raise the budget instead/,
    );
  });

  test('refuse a record or a state that is none', () => {
    expect(() => parseGuardRecord('{"level": "panic"}')).toThrow(/level is "panic"; expected 'ok', 'warn'/);
    expect(() => parseGuardState(1, '{"level": "ok"}', '[]')).toThrow(/spend is missing/);
    const text = JSON.stringify(memory);
    expect(() => parseGuardState(1, text, '{}')).toThrow(/expected a list/);
    expect(() => parseGuardState(0, text, '[]')).toThrow(/generation is 0; expected a whole number above 0/);
    expect(() => parseGuardState(1, text, '[[{"level": "panic"}]]')).toThrow(/\[0\]\[0\]\.level is "panic"/);
  });

  const { memory } = decideGuardLevel(plan, seenAt(60, { trainingJobs: [job] }), undefined);

  test('read back the state as it was written', () => {
    expect(parseGuardState(3, JSON.stringify(memory), '[]')).toEqual({ generation: 3, memory, notices: [] });
  });

  test.each<[string, object]>([
    ['spend', { spend: [] }],
    [
      'spend[1]',
      {
        spend: [
          [5, 0],
          [5, 1],
        ],
      },
    ],
    ['spend[0]', { spend: [['now', 0]] }],
    ['meteredSince', { meteredSince: '2026' }],
    ['budget.amountUsd', { budget: { amountUsd: 0, periodStart: null, periodEnd: null } }],
    ['fleets.a.rateUsdPerHour', { fleets: { a: { ...Object.values(memory.fleets)[0]!, rateUsdPerHour: -1 } } }],
    [
      'training.open.a.startedAt',
      { training: { open: { a: { ...job, rateUsdPerHour: 1, startedAt: 'x' } }, settledAt: {} } },
    ],
  ])('name the member %s of a state that is wrong', (path, change) => {
    expect(() => parseGuardState(1, JSON.stringify({ ...memory, ...change }), '[]')).toThrow(`${path}`);
  });
});
