import * as fc from 'fast-check';
import { EndpointFleet, type FleetEvent } from '../../../lib/simulation/fleet';
import { TimerQueue } from '../../../lib/simulation/fleet/live/timer-queue';
import { Random } from '../../../lib/simulation/random';

const TYPES = ['ml.g5.xlarge', 'ml.g6.xlarge', 'ml.g4dn.xlarge'];

type Action =
  | { readonly kind: 'arrive'; readonly serviceSeconds: number }
  | { readonly kind: 'desired'; readonly count: number }
  | { readonly kind: 'capacity'; readonly type: number; readonly available: boolean }
  | { readonly kind: 'roll' };

const seconds = (max: number) => fc.double({ min: 0, max, noNaN: true });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('arrive' as const), serviceSeconds: seconds(90) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('desired' as const), count: fc.nat(6) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('capacity' as const), type: fc.nat(2), available: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('roll' as const) }) },
);
const script = fc.array(fc.record({ after: seconds(20), action }), { maxLength: 120 });
const settings = fc.record({
  slots: fc.integer({ min: 1, max: 4 }),
  queueLimit: fc.constantFrom(0, 2, Infinity),
  timeout: fc.constantFrom(5, 60, Infinity),
  routing: fc.constantFrom('LEAST_OUTSTANDING_REQUESTS' as const, 'RANDOM' as const),
  provisioning: seconds(300),
});

interface Run {
  readonly fleet: EndpointFleet;
  readonly events: FleetEvent[];
  readonly at: number;
  readonly arrivals: number;
}

/** Plays a script; `ticks` visits every announced moment on its own, as a real clock would. */
function play(
  steps: readonly { readonly after: number; readonly action: Action }[],
  options: {
    readonly slots: number;
    readonly queueLimit: number;
    readonly timeout: number;
    readonly routing: 'LEAST_OUTSTANDING_REQUESTS' | 'RANDOM';
    readonly provisioning: number;
  },
  ticks: boolean,
  watch: (fleet: EndpointFleet) => void = () => undefined,
): Run {
  const fleet = new EndpointFleet({
    pools: TYPES.map((instanceType, index) => ({ instanceType, priority: index + 1 })),
    slotsPerInstance: options.slots,
    queueLimitPerInstance: options.queueLimit,
    requestTimeoutSeconds: options.timeout,
    routing: options.routing,
    provisioning: () => options.provisioning,
    random: new Random(1),
  });
  const events: FleetEvent[] = [];
  let at = 0;
  let arrivals = 0;
  fleet.startInService(2, 0);
  for (const step of steps) {
    const next = at + step.after;
    for (let due = fleet.nextEventAt(); ticks && due !== undefined && due <= next; due = fleet.nextEventAt()) {
      events.push(...fleet.advanceTo(due));
    }
    at = next;
    const { action: act } = step;
    if (act.kind === 'arrive') fleet.arrive(at, { id: arrivals++, serviceSeconds: act.serviceSeconds });
    else if (act.kind === 'desired') fleet.setDesired(act.count, at);
    else if (act.kind === 'capacity')
      fleet.setCapacity(TYPES[act.type], act.available ? 'available' : 'insufficient', at);
    else fleet.rollOver(at);
    watch(fleet);
  }
  events.push(...fleet.advanceTo(at));
  return { fleet, events, at, arrivals };
}

