import { NO_SAMPLES } from '../../../lib/simulation/aws/cloudwatch';
import { EndpointFleet, mergeMetrics, type EndpointFleetOptions } from '../../../lib/simulation/fleet';
import { Random } from '../../../lib/simulation/random';

function fleet(instances: number, options: Partial<EndpointFleetOptions> = {}): EndpointFleet {
  const subject = new EndpointFleet({
    pools: [{ instanceType: 'ml.g5.xlarge', priority: 1 }],
    slotsPerInstance: 1,
    provisioning: () => 100,
    random: new Random(1),
    ...options,
  });
  subject.startInService(instances, 0);
  subject.advanceTo(0);
  return subject;
}

describe('requests', () => {
  test('starts in a free slot, waits in the queue otherwise, and is served in order of arrival', () => {
    const subject = fleet(1);
    expect(subject.arrive(0, { id: 'a', serviceSeconds: 4 })).toBe('started');
    expect(subject.arrive(1, { id: 'b', serviceSeconds: 2 })).toBe('queued');
    expect(subject.arrive(2, { id: 'c', serviceSeconds: 1 })).toBe('queued');
    expect(subject.nextEventAt()).toBe(4);
    const instanceId = 'i-00001';
    expect(subject.advanceTo(10)).toEqual([
      { kind: 'completed', id: 'a', arrivedAt: 0, startedAt: 0, finishedAt: 4, instanceId },
      { kind: 'completed', id: 'b', arrivedAt: 1, startedAt: 4, finishedAt: 6, instanceId },
      { kind: 'completed', id: 'c', arrivedAt: 2, startedAt: 6, finishedAt: 7, instanceId },
    ]);
  });

  test('is refused when no instance is in service', () => {
    const subject = fleet(0);
    subject.setDesired(1, 0);
    subject.advanceTo(0);
    expect(subject.arrive(5, { id: 9, serviceSeconds: 1 })).toBe('no-instance-in-service');
    expect(subject.advanceTo(5)).toEqual([{ kind: 'rejected', id: 9, at: 5, reason: 'no-instance-in-service' }]);
  });

  test('is refused when the queue of its instance is full', () => {
    const subject = fleet(1, { queueLimitPerInstance: 1 });
    const results = [1, 2, 3].map((id) => subject.arrive(0, { id, serviceSeconds: 1 }));
    expect(results).toEqual(['started', 'queued', 'queue-full']);
    expect(subject.advanceTo(0)).toEqual([{ kind: 'rejected', id: 3, at: 0, reason: 'queue-full' }]);
  });

  test('times out in the queue 60 s after its arrival and leaves the queue', () => {
    const subject = fleet(1);
    subject.arrive(0, { id: 'long', serviceSeconds: 59 });
    subject.arrive(0, { id: 'next', serviceSeconds: 59 });
    subject.arrive(0.5, { id: 'last', serviceSeconds: 1 });
    const events = subject.advanceTo(200);
    expect(events.map((event) => event.kind)).toEqual(['completed', 'timed-out', 'timed-out']);
    // `next` runs from 59 to 118 and its caller gives up at 60; `last` waits until 60.5.
    expect(events[1]).toMatchObject({ id: 'next', at: 60, startedAt: 59 });
    expect(events[2]).toMatchObject({ id: 'last', at: 60.5, startedAt: undefined });
  });

  test('keeps its slot after a time-out until its service ends', () => {
    const subject = fleet(1, { requestTimeoutSeconds: 10 });
    subject.arrive(0, { id: 'hopeless', serviceSeconds: 12 });
    subject.advanceTo(11);
    expect(subject.counts()).toMatchObject({ inFlight: 0, busySlots: 1 });
    subject.arrive(11, { id: 'after', serviceSeconds: 1 });
    expect(subject.advanceTo(20)).toMatchObject([{ kind: 'completed', id: 'after', startedAt: 12 }]);
  });

  test('is still answered when it finishes at the very limit', () => {
    const subject = fleet(1, { requestTimeoutSeconds: 10 });
    subject.arrive(0, { id: 1, serviceSeconds: 10 });
    expect(subject.advanceTo(10)).toMatchObject([{ kind: 'completed', finishedAt: 10 }]);
  });

  test('waits for ever when there is no limit', () => {
    const subject = fleet(1, { requestTimeoutSeconds: Infinity });
    subject.arrive(0, { id: 1, serviceSeconds: 1e6 });
    subject.arrive(0, { id: 2, serviceSeconds: 1 });
    expect(subject.advanceTo(2e6)).toHaveLength(2);
  });

  test('counts a moment before the present as the present', () => {
    const subject = fleet(1);
    subject.advanceTo(10);
    subject.arrive(8, { id: 1, serviceSeconds: 1 });
    expect(subject.now).toBe(10);
    expect(subject.advanceTo(20)).toMatchObject([{ arrivedAt: 10, finishedAt: 11 }]);
  });
});

