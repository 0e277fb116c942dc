import type { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { InferenceRequest } from '../../../lib/ingestion/contract';
import { LocalClock } from '../../../lib/emulator/clock';
import { DirectSender, isRetryable } from '../../../lib/local/traffic/direct-sender';
import { StreamSender } from '../../../lib/local/traffic/stream-sender';
import { Random } from '../../../lib/simulation/random';

const clock = (): LocalClock => LocalClock.startingNow(2000);
const request = (id: string): InferenceRequest => ({ id, key: 'k', contextTokens: 1, generatedTokens: 1, sentAt: 0 });

let ending = new AbortController();
beforeEach(() => (ending = new AbortController()));

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 2000) throw new Error('it did not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('isRetryable', () => {
  test.each([
    [{ statusCode: 503, body: '' }, true],
    [{ statusCode: 500, body: '' }, true],
    [{ statusCode: 429, body: '' }, true],
    [{ statusCode: 400, body: '{"__type":"ThrottlingException"}' }, true],
    [{ statusCode: 424, body: '{"OriginalStatusCode":0}' }, true],
    [{ statusCode: 424, body: '{"OriginalStatusCode":503}' }, true],
    [{ statusCode: 424, body: '{"OriginalStatusCode":400}' }, false],
    [{ statusCode: 400, body: '{"__type":"ValidationError"}' }, false],
    [{ statusCode: 403, body: '' }, false],
  ])('says of %j: %s', (reply, expected) => expect(isRetryable(reply)).toBe(expected));
});

describe('DirectSender', () => {
  function sender(invoke: (body: string) => Promise<{ statusCode: number; body: string }>) {
    const told = { answered: [] as string[], spilled: [] as string[], refused: [] as string[] };
    const direct = new DirectSender({
      invoke,
      clock: clock(),
      random: new Random(1),
      signal: ending.signal,
      onResponse: ({ id }) => told.answered.push(id),
      onSpill: ({ id }) => told.spilled.push(id),
      onRefused: ({ id }) => told.refused.push(id),
    });
    return { direct, told };
  }

  test('retries after overload and broken connections, until there is a response', async () => {
    let calls = 0;
    const { direct, told } = sender(async () => {
      calls += 1;
      if (calls === 1) throw new Error('ECONNRESET');
      return { statusCode: calls < 4 ? 503 : 200, body: '' };
    });
    direct.send(request('a'));
    expect(direct.pending()).toBe(1);
    await until(() => told.answered.length === 1);
    expect(calls).toBe(4);
    expect(direct.totals()).toEqual({ retries: 3, spilled: 0 });
    expect(direct.pending()).toBe(0);
  });

  test('hands a request on once its tries are used up', async () => {
    const { direct, told } = sender(async () => ({ statusCode: 503, body: '' }));
    direct.send(request('a'));
    await until(() => told.spilled.length === 1);
    expect(told).toEqual({ answered: [], spilled: ['a'], refused: [] });
    expect(direct.totals()).toEqual({ retries: 5, spilled: 1 });
  });

  test('does not retry an error that a retry cannot change', async () => {
    const { direct, told } = sender(async () => ({ statusCode: 400, body: 'ValidationError' }));
    direct.send(request('a'));
    await until(() => told.refused.length === 1);
    expect(direct.totals().retries).toBe(0);
  });

  test('tries no more once it is ended, and what is not through stays pending', async () => {
    const { direct, told } = sender(async () => {
      ending.abort();
      return { statusCode: 503, body: '' };
    });
    direct.send(request('a'));
    await until(() => direct.totals().retries === 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(direct.totals()).toEqual({ retries: 1, spilled: 0 });
    expect(direct.pending()).toBe(1);
    expect(told).toEqual({ answered: [], spilled: [], refused: [] });
  });

  test('keeps a bound on the calls that are on their way, and forgets none', async () => {
    let flying = 0;
    let most = 0;
    const { direct, told } = sender(async () => {
      flying += 1;
      most = Math.max(most, flying);
      await new Promise((resolve) => setTimeout(resolve, 1));
      flying -= 1;
      return { statusCode: 200, body: '' };
    });
    for (let index = 0; index < 1000; index++) direct.send(request(String(index)));
    expect(direct.pending()).toBe(1000);
    await until(() => told.answered.length === 1000);
    expect(most).toBeLessThanOrEqual(256);
    expect(direct.pending()).toBe(0);
  });
});

describe('StreamSender', () => {
  interface Call {
    readonly keys: readonly string[];
  }

  function sender(answer: (call: Call, number: number) => readonly boolean[]) {
    const calls: Call[] = [];
    const troubles: string[] = [];
    const stream = new StreamSender({
      streamName: 's',
      clock: clock(),
      random: new Random(1),
      signal: ending.signal,
      onError: (message) => troubles.push(message),
      kinesis: {
        send: (async (command: PutRecordsCommand) => {
          const call = { keys: (command.input.Records ?? []).map(({ PartitionKey = '' }) => PartitionKey) };
          calls.push(call);
          const stored = answer(call, calls.length);
          return {
            FailedRecordCount: stored.filter((one) => !one).length,
            Records: stored.map((one, index) =>
              one
                ? { SequenceNumber: `${calls.length}-${index}`, ShardId: 's' }
                : { ErrorCode: 'ProvisionedThroughputExceededException' },
            ),
          };
        }) as never,
      },
    });
    return { stream, calls, troubles };
  }

  test('puts at most 500 records in a call', async () => {
    const { stream, calls } = sender(({ keys }) => keys.map(() => true));
    let stored = 0;
    for (let index = 0; index < 1200; index++) {
      stream.send({ key: String(index), payload: '{}', onStored: () => (stored += 1) });
    }
    await until(() => stored === 1200);
    expect(Math.max(...calls.map(({ keys }) => keys.length))).toBe(500);
    await until(() => stream.pending() === 0);
  });

  test('tries records that fail inside a successful call again, before anything newer', async () => {
    const { stream, calls } = sender(({ keys }, number) => {
      if (number === 1) stream.send({ key: 'd', payload: '{}', onStored: () => stored.push('d') });
      return keys.map((key) => number > 1 || key !== 'b');
    });
    const stored: string[] = [];
    for (const key of ['a', 'b', 'c']) stream.send({ key, payload: '{}', onStored: () => stored.push(key) });
    await until(() => stored.length === 4);
    expect(calls.map(({ keys }) => keys)).toEqual([
      ['a', 'b', 'c'],
      ['b', 'd'],
    ]);
    expect(stored).toEqual(['a', 'c', 'b', 'd']);
    expect(stream.totals()).toEqual({ retries: 1 });
  });

  test('retries a whole call when it fails, and reports the error', async () => {
    const { stream, troubles } = sender(({ keys }, number) => {
      if (number === 1) throw new Error('socket hang up');
      return keys.map(() => true);
    });
    let stored = 0;
    stream.send({ key: 'a', payload: '{}', onStored: () => (stored += 1) });
    await until(() => stored === 1);
    expect(troubles).toEqual(['putting 1 records failed: socket hang up']);
  });

  test('tries no more once it is ended, and what is not stored stays pending', async () => {
    const { stream, calls } = sender((_call, number) => {
      if (number === 2) ending.abort();
      return [false];
    });
    stream.send({ key: 'a', payload: '{}', onStored: () => undefined });
    await until(() => calls.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(calls).toHaveLength(2);
    expect(stream.pending()).toBe(1);
  });
});
