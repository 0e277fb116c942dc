import {
  crossedThresholds,
  parseThreshold,
  thresholdValueText,
  type Rehearsal,
} from '../../../lib/simulation/rehearse';

const rehearsal = {
  requests: { arrived: 200, completed: 190, timedOut: 6, rejected: 2, unfinished: 2 },
  sloPercent: 98.5,
  waitSeconds: { mean: 0.1, p50: 0, p95: 0.4, p99: 2, maximum: 9 },
  latencySeconds: { mean: 1, p50: 1, p95: 3, p99: 5, maximum: 12 },
  capacity: { instanceHours: 12, peakInstances: 5, utilisationPercent: 40 },
  cost: { usd: 20, usdPerMonth: 1400, usdPerMillionRequests: 100_000 },
  scaling: { scaleOuts: 3, scaleIns: 2 },
} as unknown as Rehearsal;

describe('a threshold', () => {
  test.each([
    ['slo<99', true],
    ['slo<98.5', false],
    ['slo<=98.5', true],
    [' SLO < 99 % ', true],
    ['cost>1200/month', true],
    ['cost>1200 usd / month', true],
    ['cost>1200', false],
    ['cost-per-million>99999', true],
    ['wait-p99>1', true],
    ['wait-p99>2s', false],
    ['wait-max>=9', true],
    ['latency-p95>3', false],
    ['drops>3.9', true],
    ['drops>4', false],
    ['timeouts>=3', true],
    ['rejected>1', false],
    ['peak-instances>4', true],
    ['instance-hours>12', false],
    ['utilisation<50', true],
    ['scale-actions>=5', true],
  ])('%s is crossed: %s', (text, crossed) => {
    expect(crossedThresholds(rehearsal, [parseThreshold(text)])).toHaveLength(crossed ? 1 : 0);
  });

  test('is printed with its value and unit', () => {
    const threshold = parseThreshold('cost>1200/month');
    expect(thresholdValueText(threshold, 1400)).toBe('cost>1200/month: it is 1400 USD');
  });

  test.each([
    ['slo', /write a measure, < or >, and a number/],
    ['slo=99', /write a measure/],
    ['slo<ninety', /write a measure/],
    ['wait-p98>1', /no measure 'wait-p98'; nearest: .*wait-p9/],
    ['slo<99/month', /only cost can be given per month/],
    ['', /--fail-if is ''/],
  ])('%j is refused', (text, message) => {
    expect(() => parseThreshold(text)).toThrow(message);
  });
});
