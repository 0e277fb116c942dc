import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as events from 'aws-cdk-lib/aws-events';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import { DriftMonitor } from '../../lib/drift';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../lib/inference';
import { ResultSink, ResultTable, StreamIngestion } from '../../lib/ingestion';
import { PlatformAlarms } from '../../lib/monitoring';
import { PlatformStack } from '../../lib/platform';
import { stageConfiguration } from '../../lib/platform/stages';
import { LiveModel, ModelRollout } from '../../lib/rollout';
import { ModelRegistry, TrainingPipeline, TrainingTriggers } from '../../lib/training';

const env = { account: '123456789012', region: 'us-east-1' };

/** Functions whose failure is told otherwise, or harms nothing, by the handler that they run. */
const UNWATCHED: { readonly [handler: string]: string } = {
  'bucket-emptier': 'CloudFormation has its response',
  'cost-guard-release': 'CloudFormation has its response',
  'live-model': 'CloudFormation has its response',
  'configuration-sweeper': 'the next day makes up for it, and what stays costs nothing',
  redrive: 'whoever invokes it has its response',
  'model-rollout': 'the state machine that calls it fails',
};

const stage = (name: 'dev' | 'prod', more: object = {}): Stack =>
  new PlatformStack(new App(), 'Stage', { stage: { ...stageConfiguration(name), ...more } });

