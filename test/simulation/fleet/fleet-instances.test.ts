import { CACHED_PROVISIONING } from '../../../lib/catalog/provisioning-times';
import { InputError } from '../../../lib/core/errors';
import { quantile } from '../../../lib/core/statistics';
import {
  empiricalProvisioning,
  EndpointFleet,
  lognormalProvisioning,
  type EndpointFleetOptions,
  type FleetEvent,
} from '../../../lib/simulation/fleet';
import { Random } from '../../../lib/simulation/random';

const G5 = 'ml.g5.xlarge';
const G6 = 'ml.g6.xlarge';

function fleet(options: Partial<EndpointFleetOptions> = {}): EndpointFleet {
  return new EndpointFleet({
    pools: [
      { instanceType: G6, priority: 2 },
      { instanceType: G5, priority: 1 },
    ],
    slotsPerInstance: 2,
    provisioning: () => 100,
    random: new Random(1),
    ...options,
  });
}

function told(events: readonly FleetEvent[], kind: FleetEvent['kind']): FleetEvent[] {
  return events.filter((event) => event.kind === kind);
}

describe('launching', () => {
  test('launches from the pool with the lowest priority number and serves after provisioning', () => {
    const subject = fleet();
    subject.setDesired(2, 10);
    expect(subject.counts()).toMatchObject({ desired: 2, provisioning: 2, inService: 0, byType: { [G5]: 2, [G6]: 0 } });
    expect(subject.nextEventAt()).toBe(110);
    expect(told(subject.advanceTo(109.9), 'instance-launched')).toHaveLength(2);
    const events = subject.advanceTo(110);
    expect(events.map((event) => event.kind)).toEqual(['instance-in-service', 'instance-in-service']);
    expect(events[0]).toMatchObject({ at: 110, instanceType: G5, provisioningSeconds: 100 });
    expect(subject.counts()).toMatchObject({ provisioning: 0, inService: 2, slots: 4, inServiceByType: { [G5]: 2 } });
    expect(subject.nextEventAt()).toBeUndefined();
  });

  test('passes over a type without capacity at once and says which', () => {
    const subject = fleet();
    subject.setCapacity(G5, 'insufficient', 0);
    subject.setDesired(1, 0);
    expect(subject.advanceTo(0)).toEqual([
      { kind: 'instance-launched', at: 0, instanceId: 'i-00001', instanceType: G6, refusedTypes: [G5] },
    ]);
  });

  test('reports a capacity error when no pool has capacity, and tries again every 60 s', () => {
    const subject = fleet();
    subject.setCapacity(G5, 'insufficient', 0);
    subject.setCapacity(G6, 'insufficient', 0);
    subject.setDesired(3, 5);
    expect(subject.advanceTo(5)).toEqual([
      { kind: 'capacity-error', at: 5, instanceTypes: [G5, G6], missing: 3, retryAt: 65 },
    ]);
    expect(subject.counts()).toMatchObject({ desired: 3, missing: 3, provisioning: 0 });
    expect(subject.advanceTo(65)).toMatchObject([{ kind: 'capacity-error', at: 65, retryAt: 125 }]);
    subject.setCapacity(G6, 'available', 70);
    expect(subject.advanceTo(124)).toEqual([]);
    expect(told(subject.advanceTo(125), 'instance-launched')).toHaveLength(3);
    expect(subject.counts()).toMatchObject({ missing: 0, byType: { [G5]: 0, [G6]: 3 } });
  });

  test('stops trying when fewer instances are wanted', () => {
    const subject = fleet();
    subject.setDesired(1, 0);
    subject.advanceTo(100);
    subject.setCapacity(G5, 'insufficient', 100);
    subject.setCapacity(G6, 'insufficient', 100);
    subject.setDesired(2, 100);
    subject.setDesired(1, 110);
    expect(told(subject.advanceTo(1000), 'capacity-error')).toHaveLength(1);
    expect(subject.counts()).toMatchObject({ desired: 1, inService: 1, missing: 0 });
  });

  test('keeps instances launched before their type ran out', () => {
    const subject = fleet();
    subject.setDesired(1, 0);
    subject.setCapacity(G5, 'insufficient', 1);
    subject.advanceTo(100);
    expect(subject.counts().inServiceByType).toEqual({ [G5]: 1, [G6]: 0 });
  });

  test('does nothing when the wanted number does not change', () => {
    const subject = fleet();
    subject.setDesired(2, 0);
    subject.advanceTo(0);
    subject.setDesired(2, 50);
    expect(subject.advanceTo(50)).toEqual([]);
  });

  test('starts warm when told so', () => {
    const subject = fleet();
    subject.startInService(3, 0);
    expect(subject.counts()).toMatchObject({ inService: 3, provisioning: 0 });
  });
});

