import { execFileSync } from 'node:child_process';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { ensurePythonEnvironment } from '../../lib/emulator/engine/python-environment';
import {
  ChannelFileSystem,
  ChannelInputMode,
  PackedAsset,
  TrainingChannel,
  TrainingDistribution,
  TrainingPipeline,
  type TrainingPipelineProps,
} from '../../lib/training';
import { projectDirectory } from '../architecture/imports';

type Request = { readonly [member: string]: unknown };

function deploy(props: (stack: Stack) => Partial<TrainingPipelineProps>) {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const pipeline = new TrainingPipeline(stack, 'Training', {
    trainingData: s3.Bucket.fromBucketName(stack, 'Data', 'landed'),
    instanceTypes: ['ml.g5.xlarge'],
    maxRuntime: Duration.hours(1),
    ...props(stack),
  });
  return { stack, pipeline, template: Template.fromStack(stack) };
}

/** The request of CreateTrainingJob on the first type; references are `REF`, and intrinsic names and locations of the execution are plain ones. */
function requestOf(template: Template): Request {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const text = (machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } }).DefinitionString;
  const joined = text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'REF')).join('');
  const { States } = JSON.parse(joined) as { States: { [name: string]: { Parameters?: Request } } };
  const train = Object.entries(States).find(([name]) => name.startsWith('Train on '))![1].Parameters!;
  return train;
}

const sent = (props: (stack: Stack) => Partial<TrainingPipelineProps>): Request => requestOf(deploy(props).template);

