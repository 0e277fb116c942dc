import { Minutes } from '../../../../lib/scaling/decide/forecast/minutes';

function minutesOf(...demands: (readonly [mean: number, spread: number])[]): Minutes {
  const minutes = new Minutes();
  for (const [mean, spread] of demands) minutes.add(mean, spread);
  return minutes;
}
const times = (count: number, mean: number, spread = 0) =>
  Array.from({ length: count }, (): readonly [number, number] => [mean, spread]);

describe('the minutes in memory', () => {
  test('are none at first', () => {
    const minutes = new Minutes();
    expect([minutes.count, minutes.last, minutes.mean(3), minutes.jump]).toEqual([0, 0, 0, 0.07]);
    expect([minutes.heldDemand(), minutes.calmDemand(5)]).toEqual([0, 0]);
  });

  test('have means over as many as there are', () => {
    const minutes = minutesOf([10, 0], [20, 0], [30, 0]);
    expect([minutes.count, minutes.last]).toEqual([3, 30]);
    expect([minutes.mean(1), minutes.mean(2), minutes.mean(5)]).toEqual([30, 25, 20]);
    // One minute ago, two, and before the first
    expect([minutes.mean(2, 1), minutes.mean(5, 2), minutes.mean(2, 3)]).toEqual([15, 10, 0]);
  });

  test('hold the highest of twelve with their mean bursts, and the first jumps as 7 %', () => {
    // 30 × (1 + (0.1 + 0.2 + 0.3) ÷ 3) × 1.07
    expect(minutesOf([10, 0.1], [30, 0.2], [20, 0.3]).heldDemand()).toBeCloseTo(30 * 1.2 * 1.07, 12);
    expect(minutesOf([100, 1], ...times(12, 10)).heldDemand()).toBeCloseTo(10 * 1.07, 12);
    expect(minutesOf([100, 0.24], ...times(11, 10)).heldDemand()).toBeCloseTo(100 * 1.02 * 1.07, 12);
  });

  test('hold the highest of some with twice their bursts, or twice those of twelve, where no jump is due', () => {
    // The last two have spreads of 0.25, all of them of 0.2; then 0.15, and 0.2
    expect(minutesOf([90, 0.1], [30, 0.2], [20, 0.3]).calmDemand(2)).toBeCloseTo(30 * 1.5, 12);
    expect(minutesOf([90, 0.3], [30, 0.2], [20, 0.1]).calmDemand(2)).toBeCloseTo(30 * 1.4, 12);
    expect(minutesOf([90, 0.3], [30, 0.2], [20, 0.1]).calmDemand(9)).toBeCloseTo(90 * 1.4, 12);
  });
});

describe('the jump of demand', () => {
  test.each([
    [9.5, 19.5],
    [19.5, 9.5],
  ])('is the logarithm of the last five minutes against those ten minutes ago, up or down: %p to %p', (from, to) => {
    // Half a request more on both sides: ln(20 ÷ 10)
    const minutes = minutesOf(...times(5, from), ...times(5, 1000), ...times(4, to));
    expect(minutes.toState().jumps).toEqual([]);
    minutes.add(to, 0);
    expect(minutes.toState().jumps).toEqual([expect.closeTo(Math.LN2, 12)]);
    expect(minutes.jump).toBe(0.07);
  });

  test('counts from the twelfth on, as their mean', () => {
    // From the 16th minute on the newest five include a minute of 59.5 each, against 9.5: (9.5 × 4 + 59.5) ÷ 5 = 19.5
    const minutes = minutesOf(...times(25, 9.5));
    expect(minutes.toState().jumps).toHaveLength(11);
    expect(minutes.jump).toBe(0.07);
    minutes.add(59.5, 0);
    expect(minutes.jump).toBeCloseTo(Math.LN2 / 12, 12);
    expect(minutes.heldDemand()).toBeCloseTo(59.5 * (1 + Math.LN2 / 12), 12);
  });

  test('is measured over 180 minutes, of 204 in memory', () => {
    const minutes = minutesOf(...times(20, 10), ...times(204, 1000));
    const { means, spreads, jumps } = minutes.toState();
    expect([means.length, spreads.length, jumps.length]).toEqual([204, 204, 180]);
    expect(means[0]).toBe(1000);
    expect(minutes.jump).toBeCloseTo(0, 12);
    expect(minutesOf(...times(20, 10), ...times(180, 1000)).jump).toBeGreaterThan(0.1);
  });

  test('goes on from a state, which it leaves as it is', () => {
    const minutes = minutesOf(...times(20, 10, 0.1), ...times(20, 30, 0.2));
    const state = JSON.parse(JSON.stringify(minutes.toState())) as ReturnType<Minutes['toState']>;
    const copy = structuredClone(state);
    const again = new Minutes(state);
    expect([again.jump, again.heldDemand()]).toEqual([minutes.jump, minutes.heldDemand()]);
    again.add(50, 0);
    minutes.add(50, 0);
    expect(again.toState()).toEqual(minutes.toState());
    expect(state).toEqual(copy);
  });
});
