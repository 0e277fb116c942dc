import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { createRequestTopic } from '../../../lambda/clients/request-topic';
import type { Redriver } from '../../../lambda/redrive/handler';
import { KAFKA_REDRIVE_ENVIRONMENT as names } from '../../../lib/ingestion/contract';

type RequestTopicOptions = Parameters<typeof createRequestTopic>[0];

const EMPTY_LISTING =
  '<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>';
const context = { getRemainingTimeInMillis: () => 60_000 };

describe('the entry point of the redrive of a topic', () => {
  const before = { ...process.env };
  /** Paths that the bucket was called with. */
  let paths: string[];
  let status: number;
  let server: Server;

  beforeEach(async () => {
    paths = [];
    status = 200;
    server = createServer((request, response) => {
      paths.push(request.url!);
      response.writeHead(status, { 'content-type': 'application/xml' }).end(status === 200 ? EMPTY_LISTING : '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    Object.assign(process.env, {
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      [names.consumerGroupId]: 'chat',
      [names.topicName]: 'requests',
      [names.connection]: JSON.stringify({ bootstrapServers: ['127.0.0.1:1'], mechanism: 'plaintext' }),
      [names.consumerName]: 'Chat-Consumer-1',
      [names.resultsBucketName]: 'results',
      [names.retentionSeconds]: '3600',
    });
  });
  afterEach(async () => {
    process.env = { ...before };
    jest.dontMock('../../../lambda/clients/request-topic');
    await new Promise((resolve) => server.close(resolve));
  });

  /** The handler, loaded as Lambda loads it, with a topic that counts how often it was closed. */
  function load(): {
    readonly handler: Redriver;
    readonly topics: RequestTopicOptions[];
    readonly closed: () => number;
  } {
    const topics: RequestTopicOptions[] = [];
    let closed = 0;
    let handler!: Redriver;
    jest.isolateModules(() => {
      jest.doMock('../../../lambda/clients/request-topic', () => ({
        createRequestTopic: (options: RequestTopicOptions) => {
          topics.push(options);
          return {
            topicName: options.topicName,
            partitions: () => Promise.resolve(1),
            close: () => Promise.resolve(void (closed += 1)),
          };
        },
      }));
      ({ handler } = jest.requireActual('../../../lambda/kafka-redrive') as { readonly handler: Redriver });
    });
    return { handler, topics, closed: () => closed };
  }

  test('reads failed batches and the letters of its own group, and closes its connections after each run', async () => {
    const { handler, topics, closed } = load();
    expect(topics).toMatchObject([{ topicName: 'requests', groupPrefix: 'chat-redrive-' }]);
    expect(await handler({}, context)).toMatchObject({ streamName: 'chat', found: 0, redriven: 0 });
    const prefixes = paths.map((path) => new URL(path, 'http://bucket').searchParams.get('prefix'));
    expect(prefixes).toEqual(['aws/lambda/', 'dead-letters/chat/', 'dead-letters/chat/requests-0/']);
    expect(paths.every((path) => path.startsWith('/results/'))).toBe(true);
    expect(closed()).toBe(1);
    await handler({ dryRun: true }, context);
    expect(closed()).toBe(2);
  });

  test('closes its connections when a run fails', async () => {
    const { handler, closed } = load();
    status = 403;
    await expect(handler({}, context)).rejects.toThrow();
    expect(closed()).toBe(1);
  });

  test('reads failed batches in the bucket of the failure destination, and letters in that of the results', async () => {
    process.env[names.failureDestination] = 'arn:aws:s3:::failed';
    await load().handler({}, context);
    const buckets = paths
      .map((path) => new URL(path, 'http://bucket'))
      .map(({ pathname, searchParams }) => [pathname.split('/')[1], searchParams.get('prefix')]);
    expect(buckets).toEqual([
      ['failed', 'aws/lambda/'],
      ['results', 'dead-letters/chat/'],
      ['results', 'dead-letters/chat/requests-0/'],
    ]);
  });

  test.each(['arn:aws:sqs:eu-west-1:123456789012:failed', 'arn:aws:sns:eu-west-1:123456789012:failed'])(
    'looks for dead letters alone where failed batches went to %s, and says so',
    async (destination) => {
      process.env[names.failureDestination] = destination;
      expect(await load().handler({}, context)).toMatchObject({ found: 0, failuresWithoutRecords: destination });
      expect(paths.every((path) => new URL(path, 'http://bucket').searchParams.get('prefix') !== 'aws/lambda/')).toBe(
        true,
      );
    },
  );

  const required = Object.values(names).filter((name) => name !== names.failureDestination);
  test.each(required)('does not start without %s, which it names', (name) => {
    delete process.env[name];
    expect(load).toThrow(name);
  });
});
