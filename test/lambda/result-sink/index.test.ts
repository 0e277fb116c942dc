import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SQSBatchResponse } from 'aws-lambda';
import type { createTopicTarget } from '../../../lambda/clients/result-topic';
import { RESULT_SINK_ENVIRONMENT as names } from '../../../lib/ingestion/contract';

type Handler = (event: unknown, context: unknown) => Promise<SQSBatchResponse>;

const KEY = 'results/chat/requests-0/2-0.jsonl';

describe('the entry point of a sink', () => {
  const before = { ...process.env };
  let paths: string[];
  let server: Server;

  beforeEach(async () => {
    paths = [];
    server = createServer((request, response) => {
      paths.push(request.url!);
      response.end('{"id":"r-1","key":"user-1"}\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    Object.assign(process.env, {
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      [names.topicName]: 'answers',
      [names.connection]: JSON.stringify({ bootstrapServers: ['127.0.0.1:1'], mechanism: 'IAM' }),
      [names.resultsBucketName]: 'results',
    });
  });
  afterEach(async () => {
    process.env = { ...before };
    jest.dontMock('../../../lambda/clients/result-topic');
    await new Promise((resolve) => server.close(resolve));
  });

  /** The handler, loaded as Lambda loads it, with a topic that takes every message. */
  function load() {
    const topics: Parameters<typeof createTopicTarget>[0][] = [];
    const sent: unknown[] = [];
    let handler!: Handler;
    jest.isolateModules(() => {
      jest.doMock('../../../lambda/clients/result-topic', () => ({
        createTopicTarget: (options: Parameters<typeof createTopicTarget>[0]) => {
          topics.push(options);
          return {
            limits: { maxMessages: 10, maxBytes: 1000 },
            maxMessageBytes: 1000,
            maxKeyLength: 100,
            send: (messages: readonly unknown[]) => {
              sent.push(...messages);
              return Promise.resolve({ failed: [], reason: undefined });
            },
          };
        },
      }));
      ({ handler } = jest.requireActual('../../../lambda/result-sink') as { readonly handler: Handler });
    });
    return { handler, topics, sent };
  }

  test('sends the lines of a result object to its topic, as a client of its cluster', async () => {
    const { handler, topics, sent } = load();
    const event = { Records: [{ messageId: 'm', body: JSON.stringify({ detail: { object: { key: KEY } } }) }] };
    expect(await handler(event, { getRemainingTimeInMillis: () => 60_000 })).toEqual({ batchItemFailures: [] });
    expect(sent).toEqual([{ key: 'user-1', body: `{"id":"r-1","key":"user-1","result_object":"${KEY}"}` }]);
    expect(paths.map((path) => path.split('?')[0])).toEqual([`/results/${KEY}`]);
    expect(topics.map(({ topicName }) => topicName)).toEqual(['answers']);
    expect(await topics[0]!.connect()).toHaveProperty('producer');
  });

  test('with the ARN of a target is no client of a cluster', () => {
    process.env[names.targetArn] = 'arn:aws:kinesis:us-east-1:123456789012:stream/answers';
    delete process.env[names.connection];
    expect(load().topics).toEqual([]);
  });

  const needed = [names.resultsBucketName, names.topicName, names.connection];
  test.each(needed)('does not start without %s, which it names', (name) => {
    delete process.env[name];
    expect(load).toThrow(name);
  });
});
