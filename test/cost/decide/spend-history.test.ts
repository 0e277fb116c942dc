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
});