describe('a fleet, whatever happens to it', () => {
  test('loses no request: arrived = completed + timed out + rejected + queued + in flight', () => {
    fc.assert(
      fc.property(script, settings, (steps, options) => {
        play(steps, options, false, (fleet) => {
          const { arrived, completed, timedOut, rejected } = fleet.totals();
          const { queued, inFlight } = fleet.counts();
          expect(completed + timedOut + rejected + queued + inFlight).toBe(arrived);
        });
      }),
    );
  });

  test('tells the end of every request exactly once, never after its limit', () => {
    fc.assert(
      fc.property(script, settings, (steps, options) => {
        const { fleet, events, at, arrivals } = play(steps, options, false);
        events.push(...fleet.advanceTo(at + 1e6));
        const ended: (string | number)[] = [];
        for (const event of events) {
          if (event.kind === 'completed') {
            ended.push(event.id);
            expect(event.arrivedAt <= event.startedAt && event.startedAt <= event.finishedAt).toBe(true);
            expect(event.finishedAt - event.arrivedAt).toBeLessThanOrEqual(options.timeout + 1e-6);
          } else if (event.kind === 'timed-out') {
            ended.push(event.id);
            expect(event.at - event.arrivedAt).toBeCloseTo(options.timeout, 6);
          } else if (event.kind === 'rejected') {
            ended.push(event.id);
          }
        }
        expect(ended.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: arrivals }, (_, id) => id));
      }),
    );
  });

  test('bills at least the time in service, and exactly from launch to termination', () => {
    fc.assert(
      fc.property(script, settings, (steps, options) => {
        const { fleet, events, at } = play(steps, options, false);
        const end = at + 50;
        events.push(...fleet.advanceTo(end));
        let lived = 0;
        let served = 0;
        for (const event of events) {
          if (event.kind === 'instance-launched') lived += end - event.at;
          if (event.kind === 'instance-terminated') lived -= end - event.at;
          if (event.kind === 'instance-in-service') served += end - event.at;
          if (event.kind === 'instance-terminated' && !event.whileProvisioning) served -= end - event.at;
        }
        const billed = Object.values(fleet.billedInstanceSeconds(end)).reduce((sum, value) => sum + value, 0);
        expect(billed).toBeCloseTo(lived, 5);
        expect(billed).toBeGreaterThanOrEqual(served - 1e-6);
      }),
    );
  });

  test('never works on more requests than it has slots, nor queues more than its limit', () => {
    fc.assert(
      fc.property(script, settings, (steps, options) => {
        play(steps, options, false, (fleet) => {
          for (const instance of fleet.instances()) {
            expect(instance.busySlots).toBeLessThanOrEqual(instance.slots);
            expect(instance.queued).toBeLessThanOrEqual(options.queueLimit);
            if (instance.queued > 0) expect(instance.busySlots).toBe(instance.slots);
          }
        });
      }),
    );
  });

  test('reaches the wanted number once a pool has capacity', () => {
    fc.assert(
      fc.property(script, settings, (steps, options) => {
        const { fleet, at } = play(steps, options, false);
        fleet.setCapacity(TYPES[2], 'available', at);
        fleet.advanceTo(at + 60 + 300 + 1e6);
        const { desired, inService, provisioning, draining, missing } = fleet.counts();
        expect({ inService, provisioning, draining, missing }).toEqual({
          inService: desired,
          provisioning: 0,
          draining: 0,
          missing: 0,
        });
        expect(fleet.isRollingOver).toBe(false);
      }),
    );
  });

  test('tells the same story in leaps as in single steps, in order of time', () => {
    fc.assert(
      fc.property(script, settings, (steps, options) => {
        const leaps = play(steps, options, false);
        const ticks = play(steps, options, true);
        expect(ticks.events).toEqual(leaps.events);
        expect(ticks.fleet.counts()).toEqual(leaps.fleet.counts());
        const moments = leaps.events.map((event) => (event.kind === 'completed' ? event.finishedAt : event.at));
        expect(moments).toEqual([...moments].sort((a, b) => a - b));
      }),
    );
  });
});

describe('TimerQueue', () => {
  test('gives timers in order of time, those of one moment in the order they were set', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (moments) => {
        const queue = new TimerQueue<number>();
        moments.forEach((at, index) => queue.push(at, index));
        const expected = moments.map((_, index) => index).sort((a, b) => moments[a] - moments[b] || a - b);
        const found: (number | undefined)[] = [];
        while (queue.size > 0) {
          expect(queue.firstAt).toBe(moments[queue.first ?? 0]);
          found.push(queue.pop());
        }
        expect(found).toEqual(expected);
        expect(queue.pop()).toBeUndefined();
        expect(queue.firstAt).toBe(Infinity);
      }),
    );
  });
});
