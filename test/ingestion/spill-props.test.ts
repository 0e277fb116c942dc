import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { AsyncEndpoint, GpuEndpoint, type IAsyncEndpoint } from '../../lib/inference';
import { KafkaIngestion, MskCluster, PayloadMapping, type SpillProps, StreamIngestion } from '../../lib/ingestion';
import { INGESTION_ENVIRONMENT } from '../../lib/ingestion/contract';
import { SPILL_COLLECTOR_ENVIRONMENT } from '../../lib/ingestion/decide/spilled-record';
import type { IAsynchronousEndpoint } from '../../lib/runtime/asynchronous-endpoint';

const env = { region: 'us-east-1', account: '123456789012' };

function later(stack: Stack, endpointName = 'later'): IAsyncEndpoint {
  return AsyncEndpoint.fromAsyncEndpointAttributes(stack, 'Later', {
    endpointName,
    variantName: 'main',
    storage: { bucket: s3.Bucket.fromBucketName(stack, 'Films', 'films'), requestPrefix: 'asked' },
  });
}

function deploy(
  spill: Partial<SpillProps> = {},
  over: { readonly maxRecordAge?: Duration; readonly endpointName?: string; readonly accept?: string } = {},
) {
  const stack = new Stack(new App(), 'Test', { env });
  const { endpointName, ...props } = over;
  const ingestion = new StreamIngestion(stack, 'Requests', {
    endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
    spillTo: { endpoint: later(stack, endpointName), afterAge: Duration.minutes(2), ...spill },
    responseMapping: PayloadMapping.jmesPath('text'),
    ...props,
  });
  return { stack, ingestion, template: () => Template.fromStack(stack) };
}

const statementsOf = (template: Template, policyId: RegExp) =>
  Object.entries(template.findResources('AWS::IAM::Policy'))
    .filter(([id]) => policyId.test(id))
    .flatMap(
      ([, { Properties }]) =>
        Properties.PolicyDocument.Statement as { Sid?: string; Action: unknown; Resource: unknown }[],
    );

describe('an ingestion that spills', () => {
  test('tells its consumer where, from which age, and for how long', () => {
    const { template } = deploy({ requestTtl: Duration.hours(1), invocationTimeout: Duration.minutes(5) });
    template().hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          [INGESTION_ENVIRONMENT.endpointName]: 'chat',
          [INGESTION_ENVIRONMENT.spillEndpointName]: 'later',
          [INGESTION_ENVIRONMENT.spillAfterSeconds]: '120',
          [INGESTION_ENVIRONMENT.spillBucketName]: 'films',
          [INGESTION_ENVIRONMENT.spillRequestPrefix]: 'asked/',
          [INGESTION_ENVIRONMENT.spillTtlSeconds]: '3600',
          [INGESTION_ENVIRONMENT.spillTimeoutSeconds]: '300',
        }),
      },
    });
  });

  test('waits for six hours in the queue and a quarter of an hour for the model by default', () => {
    deploy()
      .template()
      .hasResourceProperties('AWS::Lambda::Function', {
        Environment: {
          Variables: Match.objectLike({
            [INGESTION_ENVIRONMENT.spillTtlSeconds]: '21600',
            [INGESTION_ENVIRONMENT.spillTimeoutSeconds]: '900',
          }),
        },
      });
  });

  test('has a collector that runs every minute, with the mapping of responses', () => {
    const { ingestion, template, stack } = deploy({}, { accept: 'application/json' });
    template().hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: {
          [SPILL_COLLECTOR_ENVIRONMENT.streamName]: stack.resolve(ingestion.stream.streamName) as string,
          [SPILL_COLLECTOR_ENVIRONMENT.resultsBucketName]: stack.resolve(ingestion.resultsBucket.bucketName) as string,
          [SPILL_COLLECTOR_ENVIRONMENT.accept]: 'application/json',
          [SPILL_COLLECTOR_ENVIRONMENT.responseMapping]: 'jmespath:text',
        },
      },
    });
    template().hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      Targets: [Match.objectLike({ Arn: stack.resolve(ingestion.spillCollector!.functionArn) as unknown })],
    });
  });

  test('grants the consumer the hand-over and nothing of the responses', () => {
    const statements = statementsOf(deploy().template(), /ConsumerPolicy/);
    expect(statements).toContainEqual(
      expect.objectContaining({
        Action: 'sagemaker:InvokeEndpointAsync',
        Resource: expect.objectContaining({
          'Fn::Join': ['', expect.arrayContaining([':sagemaker:us-east-1:123456789012:endpoint/later'])],
        }) as unknown,
      }),
    );
    const text = JSON.stringify(statements);
    expect(text).toContain('/asked/*');
    expect(text).not.toContain('/answers/*');
    expect(text).not.toContain('/failures/*');
  });

  test('has metrics of what spilled, by the name of its stream', () => {
    const { ingestion } = deploy();
    expect([
      ingestion.metricSpilledRecords(),
      ingestion.metricOpenSpilledRecords(),
      ingestion.metricSpillDelay(),
    ]).toMatchObject([
      { metricName: 'SpilledRecords', statistic: 'Sum', dimensions: { StreamName: ingestion.stream.streamName } },
      { metricName: 'OpenSpilledRecords', statistic: 'Maximum' },
      { metricName: 'SpillDelay', statistic: 'Maximum' },
    ]);
  });

  test('has none of it without spillTo', () => {
    const stack = new Stack(new App(), 'Test', { env });
    const { spillCollector } = new StreamIngestion(stack, 'Requests', {
      endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
    });
    expect(spillCollector).toBeUndefined();
    expect(JSON.stringify(Template.fromStack(stack))).not.toMatch(/SPILL|spilled|InvokeEndpointAsync/);
  });

  test('may be one of a topic', () => {
    const stack = new Stack(new App(), 'Test', { env });
    const ingestion = new KafkaIngestion(stack, 'Requests', {
      endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
      source: new MskCluster(stack, 'Cluster', { vpc: new ec2.Vpc(stack, 'Vpc') }).source,
      topic: { topicName: 'requests', partitions: 2 },
      consumerGroupId: 'films',
      spillTo: { endpoint: later(stack), afterAge: Duration.minutes(2) },
    });
    Template.fromStack(stack).hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ [SPILL_COLLECTOR_ENVIRONMENT.streamName]: 'films' }) },
      Description: 'Writes the results of records that an asynchronous endpoint took over',
    });
    expect(ingestion.metricSpilledRecords().dimensions).toEqual({ StreamName: 'films' });
    expect([ingestion.metricOpenSpilledRecords(), ingestion.metricSpillDelay()]).toMatchObject([
      { statistic: 'Maximum' },
      { statistic: 'Maximum' },
    ]);
  });
});

