import { EndpointEvidence } from '../../../lambda/stream-consumer/endpoint-evidence';
import { controlRequestObjectKey } from '../../../lib/ingestion/contract';
import { SLOW_REQUEST_SECONDS } from '../../../lib/ingestion/decide/hang';
import { MemoryStore } from './memory-store';

const { signal } = new AbortController();
const bytes = (text: string): Uint8Array => Buffer.from(text);
const payload = bytes('{}');

/** Evidence of one environment, whose clock the test moves. */
function made(store = new MemoryStore()) {
  const clock = { seconds: 1_000, now: () => clock.seconds };
  const evidence = new EndpointEvidence(store, clock);
  /** Sends a request of a record that is answered after some seconds; returns its number. */
  const answer = (seconds: number, record?: string, body = payload): number => {
    const send = evidence.nextSend(record);
    clock.seconds += seconds;
    evidence.answered(send, body, seconds);
    return send;
  };
  /** Sends a request of a record that fails after some seconds. */
  const fail = (seconds = 0, record = 'r'): void => {
    const send = evidence.nextSend(record);
    clock.seconds += seconds;
    evidence.failed(send);
  };
  const control = async (): Promise<string | undefined> => {
    const known = await evidence.controlRequest('requests', signal);
    return known && Buffer.from(known).toString();
  };
  return { store, clock, evidence, answer, fail, control };
}

describe('an endpoint', () => {
  test('is failing from the tenth failure in a row on, until it answers', () => {
    const { evidence, answer, fail } = made();
    for (let failure = 1; failure < 10; failure++) fail();
    expect([evidence.isFailing, evidence.failuresWhileFailing]).toEqual([false, 0]);
    fail();
    expect([evidence.isFailing, evidence.failuresWhileFailing]).toEqual([true, 1]);
    fail();
    expect(evidence.failuresWhileFailing).toBe(2);
    answer(0);
    expect([evidence.isFailing, evidence.failuresWhileFailing]).toEqual([false, 0]);
  });

  test('that is failing gets one request at a time, and all at once when it answers', async () => {
    const { evidence, answer, fail } = made();
    const free = await evidence.turn();
    for (let failure = 1; failure <= 10; failure++) fail();
    free();
    const turns: string[] = [];
    const take = async (name: string): Promise<() => void> => {
      const end = await evidence.turn();
      turns.push(name);
      return end;
    };
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const end = await take('first');
    const second = take('second');
    const third = take('third');
    await settle();
    expect(turns).toEqual(['first']);
    end();
    await settle();
    expect(turns).toEqual(['first', 'second']);
    answer(0);
    (await second)();
    (await third)();
    expect(turns).toEqual(['first', 'second', 'third']);
  });

  test('has answered what was sent since a request, within a time', () => {
    const { evidence, answer } = made();
    answer(1);
    const since = evidence.upcomingSend;
    expect(evidence.hasAnsweredSince(since, 10)).toBe(false);
    answer(4);
    expect([3.9, 4].map((seconds) => evidence.hasAnsweredSince(since, seconds))).toEqual([false, true]);
    expect(evidence.hasAnsweredSince(since + 1, 10)).toBe(false);
    // The latest hundred answers are remembered.
    for (let count = 1; count < 100; count++) answer(20);
    expect(evidence.hasAnsweredSince(since, 4)).toBe(true);
    answer(20);
    expect(evidence.hasAnsweredSince(since, 4)).toBe(false);
  });
});

describe('the witnesses about a record', () => {
  test('are the requests of others that were sent since, quick or slow', () => {
    const { evidence, answer, fail } = made();
    answer(1, 'before');
    const since = evidence.upcomingSend;
    answer(1, 'quick');
    answer(SLOW_REQUEST_SECONDS, 'just quick');
    answer(SLOW_REQUEST_SECONDS + 1, 'slow');
    answer(SLOW_REQUEST_SECONDS + 1, 'own');
    fail(1, 'failed at once');
    fail(SLOW_REQUEST_SECONDS, 'failed');
    fail(SLOW_REQUEST_SECONDS + 1, 'failed late');
    expect(evidence.witnesses(since, 'own')).toEqual({ quick: 2, slow: 2 });
    expect(evidence.witnesses(0, 'own')).toEqual({ quick: 3, slow: 2 });
  });

  test('are slow while they are open for long, once for each record, and each time for a control request', () => {
    const { clock, evidence } = made();
    for (const record of ['a', 'a', 'own', undefined, undefined]) evidence.nextSend(record);
    const since = evidence.nextSend('b');
    const given = evidence.nextSend('given up');
    evidence.abandoned(given);
    clock.seconds += SLOW_REQUEST_SECONDS;
    expect(evidence.witnesses(0, 'own')).toEqual({ quick: 0, slow: 0 });
    clock.seconds += 1;
    expect(evidence.witnesses(0, 'own')).toEqual({ quick: 0, slow: 4 });
    expect(evidence.witnesses(since, 'own')).toEqual({ quick: 0, slow: 1 });
  });

  test('are none of a record that is to blame itself', () => {
    const { clock, evidence, answer } = made();
    answer(SLOW_REQUEST_SECONDS + 1, 'bad');
    answer(SLOW_REQUEST_SECONDS + 1, 'other');
    evidence.nextSend('bad');
    evidence.nextSend('other open');
    clock.seconds += SLOW_REQUEST_SECONDS + 1;
    expect(evidence.witnesses(0, 'r').slow).toBe(3);
    evidence.blame('bad');
    expect(evidence.witnesses(0, 'r')).toEqual({ quick: 0, slow: 2 });
  });

  test('are the latest 5,000', () => {
    const { evidence, answer } = made();
    answer(SLOW_REQUEST_SECONDS + 1, 'slow');
    for (let count = 1; count < 5_000; count++) answer(0);
    expect(evidence.witnesses(0, 'r')).toEqual({ quick: 4_999, slow: 1 });
    answer(0);
    answer(SLOW_REQUEST_SECONDS + 1, 'slow again');
    expect(evidence.witnesses(0, 'r')).toEqual({ quick: 4_999, slow: 1 });
    answer(0);
    expect(evidence.witnesses(0, 'r')).toEqual({ quick: 4_999, slow: 1 });
  });
});