const stackOf = (define: (stack: Stack, alarms: PlatformAlarms) => void): Stack => {
  const stack = new Stack(new App(), 'Single', { env });
  define(stack, new PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') }));
  return stack;
};

const CASES: readonly (readonly [name: string, define: () => Stack])[] = [
  ['stage dev with features', () => stage('dev', { features: {} })],
  ['stage prod', () => stage('prod')],
  [
    'a stream whose shards are scaled, and a sink of its results',
    () =>
      stackOf((stack, alarms) => {
        const requests = new StreamIngestion(stack, 'Requests', {
          endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
          shardCount: 2,
          shardScaling: { maxShards: 8 },
        });
        const stream = new kinesis.Stream(stack, 'Answers');
        alarms.watchIngestion(requests);
        alarms.watchResultSink(new ResultSink(stack, 'Sink', { resultsBucket: requests.resultsBucket, stream }));
      }),
  ],
  [
    'a table of results',
    () =>
      stackOf((stack, alarms) => {
        const resultsBucket = new s3.Bucket(stack, 'Results');
        alarms.watchResultTable(new ResultTable(stack, 'Table', { resultsBucket }));
      }),
  ],
  [
    'triggers of a training pipeline',
    () =>
      stackOf((stack, alarms) => {
        const pipeline = new TrainingPipeline(stack, 'Training', {
          trainingData: s3.Bucket.fromBucketName(stack, 'Rows', 'rows'),
          trainingDataPrefix: 'train/',
          instanceTypes: ['ml.c5.xlarge'],
          maxRuntime: Duration.hours(1),
        });
        const schedule = events.Schedule.rate(Duration.days(1));
        alarms.watchTraining(pipeline.stateMachine);
        alarms.watchTrainingTriggers(new TrainingTriggers(stack, 'Triggers', { pipeline, schedule }));
      }),
  ],
  [
    'a drift monitor',
    () =>
      stackOf((stack, alarms) => {
        const capturedData = s3.Bucket.fromBucketName(stack, 'Captured', 'captured');
        alarms.watchDrift(
          new DriftMonitor(stack, 'Drift', { capturedData, capturedDataPrefix: 'chat/', columns: ['input.age'] }),
        );
      }),
  ],
  [
    'rollouts of a model',
    () =>
      stackOf((stack, alarms) => {
        const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
        const live = new LiveModel(stack, 'Live', { initialModel: ModelArtifact.fromBucket(models, 'a.tar.gz') });
        const endpoint = new GpuEndpoint(stack, 'Chat', {
          modelServer: ModelServer.triton(),
          modelArtifact: live.artifact,
          capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
        });
        const rollout = new ModelRollout(stack, 'Rollout', {
          endpoint,
          live,
          registry: ModelRegistry.fromModelPackageGroupName(stack, 'Registry', 'chat'),
          models: [models],
          evaluationData: models,
          image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312',
          maxRuntime: Duration.hours(1),
        });
        alarms.watchRollout(rollout);
      }),
  ],
];

describe.each(CASES)('the alarms of %s', (_, define) => {
  let template: Template;
  let alarms: string;
  beforeAll(() => {
    template = Template.fromStack(define());
    alarms = JSON.stringify(Object.values(template.findResources('AWS::CloudWatch::Alarm')));
  });
  const named = (id: string, attribute: string): string => `{"Fn::GetAtt":["${id}","${attribute}"]}`;

  test('tell of every queue in which something waits that nobody takes', () => {
    const queues = Object.keys(template.findResources('AWS::SQS::Queue'));
    expect(queues.length).toBeGreaterThan(0);
    expect(queues.filter((id) => !alarms.includes(named(id, 'QueueName')))).toEqual([]);
  });

  test('tell of every handler that fails where nobody else does', () => {
    const roles = template.findResources('AWS::IAM::Role');
    const unwatched = Object.entries(template.findResources('AWS::Lambda::Function')).filter(([id, { Properties }]) => {
      const role = roles[Properties.Role['Fn::GetAtt'][0] as string]!;
      const handler = String(role.Properties.Description).replace('Runs the handler ', '');
      return UNWATCHED[handler] === undefined && !alarms.includes(`{"Ref":"${id}"}`);
    });
    expect(unwatched.map(([id]) => id)).toEqual([]);
  });

  test('tell of every state machine that fails, or takes longer than it may', () => {
    for (const [id, { Properties }] of Object.entries(template.findResources('AWS::StepFunctions::StateMachine'))) {
      const mine = Object.values(template.findResources('AWS::CloudWatch::Alarm')).filter((alarm) =>
        JSON.stringify(alarm).includes(`{"Ref":"${id}"}`),
      );
      const text = JSON.stringify(mine);
      expect(text).toContain('"ExecutionsFailed"');
      const parts = Properties.DefinitionString['Fn::Join'][1] as readonly unknown[];
      const definition = parts.map((part) => (typeof part === 'string' ? part : 'reference')).join('');
      if ((JSON.parse(definition) as { TimeoutSeconds?: number }).TimeoutSeconds !== undefined)
        expect(text).toContain('"ExecutionsTimedOut"');
    }
  });
});

test('the alarms of a table of results tell of results that are late or no row', () => {
  const [, define] = CASES.find(([name]) => name === 'a table of results')!;
  const template = Template.fromStack(define());
  const streams = Object.keys(template.findResources('AWS::KinesisFirehose::DeliveryStream'));
  const dimensions = streams.map((id) => ({ Name: 'DeliveryStreamName', Value: { Ref: id } }));
  expect(dimensions).toHaveLength(1);
  const common = { Namespace: 'AWS/Firehose', Dimensions: dimensions, TreatMissingData: 'notBreaching' };
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    ...common,
    MetricName: 'DeliveryToS3.DataFreshness',
    Statistic: 'Maximum',
    Threshold: 1800,
    Period: 60,
    EvaluationPeriods: 5,
    DatapointsToAlarm: 3,
  });
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    ...common,
    MetricName: 'FailedConversion.Records',
    Statistic: 'Sum',
    Threshold: 1,
  });
});

test('the shard scaler is missed when it is not run at all', () => {
  const [, define] = CASES[2]!;
  Template.fromStack(define()).hasResourceProperties('AWS::CloudWatch::Alarm', {
    MetricName: 'OpenShards',
    Statistic: 'SampleCount',
    ComparisonOperator: 'LessThanThreshold',
    TreatMissingData: 'breaching',
  });
});
