import type { SQSEvent } from 'aws-lambda';
import type { ResultTarget } from '../../../lambda/clients/result-target';
import { createHandler } from '../../../lambda/result-sink/handler';
import { createLogger } from '../../../lambda/support/logger';
import type { ResultMessage } from '../../../lib/ingestion/decide/result-messages';
import { VirtualTime } from '../stream-consumer/virtual-time';

const KEY = 'results/requests/shard/9-0.jsonl';
const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${JSON.stringify({ id: `r-${index}`, key: `k-${index % 3}` })}\n`).join(
    '',
  );

const event = (...keys: string[]): SQSEvent =>
  ({
    Records: keys.map((key, index) => ({
      messageId: `m-${index}`,
      body: JSON.stringify({ detail: { bucket: { name: 'results' }, object: { key } } }),
    })),
  }) as unknown as SQSEvent;

function sink(
  objects: Record<string, string>,
  refuses: (message: ResultMessage, attempt: number) => boolean,
  seconds = 60,
) {
  const time = new VirtualTime();
  const taken: string[] = [];
  const requests: number[] = [];
  const attempts = new Map<string, number>();
  const target: ResultTarget = {
    limits: { maxMessages: 4, maxBytes: 10_000 },
    maxMessageBytes: 1_000,
    maxKeyLength: 256,
    async send(messages) {
      requests.push(messages.length);
      const failed = messages.filter((message) => {
        const attempt = (attempts.get(message.body) ?? 0) + 1;
        attempts.set(message.body, attempt);
        return refuses(message, attempt);
      });
      for (const message of messages)
        if (!failed.includes(message)) taken.push((JSON.parse(message.body) as { id: string }).id);
      return Promise.resolve({ failed, reason: failed.length > 0 ? 'Throttled: slow down' : undefined });
    },
  };
  const handler = createHandler({
    results: { get: (key) => Promise.resolve(objects[key]) },
    target,
    sleep: time.sleep,
    random: () => 0.5,
    logger: createLogger(() => undefined),
  });
  const deliver = (...keys: string[]) => time.until(handler(event(...keys), time.context(1000 * seconds)));
  return { deliver, taken, requests, time };
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `r-${index}`);
const allDone = { batchItemFailures: [] };

test('every line of an object is delivered once, in requests within the limits', async () => {
  const { deliver, taken, requests } = sink({ [KEY]: lines(10) }, () => false);
  expect(await deliver(KEY)).toEqual(allDone);
  expect(taken).toEqual(ids(10));
  expect(requests).toEqual([4, 4, 2]);
});

test('lines that the target does not take are sent again, and no others', async () => {
  const { deliver, taken, requests } = sink(
    { [KEY]: lines(4) },
    ({ body }, attempt) => attempt < 4 && body.includes('r-1'),
  );
  expect(await deliver(KEY)).toEqual(allDone);
  expect([...taken].sort()).toEqual(ids(4));
  expect(requests).toEqual([4, 1, 1, 1]);
});

test('an object whose lines are refused until the time is up goes back to the queue, and holds no other object back', async () => {
  const seconds = 48;
  const refuses = ({ body }: ResultMessage) => body.includes('r-1');
  const { deliver, taken, time } = sink({ [KEY]: lines(2), other: lines(1) }, refuses, seconds);
  const startedAt = time.clock.now();
  expect(await deliver(KEY, 'other')).toEqual({ batchItemFailures: [{ itemIdentifier: 'm-0' }] });
  expect(taken).toEqual(['r-0', 'r-0']);
  // No pause is longer than 20 s, and the last 2 s are the function's.
  const tookSeconds = time.clock.now() - startedAt;
  expect(tookSeconds).toBeGreaterThan(seconds - 2 - 20);
  expect(tookSeconds).toBeLessThanOrEqual(seconds - 2);
});

test('an event that is none of S3 goes back to the queue', async () => {
  const { deliver } = sink({}, () => false);
  expect(await deliver(undefined as unknown as string)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm-0' }] });
});

test('an object that somebody deleted ends its event', async () => {
  const { deliver } = sink({}, () => false);
  expect(await deliver(KEY)).toEqual(allDone);
});
