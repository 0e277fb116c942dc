import { Outcomes, responseTimesOf } from '../../../lib/local/traffic/outcomes';
import { requestId } from '../../../lib/local/traffic/request-plan';

function sent(count: number): Outcomes {
  const outcomes = new Outcomes();
  for (let index = 0; index < count; index++) outcomes.addSent(index, 0);
  return outcomes;
}

describe('Outcomes', () => {
  test('counts a request with two responses once', () => {
    const outcomes = sent(3);
    outcomes.addResponse(requestId(1), 2, 100);
    outcomes.addResponse(requestId(1), 9, 101);
    expect(outcomes.totals()).toEqual({ in: 3, answered: 1, deadLettered: 0 });
    expect(outcomes.latency().p99).toBeCloseTo(2, 1);
    expect(outcomes.unresolvedIds(9)).toEqual([requestId(0), requestId(2)]);
  });

  test('prefers a response to a dead letter, in either order', () => {
    const outcomes = sent(2);
    outcomes.addDeadLetter('1', requestId(0));
    outcomes.addResponse(requestId(0), 1, 0);
    outcomes.addResponse(requestId(1), 1, 0);
    outcomes.addDeadLetter('2', requestId(1));
    expect(outcomes.totals()).toEqual({ in: 2, answered: 2, deadLettered: 0 });
    expect(outcomes.unresolved()).toBe(0);
  });

  test('counts poison by its place in the stream', () => {
    const outcomes = sent(1);
    outcomes.addMalformed('49');
    outcomes.addMalformed('50');
    outcomes.addDeadLetter('49', null);
    outcomes.addDeadLetter('49', null);
    expect(outcomes.totals()).toEqual({ in: 3, answered: 0, deadLettered: 1 });
    expect(outcomes.unresolvedIds(9)).toEqual([requestId(0), 'record 50']);
  });

  test('lists responses and dead letters that belong to no request', () => {
    const outcomes = sent(1);
    outcomes.addResponse(requestId(5), 1, 0);
    outcomes.addResponse('what', 1, 0);
    outcomes.addDeadLetter('77', null);
    expect(outcomes.totals().answered).toBe(0);
    expect(outcomes.unknownIds()).toEqual([requestId(5), 'what', '77']);
  });

  test('grows beyond its first size', () => {
    const outcomes = sent(20_000);
    outcomes.addResponse(requestId(19_999), 1, 0);
    expect(outcomes.unresolved()).toBe(19_999);
  });

  test('has the latency of recent responses and that of all', () => {
    const outcomes = sent(4);
    outcomes.addResponse(requestId(0), 100, 10);
    outcomes.addResponse(requestId(1), 1, 60);
    outcomes.addResponse(requestId(2), 3, 70);
    expect(outcomes.recentLatency(50).p50).toBe(2); // halfway between 1 and 3
    expect(outcomes.recentLatency(200)).toEqual({ p50: null, p95: null, p99: null });
    expect(outcomes.latency().p50).toBeCloseTo(3, 1); // of 1, 3 and 100
  });

  test('splits the latency into service, queue in the endpoint, and the rest of requests that went through the stream', () => {
    const outcomes = sent(1);
    outcomes.addSlots({ at: 0.5, free: 4 });
    outcomes.addSent(1, 1);
    outcomes.addSent(2, 1);
    outcomes.addResponse(requestId(0), 10, 10, { serviceSeconds: 4, queueSeconds: 1, isStreamed: true });
    outcomes.addResponse(requestId(1), 7, 10, { serviceSeconds: 4, queueSeconds: 1, isStreamed: true, keyFreeAt: 1.5 });
    outcomes.addResponse(requestId(2), 4, 10, { serviceSeconds: 4, queueSeconds: 0, isStreamed: false });
    outcomes.addResponse(requestId(2), 4, 10, { serviceSeconds: 9, queueSeconds: 9, isStreamed: false });
    const { service, endpointQueue, stream, streamOnceCaughtUp } = outcomes.latencyParts();
    expect(service.p99).toBeCloseTo(4, 1);
    expect(endpointQueue.p50).toBeCloseTo(1, 1);
    expect(stream.p50).toBeCloseTo(2, 1); // 7 - 4 - 1; the other has 5
    expect(streamOnceCaughtUp.p99).toBeCloseTo(1.5); // half a second for the request before it of its key
    expect(outcomes.recentParts(0)).toEqual({ service: 4, queue: 1, stream: expect.closeTo(4.85) as number });
    expect(outcomes.recentParts(11)).toEqual({ service: null, queue: null, stream: null });
  });

  test('keeps the time of the calls, which is real time of the machine, apart from the waiting in the stream', () => {
    const outcomes = sent(1);
    const times = { serviceSeconds: 4, queueSeconds: 1, transferSeconds: 2, isStreamed: true };
    outcomes.addResponse(requestId(0), 10, 10, times);
    const { transfer, stream } = outcomes.latencyParts();
    expect(transfer.p50).toBeCloseTo(2, 1);
    expect(stream.p50).toBeCloseTo(3, 1); // 10 - 4 - 1 - 2
    expect(outcomes.recentParts(0).stream).toBeCloseTo(3);
  });

  test('reads the parts from a response of the local model, and none from another', () => {
    expect(responseTimesOf('{"service_seconds":4,"queue_seconds":0.5}', true)).toEqual({
      serviceSeconds: 4,
      queueSeconds: 0.5,
      isStreamed: true,
    });
    expect(responseTimesOf('{"service_seconds":4}', true)).toBeUndefined();
    expect(responseTimesOf('Paris.', true)).toBeUndefined();
    expect(responseTimesOf(null, false)).toBeUndefined();
  });
});
