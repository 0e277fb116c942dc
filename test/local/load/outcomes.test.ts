import { Outcomes } from '../../../lib/local/load/outcomes';
import { requestId } from '../../../lib/local/load/request-plan';

function sent(count: number): Outcomes {
  const outcomes = new Outcomes();
  for (let index = 0; index < count; index++) outcomes.send(index);
  return outcomes;
}

describe('Outcomes', () => {
  test('counts a request that is answered twice once', () => {
    const outcomes = sent(3);
    outcomes.answer(requestId(1), 2, 100);
    outcomes.answer(requestId(1), 9, 101);
    expect(outcomes.counts()).toEqual({ in: 3, answered: 1, deadLettered: 0 });
    expect(outcomes.latency().p99).toBeCloseTo(2, 1);
    expect(outcomes.openIds(9)).toEqual([requestId(0), requestId(2)]);
  });

  test('takes an answer over a dead letter, in either order', () => {
    const outcomes = sent(2);
    outcomes.deadLetter('1', requestId(0));
    outcomes.answer(requestId(0), 1, 0);
    outcomes.answer(requestId(1), 1, 0);
    outcomes.deadLetter('2', requestId(1));
    expect(outcomes.counts()).toEqual({ in: 2, answered: 2, deadLettered: 0 });
    expect(outcomes.open()).toBe(0);
  });

  test('counts poison by its place in the stream', () => {
    const outcomes = sent(1);
    outcomes.sendPoison('49');
    outcomes.sendPoison('50');
    outcomes.deadLetter('49', null);
    outcomes.deadLetter('49', null);
    expect(outcomes.counts()).toEqual({ in: 3, answered: 0, deadLettered: 1 });
    expect(outcomes.openIds(9)).toEqual([requestId(0), 'record 50']);
  });

  test('names answers and dead letters of things that were never sent', () => {
    const outcomes = sent(1);
    outcomes.answer(requestId(5), 1, 0);
    outcomes.answer('what', 1, 0);
    outcomes.deadLetter('77', null);
    expect(outcomes.counts().answered).toBe(0);
    expect(outcomes.unknown()).toEqual([requestId(5), 'what', '77']);
  });

  test('grows beyond its first size', () => {
    const outcomes = sent(20_000);
    outcomes.answer(requestId(19_999), 1, 0);
    expect(outcomes.open()).toBe(19_999);
  });

  test('tells the latency of recent answers apart from that of all', () => {
    const outcomes = sent(4);
    outcomes.answer(requestId(0), 100, 10);
    outcomes.answer(requestId(1), 1, 60);
    outcomes.answer(requestId(2), 3, 70);
    expect(outcomes.recentLatency(50).p50).toBe(2); // halfway between 1 and 3
    expect(outcomes.recentLatency(200)).toEqual({ p50: null, p95: null, p99: null });
    expect(outcomes.latency().p50).toBeCloseTo(3, 1); // of 1, 3 and 100
  });
});
