import { parseInferenceRequest } from '../../../lib/ingestion/contract';
import {
  findPeak,
  planMalformedRecords,
  planRequests,
  requestId,
  requestIndex,
} from '../../../lib/local/traffic/request-plan';
import { generateWorkload } from '../../../lib/simulation/traffic';

const workload = generateWorkload({ seed: 3, durationSeconds: 900 });

describe('planRequests', () => {
  const plan = [...planRequests(workload, 7)];

  test('sends about half of the requests through each door', () => {
    const direct = plan.filter(({ channel }) => channel === 'direct').length;
    expect(direct / plan.length).toBeGreaterThan(0.45);
    expect(direct / plan.length).toBeLessThan(0.55);
  });

  test('is the same for the same seed, and another for another', () => {
    expect([...planRequests(workload, 7)]).toEqual(plan);
    expect([...planRequests(workload, 8)]).not.toEqual(plan);
  });

  test('gives every request an id that contains its number', () => {
    expect(new Set(plan.map(({ request }) => request.id)).size).toBe(plan.length);
    expect(plan.every(({ request, index }) => requestIndex(request.id) === index)).toBe(true);
  });
});

describe('requestIndex', () => {
  test.each([
    [requestId(0), 0],
    [requestId(123), 123],
    [requestId(12_345_678), 12_345_678],
    ['r-12', undefined],
    ['x-000001', undefined],
    ['r-00000a', undefined],
  ])('reads %s as %s', (id, index) => expect(requestIndex(id)).toBe(index));
});

describe('planMalformedRecords', () => {
  test('has payloads that no consumer can read, in order of time, inside the traffic', () => {
    const poison = planMalformedRecords(1000);
    for (const { payload } of poison) expect(() => parseInferenceRequest(payload)).toThrow();
    const times = poison.map(({ atSeconds }) => atSeconds);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    expect(times.every((at) => at > 0 && at < 1000)).toBe(true);
  });
});

describe('findPeak', () => {
  test('finds the minute that asks for most', () => {
    const request = { id: 'r-000000', key: 'k', contextTokens: 0, generatedTokens: 0 };
    const at = (atSeconds: number, serviceSeconds: number) => ({
      atSeconds,
      serviceSeconds,
      index: 0,
      channel: 'direct' as const,
      request,
    });
    // Minute 0: 30 s of work; minute 2: 40 + 50 = 90 s, so 1.5 at once; minute 5: 60 s.
    expect(findPeak([at(10, 30), at(120, 40), at(179, 50), at(300, 60)])).toEqual({
      atSeconds: 120,
      concurrency: 1.5,
      requests: 4,
    });
  });
});
