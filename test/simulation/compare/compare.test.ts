import {
  comparePolicies,
  COMPARISON_DEFAULTS,
  comparisonText,
  FORECAST_POLICY,
  timelineCsv,
  type PolicyRun,
} from '../../../lib/simulation/compare';
import { generateWorkload } from '../../../lib/simulation/traffic';

const HOUR = 3600;
const workload = generateWorkload({
  seed: 2,
  durationSeconds: 2 * HOUR,
  lowRequestsPerSecond: 4,
  highRequestsPerSecond: 18,
});
const settings = {
  ...COMPARISON_DEFAULTS,
  slotsPerInstance: 4,
  fromSeconds: HOUR / 2,
  toSeconds: 1.5 * HOUR,
  seeds: 2,
};

describe('a comparison', () => {
  const runs: PolicyRun[] = [];
  const comparison = comparePolicies(workload, settings, { run: (run) => runs.push(run) });
  const named = (name: string) => comparison.policies.find((policy) => policy.name === name)!;

  test('holds every baseline, the forecast and the clairvoyant', () => {
    expect(comparison.policies.map(({ name }) => name)).toEqual([
      'clairvoyant',
      FORECAST_POLICY,
      'aws-target-tracking-0.5',
      'aws-target-tracking-0.7',
      'aws-concurrency-10s-0.7',
      'aws-step',
      'kubernetes-hpa-0.7',
      'knative-kpa-0.7',
      'aws-predictive-seasonal-naive-stand-in',
      'static-peak',
      'static-p99',
      'aws-target-tracking-hindsight',
    ]);
  });

  test('has no cheaper run than its bound, nor a cheaper policy that meets the objective than the clairvoyant', () => {
    expect(comparison.bound.instanceHours).toBeLessThanOrEqual(comparison.clairvoyant.instanceHours);
    expect(comparison.clairvoyant.sloRatio).toBeGreaterThanOrEqual(0.99);
    for (const { name, costRatio, sloRatio } of comparison.policies) {
      if (sloRatio >= 0.99 && name !== 'clairvoyant') expect([name, costRatio >= 1]).toEqual([name, true]);
    }
  });

  test('serves every request in time with the fleet that the peak needs', () => {
    expect(named('static-peak').sloRatio).toBe(1);
    expect(named('static-peak').scaleActions).toBe(0);
  });

  test('has timelines from which cost and instances can be recomputed', () => {
    expect(runs).toHaveLength(12 * 2);
    for (const run of runs) {
      const rows = timelineCsv(run)
        .trim()
        .split('\n')
        .slice(1)
        .map((row) => row.split(',').map(Number));
      let billed = 0;
      rows.forEach(([second, , inService, instances], index) => {
        billed += (rows[index + 1]?.[0] ?? settings.toSeconds) * instances! - second! * instances!;
        expect(instances).toBeGreaterThanOrEqual(inService!);
      });
      expect(rows[0]![0]).toBe(settings.fromSeconds);
      expect(billed / 3600).toBeCloseTo(run.instanceHours, 6);
    }
  });

  test('is the same for the same seeds, quotes the worst of them, and hides the traffic after the window', () => {
    const shorter = { ...settings, toSeconds: HOUR, seeds: 1 };
    const [first, second] = [0, 1].map(() => {
      const all: PolicyRun[] = [];
      return { comparison: comparePolicies(workload, shorter, { run: (run) => all.push(run) }), all };
    });
    expect(second).toEqual(first);
    const forecasts = runs.filter(({ policy }) => policy === FORECAST_POLICY);
    expect(named(FORECAST_POLICY).sloRatio).toBe(Math.min(...forecasts.map(({ sloRatio }) => sloRatio)));
    expect(named(FORECAST_POLICY).instanceHours).toBe(Math.max(...forecasts.map(({ instanceHours }) => instanceHours)));
    // Nor does the forecast see the traffic after the window.
    const until = (all: readonly PolicyRun[]): unknown =>
      all
        .filter(({ policy, seed }) => policy === FORECAST_POLICY && seed === 1)
        .map(({ changes }) => changes.filter(({ second: at }) => at < HOUR));
    expect(until(first!.all)).toEqual(until(runs));
  });

  test('is printed as a table', () => {
    const text = comparisonText(comparison);
    expect(text).toMatch(/^policy +cost +on time/m);
    expect(text).toMatch(/lower bound of every schedule: \d+\.\d/);
  });

  test.each([
    [{ fromSeconds: -1 }, '--from is -1'],
    [{ toSeconds: 5 * HOUR }, "up to the trace's end"],
    [{ fromSeconds: 1.45 * HOUR }, 'shorter than 600 seconds'],
    [{ slotsPerInstance: 0 }, '--slots is 0'],
    [{ sloWaitSeconds: 0.5 }, '--slo-wait is 0.5'],
    [{ provisioningSeconds: 0 }, '--provisioning is 0'],
    [{ serviceMeanSeconds: 0 }, '--service-mean is 0'],
    [{ seeds: 0 }, '--seeds is 0'],
  ])('refuses %j', (changes, message) => {
    expect(() => comparePolicies(workload, { ...settings, ...changes })).toThrow(message);
  });

  test('refuses more requests than can be drawn, before it draws one', () => {
    const requests = jest.fn();
    const many = { ...workload, requestCount: 6e10, columns: undefined, requests } as unknown as typeof workload;
    expect(() => comparePolicies(many, settings)).toThrow(
      /^compare: the trace has about \d+ requests up to \d+ s, of all \d+ seeds together; at most 10000000000 are drawn\. Correct/,
    );
    expect(requests).not.toHaveBeenCalled();
  });
});