const problems = (props: (stack: Stack) => Partial<TrainingPipelineProps>): string => {
  try {
    deploy(props);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('accepted');
};

const inVpc = (stack: Stack) => ({ vpc: new ec2.Vpc(stack, 'Vpc', { maxAzs: 2 }) });

/** Everything that a job can have, apart from what excludes spot capacity. */
const everything = (stack: Stack): Partial<TrainingPipelineProps> => ({
  channels: {
    images: TrainingChannel.fromBucket(s3.Bucket.fromBucketName(stack, 'Images', 'images'), {
      prefix: 'train/',
      contentType: 'image/png',
      inputMode: ChannelInputMode.FILE,
      sharded: true,
    }),
    shared: TrainingChannel.fromFileSystem({
      fileSystemId: 'fs-0123456789abcdef0',
      fileSystem: ChannelFileSystem.FSX_LUSTRE,
      directoryPath: '/mount/data',
      writable: true,
    }),
  },
  instanceTypes: ['ml.m5.xlarge'],
  instanceCount: 4,
  distribution: TrainingDistribution.TORCHRUN,
  environment: { LOG_LEVEL: 'debug' },
  metricDefinitions: { 'train:loss': 'train_loss=([0-9.e+-]+)' },
  network: inVpc(stack),
  volumeKey: new kms.Key(stack, 'VolumeKey'),
  outputKey: new kms.Key(stack, 'OutputKey'),
  retryAttempts: 3,
  sourceDirectory: PackedAsset.classifierSourcePath(),
});

const reserved = (): Partial<TrainingPipelineProps> => ({
  spot: false,
  keepAlive: Duration.minutes(30),
  trainingPlanArn: 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/large-language',
});

describe('the request of a job', () => {
  test('has several instances, with their traffic encrypted, and starts the script by torchrun', () => {
    const request = sent(everything);
    expect(request).toMatchObject({
      ResourceConfig: { InstanceType: 'ml.m5.xlarge', InstanceCount: 4, VolumeKmsKeyId: 'REF' },
      EnableInterContainerTrafficEncryption: true,
      HyperParameters: { sagemaker_program: 'train.py', sagemaker_torch_distributed_enabled: 'true' },
      OutputDataConfig: { KmsKeyId: 'REF' },
      RetryStrategy: { MaximumRetryAttempts: 3 },
      Environment: { LOG_LEVEL: 'debug' },
      VpcConfig: { SecurityGroupIds: ['REF'], Subnets: ['REF', 'REF'] },
    });
    expect((request['AlgorithmSpecification'] as Request)['MetricDefinitions']).toEqual([
      { Name: 'train:loss', Regex: 'train_loss=([0-9.e+-]+)' },
    ]);
  });

  test('has a channel each of objects and of a file system, beside the training data', () => {
    expect(sent(everything)['InputDataConfig']).toEqual([
      {
        ChannelName: 'train',
        ContentType: 'application/jsonlines',
        InputMode: 'FastFile',
        DataSource: {
          S3DataSource: {
            S3DataType: 'S3Prefix',
            S3Uri: 's3://landed/measurements/',
            S3DataDistributionType: 'FullyReplicated',
          },
        },
      },
      {
        ChannelName: 'images',
        ContentType: 'image/png',
        InputMode: 'File',
        DataSource: {
          S3DataSource: {
            S3DataType: 'S3Prefix',
            S3Uri: 's3://images/train/',
            S3DataDistributionType: 'ShardedByS3Key',
          },
        },
      },
      {
        ChannelName: 'shared',
        DataSource: {
          FileSystemDataSource: {
            FileSystemId: 'fs-0123456789abcdef0',
            FileSystemType: 'FSxLustre',
            FileSystemAccessMode: 'rw',
            DirectoryPath: '/mount/data',
          },
        },
      },
    ]);
  });

  test('has the source as a channel where the containers have no network', () => {
    const request = sent(() => ({ network: { isolation: true } }));
    const channels = request['InputDataConfig'] as { ChannelName: string; DataSource: Request }[];
    const code = channels.find(({ ChannelName }) => ChannelName === 'code')!;
    const { S3Uri } = code.DataSource['S3DataSource'] as { S3Uri: string };
    expect(request['EnableNetworkIsolation']).toBe(true);
    expect((request['HyperParameters'] as Request)['sagemaker_submit_directory']).toBe(
      `/opt/ml/input/data/code/${S3Uri.split('/').at(-1)}`,
    );
  });

  test('keeps instances warm and takes those of a training plan, on demand', () => {
    expect(sent(reserved)).toMatchObject({
      ResourceConfig: {
        KeepAlivePeriodInSeconds: 1800,
        TrainingPlanArn: 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/large-language',
      },
    });
  });

  test('has no key for a volume that the hardware encrypts', () => {
    const { ResourceConfig } = sent((stack) => ({ volumeKey: new kms.Key(stack, 'Key') })) as {
      ResourceConfig: object;
    };
    expect(ResourceConfig).toEqual({ InstanceType: 'ml.g5.xlarge', InstanceCount: 1, VolumeSizeInGB: 50 });
  });

  test('is what the model of the service allows', async () => {
    const python = await ensurePythonEnvironment({ projectDirectory });
    const requests = [() => ({}), everything, reserved, () => ({ network: { isolation: true } })].map((props) => {
      const plain = Object.entries(sent(props)).map(([name, value]) => [name.replace(/\.\$$/, ''), value]);
      const request = Object.fromEntries(plain) as { [name: string]: unknown };
      return {
        ...request,
        RoleArn: 'arn:aws:iam::123456789012:role/training',
        TrainingJobName: 'job',
        ...('CheckpointConfig' in request ? { CheckpointConfig: { S3Uri: 's3://models/checkpoints/' } } : {}),
      };
    });
    const program = `
import json, sys, botocore.session, botocore.validate
operation = botocore.session.get_session().get_service_model('sagemaker').operation_model('CreateTrainingJob')
for request in json.load(sys.stdin):
    report = botocore.validate.ParamValidator().validate(request, operation.input_shape)
    print(report.generate_report() or 'valid')
`;
    const output = execFileSync(python, ['-c', program], { input: JSON.stringify(requests), encoding: 'utf8' });
    expect(output.trim().split('\n')).toEqual(requests.map(() => 'valid'));
  }, 60_000);
});

describe('the permissions of a job', () => {
  const statementsOf = (template: Template, id: RegExp): { Action: unknown; Resource: unknown; Sid?: string }[] =>
    Object.entries(template.findResources('AWS::IAM::Policy'))
      .filter(([name]) => id.test(name))
      .flatMap(
        ([, { Properties }]) =>
          (Properties as { PolicyDocument: { Statement: { Action: unknown; Resource: unknown }[] } }).PolicyDocument
            .Statement,
      );

  test('reach every bucket of its channels, and network interfaces only in a VPC', () => {
    const jobs = (props: (stack: Stack) => Partial<TrainingPipelineProps>): string =>
      JSON.stringify(statementsOf(deploy(props).template, /^TrainingTrainingPolicy/));
    expect(jobs(everything)).toContain(':s3:::images/train/*');
    expect(jobs(everything)).toContain('ec2:CreateNetworkInterface');
    expect(jobs(() => ({}))).not.toContain('ec2:');
  });

  test('of the machine let it pass the key of the volumes on', () => {
    const statements = statementsOf(deploy(everything).template, /^TrainingMachinePolicy/);
    expect(statements.find(({ Action }) => Action === 'kms:CreateGrant')).toBeDefined();
  });

  test('let it list its source in the bucket of assets where that is a channel', () => {
    const find = (props: (stack: Stack) => Partial<TrainingPipelineProps>) =>
      statementsOf(deploy(props).template, /^TrainingTrainingPolicy/).find(({ Sid }) => Sid === 'FindSource');
    expect(find(() => ({ network: { isolation: true } }))).toMatchObject({ Action: 's3:ListBucket' });
    expect(find(() => ({}))).toBeUndefined();
  });
});

test('instances in a VPC reach each other, and nobody reaches them', () => {
  const { template } = deploy((stack) => ({ network: inVpc(stack), instanceCount: 2 }));
  const rules = Object.values(template.findResources('AWS::EC2::SecurityGroupIngress')).map(
    ({ Properties }) => Properties as { IpProtocol: string; SourceSecurityGroupId: unknown; GroupId: unknown },
  );
  expect(rules).toHaveLength(1);
  expect(rules[0]!.IpProtocol).toBe('-1');
  expect(rules[0]!.SourceSecurityGroupId).toEqual(rules[0]!.GroupId);
});

describe('settings that a job cannot have are refused', () => {
  const bucket = (stack: Stack): s3.IBucket => s3.Bucket.fromBucketName(stack, 'Other', 'other');
  test.each<[string, (stack: Stack) => Partial<TrainingPipelineProps>]>([
    ['there is no data; give trainingData, or channels', () => ({ trainingData: undefined })],
    [
      'channels.train is the channel of trainingData already',
      (stack) => ({ channels: { train: TrainingChannel.fromBucket(bucket(stack)) } }),
    ],
    ["and not 'code'", (stack) => ({ channels: { code: TrainingChannel.fromBucket(bucket(stack)) } })],
    [
      'channels.a b: the name is not allowed',
      (stack) => ({ channels: { 'a b': TrainingChannel.fromBucket(bucket(stack)) } }),
    ],
    [
      'channels.disk is a file system, which is reached from a VPC only; give network.vpc',
      () => ({
        channels: {
          disk: TrainingChannel.fromFileSystem({
            fileSystemId: 'fs-0123456789abcdef0',
            fileSystem: ChannelFileSystem.EFS,
            directoryPath: '/',
          }),
        },
      }),
    ],
    [
      'there are 21 channels; at most 20 are allowed',
      (stack) => {
        const channel = TrainingChannel.fromBucket(bucket(stack));
        return { channels: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`c${index}`, channel])) };
      },
    ],
    ['instanceCount (0) must be a whole number from 1', () => ({ instanceCount: 0 })],
    ['instanceCount (1.5) must be a whole number from 1', () => ({ instanceCount: 1.5 })],
    ['keepAlive holds instances on demand, and spot is on', () => ({ keepAlive: Duration.minutes(5) })],
    [
      'keepAlive (25200 s) is out of range; 60 to 21600 s is allowed',
      () => ({ spot: false, keepAlive: Duration.hours(7) }),
    ],
    [
      'a training plan has reserved capacity, and spot is on',
      () => ({ trainingPlanArn: 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/p' }),
    ],
    ["trainingPlanArn ('p') is no training plan", () => ({ spot: false, trainingPlanArn: 'p' })],
    ['retryAttempts (31) must be a whole number from 1 to 30', () => ({ retryAttempts: 31 })],
    ['environment.2nd is not allowed', () => ({ environment: { '2nd': 'x' } })],
    ['environment.LONG is not allowed', () => ({ environment: { LONG: 'x'.repeat(513) } })],
    [
      'environment.TIDEGATE_MODEL_DATA_URL is that of the artifact in the input of the execution',
      () => ({ environment: { TIDEGATE_MODEL_DATA_URL: 's3://mine' } }),
    ],
    ["metricDefinitions.loss ('loss=') has 0 groups", () => ({ metricDefinitions: { loss: 'loss=' } })],
    ["metricDefinitions.loss ('(') is no regular expression", () => ({ metricDefinitions: { loss: '(' } })],
    [
      'there are 41 metricDefinitions; at most 40 are allowed',
      () => ({
        metricDefinitions: Object.fromEntries(
          Array.from({ length: 41 }, (_, index) => [`m${index}`, `m${index}=(.*)`]),
        ),
      }),
    ],
    ['network.vpcSubnets and network.securityGroups belong to a VPC', () => ({ network: { securityGroups: [] } })],
  ])('%s', (message, props) => {
    expect(problems(props)).toContain(message);
  });

  test.each([
    ["fileSystemId ('efs') is no file system", { fileSystemId: 'efs', directoryPath: '/' }],
    ["directoryPath ('data') is not absolute", { fileSystemId: 'fs-01234567', directoryPath: 'data' }],
  ])('%s', (message, options) => {
    expect(() => TrainingChannel.fromFileSystem({ fileSystem: ChannelFileSystem.EFS, ...options })).toThrow(message);
  });
});
