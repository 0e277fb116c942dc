import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as events from 'aws-cdk-lib/aws-events';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { InputError } from '../../lib/core/errors';
import { ResultSink, type ResultSinkProps, ResultTable, type ResultTableProps } from '../../lib/ingestion';

const STREAM = 'arn:aws:kinesis:us-east-1:123456789012:stream/answers';

function inStack<T>(define: (stack: Stack, resultsBucket: s3.IBucket) => T) {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const made = define(stack, new s3.Bucket(stack, 'Results'));
  return { made, template: Template.fromStack(stack) };
}

const sink = (props: (stack: Stack) => Partial<ResultSinkProps>) =>
  inStack((stack, resultsBucket) => new ResultSink(stack, 'Sink', { resultsBucket, ...props(stack) }));
const onStream = (stack: Stack) => ({ stream: kinesis.Stream.fromStreamArn(stack, 'Stream', STREAM) });
const onBus = (stack: Stack) => ({ eventBus: events.EventBus.fromEventBusName(stack, 'Bus', 'answers') });

describe('a result sink', () => {
  test('delivers each new result object, one at a time, from a queue whose events survive half a day of failures', () => {
    const { template } = sink(onStream);
    template.hasResourceProperties('AWS::S3::Bucket', {
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    });
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: Match.objectLike({
        'detail-type': ['Object Created'],
        detail: Match.objectLike({ object: { key: [{ prefix: 'results/' }] } }),
      }),
    });
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
    });
    template.hasResourceProperties('AWS::SQS::Queue', {
      VisibilityTimeout: 360,
      RedrivePolicy: Match.objectLike({ maxReceiveCount: 120 }),
    });
  });

  test.each([
    ['a stream', onStream, 'kinesis:PutRecords', STREAM],
    ['an event bus', onBus, 'events:PutEvents', Match.anyValue()],
  ])('may send to %s and to nothing else', (_, props, action, resource) => {
    const { template } = sink(props);
    const policies = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    expect([...policies.matchAll(/"(kinesis|events):\w+"/g)].map(([match]) => match)).toEqual([`"${action}"`]);
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: action, Resource: resource })]),
      },
    });
  });

  test('names its lag', () => {
    const { made } = sink(onBus);
    expect(made.metricLag()).toMatchObject({ metricName: 'ApproximateAgeOfOldestMessage', statistic: 'Maximum' });
  });

  test.each<[string, (stack: Stack) => Partial<ResultSinkProps>, RegExp]>([
    ['no target', () => ({}), /neither of stream and eventBus/],
    ['two targets', (stack) => ({ ...onStream(stack), ...onBus(stack) }), /both of stream and eventBus/],
    ['a concurrency of one', (stack) => ({ ...onBus(stack), maxConcurrency: 1 }), /maxConcurrency \(1\)/],
  ])('is refused with %s', (_, props, message) => {
    expect(() => sink(props)).toThrow(InputError);
    expect(() => sink(props)).toThrow(message);
  });
});

describe('a result table', () => {
  const table = (props: Partial<ResultTableProps> = {}) =>
    inStack((stack, resultsBucket) => new ResultTable(stack, 'Table', { resultsBucket, ...props }));

  test('is Parquet by hour, with the columns of a result in the Glue catalog', () => {
    const { made, template } = table();
    template.hasResourceProperties('AWS::KinesisFirehose::DeliveryStream', {
      DeliveryStreamType: 'KinesisStreamAsSource',
      ExtendedS3DestinationConfiguration: Match.objectLike({
        Prefix: 'parquet/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/',
        BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 128 },
        DataFormatConversionConfiguration: Match.objectLike({
          Enabled: true,
          SchemaConfiguration: Match.objectLike({ DatabaseName: made.databaseName, TableName: 'results' }),
        }),
      }),
    });
    template.hasResourceProperties('AWS::Glue::Table', {
      TableInput: {
        PartitionKeys: [
          { Name: 'day', Type: 'string' },
          { Name: 'hour', Type: 'string' },
        ],
        StorageDescriptor: { Columns: Match.arrayWith([{ Name: 'id', Type: 'string' }]) },
      },
    });
    expect(made.databaseName).toMatch(/^[a-z0-9_]+$/);
  });

  test.each<[string, Partial<ResultTableProps>, RegExp]>([
    ['a prefix without a slash', { tablePrefix: 'parquet' }, /must end with '\/'/],
    ['an interval below a minute', { bufferingInterval: Duration.seconds(59) }, /59 s/],
    ['an interval above fifteen minutes', { bufferingInterval: Duration.seconds(901) }, /901 s/],
  ])('is refused with %s', (_, props, message) => {
    expect(() => table(props)).toThrow(message);
  });
});
