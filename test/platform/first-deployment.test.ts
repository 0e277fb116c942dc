import { CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { CompressionPipeline } from '../../lib/compression';
import { CostGuard, NotificationTopic } from '../../lib/cost';
import { SparkPipeline } from '../../lib/features';
import { AsyncEndpoint, GpuEndpoint, ModelServer } from '../../lib/inference';
import { KafkaIngestion, MskCluster, ResultTable, StreamIngestion } from '../../lib/ingestion';
import { PlatformStack } from '../../lib/platform';
import { EndpointTourStack } from '../../lib/platform/endpoint-tour-stack';
import { STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';
import { CapacityForecaster, ScaleEvents } from '../../lib/scaling';
import { TrainingPipeline } from '../../lib/training';
import { eventually, LocalAws } from '../emulator/engine/support/local-aws';

interface Resource {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly Properties?: { readonly [property: string]: unknown };
}

interface Resources {
  readonly [logicalId: string]: Resource;
}

const resourcesOf = (stack: Stack): Resources => Template.fromStack(stack).toJSON()['Resources'] as Resources;

/** Every construct that creates something that is kept, with no property but the required ones. */
function defaults(): Stack {
  const stack = new Stack(new App(), 'Defaults', { env: { region: 'us-east-1' } });
  const modelServer = ModelServer.triton();
  const capacity = { pools: [{ instanceType: 'ml.g5.xlarge' }] };
  const endpoint = new GpuEndpoint(stack, 'Endpoint', { modelServer, capacity });
  new AsyncEndpoint(stack, 'Async', { modelServer, capacity });
  const scaling = endpoint.autoScale({ minCapacity: 1, maxCapacity: 2 });
  const ingestion = new StreamIngestion(stack, 'Ingestion', { endpoint });
  new TrainingPipeline(stack, 'Training', {
    trainingData: ingestion.resultsBucket,
    instanceTypes: ['ml.g5.xlarge'],
    maxRuntime: Duration.hours(1),
  });
  new ScaleEvents(stack, 'ScaleEvents', { fleets: [endpoint] });
  new CapacityForecaster(stack, 'Forecast', { scaling, serviceTime: Duration.seconds(1) });
  new CostGuard(stack, 'Guard', { budgetUsd: 5000, fleets: [{ scaling }] });
  new NotificationTopic(stack, 'Topic');
  const { resultsBucket, measurementsPrefix } = ingestion;
  new ResultTable(stack, 'Table', { resultsBucket });
  new SparkPipeline(stack, 'Features', { landingBucket: resultsBucket });
  new CompressionPipeline(stack, 'Compression', {
    models: resultsBucket,
    trainingData: resultsBucket,
    trainingDataPrefix: measurementsPrefix,
    image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/compression:1',
    instanceTypes: ['ml.c5.xlarge'],
    maxRuntime: Duration.hours(1),
  });
  const cluster = new MskCluster(stack, 'Cluster', { vpc: new Vpc(stack, 'Vpc') });
  new KafkaIngestion(stack, 'Topics', {
    endpoint,
    source: cluster.source,
    topic: { topicName: 'requests', partitions: 2, create: { retention: Duration.days(7) } },
  });
  return stack;
}

const stages: [string, () => Stack][] = STAGE_NAMES.map((name) => [
  `stage ${name}`,
  () => new PlatformStack(new App(), `Tidegate-${name}`, { stage: stageConfiguration(name) }),
]);
const deployed = new Map<string, Resources>(
  [
    ...stages,
    [
      'tour of endpoints',
      () => new EndpointTourStack(new App(), 'Tour', { stage: stageConfiguration('local'), state: 'initial' }),
    ] as const,
    ['constructs with their defaults', defaults] as const,
  ].map(([name, define]) => [name, resourcesOf(define())]),
);

/** Resources that are kept even when the deployment that created them fails, by type, with the reason. */
const KEPT_AFTER_A_FAILED_CREATION: { readonly [resourceType: string]: string } = {};

describe.each([...deployed.keys()])('a first deployment of the %s', (name) => {
  const resources = Object.entries(deployed.get(name)!);

  // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
  test('keeps no resource when it fails, but those with a reason', () => {
    const kept = resources.filter(
      ([, { Type, DeletionPolicy }]) => DeletionPolicy === 'Retain' && !(Type in KEPT_AFTER_A_FAILED_CREATION),
    );
    expect(kept.map(([logicalId]) => logicalId)).toEqual([]);
  });

  // A new account may have 10 concurrent executions, of which none can be reserved:
  // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
  test("takes no concurrency out of the account's pool", () => {
    const functions = resources.filter(([, { Type }]) => Type === 'AWS::Lambda::Function');
    const reserving = functions.filter(([, { Properties }]) => 'ReservedConcurrentExecutions' in Properties!);
    expect(functions.length).toBeGreaterThan(0);
    expect(reserving.map(([logicalId]) => logicalId)).toEqual([]);
  });
});

describe('a first deployment of the stage prod that fails', () => {
  let aws: LocalAws;
  beforeAll(async () => {
    aws = await LocalAws.start();
  }, 300_000);
  afterAll(() => aws?.stop());

  const kept = Object.fromEntries(
    Object.entries(deployed.get('stage prod')!).filter(([, { DeletionPolicy }]) => DeletionPolicy !== undefined),
  );
  const isKept = ({ DeletionPolicy }: Resource): boolean => DeletionPolicy !== 'Delete';

  test('leaves none of the resources that a deletion of the stage leaves', async () => {
    const keptTypes = Object.values(kept)
      .filter(isKept)
      .map(({ Type }) => Type);
    expect([...new Set(keptTypes)].sort()).toEqual([
      'AWS::DynamoDB::Table',
      'AWS::KMS::Key',
      'AWS::Kinesis::Stream',
      'AWS::S3::Bucket',
    ]);
    // The model stands for the endpoint without quota or capacity: the emulator refuses it when all else exists.
    const refused = {
      Type: 'AWS::SageMaker::Model',
      DependsOn: Object.keys(kept),
      Properties: { ModelName: 'refused' },
    };
    const statusOf = async (name: string): Promise<string> =>
      (await aws.cloudFormation.send(new DescribeStacksCommand({ StackName: name }))).Stacks![0]!.StackStatus!;
    await aws.cloudFormation.send(
      new CreateStackCommand({
        StackName: 'first',
        TemplateBody: JSON.stringify({ Resources: { ...kept, Refused: refused } }),
      }),
    );
    const status = await eventually(
      () => statusOf('first'),
      (now) => !now.endsWith('_IN_PROGRESS'),
    );

    expect(status).toBe('ROLLBACK_COMPLETE');
    expect((await aws.dynamoDb.send(new ListTablesCommand({}))).TableNames).toEqual([]);
    expect((await aws.kinesis.send(new ListStreamsCommand({}))).StreamNames).toEqual([]);
    expect((await aws.s3.send(new ListBucketsCommand({}))).Buckets ?? []).toEqual([]);
  });
});
