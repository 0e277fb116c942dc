import * as fc from 'fast-check';
import { decideGate, type GateLimits } from '../../../lib/rollout/decide/gate';
import { type EvaluationReport, type Measured, worstSlice } from '../../../lib/rollout/decide/report';

const LIMITS: GateLimits = {
  maxAccuracyLoss: 0.01,
  maxSliceLoss: 0.05,
  minSliceRows: 20,
  maxLatencyGrowth: 0.2,
  maxCostGrowth: 0.5,
  maxSizeGrowth: 1,
};

const LIVE: Measured = {
  accuracy: 0.95,
  slices: { 'label=cat': { rows: 100, accuracy: 0.9 }, 'label=dog': { rows: 19, accuracy: 1 } },
  bytes: 1000,
  latencyP50Seconds: 0.01,
  latencyP95Seconds: 0.02,
  requestsPerSecond: 100,
  maxConcurrency: 4,
  costPer1000Usd: 0.004,
  dataWatermark: 1_700_000_000,
};

const report = (candidate: Partial<Measured>, live: Partial<Measured> = {}): EvaluationReport => ({
  rows: 119,
  live: { ...LIVE, ...live },
  candidate: { ...LIVE, ...candidate },
});

describe('the gate', () => {
  test('lets a candidate through that is as good as the live model', () => {
    expect(decideGate(report({}), LIMITS)).toEqual({ passes: true, reasons: [] });
  });

  test.each<[string, Partial<Measured>]>([
    ['accuracy', { accuracy: 0.94 }],
    ['accuracy on a slice', { slices: { 'label=cat': { rows: 100, accuracy: 0.85 } } }],
    ['latency', { latencyP50Seconds: 0.012, latencyP95Seconds: 0.024 }],
    ['cost', { costPer1000Usd: 0.006 }],
    ['size', { bytes: 2000 }],
  ])('lets a candidate through whose %s is at the limit', (_, candidate) => {
    expect(decideGate(report(candidate), LIMITS).reasons).toEqual([]);
  });

  test.each<[string, Partial<Measured>, string]>([
    [
      'accuracy',
      { accuracy: 0.9 },
      "accuracy is 90.0 %, 5.0 points below the live model's 95.0 %; 1.0 points are allowed",
    ],
    [
      'the accuracy on a slice',
      { slices: { 'label=cat': { rows: 100, accuracy: 0.8 } } },
      "accuracy on label=cat (100 rows) is 80.0 %, 10.0 points below the live model's 90.0 %; 5.0 points are allowed",
    ],
    [
      'the median latency',
      { latencyP50Seconds: 0.015 },
      "median latency is 15.0 ms, 50.0 % above the live model's 10.0 ms; 20.0 % are allowed",
    ],
    [
      'the latency at the 95th percentile',
      { latencyP95Seconds: 0.05 },
      "latency at the 95th percentile is 50.0 ms, 150.0 % above the live model's 20.0 ms; 20.0 % are allowed",
    ],
    [
      'the cost',
      { costPer1000Usd: 0.008 },
      "cost of 1,000 requests is 0.00800 USD, 100.0 % above the live model's 0.00400 USD; 50.0 % are allowed",
    ],
    ['the size', { bytes: 3000 }, "size is 3000 bytes, 200.0 % above the live model's 1000 bytes; 100.0 % are allowed"],
  ])('refuses a candidate by %s alone, with the reason', (_, candidate, reason) => {
    expect(decideGate(report(candidate), LIMITS)).toEqual({ passes: false, reasons: [reason] });
  });

  test('compares the cost by throughput where the price is unknown', () => {
    const unknown = { costPer1000Usd: undefined };
    expect(decideGate(report({ ...unknown, requestsPerSecond: 70 }, unknown), LIMITS).reasons).toEqual([]);
    expect(decideGate(report({ ...unknown, requestsPerSecond: 40 }, unknown), LIMITS).reasons).toEqual([
      "cost of 1,000 requests is 1,000 / 40 s, 150.0 % above the live model's 1,000 / 100 s; 50.0 % are allowed",
    ]);
  });

  test('ignores slices with few rows, and slices that one of both lacks', () => {
    const slices = { 'label=dog': { rows: 19, accuracy: 0 }, 'label=fish': { rows: 500, accuracy: 0 } };
    expect(decideGate(report({ slices }), LIMITS).reasons).toEqual([]);
    expect(decideGate(report({ slices }), { ...LIMITS, minSliceRows: 19 }).reasons).toHaveLength(1);
  });

  test('does not look at the size without a limit of it', () => {
    expect(decideGate(report({ bytes: 1e9 }), { ...LIMITS, maxSizeGrowth: undefined }).passes).toBe(true);
  });

  test('lists every reason', () => {
    const worse = { accuracy: 0, latencyP50Seconds: 1, latencyP95Seconds: 1, costPer1000Usd: 1, bytes: 1e6 };
    expect(decideGate(report(worse), LIMITS).reasons).toHaveLength(5);
  });

  const measured = fc.record({
    accuracy: fc.double({ min: 0, max: 1, noNaN: true }),
    latencyP50Seconds: fc.double({ min: 0.001, max: 10, noNaN: true }),
    costPer1000Usd: fc.double({ min: 0.0001, max: 10, noNaN: true }),
  });

  test('never refuses a model beside itself, and passes exactly where there is no reason', () => {
    fc.assert(
      fc.property(measured, measured, (live, candidate) => {
        expect(decideGate(report(live, live), { ...LIMITS, maxLatencyGrowth: 0, maxCostGrowth: 0 }).passes).toBe(true);
        const { passes, reasons } = decideGate(report(candidate, live), LIMITS);
        expect(passes).toBe(reasons.length === 0);
      }),
    );
  });

  test('that lets a candidate through lets every better one through', () => {
    fc.assert(
      fc.property(measured, measured, fc.double({ min: 0, max: 1, noNaN: true }), (live, candidate, better) => {
        fc.pre(decideGate(report(candidate, live), LIMITS).passes);
        const improved = {
          accuracy: candidate.accuracy + (1 - candidate.accuracy) * better,
          latencyP50Seconds: candidate.latencyP50Seconds * (1 - better / 2),
          costPer1000Usd: candidate.costPer1000Usd * (1 - better / 2),
        };
        expect(decideGate(report(improved, live), LIMITS).passes).toBe(true);
      }),
    );
  });
});

describe('the worst slice', () => {
  test('is the one that loses most among those with enough rows', () => {
    const live = {
      slices: {
        a: { rows: 30, accuracy: 0.9 },
        b: { rows: 30, accuracy: 0.8 },
        c: { rows: 2, accuracy: 1 },
        d: { rows: 30, accuracy: 1 },
      },
    };
    const candidate = {
      slices: { a: { rows: 30, accuracy: 0.8 }, b: { rows: 30, accuracy: 0.5 }, c: { rows: 2, accuracy: 0 } },
    };
    const worst = worstSlice(report(candidate, live), 20)!;
    expect(worst.slice).toBe('b');
    expect(worst.loss).toBeCloseTo(0.3);
    expect(worstSlice(report(candidate, live), 30)!.slice).toBe('b');
  });

  test('is none where no slice is in both', () => {
    expect(worstSlice(report({ slices: {} }), 20)).toBeUndefined();
  });
});