describe('routing', () => {
  test('sends a request to the instance with the fewest, equals taking turns', () => {
    const subject = fleet(3);
    for (let id = 1; id <= 3; id++) subject.arrive(0, { id, serviceSeconds: id === 2 ? 1 : 50 });
    expect(subject.instances().map((instance) => instance.busySlots)).toEqual([1, 1, 1]);
    subject.arrive(2, { id: 4, serviceSeconds: 50 });
    expect(subject.advanceTo(2)).toMatchObject([{ id: 2, instanceId: 'i-00002' }]);
    expect(subject.instances().map((instance) => instance.busySlots + instance.queued)).toEqual([1, 1, 1]);
  });

  test('spreads idle traffic over all instances', () => {
    const subject = fleet(4);
    for (let second = 0; second < 400; second++) subject.arrive(second, { id: second, serviceSeconds: 0.5 });
    const served = new Map<string, number>();
    for (const event of subject.advanceTo(1000)) {
      if (event.kind === 'completed') served.set(event.instanceId, (served.get(event.instanceId) ?? 0) + 1);
    }
    expect([...served.values()]).toEqual([100, 100, 100, 100]);
  });

  test('chooses at random when told so, the same way for the same seed', () => {
    const run = (seed: number): number[] => {
      const subject = fleet(4, { routing: 'RANDOM', random: new Random(seed), requestTimeoutSeconds: Infinity });
      for (let id = 0; id < 4000; id++) subject.arrive(0, { id, serviceSeconds: 1 });
      return subject.instances().map((instance) => instance.busySlots + instance.queued);
    };
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
    // 1000 each, with a standard deviation of sqrt(4000 * 0.25 * 0.75) = 27.
    for (const count of run(1)) expect(Math.abs(count - 1000)).toBeLessThan(140);
  });
});

describe('metrics', () => {
  test('counts invocations, 1/N each per instance in service at that moment', () => {
    const subject = fleet(2);
    subject.arrive(1, { id: 1, serviceSeconds: 1 });
    subject.arrive(1, { id: 2, serviceSeconds: 3 });
    subject.setDesired(1, 5);
    subject.arrive(6, { id: 3, serviceSeconds: 1 });
    const metrics = subject.drainMetrics(10);
    expect(metrics).toMatchObject({ fromSeconds: 0, toSeconds: 10, invocations: 3, completed: 3, inService: 1 });
    expect(metrics.invocationsPerInstance).toBe(0.5 + 0.5 + 1);
    expect(metrics.modelLatencySeconds).toEqual({ sum: 5, sampleCount: 3, minimum: 1, maximum: 3 });
    expect(metrics.queueSeconds).toEqual({ sum: 0, sampleCount: 3, minimum: 0, maximum: 0 });
  });

  test('measures concurrency with the queue, weighted by time', () => {
    const subject = fleet(1);
    subject.arrive(0, { id: 1, serviceSeconds: 4 });
    subject.arrive(0, { id: 2, serviceSeconds: 4 });
    const metrics = subject.drainMetrics(10);
    // Two for 4 s, one for 4 s, none for 2 s: 12 / 10. The slot is busy for 8 of 10 s.
    expect(metrics.concurrentRequests).toEqual({ sum: 1.2, sampleCount: 1, minimum: 0, maximum: 2 });
    expect(metrics.gpuUtilizationPercent).toEqual({ sum: 80, sampleCount: 1, minimum: 80, maximum: 80 });
    expect(subject.drainMetrics(20).concurrentRequests).toEqual({ sum: 0, sampleCount: 1, minimum: 0, maximum: 0 });
  });

  test('begins a span with the concurrency that the last one ended with', () => {
    const subject = fleet(1);
    subject.arrive(0, { id: 1, serviceSeconds: 30 });
    subject.drainMetrics(10);
    subject.arrive(15, { id: 2, serviceSeconds: 30 });
    // One for 5 s, two for 5 s: 15 / 10; it was never idle.
    expect(subject.drainMetrics(20).concurrentRequests).toEqual({ sum: 1.5, sampleCount: 1, minimum: 1, maximum: 2 });
  });

  test('measures an instance that came into service within the span from then on only', () => {
    const subject = fleet(0);
    subject.setDesired(1, 0);
    subject.advanceTo(100);
    subject.arrive(100, { id: 1, serviceSeconds: 50 });
    expect(subject.drainMetrics(105).concurrentRequests).toEqual({ sum: 1, sampleCount: 1, minimum: 0, maximum: 1 });
  });

  test('tells refusals and time-outs apart', () => {
    const subject = fleet(1, { queueLimitPerInstance: 1, requestTimeoutSeconds: 5 });
    for (let id = 1; id <= 3; id++) subject.arrive(0, { id, serviceSeconds: 100 });
    subject.setDesired(0, 1);
    subject.arrive(2, { id: 4, serviceSeconds: 1 });
    expect(subject.drainMetrics(10)).toMatchObject({
      invocations: 4,
      timedOut: 2,
      rejectedByQueue: 1,
      rejectedWithoutInstance: 1,
      errors4xx: 0,
      errors5xx: 2,
      modelErrors: 3,
      concurrentRequests: NO_SAMPLES,
    });
  });

  test('are merged for fleets beside each other', () => {
    const [one, other] = [fleet(1), fleet(2)];
    one.arrive(0, { id: 1, serviceSeconds: 5 });
    other.arrive(0, { id: 2, serviceSeconds: 15 });
    const merged = mergeMetrics(one.drainMetrics(10), other.drainMetrics(10));
    expect(merged).toMatchObject({ fromSeconds: 0, toSeconds: 10, invocations: 2, completed: 1, inService: 3 });
    // Means of 0.5 on the one instance, of 1 and 0 on the two others.
    expect(merged.concurrentRequests).toEqual({ sum: 1.5, sampleCount: 3, minimum: 0, maximum: 1 });
    expect(merged.modelLatencySeconds).toEqual({ sum: 5, sampleCount: 1, minimum: 5, maximum: 5 });
  });
});
