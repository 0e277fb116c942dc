import * as fc from 'fast-check';
import { RequestEngine, type CallerRetries, type EngineSpan } from '../../../lib/simulation/fleet';
import { fleetsOfTemplates } from '../../../lib/simulation/blueprint';
import { rehearsalHtml, rehearsalText, rehearse, type RehearsalOptions } from '../../../lib/simulation/rehearse';
import type { Workload } from '../../../lib/simulation/traffic';
import { chatTemplate } from '../blueprint/chat-template';
import { ListSource } from './generated-requests';

const SECONDS = 45;

function traffic(moments: readonly number[], durationSeconds: number, countsAttempts = false): Workload {
  return {
    name: 'moments',
    description: 'requests at given moments',
    durationSeconds,
    requestCount: moments.length,
    ...(countsAttempts && { countsAttempts }),
    *requests() {
      for (const atSeconds of moments) yield { atSeconds, contextTokens: 1, generatedTokens: 1 };
    },
  };
}

/** One instance that serves one request at a time, in 45 s. */
function serial(moments: readonly number[], options: RehearsalOptions = {}, countsAttempts = false) {
  const document = chatTemplate({
    config: { Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '1' }] },
    target: { MinCapacity: 1, MaxCapacity: 1 },
    resources: { Tracking: null },
  });
  const [fleet] = fleetsOfTemplates([{ name: 'serial', document }]).fleets;
  return rehearse(fleet!, traffic(moments, 600, countsAttempts), {
    service: { kind: 'distribution', distribution: 'constant', meanSeconds: SECONDS },
    startInstances: 1,
    ...options,
  });
}

describe('callers whose requests time out', () => {
  // The first is served from 0 to 45. The second runs from 45 to 90 and gives up at 60.1; its second attempt runs from 90 to 135 and gives up
  // at 120.1; its third one waits until 135 and is answered at 180.
  const moments = [0, 0.1];

  test('try again as AWS SDKs do, unless told otherwise, and the load and the work of that are in the result', () => {
    const spans: EngineSpan[] = [];
    const rehearsal = serial(moments, { onSpan: (span) => spans.push(span) });
    const { requests, retries, sloPercent, latencySeconds, notes } = rehearsal;
    expect(requests).toEqual({ arrived: 2, completed: 2, timedOut: 0, rejected: 0, unfinished: 0 });
    expect(retries).toEqual({
      mode: 'standard',
      maxAttempts: 3,
      attempts: 2,
      extraLoadPercent: 100,
      answered: 1,
      failed: 0,
      withoutQuota: 0,
      abandonedSlotHours: (2 * SECONDS) / 3600,
      abandonedPercent: 50,
    });
    // Answered three minutes late.
    expect(sloPercent).toBe(50);
    // The caller waits from its first attempt on; the model's latency, which alarms follow, is that of the last one.
    expect(latencySeconds.maximum).toBeCloseTo(179.9, 4);
    expect(latencySeconds.mean).toBeCloseTo((SECONDS + 179.9) / 2, 4);
    expect(Math.max(...spans.map((span) => span.latencyMaximum))).toBeLessThan(60);
    const sum = (of: (span: EngineSpan) => number): number => spans.reduce((total, span) => total + of(span), 0);
    expect([sum((span) => span.arrived), sum((span) => span.retried), sum((span) => span.timedOut)]).toEqual([2, 2, 2]);
    expect(notes).toContain(
      'callers whose requests time out or are rejected try again as AWS SDKs do (standard mode, up to 3 attempts, with the retry quotas of 10 clients); --retries none leaves that out',
    );
    const text = rehearsalText(rehearsal);
    expect(text).toMatch(/retries +2 \(100 % of the requests that arrived, on top of them\), standard mode/);
    expect(text).toMatch(/wasted work +0.03 slot-hours \(50 % of those in use\)/);
    const html = rehearsalHtml([rehearsal], {
      origin: { version: '1', commandLine: 'test', madeAt: '', files: [] },
      sha256Base64: () => '',
    });
    expect(html).toContain('Retries and drains');
    expect(html).toContain('as AWS SDKs do: standard mode, up to 3 attempts');
  });

  test('do not with --retries none', () => {
    const { requests, retries, notes } = serial(moments, { retries: { mode: 'none' } });
    expect(requests).toEqual({ arrived: 2, completed: 1, timedOut: 1, rejected: 0, unfinished: 0 });
    expect([retries.attempts, retries.failed]).toEqual([0, 1]);
    expect(notes).toContain('no caller tries again');
  });

  test('do not where the traffic is a metric, whose counts contain the retries of the past', () => {
    const { retries, notes } = serial(moments, {}, true);
    expect([retries.mode, retries.attempts]).toEqual(['none', 0]);
    expect(notes.join()).toContain('whose counts contain the retries');
  });

  test('fail for good with their last attempt', () => {
    const { requests, retries } = serial(moments, { retries: { mode: 'standard', maxAttempts: 2 } });
    expect(requests).toEqual({ arrived: 2, completed: 1, timedOut: 1, rejected: 0, unfinished: 0 });
    expect([retries.attempts, retries.answered, retries.failed]).toEqual([1, 0, 1]);
  });

  test('that do not time out make no difference', () => {
    const calm = Array.from({ length: 10 }, (_one, index) => index * 50);
    const { retries: _tried, ...standard } = serial(calm);
    const { retries: _none, ...none } = serial(calm, { retries: { mode: 'none' } });
    expect(standard).toEqual(none);
  });
});

/** One instance with a slot for a request of some seconds, and room for nobody to wait. */
function full(retries: CallerRetries, requests: readonly { at: number; service: number }[], instances = 1) {
  const engine = new RequestEngine({
    pools: [{ instanceType: 'any', priority: 1 }],
    slotsPerInstance: 1,
    queueLimitPerInstance: 0,
    provisioning: () => 0,
    retries,
  });
  engine.setDesired(instances, true);
  engine.run(new ListSource(requests), 1000);
  return engine;
}

