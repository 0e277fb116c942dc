import type { Kafka } from 'kafkajs';
import { createTopicTarget } from '../../../lambda/clients/result-topic';
import type { ResultMessage } from '../../../lib/ingestion/decide/result-messages';

const TOPIC = 'answers';

interface Sent {
  readonly messages: readonly { readonly key: string; readonly value: string; readonly timestamp: string }[];
}

/** Cluster in memory: the bodies that it took, and what its client was asked for. */
class Cluster {
  public now = 1_700_000_000.5;
  public readonly calls: string[] = [];
  public readonly sent: unknown[] = [];
  public readonly taken: string[] = [];
  /** Returns the error with which a request fails; undefined where the topic takes it. */
  public refuse: (bodies: readonly string[]) => Error | undefined = () => undefined;
  public connectFails = false;
  public endFails = false;

  public readonly target = createTopicTarget({
    topicName: TOPIC,
    connect: () => {
      this.calls.push('cluster');
      return Promise.resolve(this.kafka as unknown as Kafka);
    },
    clock: { now: () => this.now },
  });

  private readonly kafka = {
    producer: (options: unknown) => {
      this.sent.push(options);
      return {
        connect: () => (this.connectFails ? Promise.reject(new Error('no broker')) : Promise.resolve()),
        send: (request: Sent) => {
          this.sent.push(request);
          const bodies = request.messages.map(({ value }) => value);
          const error = this.refuse(bodies);
          if (error !== undefined) return Promise.reject(error);
          this.taken.push(...bodies);
          return Promise.resolve([]);
        },
        disconnect: () => {
          this.calls.push('gone');
          return this.endFails ? Promise.reject(new Error('gone already')) : Promise.resolve();
        },
      };
    },
  };
}

const errorOf = (type: string): Error => Object.assign(new Error(type), { type });
const message = (id: string, response: string | null = null): ResultMessage => ({
  key: `user-${id}`,
  body: JSON.stringify({ id, sequence_number: id, response, result_object: 'results/a.jsonl' }),
});
const messages = ['1', '2', '3', '4', '5'].map((id) => message(id));
const bodies = messages.map(({ body }) => body);

test('a topic gets each result with the key of its record, in one request that all replicas acknowledge', async () => {
  const cluster = new Cluster();
  expect(await cluster.target.send(messages)).toEqual({ failed: [], reason: undefined });
  expect(cluster.sent).toEqual([
    { allowAutoTopicCreation: false, retry: { retries: 0 } },
    {
      topic: TOPIC,
      acks: -1,
      messages: messages.map(({ key, body }) => ({ key, value: body, timestamp: '1700000000500' })),
    },
  ]);
});

test('requests stay within the default limit of a batch', () => {
  expect(new Cluster().target).toMatchObject({
    limits: { maxMessages: 500, maxBytes: 921_600 },
    maxMessageBytes: 1_022_976,
    maxKeyLength: 4096,
  });
});

test('connections are kept from one request to the next, and made anew after a minute without one', async () => {
  const cluster = new Cluster();
  await cluster.target.send(messages);
  cluster.now += 60;
  await cluster.target.send(messages);
  expect(cluster.calls).toEqual(['cluster']);
  cluster.now += 60.5;
  cluster.endFails = true;
  expect(await cluster.target.send(messages)).toEqual({ failed: [], reason: undefined });
  expect(cluster.calls).toEqual(['cluster', 'gone', 'cluster']);
});

test.each([['NOT_LEADER_FOR_PARTITION'], ['REQUEST_TIMED_OUT']])(
  'all messages of a request that fails with %s are sent again, over new connections',
  async (type) => {
    const cluster = new Cluster();
    cluster.refuse = () => errorOf(type);
    expect(await cluster.target.send(messages)).toEqual({ failed: messages, reason: type });
    cluster.refuse = () => undefined;
    expect(await cluster.target.send(messages)).toEqual({ failed: [], reason: undefined });
    expect(cluster.calls).toEqual(['cluster', 'gone', 'cluster']);
  },
);

test('messages that find no broker are sent again', async () => {
  const cluster = new Cluster();
  cluster.connectFails = true;
  expect(await cluster.target.send(messages)).toEqual({ failed: messages, reason: 'no broker' });
  cluster.connectFails = false;
  expect(await cluster.target.send(messages)).toEqual({ failed: [], reason: undefined });
  expect(cluster.calls).toEqual(['cluster', 'cluster']);
});

test('a role that may not write is an error of the request', async () => {
  const cluster = new Cluster();
  cluster.refuse = () => errorOf('TOPIC_AUTHORIZATION_FAILED');
  await expect(cluster.target.send(messages)).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' });
});

test('a batch that the topic does not take is sent in halves, in its order', async () => {
  const cluster = new Cluster();
  cluster.refuse = (given) => (given.length > 2 ? errorOf('MESSAGE_TOO_LARGE') : undefined);
  expect(await cluster.target.send(messages)).toEqual({ failed: [], reason: undefined });
  expect(cluster.taken).toEqual(bodies);
  expect(cluster.calls).toEqual(['cluster']);
});

test('what fails in a half is returned with the reason, and the other half is sent', async () => {
  const cluster = new Cluster();
  cluster.refuse = (given) => {
    if (given.length > 3) return errorOf('MESSAGE_TOO_LARGE');
    return given.includes(bodies[4]!) ? errorOf('NOT_ENOUGH_REPLICAS') : undefined;
  };
  expect(await cluster.target.send(messages)).toEqual({ failed: messages.slice(3), reason: 'NOT_ENOUGH_REPLICAS' });
  expect(cluster.taken).toEqual(bodies.slice(0, 3));
});

test('a message that the topic does not take is sent as a reference to its line', async () => {
  const cluster = new Cluster();
  const large = message('1', 'x'.repeat(400));
  cluster.refuse = ([body]) => (body!.length > 300 ? errorOf('MESSAGE_TOO_LARGE') : undefined);
  expect(await cluster.target.send([large])).toEqual({ failed: [], reason: undefined });
  expect(cluster.taken.map((body) => JSON.parse(body) as object)).toEqual([
    { id: '1', sequence_number: '1', response: null, result_object: 'results/a.jsonl', is_reference: true },
  ]);
});

test('a reference that is not taken now is returned as its message', async () => {
  const cluster = new Cluster();
  const large = message('1', 'x'.repeat(400));
  cluster.refuse = ([body]) => errorOf(body!.length > 300 ? 'MESSAGE_TOO_LARGE' : 'NOT_ENOUGH_REPLICAS');
  expect(await cluster.target.send([large])).toEqual({ failed: [large], reason: 'NOT_ENOUGH_REPLICAS' });
});

test('a topic that takes no message at all is named, with the setting to raise', async () => {
  const cluster = new Cluster();
  cluster.refuse = () => errorOf('MESSAGE_TOO_LARGE');
  await expect(cluster.target.send([message('1', 'x')])).rejects.toThrow(
    /^the topic answers refuses a message of \d+ bytes, the smallest of its result; raise its max.message.bytes$/,
  );
});
