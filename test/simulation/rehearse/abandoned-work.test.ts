import { fleetsOfTemplates } from '../../../lib/simulation/blueprint';
import { rehearse, type RehearsalOptions } from '../../../lib/simulation/rehearse';
import { Random } from '../../../lib/simulation/random';
import type { Workload } from '../../../lib/simulation/traffic';
import { chatTemplate } from '../blueprint/chat-template';

const SECONDS = 45;
const TIMEOUT = 60;

function traffic(moments: readonly number[], durationSeconds: number): Workload {
  return {
    name: 'moments',
    description: 'requests at given moments',
    durationSeconds,
    requestCount: moments.length,
    *requests() {
      for (const atSeconds of moments) yield { atSeconds, contextTokens: 1, generatedTokens: 1 };
    },
  };
}

/** One instance that serves some requests at once. */
function serial(moments: readonly number[], durationSeconds: number, slots: number, options: RehearsalOptions = {}) {
  const document = chatTemplate({
    config: { Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: String(slots) }] },
    target: { MinCapacity: 1, MaxCapacity: 1 },
    resources: { Tracking: null },
  });
  const [fleet] = fleetsOfTemplates([{ name: 'serial', document }]).fleets;
  return rehearse(fleet!, traffic(moments, durationSeconds), {
    service: { kind: 'distribution', distribution: 'constant', meanSeconds: SECONDS },
    startInstances: 1,
    requestTimeoutSeconds: TIMEOUT,
    ...options,
  });
}

describe('requests that time out in the queue of a container', () => {
  const moments = [0, 0.1, 0.2, 0.3, 0.4, 100];

  test('are served for nobody, so that a later request waits behind them', () => {
    // 0-45 answered; 45-90, 90-135, 135-180 and 180-225 for callers that gave up; the last one gives up at 160.
    const { requests, capacity, notes } = serial(moments, 400, 1, { retries: { mode: 'none' } });
    expect(requests).toEqual({ arrived: 6, completed: 1, timedOut: 5, rejected: 0, unfinished: 0 });
    // Six requests of 45 s in 400 s.
    expect(capacity.utilisationPercent).toBeCloseTo((100 * 6 * 45) / 400, 1);
    expect(notes).toContain(
      'requests that time out in the queue of a container are served there all the same, and delay those behind them',
    );
  });

  test('leave it where the server notices that the connection is closed', () => {
    // 0-45 answered, 45-90 for a caller that gave up, the last one 100-145.
    const { requests, capacity } = serial(moments, 400, 1, { abandonedWork: 'dropped', retries: { mode: 'none' } });
    expect(requests).toEqual({ arrived: 6, completed: 2, timedOut: 4, rejected: 0, unfinished: 0 });
    expect(capacity.utilisationPercent).toBeCloseTo((100 * 3 * 45) / 400, 1);
  });

  test('make no difference to a fleet without overload', () => {
    const calm = Array.from({ length: 30 }, (_one, index) => index * 50);
    const of = (abandonedWork: 'served' | 'dropped') => serial(calm, 1600, 1, { abandonedWork });
    expect(of('served')).toEqual(of('dropped'));
    expect(of('served').requests.timedOut).toBe(0);
  });

  test.each(Array.from({ length: 20 }, (_one, seed) => seed))('agree with a queue written out, seed %i', (seed) => {
    const random = new Random(`abandoned/${seed}`);
    const slots = 1 + Math.floor(random.uniform() * 4);
    const end = 4000;
    const moments: number[] = [];
    for (let at = 0; at < end - 1; at += 0.3 + random.uniform() * (SECONDS / slots) * 2) moments.push(at);
    const free = new Array<number>(slots).fill(0);
    const expected = { completed: 0, timedOut: 0, unfinished: 0 };
    for (const at of moments) {
      const slot = free.indexOf(Math.min(...free));
      const finish = Math.max(at, free[slot]!) + SECONDS;
      free[slot] = finish;
      if (finish - at <= TIMEOUT && finish <= end) expected.completed++;
      else if (at + TIMEOUT <= end && finish - at > TIMEOUT) expected.timedOut++;
      else expected.unfinished++;
    }
    const { requests } = serial(moments, end, slots, { retries: { mode: 'none' } });
    expect(requests).toEqual({ arrived: moments.length, rejected: 0, ...expected });
  });
});
