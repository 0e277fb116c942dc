import { App, Duration, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { parseBatch } from '../../lambda/stream-consumer/batch';
import { GpuEndpoint } from '../../lib/inference';
import { StreamIngestion, type StreamIngestionProps } from '../../lib/ingestion';
import { parseRecordField } from '../../lib/ingestion/decide/record-field';
import { prove } from '../../lib/proof/prove';
import { kinesisEvent, sequenceNumber } from '../lambda/stream-consumer/poller-model';

function deploy(props: Partial<StreamIngestionProps>): Stack {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const endpoint = GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main');
  new StreamIngestion(stack, 'Ingestion', { endpoint, ...props });
  return stack;
}

describe('an on-demand stream', () => {
  test('takes a warm throughput', () => {
    Template.fromStack(deploy({ warmThroughputMebibytesPerSecond: 40 })).hasResourceProperties('AWS::Kinesis::Stream', {
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      WarmThroughputMiBps: 40,
    });
    Template.fromStack(deploy({})).hasResourceProperties('AWS::Kinesis::Stream', {
      WarmThroughputMiBps: Match.absent(),
    });
  });

  test('counts as the shards that the warm throughput needs', () => {
    // 4 shards x 64 in flight / 2 s = 128 a second, and 40 shards ten times that.
    const expected = { expectedRecordsPerSecond: 1000, expectedServiceTime: Duration.seconds(2) };
    const warnings = (props: Partial<StreamIngestionProps>): number =>
      Annotations.fromStack(deploy({ ...expected, ...props })).findWarning(
        '/Test/Ingestion',
        Match.stringLikeRegexp('the consumer processes at most'),
      ).length;
    expect(warnings({})).toBe(1);
    expect(warnings({ warmThroughputMebibytesPerSecond: 40 })).toBe(0);
  });

  test.each<[Partial<StreamIngestionProps>, RegExp]>([
    [{ warmThroughputMebibytesPerSecond: 0 }, /warmThroughputMebibytesPerSecond \(0\) is out of range; 1 to 10240/],
    [{ warmThroughputMebibytesPerSecond: 10_241 }, /is out of range/],
    [{ warmThroughputMebibytesPerSecond: 1.5 }, /must be a whole number/],
    [{ warmThroughputMebibytesPerSecond: 8, shardCount: 2 }, /is for on-demand streams, and shardCount \(2\)/],
  ])('refuses %j', (props, message) => {
    expect(() => deploy(props)).toThrow(message);
  });
});

describe('enhanced fan-out', () => {
  test('gives the consumer a registration of its own, which its mapping reads and its role may subscribe with', () => {
    const stack = deploy({ enhancedFanOut: true });
    const template = Template.fromStack(stack);
    const arn = { 'Fn::GetAtt': [Match.stringLikeRegexp('IngestionFanOut'), 'ConsumerARN'] };
    template.hasResourceProperties('AWS::Kinesis::StreamConsumer', {
      StreamARN: { 'Fn::GetAtt': [Match.stringLikeRegexp('IngestionStream'), 'Arn'] },
      ConsumerName: Match.stringLikeRegexp('^[a-zA-Z0-9_.-]{1,128}$'),
    });
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', { EventSourceArn: arn });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Action: 'kinesis:SubscribeToShard', Effect: 'Allow', Resource: arn }),
        ]),
      },
    });
    const document: unknown = template.toJSON();
    expect(prove([{ name: 'test.template.json', document }]).filter(({ severity }) => severity === 'error')).toEqual(
      [],
    );
  });

  test('is off by default', () => {
    Template.fromStack(deploy({})).resourceCountIs('AWS::Kinesis::StreamConsumer', 0);
  });

  test('names the consumer in events, and results have the name of the stream', () => {
    const event = kinesisEvent([{ sequenceNumber: sequenceNumber(1), partitionKey: 'k', payload: '{}' }]);
    const [record] = event.Records;
    const streamArn = record!.eventSourceARN;
    const fields = { id: parseRecordField('sequence-number'), key: parseRecordField('partition-key') };
    const plain = parseBatch(event, fields)!;
    const fannedOut = { Records: [{ ...record!, eventSourceARN: `${streamArn}/consumer/tidegate:1700000000` }] };
    expect(parseBatch(fannedOut, fields)).toEqual(plain);
    expect(plain.streamArn).toBe(streamArn);
  });
});