describe('a spill is refused', () => {
  test.each<[string, Partial<SpillProps>, RegExp]>([
    ['below five seconds', { afterAge: Duration.seconds(4) }, /spillTo\.afterAge \(4 s\) is below 5 s/],
    [
      'at the age of failed batches',
      { afterAge: Duration.days(1) },
      /\(86400 s\) is not below maxRecordAge \(86400 s\)/,
    ],
    ['at parts of a second', { afterAge: Duration.millis(7_500) }, /spillTo\.afterAge/],
    ['with a short time in the queue', { requestTtl: Duration.seconds(59) }, /requestTtl \(59 s\).*60 to 21600 s/],
    ['with a long time in the queue', { requestTtl: Duration.hours(7) }, /requestTtl \(25200 s\)/],
    [
      'with a long time of the model',
      { invocationTimeout: Duration.hours(2) },
      /invocationTimeout \(7200 s\).*1 to 3600/,
    ],
    ['without any time of the model', { invocationTimeout: Duration.seconds(0) }, /invocationTimeout \(0 s\)/],
  ])('%s', (_, spill, message) => {
    expect(() => deploy(spill)).toThrow(message);
  });

  test('not at the smallest age and times', () => {
    const least = { requestTtl: Duration.seconds(60), invocationTimeout: Duration.seconds(1) };
    expect(() => deploy({ afterAge: Duration.seconds(5), ...least })).not.toThrow();
  });

  test('to the endpoint of the ingestion itself', () => {
    expect(() => deploy({}, { endpointName: 'chat' })).toThrow(/the endpoint of the ingestion itself \('chat'\)/);
  });

  test('to an endpoint whose bucket is not known', () => {
    const stack = new Stack(new App(), 'Other', { env });
    const endpoint = AsyncEndpoint.fromEndpointName(stack, 'Bare', 'bare', 'main');
    expect(() => deploy({ endpoint })).toThrow(/spillTo\.endpoint has no known bucket.*fromAsyncEndpointAttributes/);
  });

  test('to one that is not asynchronous', () => {
    const stack = new Stack(new App(), 'Other', { env });
    const endpoint = GpuEndpoint.fromEndpointName(stack, 'Quick', 'quick', 'main') as unknown as IAsynchronousEndpoint;
    expect(() => deploy({ endpoint })).toThrow(/spillTo\.endpoint is not asynchronous/);
  });
});
