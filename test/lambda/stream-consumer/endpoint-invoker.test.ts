import { EndpointBusyError, RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import { EndpointEvidence } from '../../../lambda/stream-consumer/endpoint-evidence';
import { EndpointInvoker } from '../../../lambda/stream-consumer/endpoint-invoker';
import { RequestMappingError } from '../../../lambda/stream-consumer/mapped-endpoint';
import { PermanentError, RetryableError } from '../../../lib/core/errors';
import { MemoryStore } from './memory-store';
import { VirtualTime } from './virtual-time';

type Reply = { readonly seconds?: number; readonly error?: Error };

/** Invoker of one environment, with ten minutes, in front of an endpoint that replies by payload and attempt. */
function invoker(reply: (payload: string, attempt: number) => Reply, minutes = 10) {
  const time = new VirtualTime();
  const begin = time.clock.now();
  const seconds = (): number => time.clock.now() - begin;
  const evidence = new EndpointEvidence(new MemoryStore(), time.clock);
  const attempts = new Map<string, number>();
  const sent: string[] = [];
  const onBusy = jest.fn();
  const ended = new AbortController();
  const made = new EndpointInvoker({
    endpoint: {
      async invoke(body) {
        const payload = Buffer.from(body).toString();
        sent.push(`${payload}@${Math.round(seconds())}`);
        attempts.set(payload, (attempts.get(payload) ?? 0) + 1);
        const { seconds: takes = 0.1, error } = reply(payload, attempts.get(payload)!);
        await time.sleep(takes * 1000);
        if (error !== undefined) throw error;
        return { status: 200, body: Buffer.from('{}') };
      },
    },
    evidence,
    streamName: 'requests',
    shardId: 's',
    clock: time.clock,
    sleep: time.sleep,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    random: () => 0.5,
    remainingMs: () => minutes * 60_000 - seconds() * 1000,
    signal: ended.signal,
    pauseSignal: new AbortController().signal,
    outOfPlace: (pause) => pause(),
    onBusy,
    maxModelFailures: 3,
    maxRecordBytes: 10,
  });
  const record = (payload: string, more: object = {}) => ({
    sequenceNumber: payload,
    position: payload,
    partitionKey: 'a',
    payload: Buffer.from(payload),
    arrivedAt: begin,
    id: payload,
    key: 'a',
    ...more,
  });
  const start = (payload: string, isWanted = () => true) => made.invoke(record(payload), isWanted);
  const invoke = (payload: string, isWanted?: () => boolean) => time.until(start(payload, isWanted));
  return { time, seconds, evidence, sent, onBusy, ended, made, record, start, invoke };
}

const refusal = new RequestFailedError('the model returned 422', 422);

describe('a record', () => {
  test('that cannot be sent is set aside without a request', async () => {
    const { made, record, sent } = invoker(() => ({}));
    expect(await made.invoke(record('x', { defect: 'no value' }), () => true)).toEqual({
      kind: 'rejected',
      error: 'no value',
      status: null,
    });
    expect(await made.invoke(record('x'.repeat(11)), () => true)).toEqual({
      kind: 'rejected',
      error: 'the payload is 11 bytes; at most 10 are allowed (maxRecordSize of the ingestion)',
      status: null,
    });
    expect(sent).toEqual([]);
  });

  test('of the maximum size is answered, with the time of its request', async () => {
    const { invoke, seconds } = invoker(() => ({ seconds: 2 }));
    expect(await invoke('x'.repeat(10))).toMatchObject({ kind: 'succeeded', answer: { requestSeconds: 2 } });
    expect(seconds()).toBe(2);
  });

  test('that nobody wants, or that has no time, stays pending', async () => {
    const pending = { kind: 'pending', error: 'there was no time to send it' };
    const { invoke, sent } = invoker(() => ({}));
    expect(await invoke('r', () => false)).toEqual(pending);
    const late = invoker(() => ({}), 0);
    expect(await late.invoke('r')).toEqual(pending);
    const over = invoker(() => ({}));
    over.ended.abort();
    expect(await over.invoke('r')).toEqual(pending);
    expect([...sent, ...late.sent, ...over.sent]).toEqual([]);
  });

  test('whose error no record causes throws it', async () => {
    const { invoke } = invoker(() => ({ error: new PermanentError('denied') }));
    await expect(invoke('r')).rejects.toThrow('denied');
  });

  test('is tried again while the endpoint is busy, which is told each time', async () => {
    const { invoke, onBusy } = invoker((_, attempt) => (attempt < 4 ? { error: new EndpointBusyError('busy') } : {}));
    expect(await invoke('r')).toMatchObject({ kind: 'succeeded' });
    expect(onBusy).toHaveBeenCalledTimes(3);
    const other = invoker((_, attempt) => (attempt < 3 ? { error: new RetryableError('socket hang up') } : {}));
    expect(await other.invoke('r')).toMatchObject({ kind: 'succeeded' });
    expect(other.onBusy).not.toHaveBeenCalled();
  });

  test.each([
    [refusal, 422],
    [new RequestMappingError('requestMapping: no'), null],
  ])(
    'that fails three times while others are answered is set aside, with the status of the model (%#)',
    async (error, status) => {
      const { invoke, sent } = invoker((payload) => (payload === 'bad' ? { error } : {}));
      await invoke('good');
      expect(await invoke('bad')).toEqual({
        kind: 'rejected',
        error: `${error.message} (3 times, while other requests were answered)`,
        status,
      });
      // The control request beside each failure.
      expect(sent.map((one) => one.split('@')[0])).toEqual(['good', 'bad', 'good', 'bad', 'good', 'bad', 'good']);
    },
  );

  test('that fails while nothing is answered is not to blame: it stays pending with the reason', async () => {
    const { invoke, sent } = invoker(() => ({ error: refusal }), 1);
    expect(await invoke('bad')).toEqual({ kind: 'pending', error: 'the model returned 422' });
    expect(sent.length).toBeGreaterThan(5);
  });
});

describe('a record whose response is late', () => {
  test('is sent a second time after half a minute while others are quick, and the first answer counts', async () => {
    const { time, start, invoke, sent, evidence } = invoker((payload, attempt) =>
      payload === 'late' && attempt === 1 ? { seconds: 59 } : {},
    );
    await invoke('quick');
    const late = start('late');
    await time.until(time.sleep(20_000));
    for (let count = 0; count < 30; count++) await invoke('quick');
    expect(await time.until(late)).toMatchObject({ kind: 'succeeded' });
    const times = sent.filter((one) => one.startsWith('late')).map((one) => Number(one.split('@')[1]));
    expect(times).toHaveLength(2);
    expect(times[1]).toBeGreaterThanOrEqual(30);
    expect(times[1]).toBeLessThan(45);
    expect(evidence.othersRecover).toBe(true);
  });

  test('is sent once where its response comes within half a minute', async () => {
    const { invoke, sent, evidence } = invoker((payload) => ({ seconds: payload === 'r' ? 29 : 0.1 }));
    await invoke('quick');
    await invoke('r');
    expect(sent.filter((one) => one.startsWith('r'))).toHaveLength(1);
    expect(evidence.othersRecover).toBe(false);
  });

  test('is set aside when its first request times out and its second one hangs too', async () => {
    const { invoke, seconds } = invoker((payload) =>
      payload === 'hangs' ? { seconds: 60, error: new RequestFailedError('timed out', 0) } : {},
    );
    await invoke('quick');
    expect(await invoke('hangs')).toEqual({
      kind: 'rejected',
      error: 'timed out (and again without an answer, while other requests were answered)',
      status: 0,
    });
    expect(seconds()).toBeLessThan(62);
  });

  test('has a second request beside four others at most', async () => {
    const { time, start, invoke, sent } = invoker((payload) => ({ seconds: payload.startsWith('late') ? 55 : 0.1 }));
    await invoke('quick');
    const all = [1, 2, 3, 4, 5, 6].map((index) => start(`late${index}`));
    for (let count = 0; count < 200; count++) await invoke(`q${count}`);
    await time.until(Promise.all(all));
    expect(sent.filter((one) => one.startsWith('late'))).toHaveLength(6 + 4);
  });
});