describe('scaling in', () => {
  test('releases provisioning instances first, even of the preferred pool', () => {
    const subject = fleet();
    subject.setCapacity(G5, 'insufficient', 0);
    subject.startInService(1, 0);
    subject.setCapacity(G5, 'available', 0);
    subject.setDesired(2, 10);
    expect(subject.counts().byType).toEqual({ [G5]: 1, [G6]: 1 });
    subject.setDesired(1, 40);
    expect(subject.counts().byType).toEqual({ [G5]: 0, [G6]: 1 });
    expect(told(subject.advanceTo(40), 'instance-terminated')).toEqual([
      {
        kind: 'instance-terminated',
        at: 40,
        instanceId: 'i-00002',
        instanceType: G5,
        billedSeconds: 30,
        whileProvisioning: true,
      },
    ]);
    expect(subject.nextEventAt()).toBeUndefined();
    expect(told(subject.advanceTo(500), 'instance-in-service')).toEqual([]);
  });

  test('releases the lowest-priority pool first among those in service', () => {
    const subject = fleet();
    subject.startInService(1, 0);
    subject.setCapacity(G5, 'insufficient', 0);
    subject.startInService(2, 0);
    subject.setCapacity(G5, 'available', 0);
    subject.startInService(3, 0);
    expect(subject.counts().inServiceByType).toEqual({ [G5]: 2, [G6]: 1 });
    subject.setDesired(2, 10);
    expect(subject.counts().inServiceByType).toEqual({ [G5]: 2, [G6]: 0 });
  });

  test('releases the instance with the fewest requests, and the youngest among equals', () => {
    const subject = fleet();
    subject.startInService(3, 0);
    subject.arrive(1, { id: 'on the first', serviceSeconds: 20 });
    subject.arrive(1, { id: 'on the second', serviceSeconds: 20 });
    subject.setDesired(2, 2);
    expect(subject.instances().map((instance) => instance.instanceId)).toEqual(['i-00001', 'i-00002']);
    subject.setDesired(1, 3);
    expect(subject.instances().map(({ instanceId, state }) => [instanceId, state])).toEqual([
      ['i-00001', 'in-service'],
      ['i-00002', 'draining'],
    ]);
  });

  test('lets a draining instance finish its requests, queue included, and then terminates it', () => {
    const subject = fleet({ slotsPerInstance: 1 });
    subject.startInService(1, 0);
    subject.arrive(0, { id: 'a', serviceSeconds: 10 });
    subject.arrive(0, { id: 'b', serviceSeconds: 5 });
    subject.setDesired(0, 1);
    expect(subject.counts()).toMatchObject({ inService: 0, draining: 1, queued: 1, inFlight: 1 });
    expect(subject.arrive(2, { id: 'c', serviceSeconds: 1 })).toBe('no-instance-in-service');
    const events = subject.advanceTo(100);
    expect(told(events, 'instance-draining')).toMatchObject([{ at: 1, outstanding: 2 }]);
    expect(told(events, 'completed')).toMatchObject([
      { id: 'a', finishedAt: 10 },
      { id: 'b', startedAt: 10, finishedAt: 15 },
    ]);
    expect(told(events, 'instance-terminated')).toMatchObject([{ at: 15, billedSeconds: 15 }]);
  });

  test('launches anew rather than taking a draining instance back', () => {
    const subject = fleet();
    subject.startInService(1, 0);
    subject.arrive(0, { id: 1, serviceSeconds: 50 });
    subject.setDesired(0, 1);
    subject.setDesired(1, 2);
    expect(subject.counts()).toMatchObject({ draining: 1, provisioning: 1, inService: 0 });
  });
});

