import * as fc from 'fast-check';
import { EndpointFleet, RequestEngine } from '../../../lib/simulation/fleet';
import { Random } from '../../../lib/simulation/random';
import { ListSource } from './generated-requests';

const POOLS = [
  { instanceType: 'ml.g5.xlarge', priority: 1 },
  { instanceType: 'ml.g6.xlarge', priority: 2 },
];

type Action =
  | { readonly kind: 'desired'; readonly at: number; readonly count: number }
  | { readonly kind: 'capacity'; readonly at: number; readonly type: number; readonly available: boolean };

interface Case {
  readonly requests: readonly { readonly at: number; readonly service: number }[];
  readonly actions: readonly Action[];
  readonly slots: number;
  readonly queueLimit: number;
  readonly timeout: number;
  readonly start: number;
  readonly maximum: number;
}

const END = 400;

const cases = (maximum: number): fc.Arbitrary<Case> =>
  fc.record({
    requests: fc
      .array(
        fc.record({
          at: fc.integer({ min: 0, max: 20_000 }).map((value) => value / 100),
          service: fc.oneof(
            fc.integer({ min: 1, max: 3000 }).map((value) => value / 100),
            fc.constant(0),
          ),
        }),
        { maxLength: 150 },
      )
      .map((list) => [...list].sort((a, b) => a.at - b.at)),
    actions: fc
      .array(
        fc.oneof(
          fc.record({
            kind: fc.constant('desired' as const),
            at: fc.integer({ min: 0, max: 250 }),
            count: fc.integer({ min: 0, max: maximum }),
          }),
          fc.record({
            kind: fc.constant('capacity' as const),
            at: fc.integer({ min: 0, max: 250 }),
            type: fc.integer({ min: 0, max: 1 }),
            available: fc.boolean(),
          }),
        ),
        { maxLength: 8 },
      )
      .map((list) => [...list].sort((a, b) => a.at - b.at)),
    slots: fc.integer({ min: 1, max: 4 }),
    queueLimit: fc.constantFrom(0, 2, 10, Infinity),
    timeout: fc.constantFrom(5, 20, 60, Infinity),
    start: fc.integer({ min: 0, max: maximum }),
    maximum: fc.constant(maximum),
  });

function engineOf({ slots, queueLimit, timeout }: Case, queue: 'instance' | 'shared' = 'instance'): RequestEngine {
  return new RequestEngine({
    pools: POOLS,
    slotsPerInstance: slots,
    queueLimitPerInstance: queueLimit,
    requestTimeoutSeconds: timeout,
    provisioning: () => 30.5,
    queue,
    requestsPerSecond: 2,
  });
}

/** Runs a case through an engine; `check` is called after each action. */
function run(one: Case, engine: RequestEngine, check: (engine: RequestEngine) => void = () => undefined): void {
  const source = new ListSource(one.requests);
  engine.setDesired(one.start, true);
  for (const action of one.actions) {
    engine.run(source, action.at);
    if (action.kind === 'desired') engine.setDesired(action.count);
    else engine.setCapacity(POOLS[action.type]!.instanceType, action.available ? 'available' : 'insufficient');
    check(engine);
  }
  engine.run(source, END);
}

function runFleet(one: Case): EndpointFleet {
  const fleet = new EndpointFleet({
    pools: POOLS,
    slotsPerInstance: one.slots,
    queueLimitPerInstance: one.queueLimit,
    requestTimeoutSeconds: one.timeout,
    provisioning: () => 30.5,
    random: new Random(1),
  });
  fleet.startInService(one.start, 0);
  const steps: { at: number; act: () => void }[] = one.requests.map(({ at, service }, id) => ({
    at,
    act: () => void fleet.arrive(at, { id, serviceSeconds: service }),
  }));
  const actions = one.actions.map((action) => ({
    at: action.at,
    act: () =>
      action.kind === 'desired'
        ? fleet.setDesired(action.count, action.at)
        : fleet.setCapacity(
            POOLS[action.type]!.instanceType,
            action.available ? 'available' : 'insufficient',
            action.at,
          ),
  }));
  // The engine serves arrivals before a moment and stops there: at the same moment the action precedes the arrival.
  for (const step of [...actions, ...steps].sort((a, b) => a.at - b.at)) step.act();
  fleet.advanceTo(END);
  return fleet;
}

