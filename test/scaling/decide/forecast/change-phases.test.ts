import { ChangePhases } from '../../../../lib/scaling/decide/forecast/change-phases';
import { Random } from '../../../../lib/simulation/random';

const DAY = 1440;

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

describe('the moves of a minute of the hour', () => {
  test('are the mean of the logarithms of its visits, each at most 1', () => {
    const phases = new ChangePhases();
    const moved = () => phases.toState().moves[5];
    // Half a request more on both sides: ln(20 ÷ 10), then nothing
    phases.add(5, 9.5, 19.5);
    expect(moved()).toBeCloseTo(Math.LN2, 12);
    phases.add(65, 9.5, 9.5);
    expect(moved()).toBeCloseTo(Math.LN2 / 2, 12);
    phases.add(125, 19.5, 9.5);
    expect(moved()).toBeCloseTo((2 * Math.LN2) / 3, 12);
    phases.add(6, 0, 1e6);
    expect(phases.toState().moves[6]).toBe(1);
    expect(phases.toState().visits.slice(4, 8)).toEqual([0, 3, 1, 0]);
  });

  test('weigh an hour as one of at most 96', () => {
    const phases = new ChangePhases();
    for (let hour = 0; hour < 100; hour++) phases.add(60 * hour, 10, 10);
    expect(phases.toState().visits[0]).toBe(96);
    phases.add(6000, 0, 1e6);
    expect(phases.toState().moves[0]).toBeCloseTo(1 / 96, 12);
  });
});

describe('a rhythm', () => {
  /** Minutes that move by a logarithm of 0.1, those of change by another one. */
  function learned(minutes: number, changes: readonly number[], move = 0.31): ChangePhases {
    const phases = new ChangePhases();
    for (let minute = 0; minute < minutes; minute++) {
      const logarithm = changes.includes(minute % 60) ? move : 0.1;
      phases.add(minute, 99.5, 100 * Math.exp(logarithm) - 0.5);
    }
    return phases;
  }
  const found = (phases: ChangePhases): number[] | null =>
    phases.toState().changes?.flatMap((is, minute) => (is ? [minute] : [])) ?? null;

  test('is known after six visits of every minute, at the next full hour', () => {
    expect(found(learned(360, [0, 20]))).toBeNull();
    expect(found(learned(361, [0, 20]))).toEqual([0, 20]);
    expect(found(learned(301, [0, 20]))).toBeNull();
  });

  test('is of minutes that move more than three times as much as the median one, and of 24 at most', () => {
    expect(found(learned(361, [7], 0.29))).toBeNull();
    const first = (count: number) => Array.from({ length: count }, (_, minute) => minute);
    expect(found(learned(361, first(24)))).toEqual(first(24));
    expect(found(learned(361, first(25)))).toBeNull();
  });

  test('tells how long ago demand changed, unless it may change before an instance could serve', () => {
    const phases = learned(361, [0, 20]);
    // At 15 minutes past: the next change comes in 5 minutes.
    expect([phases.calmSince(615, 4), phases.calmSince(615, 5)]).toEqual([15, undefined]);
    expect([phases.calmSince(600, 4), phases.calmSince(601, 4), phases.calmSince(623, 4)]).toEqual([undefined, 1, 3]);
    // At 59 past the next change comes in a minute.
    expect([phases.calmSince(659, 0), phases.calmSince(659, 1)]).toEqual([39, undefined]);
    expect(learned(361, [50]).calmSince(605, 4)).toBe(15);
    expect(new ChangePhases().calmSince(605, 4)).toBeUndefined();
  });

  test('goes on from its state, which it leaves as it is', () => {
    const phases = learned(361, [0, 20]);
    const state = phases.toState();
    const again = new ChangePhases(state);
    expect(again.toState()).toEqual(state);
    again.add(361, 0, 100);
    expect(phases.toState()).toEqual(state);
    expect(new ChangePhases({ ...state, changes: null }).calmSince(605, 4)).toBeUndefined();
  });
});
