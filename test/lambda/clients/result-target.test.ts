import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { mockClient } from 'aws-sdk-client-mock';
import { createResultTarget } from '../../../lambda/clients/result-target';

const STREAM = 'arn:aws:kinesis:us-east-1:123456789012:stream/results';
const BUS = 'arn:aws-cn:events:cn-north-1:123456789012:event-bus/results';

const kinesis = mockClient(KinesisClient);
const eventBridge = mockClient(EventBridgeClient);

beforeAll(() => void (process.env.AWS_REGION = 'us-east-1'));
afterAll(() => void delete process.env.AWS_REGION);
beforeEach(() => [kinesis, eventBridge].forEach((client) => client.reset()));

const messages = ['a', 'b', 'c'].map((key) => ({ key, body: `{"id":"${key}"}` }));
const [, second, third] = messages;

test('a stream gets each result with the key of its record', async () => {
  kinesis.on(PutRecordsCommand).resolves({ Records: messages.map(() => ({ SequenceNumber: '1', ShardId: 's' })) });
  expect(await createResultTarget(STREAM).send(messages)).toEqual({ failed: [], reason: undefined });
  expect(kinesis.commandCalls(PutRecordsCommand)[0]!.args[0].input).toEqual({
    StreamARN: STREAM,
    Records: messages.map(({ key, body }) => ({ PartitionKey: key, Data: Buffer.from(body) })),
  });
  expect(eventBridge.calls()).toEqual([]);
});

test('an event bus gets each result as an event that rules can select', async () => {
  eventBridge.on(PutEventsCommand).resolves({ Entries: messages.map(() => ({ EventId: '1' })) });
  expect(await createResultTarget(BUS).send(messages)).toEqual({ failed: [], reason: undefined });
  expect(eventBridge.commandCalls(PutEventsCommand)[0]!.args[0].input.Entries![1]).toEqual({
    EventBusName: BUS,
    Source: 'tidegate.ingestion',
    DetailType: 'Inference Result',
    Detail: second!.body,
  });
  expect(kinesis.calls()).toEqual([]);
});

test('what a stream or a bus does not take is returned in its order, with the reason of the first', async () => {
  const throttled = { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded' };
  kinesis
    .on(PutRecordsCommand)
    .resolves({ Records: [{ SequenceNumber: '1' }, throttled, { ErrorCode: 'InternalFailure' }] });
  expect(await createResultTarget(STREAM).send(messages)).toEqual({
    failed: [second, third],
    reason: 'ProvisionedThroughputExceededException: Rate exceeded',
  });
  eventBridge
    .on(PutEventsCommand)
    .resolves({ Entries: [{ EventId: '1' }, { EventId: '2' }, { ErrorCode: 'InternalFailure' }] });
  expect(await createResultTarget(BUS).send(messages)).toEqual({
    failed: [third],
    reason: 'InternalFailure: no message',
  });
});

test.each([
  [STREAM, { maxMessages: 500, maxBytes: 4_194_304 }, 1_022_976, 256],
  [BUS, { maxMessages: 10, maxBytes: 256_000 }, 245_760, 0],
])('requests to %s stay within the limits of the service', (arn, limits, maxMessageBytes, maxKeyLength) => {
  expect(createResultTarget(arn)).toMatchObject({ limits, maxMessageBytes, maxKeyLength });
});