describe('the request engine', () => {
  test('equals the endpoint fleet exactly with one instance at a time', () => {
    fc.assert(
      fc.property(cases(1), (one) => {
        const engine = engineOf(one);
        run(one, engine);
        const fleet = runFleet(one);
        const { arrived, completed, timedOut, rejected, present } = engine.totals;
        expect({ arrived, completed, timedOut, rejected }).toEqual(fleet.totals());
        const counts = fleet.counts();
        expect(present).toBe(counts.queued + counts.inFlight);
        expect(engine.roster.billed).toBe(counts.inService + counts.provisioning + counts.draining);
        const metrics = fleet.drainMetrics(END);
        const span = engine.takeSpan();
        expect(span.waitSum).toBeGreaterThanOrEqual(metrics.queueSeconds.sum - 1e-6);
        expect(span.latencySum).toBeCloseTo(metrics.modelLatencySeconds.sum, 6);
        expect(span.latencyMaximum).toBeCloseTo(metrics.modelLatencySeconds.maximum, 6);
        const billed = fleet.billedInstanceSeconds(END);
        for (const [type, seconds] of Object.entries(engine.roster.billedSeconds(END))) {
          expect(seconds).toBeCloseTo(billed[type]!, 6);
        }
      }),
      { numRuns: 400, seed: 7 },
    );
  });

  test.each(['instance', 'shared'] as const)('loses no request with its queues %s', (queue) => {
    fc.assert(
      fc.property(cases(6), (one) => {
        const engine = engineOf(one, queue);
        const check = (): void => {
          const { arrived, completed, timedOut, rejected, present } = engine.totals;
          expect(completed + timedOut + rejected + present).toBe(arrived);
        };
        run(one, engine, check);
        check();
        expect(engine.totals.arrived).toBe(one.requests.length);
        expect(engine.totals.missed).toBeLessThanOrEqual(engine.totals.arrived);
        expect(engine.latency.count).toBe(engine.totals.completed);
      }),
      { numRuns: 300, seed: 11 },
    );
  });

  test('never has more requests in service than slots, and bills no instance twice', () => {
    fc.assert(
      fc.property(cases(6), (one) => {
        const engine = engineOf(one);
        run(one, engine, () => {
          const span = engine.takeSpan();
          expect(span.meanBusy).toBeLessThanOrEqual(6 * one.slots + 1e-9);
          expect(span.lowestOutstanding).toBeLessThanOrEqual(span.highestOutstanding);
        });
        const seconds = Object.values(engine.roster.billedSeconds(END)).reduce((sum, each) => sum + each, 0);
        expect(seconds).toBeLessThanOrEqual(13 * END);
        const events = engine.takeEvents();
        const count = (kind: string): number => events.filter((event) => event.kind === kind).length;
        expect(count('launched') - count('terminated')).toBe(engine.roster.billed);
      }),
      { numRuns: 200, seed: 13 },
    );
  });

  test('is the same for any length of its steps', () => {
    fc.assert(
      fc.property(cases(4), fc.integer({ min: 1, max: 60 }), (one, step) => {
        const whole = engineOf(one);
        run(one, whole);
        const stepped = engineOf(one);
        const source = new ListSource(one.requests, 7);
        stepped.setDesired(one.start, true);
        let now = 0;
        const go = (until: number): void => {
          while (now < until) {
            now = Math.min(until, now + step);
            stepped.run(source, now);
          }
        };
        for (const action of one.actions) {
          go(action.at);
          if (action.kind === 'desired') stepped.setDesired(action.count);
          else stepped.setCapacity(POOLS[action.type]!.instanceType, action.available ? 'available' : 'insufficient');
        }
        go(END);
        expect(stepped.totals).toEqual(whole.totals);
        expect(stepped.wait.quantile(0.9)).toBe(whole.wait.quantile(0.9));
      }),
      { numRuns: 200, seed: 17 },
    );
  });

  test('chooses the least loaded instance: no request waits while a slot is free', () => {
    const engine = engineOf({
      requests: [],
      actions: [],
      slots: 4,
      queueLimit: Infinity,
      timeout: 60,
      start: 5,
      maximum: 5,
    });
    engine.setDesired(5, true);
    const together = Array.from({ length: 20 }, () => ({ at: 1, service: 10 }));
    engine.run(new ListSource(together), 5);
    const span = engine.takeSpan();
    expect(engine.waiting).toBe(0);
    expect([span.lowestOutstanding, span.highestOutstanding]).toEqual([0, 4]);
  });

  test('keeps its exact order with thousands of completions at one moment', () => {
    const engine = engineOf({
      requests: [],
      actions: [],
      slots: 4,
      queueLimit: Infinity,
      timeout: Infinity,
      start: 1000,
      maximum: 1000,
    });
    engine.setDesired(1000, true);
    const together = Array.from({ length: 8000 }, () => ({ at: 1, service: 2 }));
    engine.run(new ListSource(together, 1000), 10);
    expect(engine.totals.completed).toBe(8000);
    // Half of them waited for the first half.
    expect(engine.wait.maximum).toBe(2);
    expect(engine.latency.maximum).toBe(4);
  });

  test('serves requests that take longer than its timer wheel covers', () => {
    const engine = new RequestEngine({
      pools: POOLS,
      slotsPerInstance: 1,
      provisioning: () => 0,
      requestTimeoutSeconds: Infinity,
      requestsPerSecond: 100_000,
    });
    engine.setDesired(2, true);
    const requests = [50_000, 3, 70_000].map((service, at) => ({ at: 4 * at, service }));
    engine.run(new ListSource(requests), 200_000);
    expect(engine.totals.completed).toBe(3);
    expect(engine.latency.maximum).toBe(70_000);
  });
});