describe('callers whose requests are rejected', () => {
  test('are served well where another attempt begins within the objective', () => {
    const { totals, retries } = full({ mode: 'standard' }, [
      { at: 0, service: 0.001 },
      { at: 0.0001, service: 0.001 },
    ]);
    expect(totals).toMatchObject({ arrived: 2, completed: 2, rejected: 0, missed: 0 });
    expect([retries.attempts, retries.answered]).toEqual([1, 1]);
  });

  test('are rejected at last, and counted once', () => {
    const { totals, retries } = full({ mode: 'legacy' }, [
      { at: 0, service: 55 },
      { at: 1, service: 1 },
    ]);
    // Pauses of at most 1, 2, 4 and 8 s.
    expect(totals).toMatchObject({ arrived: 2, completed: 1, rejected: 1, missed: 1 });
    expect(retries.attempts).toBe(4);
  });

  test('have a retry quota: of one client, 35 retries until something succeeds', () => {
    const busy = Array.from({ length: 200 }, (_one, index) => ({ at: 1 + index / 100, service: 1 }));
    const { retries, totals } = full({ mode: 'standard', clients: 1 }, [{ at: 0, service: 55 }, ...busy]);
    expect(retries.attempts).toBe(Math.floor(500 / 14));
    expect(retries.withoutQuota).toBeGreaterThan(100);
    expect(totals.rejected).toBe(200);
  });
});

test('no request is lost and none is counted twice, whatever fails', () => {
  const cases = fc.record({
    requests: fc
      .array(
        fc.record({
          at: fc.integer({ min: 0, max: 20_000 }).map((value) => value / 100),
          service: fc.integer({ min: 1, max: 3000 }).map((value) => value / 100),
        }),
        { maxLength: 150 },
      )
      .map((list) => [...list].sort((a, b) => a.at - b.at)),
    desired: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 6 }),
    slots: fc.integer({ min: 1, max: 3 }),
    queueLimit: fc.constantFrom(0, 2, Infinity),
    timeout: fc.constantFrom(5, 20, 60),
    abandonedWork: fc.constantFrom('served' as const, 'dropped' as const),
    mode: fc.constantFrom('none' as const, 'standard' as const, 'legacy' as const),
    clients: fc.constantFrom(1, undefined),
    routing: fc.constantFrom('RANDOM' as const, 'LEAST_OUTSTANDING_REQUESTS' as const),
  });
  fc.assert(
    fc.property(cases, ({ requests, desired, slots, queueLimit, timeout, abandonedWork, mode, clients, routing }) => {
      const engine = new RequestEngine({
        pools: [{ instanceType: 'any', priority: 1 }],
        slotsPerInstance: slots,
        queueLimitPerInstance: queueLimit,
        requestTimeoutSeconds: timeout,
        provisioning: () => 10,
        routing,
        abandonedWork,
        retries: { mode, ...(clients !== undefined && { clients }) },
        requestsPerSecond: 1,
      });
      const source = new ListSource(requests);
      desired.forEach((count, index) => {
        engine.setDesired(count, index === 0);
        engine.run(source, (index + 1) * 40);
        const { arrived, completed, timedOut, rejected, present, missed } = engine.totals;
        expect(completed + timedOut + rejected + present).toBe(arrived);
        expect(missed).toBeLessThanOrEqual(arrived);
        // A drain lasts no longer than a caller waits.
        expect(engine.roster.drains.longestSeconds).toBeLessThanOrEqual(timeout + 1e-9);
      });
      engine.run(source, 5000);
      const { arrived, completed, timedOut, rejected, present } = engine.totals;
      expect([arrived, present]).toEqual([requests.length, 0]);
      expect(completed + timedOut + rejected).toBe(arrived);
      const most = mode === 'none' ? 0 : mode === 'standard' ? 2 : 4;
      expect(engine.retries.attempts).toBeLessThanOrEqual(most * arrived);
      expect(engine.roster.draining).toBe(0);
    }),
    { numRuns: 400, seed: 5 },
  );
});

describe('an instance that leaves', () => {
  /** Two instances, of which one is released while requests of some seconds run in both. */
  function released(service: number, timeout: number) {
    const engine = new RequestEngine({
      pools: [{ instanceType: 'any', priority: 1 }],
      slotsPerInstance: 1,
      requestTimeoutSeconds: timeout,
      provisioning: () => 0,
      abandonedWork: 'served',
    });
    engine.setDesired(2, true);
    engine.run(new ListSource(Array.from({ length: 6 }, (_one, index) => ({ at: index / 100, service }))), 10);
    engine.setDesired(1);
    engine.run(undefined, 1000);
    return engine;
  }

  test('answers what runs and waits in it first', () => {
    // It has three requests of 15 s from 0 on, the last of which ends at 45; it is released at 10.
    expect(released(15, 60).roster.drains).toEqual({
      instances: 1,
      requests: 3,
      givenUp: 0,
      seconds: expect.closeTo(35, 1) as number,
      longestSeconds: expect.closeTo(35, 1) as number,
    });
  });

  test('is billed no longer than a caller waits for it, whatever its container still has to do', () => {
    // Its three requests of 100 s give up at 60.
    const { roster, totals } = released(100, 60);
    expect(roster.drains).toMatchObject({
      instances: 1,
      requests: 3,
      givenUp: 3,
      longestSeconds: expect.closeTo(50, 1) as number,
    });
    expect(totals).toMatchObject({ arrived: 6, timedOut: 6, completed: 0 });
  });
});
