import { type HangPlan, playHang } from './hang-model';

const RECORDS = 1_500;

const plan = (over: Partial<HangPlan>): HangPlan => ({
  seed: 1,
  records: RECORDS,
  recordsPerSecond: 4,
  instances: 4,
  slotsPerInstance: 8,
  isRoutedByLoad: true,
  meanServiceSeconds: 4,
  sigma: 0.5,
  hanging: 0,
  ...over,
});

describe('a record on which the model hangs', () => {
  test.each<[string, Partial<HangPlan>]>([
    ['equal service times', { sigma: 0 }],
    ['widely spread service times', { sigma: 1.2 }],
    ['requests routed at random', { isRoutedByLoad: false }],
    ['one record in ten seconds', { recordsPerSecond: 0.1, meanServiceSeconds: 1, records: 300, hanging: 0.02 }],
  ])('becomes a dead letter a minute after its first request, and no other record does: %s', async (_, over) => {
    const wanted = plan({ hanging: 0.01, ...over });
    const { answered, deadLetters, falseDeadLetters, verdictSeconds } = await playHang(wanted);
    expect(answered + deadLetters).toBe(wanted.records);
    expect(falseDeadLetters).toBe(0);
    expect(verdictSeconds.length).toBeGreaterThan(4);
    const inAMinute = verdictSeconds.filter((seconds) => seconds <= 61);
    expect(inAMinute.length / verdictSeconds.length).toBeGreaterThan(0.6);
    // Several that hang at once, or slow requests beside it, can ask for a second time-out.
    expect(Math.max(...verdictSeconds)).toBeLessThan(130);
  });
});

describe('no record is to blame', () => {
  test.each<[string, Partial<HangPlan>]>([
    ['one of two instances hangs', { instances: 2, slotsPerInstance: 16 }],
    ['one of four instances hangs', {}],
    ['one of ten instances hangs', { instances: 10, slotsPerInstance: 4 }],
  ])('when %s, with requests routed at random or by load', async (_, over) => {
    for (const isRoutedByLoad of [false, true]) {
      const instanceHangs = { from: 60, until: 300 };
      const { deadLetters, answered } = await playHang(plan({ ...over, instanceHangs, isRoutedByLoad }));
      expect(deadLetters).toBe(0);
      expect(answered).toBe(RECORDS);
    }
  });

  test.each<[string, Partial<HangPlan>]>([
    ['twice its load', { recordsPerSecond: 16 }],
    ['twice its load and widely spread service times', { recordsPerSecond: 16, sigma: 1.2 }],
    ['its whole load, routed at random', { recordsPerSecond: 7.5, isRoutedByLoad: false, sigma: 1.2 }],
  ])('when an endpoint has %s', async (_, over) => {
    const { deadLetters, answered } = await playHang(plan(over));
    expect(deadLetters).toBe(0);
    expect(answered).toBe(RECORDS);
  });
});

test('few requests are sent twice where service times are widely spread', async () => {
  const { requestsPerRecord } = await playHang(plan({ sigma: 1.2 }));
  expect(requestsPerRecord).toBeLessThan(1.01);
});
