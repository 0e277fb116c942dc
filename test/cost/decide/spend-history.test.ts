import * as fc from 'fast-check';
import { addSpend, newHistory, spentSince, utcMonth, type SpendHistory } from '../../../lib/cost/decide';
import { NOVEMBER } from './fixtures';

const DAY = 86_400;

/** Meters a constant rate of 1 USD an hour with a look a minute. */
function metered(days: number, kept = 0): SpendHistory {
  let history = newHistory(NOVEMBER);
  for (let at = NOVEMBER; at < NOVEMBER + days * DAY; at += 60) history = addSpend(history, at, at + 60, 1 / 60, kept);
  return history;
}

describe('the history of spend', () => {
  test('begins with nothing', () => {
    expect(spentSince(newHistory(NOVEMBER), NOVEMBER - 1e6)).toBe(0);
    expect(spentSince(newHistory(NOVEMBER), NOVEMBER + 1e6)).toBe(0);
  });

  test('cuts any period of a steady spend exactly', () => {
    const history = metered(5);
    const end = NOVEMBER + 5 * DAY;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 * DAY }), (seconds) => {
        expect(spentSince(history, end - seconds)).toBeCloseTo(seconds / 3600, 6);
      }),
    );
  });

  test('adds up what was spent in irregular looks, at any marks', () => {
    const step = fc.tuple(fc.integer({ min: 1, max: 200_000 }), fc.double({ min: 0, max: 100, noNaN: true }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        let history = newHistory(NOVEMBER);
        let [at, sum] = [NOVEMBER, 0];
        for (const [seconds, cost] of steps) {
          history = addSpend(history, at, at + seconds, cost, NOVEMBER + 1234);
          at += seconds;
          sum += cost;
        }
        expect(spentSince(history, NOVEMBER)).toBeCloseTo(sum, 6);
        history.forEach(([moment, total], index) => {
          const [before, less] = history[index - 1] ?? [0, 0];
          expect(moment).toBeGreaterThan(before);
          expect(total).toBeGreaterThanOrEqual(less - 1e-9);
        });
      }),
    );
  });

  test('counts a month from its first second, whenever the looks were', () => {
    let history = newHistory(NOVEMBER + 29.9 * DAY);
    // One look over the turn of the month: 0.1 days of November and 0.3 of December at 1 USD an hour.
    history = addSpend(history, NOVEMBER + 29.9 * DAY, NOVEMBER + 30.3 * DAY, 0.4 * 24, 0);
    expect(spentSince(history, utcMonth(NOVEMBER + 30.3 * DAY).startSeconds)).toBeCloseTo(0.3 * 24, 6);
  });

  test('spreads the bill of a job that has ended over its time, also before the first look', () => {
    const history = addSpend(metered(1), NOVEMBER - 3600, NOVEMBER + 3600, 2, 0);
    expect(spentSince(history, NOVEMBER - 7200)).toBeCloseTo(24 + 2, 6);
    expect(spentSince(history, NOVEMBER)).toBeCloseTo(24 + 1, 6);
    expect(spentSince(history, NOVEMBER + 3600)).toBeCloseTo(23, 6);
    expect(spentSince(addSpend(newHistory(NOVEMBER), NOVEMBER + 5, NOVEMBER + 9, 2, 0), NOVEMBER - 9)).toBe(2);
  });

  test('stays small over years, and keeps the start of the period in force and of every month', () => {
    const kept = NOVEMBER + 12_345;
    let history = newHistory(NOVEMBER);
    for (let at = NOVEMBER; at < NOVEMBER + 400 * DAY; at += 1800)
      history = addSpend(history, at, at + 1800, 0.5, kept);
    const now = history.at(-1)![0];
    for (let at = now; at < now + 7200; at += 7) history = addSpend(history, at, at + 7, 7 / 3600, kept);
    expect(history.length).toBeLessThan(250);
    expect(JSON.stringify(history).length).toBeLessThan(10_000);
    expect(history.map(([at]) => at)).toContain(kept);
    const end = history.at(-1)![0];
    for (let month = utcMonth(end); month.startSeconds >= NOVEMBER; month = utcMonth(month.startSeconds - 1))
      expect(spentSince(history, month.startSeconds)).toBeCloseTo((end - month.startSeconds) / 3600, 4);
  });

  test.each<[string, number, number, number, readonly (readonly [number, number])[]]>([
    // 10 USD from 0 to 100 s before the bill; 4 USD over 40 s are 0.1 USD a second.
    [
      'in the middle',
      20,
      60,
      4,
      [
        [0, 0],
        [20, 2],
        [60, 10],
        [100, 14],
      ],
    ],
    [
      'from a mark on',
      0,
      40,
      4,
      [
        [0, 0],
        [40, 8],
        [100, 14],
      ],
    ],
    [
      'up to the last mark',
      60,
      100,
      4,
      [
        [0, 0],
        [60, 6],
        [100, 14],
      ],
    ],
    [
      'between all marks',
      0,
      100,
      5,
      [
        [0, 0],
        [100, 15],
      ],
    ],
    // It ends with what is metered; 4 USD over the 20 s before.
    [
      'beyond the last mark',
      80,
      120,
      4,
      [
        [0, 0],
        [80, 8],
        [100, 14],
      ],
    ],
    // Nothing of its time is metered yet: the last second before has it.
    [
      'behind the last mark',
      110,
      120,
      4,
      [
        [0, 0],
        [99, 9.9],
        [100, 14],
      ],
    ],
    [
      'at one moment, which is the last',
      100,
      100,
      4,
      [
        [0, 0],
        [99, 9.9],
        [100, 14],
      ],
    ],
    // 2 of its 4 USD are before the first mark.
    [
      'from before the first mark',
      -40,
      40,
      4,
      [
        [-40, 0],
        [0, 2],
        [40, 8],
        [100, 14],
      ],
    ],
    [
      'before the first mark',
      -40,
      -20,
      4,
      [
        [-40, 0],
        [-20, 4],
        [0, 4],
        [100, 14],
      ],
    ],
    [
      'to the first mark',
      -40,
      0,
      4,
      [
        [-40, 0],
        [0, 4],
        [100, 14],
      ],
    ],
  ])('a bill %s changes the total in proportion to its time', (_, from, to, costUsd, expected) => {
    const at = (marks: readonly (readonly [number, number])[]): SpendHistory =>
      marks.map(([seconds, usd]) => [NOVEMBER + seconds, usd]);
    const history = at([
      [0, 0],
      [100, 10],
    ]);
    const billed = addSpend(history, NOVEMBER + from, NOVEMBER + to, costUsd, 0);
    expect(billed.map(([moment]) => moment)).toEqual(at(expected).map(([moment]) => moment));
    billed.forEach(([, total], index) => expect(total).toBeCloseTo(expected[index]![1], 9));
  });

  test('a bill of nothing leaves no marks, and a look without spend leaves one', () => {
    const history = addSpend(newHistory(NOVEMBER), NOVEMBER, NOVEMBER + 100, 10, 0);
    expect(addSpend(history, NOVEMBER + 20, NOVEMBER + 60, 0, 0)).toEqual(history);
    expect(addSpend(history, NOVEMBER + 100, NOVEMBER + 160, 0, 0)).toEqual([...history, [NOVEMBER + 160, 10]]);
  });

  test('a total that began before the first mark is no spend of a period before it', () => {
    const history: SpendHistory = [
      [NOVEMBER, 5],
      [NOVEMBER + 10, 9],
    ];
    expect(spentSince(history, NOVEMBER - 100)).toBe(4);
    expect(spentSince(history, NOVEMBER)).toBe(4);
    expect(spentSince(history, NOVEMBER + 5)).toBe(2);
    expect(spentSince(history, NOVEMBER + 10)).toBe(0);
    expect(spentSince(history, NOVEMBER + 11)).toBe(0);
  });

  /** Moments of the marks after looks at these seconds, each at 1 USD a second. */
  function marksAfter(looks: readonly number[], kept: number, from = NOVEMBER): number[] {
    let history = newHistory(from);
    for (const seconds of looks) {
      const [last] = history.at(-1)!;
      history = addSpend(history, last, from + seconds, from + seconds - last, from + kept);
    }
    for (const [at, total] of history) expect(total).toBeCloseTo(at - from, 6);
    return history.map(([at]) => at - from);
  }
  const every = (step: number, to: number): number[] =>
    Array.from({ length: to / step }, (_, index) => (index + 1) * step);
  const NEVER = -1e9;

  test.each<[string, readonly number[], number, readonly number[]]>([
    ['looks every 10 s leave a mark a minute', every(10, 130), NEVER, [0, 60, 120, 130]],
    ['looks a minute apart leave each its mark', every(60, 180), NEVER, [0, 60, 120, 180]],
    ['looks that come a second early share one', [59, 118, 177], NEVER, [0, 118, 177]],
    ['the start of the period keeps its own, at a look', every(10, 60), 20, [0, 20, 60]],
    ['or between two', every(10, 60), 25, [0, 25, 60]],
    ['or between two that are further apart', [300, 600], 25, [0, 25, 300, 600]],
    ['at the last look it is no second mark', [300, 600], 600, [0, 300, 600]],
    ['nor at the first', [300, 600], 0, [0, 300, 600]],
    ['in the future it is none yet', [300, 600], 601, [0, 300, 600]],
  ])('%s', (_, looks, kept, expected) => {
    expect(marksAfter(looks, kept)).toEqual(expected);
  });

  test('a mark at the turn of the hour stays, also among frequent looks', () => {
    // From half a minute before the hour on: without the hour, 20 and 40 would be within a minute of 0.
    expect(marksAfter([10, 20, 30, 40, 50], NEVER, NOVEMBER - 30)).toEqual([0, 30, 50]);
    expect(marksAfter([20, 40], NEVER, NOVEMBER - 30)).toEqual([0, 30, 40]);
  });

  const monthStart = (year: number, month: number): number => Date.UTC(year, month, 1) / 1000;
  /** Marks at a day's end: 59 of minutes, 25 of hours (the first of them a day's), days from the second on, months before. */
  const kinds = (end: number, days: number, months: readonly number[]): number[] => [
    ...months,
    ...Array.from({ length: days - 1 }, (_, index) => end - (days - index) * DAY),
    ...Array.from({ length: 25 }, (_, index) => end - (25 - index) * 3600),
    ...Array.from({ length: 59 }, (_, index) => end - (59 - index) * 60),
    end,
  ];

  test('marks are a minute apart for an hour, an hour for 26 hours, a day for 62 days, and at the starts of 38 months before', () => {
    const end = Date.UTC(2030, 0, 15) / 1000;
    const start = monthStart(2026, 0) + 1800;
    let history = newHistory(start);
    const look = (at: number): void => {
      const [last] = history.at(-1)!;
      history = addSpend(history, last, at, (at - last) / 3600, 0);
    };
    // Three looks a day, which meet no start of a day, then every minute.
    while (history.at(-1)![0] < end - 2 * DAY) look(history.at(-1)![0] + 8 * 3600);
    const fine = end - 2 * DAY;
    for (let at = Math.ceil((history.at(-1)![0] + 1) / 60) * 60; at <= end; at += 60) if (at > fine) look(at);
    // 62 days before 15 January 2030 is 14 November 2029: 38 starts of months from 1 November 2029 back to 1 October 2026.
    const months = Array.from({ length: 38 }, (_, index) => monthStart(2026, 9 + index));
    expect(months.at(-1)).toBe(monthStart(2029, 10));
    expect(history.map(([at]) => at)).toEqual(kinds(end, 61, months));
    for (const [at, total] of history) expect(total).toBeCloseTo((at - start) / 3600, 4);
  });

  test('one look over a long time leaves the marks that many would have left', () => {
    const end = Date.UTC(2030, 0, 15) / 1000;
    const start = monthStart(2029, 8) + 1800;
    const history = addSpend(newHistory(start), start, end, (end - start) / 3600, 0);
    const hours = Array.from({ length: 25 }, (_, index) => end - (25 - index) * 3600);
    const days = Array.from({ length: 60 }, (_, index) => end - (61 - index) * DAY);
    const months = [monthStart(2029, 9), monthStart(2029, 10)];
    expect(history.map(([at]) => at)).toEqual([start, ...months, ...days, ...hours, end]);
    for (const [at, total] of history) expect(total).toBeCloseTo((at - start) / 3600, 6);
  });
});