describe('a record', () => {
  test('has its failures counted, until it has its outcome', () => {
    const { evidence } = made();
    expect(evidence.failuresOf('r')).toEqual({ count: 0, requestSeconds: 0 });
    evidence.strike('r', 2);
    expect(evidence.strike('r', 3)).toEqual({ count: 2, requestSeconds: 5 });
    expect([evidence.failuresOf('r').count, evidence.failuresOf('other').count]).toEqual([2, 0]);
    evidence.settle('r');
    expect(evidence.failuresOf('r')).toEqual({ count: 0, requestSeconds: 0 });
    evidence.strike('r', 2);
    evidence.blame('r');
    expect(evidence.failuresOf('r').count).toBe(0);
  });

  test('that fails slowly has its witnesses from its first such request on', () => {
    const { evidence } = made();
    evidence.noteLate('r', 4);
    evidence.noteLate('r', 9);
    expect([evidence.lateSince('r'), evidence.lateSince('other')]).toEqual([4, undefined]);
    evidence.settle('r');
    expect(evidence.lateSince('r')).toBeUndefined();
  });

  test('that recovers is evidence for ten minutes', () => {
    const { clock, evidence } = made();
    expect(evidence.othersRecover).toBe(false);
    evidence.noteRecovery();
    clock.seconds += 599;
    expect(evidence.othersRecover).toBe(true);
    clock.seconds += 1;
    expect(evidence.othersRecover).toBe(false);
  });
});

describe('the control request', () => {
  test('is the quickest that was answered within a minute', async () => {
    const { evidence, clock, answer, control } = made();
    expect([await control(), evidence.hasQuickControl]).toEqual([undefined, true]);
    answer(6, 'r', bytes('first'));
    expect([await control(), evidence.hasQuickControl]).toEqual(['first', false]);
    answer(5, 'r', bytes('quicker'));
    expect([await control(), evidence.hasQuickControl]).toEqual(['quicker', true]);
    answer(5, 'r', bytes('as quick'));
    answer(5.5, 'r', bytes('slower'));
    expect(await control()).toBe('as quick');
    clock.seconds += 49;
    answer(5.5, 'r', bytes('after a minute'));
    expect(await control()).toBe('as quick');
    answer(5.5, 'r', bytes('after more'));
    expect(await control()).toBe('after more');
  });

  test('has 256 KiB at most', async () => {
    const { answer, control } = made();
    answer(1, 'r', Buffer.alloc(256 * 1024 + 1));
    expect(await control()).toBeUndefined();
    answer(1, 'r', Buffer.alloc(256 * 1024, 'a'));
    expect(await control()).toHaveLength(256 * 1024);
  });

  test('is stored for other environments every ten minutes, once there is one that was answered here', async () => {
    const { store, clock, evidence, answer } = made();
    const key = controlRequestObjectKey('requests');
    await evidence.storeControlRequest('requests', signal);
    expect(store.objects.size).toBe(0);
    answer(1, 'r', bytes('first'));
    await evidence.storeControlRequest('requests', signal);
    expect(JSON.parse(store.objects.get(key)!)).toEqual({
      payloadBase64: Buffer.from('first').toString('base64'),
      at: 1_001,
    });
    clock.seconds += 598;
    answer(1, 'r', bytes('second'));
    await evidence.storeControlRequest('requests', signal);
    expect(store.objects.get(key)).toContain('"at":1001');
    clock.seconds += 1;
    await evidence.storeControlRequest('requests', signal);
    expect(store.objects.get(key)).toContain('"at":1601');
  });

  test('of another environment is read once, and an own answer takes its place', async () => {
    const { store } = made();
    store.objects.set(controlRequestObjectKey('requests'), JSON.stringify({ payloadBase64: 'b3RoZXI=' }));
    const { evidence, answer, control } = made(store);
    expect([await control(), await control(), store.gets]).toEqual(['other', 'other', 1]);
    await evidence.storeControlRequest('requests', signal);
    expect(store.objects.get(controlRequestObjectKey('requests'))).not.toContain('"at"');
    answer(1, 'r', bytes('own'));
    expect([await control(), store.gets]).toEqual(['own', 1]);
  });

  test('of another environment that cannot be read is read once', async () => {
    const { store, control } = made();
    store.objects.set(controlRequestObjectKey('requests'), '{}');
    await expect(control()).rejects.toThrow('payloadBase64');
    expect([await control(), store.gets]).toEqual([undefined, 1]);
  });

  test('of another environment is looked for until there is one', async () => {
    const { store, control } = made();
    expect([await control(), await control(), store.gets]).toEqual([undefined, undefined, 2]);
  });
});
