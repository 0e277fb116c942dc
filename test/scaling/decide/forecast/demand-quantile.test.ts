import {
  DemandQuantile,
  pinball,
  type DemandQuantileState,
} from '../../../../lib/scaling/decide/forecast/demand-quantile';
import { Random } from '../../../../lib/simulation/random';

const DAY = 1440;

test('the pinball loss weighs a forecast that is too low nine times', () => {
  expect([pinball(10, 8), pinball(8, 10), pinball(5, 5)]).toEqual([1.8, expect.closeTo(0.2, 12), 0]);
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
      if (restart) quantile = new DemandQuantile(quantile.toState());
    }
    return found;
  }

  test('is known once the same minute of a day ago was seen', () => {
    const found = offBy(2 * DAY, () => false);
    expect(found.size).toBe(2 * DAY);
    expect([...found].filter(([minute, off]) => off !== (minute < DAY - 10 ? null : 0))).toEqual([]);
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
      const wrong = [...found].filter(([minute, off]) => {
        const yesterday = minute + 10 - DAY;
        return off !== (yesterday < 0 || gap(yesterday) ? null : 0);
      });
      expect(found.size).toBe(from + 2 * DAY);
      expect(wrong).toEqual([]);
    }
  });

  test('is perfect on traffic that repeats every day, however often a minute is missing', () => {
    const quantile = new DemandQuantile();
    const random = new Random(7);
    for (let minute = 0; minute < 4 * DAY; minute++)
      if (random.uniform() >= 0.1) quantile.add(minute, rateOf(minute), rateOf(minute));
    expect(quantile.score().naive).toBe(0);
    expect(quantile.score().forecast).toBeGreaterThan(0);
  });

  test('is unknown after gaps that a day does not hold', () => {
    const recent = (...minutes: number[]) => {
      const quantile = new DemandQuantile();
      for (const minute of minutes) quantile.add(minute, minute, 1);
      return quantile.toState().recent;
    };
    expect(recent(5, 6, 9)).toEqual([5, 6, null, null, 9]);
    // 1439 minutes are missing between them, then 1440
    expect(recent(5, 5 + DAY)).toEqual([...new Array<null>(DAY - 1).fill(null), 5 + DAY]);
    expect(recent(5, 6 + DAY)).toEqual([6 + DAY]);
  });

  test('keeps no more than a day', () => {
    const quantile = new DemandQuantile();
    for (let minute = 0; minute < 5 * DAY; minute += 1 + (minute % 7)) quantile.add(minute, 1, 1);
    expect(quantile.toState().recent).toHaveLength(DAY);
  });
});

describe('a forecast of demand', () => {
  const state = (changes: Partial<DemandQuantileState> = {}): DemandQuantileState => ({
    recent: [],
    open: [],
    margin: 0,
    losses: { forecast: 0, naive: 0, rate: 0, weight: 0, scored: 0 },
    ...changes,
  });

  test('lies above the recent rate by a margin of e^0.1 at first, ten minutes ahead', () => {
    const quantile = new DemandQuantile();
    expect(quantile.predicted).toBe(0);
    quantile.add(7, 10, 8);
    expect(quantile.predicted).toBeCloseTo(8 * Math.exp(0.1), 12);
    expect(quantile.toState().open).toEqual([{ minute: 17, level: 8, margin: 0.1, naive: null }]);
  });

  test('has more margin after a rate above it, and a ninth of that less after another one', () => {
    // A forecast of 8 × e^0.1 = 8.84 for minute 10
    const after = (rate: number, minute = 10): number => {
      const quantile = new DemandQuantile();
      quantile.add(0, 8, 8);
      quantile.add(minute, rate, 8);
      return quantile.toState().margin;
    };
    expect(after(9)).toBeCloseTo(0.1 + 0.02 * 0.9, 12);
    expect(after(8.5)).toBeCloseTo(0.1 - 0.02 * 0.1, 12);
    expect(after(8 * Math.exp(0.1))).toBeCloseTo(0.1 - 0.02 * 0.1, 12);
    // Minute 10 is missing: nothing is learned of it.
    expect([after(9, 9), after(9, 11)]).toEqual([0.1, 0.1]);
  });

  test('never lies below the recent rate', () => {
    const open = [{ minute: 10, level: 8, margin: 0, naive: null }];
    const quantile = new DemandQuantile(state({ open, margin: 0.001 }));
    quantile.add(10, 0, 8);
    expect(quantile.toState().margin).toBe(0);
  });

  test('is scored beside the naive one where that is known, with a half-life of two days', () => {
    const open = [
      { minute: 10, level: 8, margin: 0, naive: 6 },
      { minute: 11, level: 12, margin: 0, naive: 11 },
      { minute: 12, level: 12, margin: 0, naive: null },
    ];
    const quantile = new DemandQuantile(state({ open }));
    expect(quantile.score()).toEqual({ forecast: 0, naive: 0 });
    quantile.add(10, 10, 10);
    // 0.9 × (10 - 8), and 0.9 × (10 - 6)
    expect(quantile.score()).toEqual({ forecast: expect.closeTo(1.8, 12), naive: expect.closeTo(3.6, 12) });
    quantile.add(11, 10, 10);
    // 0.1 × (12 - 10), and 0.1 × (11 - 10)
    const decay = 0.5 ** (1 / 2880);
    const losses = {
      forecast: expect.closeTo(1.8 * decay + 0.2, 12),
      naive: expect.closeTo(3.6 * decay + 0.1, 12),
      rate: expect.closeTo(10 * decay + 10, 12),
      weight: expect.closeTo(decay + 1, 12),
      scored: 2,
    };
    expect(quantile.toState().losses).toEqual(losses);
    expect(quantile.score().forecast).toBeCloseTo((1.8 * decay + 0.2) / (decay + 1), 12);
    expect(quantile.score().naive).toBeCloseTo((3.6 * decay + 0.1) / (decay + 1), 12);
    quantile.add(12, 10, 10);
    expect(quantile.toState().losses).toEqual(losses);
  });

  test.each([
    // More by 1.1 than the naive one, where 1 % of the rates are 1
    [3.1, 2, 360, true],
    [3.1, 2, 359, false],
    [3, 2, 360, false],
    [2, 3.1, 360, false],
  ])(
    'with losses of %p, the naive one of %p, over %p minutes: it is worse is %p',
    (forecast, naive, scored, expected) => {
      const losses = { forecast, naive, rate: 100, weight: 300, scored };
      expect(new DemandQuantile(state({ losses })).isWorseThanNaive()).toBe(expected);
    },
  );
});