describe('rolling over', () => {
  test('launches the new configuration and drains one old instance for each new one in service', () => {
    const seconds = [100, 200];
    const subject = fleet({ provisioning: () => seconds.shift() ?? 0 });
    subject.startInService(2, 0);
    subject.rollOver(10, { slotsPerInstance: 4 });
    expect(subject.isRollingOver).toBe(true);
    expect(subject.counts()).toMatchObject({ inService: 2, provisioning: 2, slots: 4 });
    subject.advanceTo(110);
    expect(subject.counts()).toMatchObject({ inService: 2, provisioning: 1, slots: 6 });
    expect(subject.isRollingOver).toBe(true);
    subject.advanceTo(210);
    expect(subject.counts()).toMatchObject({ inService: 2, provisioning: 0, slots: 8 });
    expect(subject.isRollingOver).toBe(false);
  });

  test('releases old instances that still provision, and moves to new pools', () => {
    const subject = fleet();
    subject.setDesired(2, 0);
    subject.rollOver(50, { pools: [{ instanceType: 'ml.g6.2xlarge', priority: 1 }] });
    expect(subject.counts().byType).toEqual({ 'ml.g6.2xlarge': 2 });
    subject.advanceTo(150);
    expect(subject.counts().inService).toBe(2);
    expect(subject.billedInstanceSeconds(150)).toEqual({ [G5]: 100, [G6]: 0, 'ml.g6.2xlarge': 200 });
  });

  test('follows a new wanted number meanwhile', () => {
    const subject = fleet();
    subject.startInService(3, 0);
    subject.rollOver(0);
    subject.setDesired(1, 50);
    expect(subject.counts()).toMatchObject({ inService: 1, provisioning: 1 });
    subject.advanceTo(100);
    expect(subject.counts()).toMatchObject({ inService: 1, provisioning: 0 });
    expect(subject.isRollingOver).toBe(false);
  });
});

describe('billing', () => {
  test('counts seconds per type from launch to termination, provisioning included', () => {
    const subject = fleet();
    subject.setDesired(2, 0);
    subject.setDesired(1, 150);
    // Two launched at 0; one terminated at 150, idle; one still there at 200: 150 + 200.
    expect(subject.billedInstanceSeconds(200)).toEqual({ [G5]: 350, [G6]: 0 });
  });
});

describe('provisioning times', () => {
  test.each([
    ['cached', CACHED_PROVISIONING, 258],
    ['uncached', { medianSeconds: 525, sigma: 0.2 }, 525],
  ])('has the published median when %s', (_, time, median) => {
    const draw = lognormalProvisioning(new Random(1), time);
    const drawn = Array.from({ length: 20_000 }, draw);
    expect(quantile(drawn, 0.5) / median).toBeCloseTo(1, 1);
    // 97.5 % lie below median * exp(1.96 * 0.2) = 1.48 medians.
    expect(quantile(drawn, 0.975) / median).toBeCloseTo(1.48, 1);
  });

  test('draws measured times only', () => {
    const draw = empiricalProvisioning(new Random(1), [134, 216]);
    expect(new Set(Array.from({ length: 100 }, draw))).toEqual(new Set([134, 216]));
  });

  test('refuses a distribution or a list nothing can be drawn from', () => {
    expect(() => lognormalProvisioning(new Random(1), { medianSeconds: NaN, sigma: -1 })).toThrow(
      /medianSeconds[^]*sigma/,
    );
    expect(() => empiricalProvisioning(new Random(1), [])).toThrow('empty');
    expect(() => empiricalProvisioning(new Random(1), [100, -5])).toThrow('-5');
  });
});

describe('refusals', () => {
  test('names every option that no fleet can be made of', () => {
    const make = () =>
      fleet({
        pools: [
          { instanceType: G5, priority: NaN },
          { instanceType: G5, priority: 1 },
        ],
        slotsPerInstance: 0,
        queueLimitPerInstance: -1,
        requestTimeoutSeconds: 0,
        capacityRetrySeconds: NaN,
        startAt: Infinity,
      });
    expect(make).toThrow(InputError);
    for (const name of ['twice', 'priority', 'slotsPerInstance', 'queueLimit', 'Timeout', 'Retry', 'startAt']) {
      expect(make).toThrow(new RegExp(name));
    }
    expect(() => fleet({ pools: [] })).toThrow('at least one instance type');
  });

  test.each([-1, 1.5, NaN, Infinity])('refuses to want %p instances', (count) => {
    expect(() => fleet().setDesired(count, 0)).toThrow('whole number of at least 0');
  });

  test('refuses moments, service times and provisioning times that are no numbers', () => {
    expect(() => fleet().advanceTo(NaN)).toThrow('the time is NaN');
    expect(() => fleet().arrive(0, { id: 1, serviceSeconds: NaN })).toThrow('service time of request 1 is NaN');
    expect(() => fleet({ provisioning: () => NaN }).setDesired(1, 0)).toThrow('the sampler must give');
  });

  test('offers the known types when the capacity of an unknown one is set', () => {
    expect(() => fleet().setCapacity('ml.g5.xlage', 'insufficient', 0)).toThrow('there are ml.g5.xlarge');
  });
});
