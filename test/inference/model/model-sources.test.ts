import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as ecrAssets from 'aws-cdk-lib/aws-ecr-assets';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { packDirectory } from '../../../lib/training/pack-source';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../../lib/inference';

const pools = [{ instanceType: 'ml.g5.xlarge' }];

function newStack(region: string | undefined = 'us-east-1'): Stack {
  return new Stack(new App(), 'Test', region === '' ? {} : { env: { account: '123456789012', region } });
}

function containerOf(
  stack: Stack,
  modelServer: ModelServer,
  modelArtifact?: ModelArtifact,
): { [name: string]: unknown } {
  new GpuEndpoint(stack, 'Chat', { modelServer, capacity: { pools }, modelArtifact });
  const [model] = Object.values(Template.fromStack(stack).findResources('AWS::SageMaker::Model'));
  return (model as { Properties: { PrimaryContainer: { [name: string]: unknown } } }).Properties.PrimaryContainer;
}

describe('ModelServer', () => {
  test('sets the environment variables of Triton', () => {
    const server = ModelServer.triton({
      defaultModelName: 'chat',
      threadCount: 4,
      verboseLogging: true,
      environment: { EXTRA: '1' },
      tag: '25.09-py3',
      account: '007439368137',
    });
    expect(containerOf(newStack(), server)).toEqual({
      Image: '007439368137.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:25.09-py3',
      Environment: {
        SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: 'chat',
        SAGEMAKER_TRITON_THREAD_COUNT: '4',
        SAGEMAKER_TRITON_LOG_VERBOSE: 'true',
        EXTRA: '1',
      },
    });
  });

  test('takes Triton from the account and domain of the region', () => {
    expect(containerOf(newStack('eu-south-1'), ModelServer.triton())['Image']).toMatch(
      /^692866216735\.dkr\.ecr\.eu-south-1\.amazonaws\.com\//,
    );
    expect(containerOf(newStack('cn-north-1'), ModelServer.tensorFlowServing())['Image']).toMatch(
      /^727897471807\..*\.amazonaws\.com\.cn\//,
    );
  });

  test('looks the account up at deploy time where the region is not known, in one table for all endpoints', () => {
    const stack = newStack('');
    new GpuEndpoint(stack, 'Other', { modelServer: ModelServer.triton(), capacity: { pools } });
    expect(JSON.stringify(containerOf(stack, ModelServer.triton())['Image'])).toContain('Fn::FindInMap');
    expect(Object.keys(Template.fromStack(stack).findMappings('*'))).toHaveLength(1);
  });

  test('is refused in a region where AWS lists no image, with the listed regions and the ways out', () => {
    expect(() => containerOf(newStack('cn-north-1'), ModelServer.triton())).toThrow(
      /lists no image sagemaker-tritonserver:26.05-py3 for region 'cn-north-1' \(listed: af-south-1, .*\); copy the image .* give its account, or use ModelServer.image$/,
    );
    const account = '111122223333';
    expect(containerOf(newStack('cn-north-1'), ModelServer.triton({ account }))['Image']).toBe(
      '111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-tritonserver:26.05-py3',
    );
  });

  test('takes images and files of its own region only, as SageMaker does', () => {
    const image = ModelServer.image('111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/vllm:1.2');
    expect(() => containerOf(newStack(), image)).toThrow('the image is in eu-west-1, the model in us-east-1');
    const stack = newStack();
    const bucket = s3.Bucket.fromBucketAttributes(stack, 'Models', { bucketName: 'models', region: 'eu-west-1' });
    const artifact = ModelArtifact.fromBucket(bucket, 'chat.tar.gz');
    expect(() => containerOf(stack, ModelServer.triton(), artifact)).toThrow('the model artifact is in eu-west-1');
  });

  test('takes an image that is built with the deployment', () => {
    const stack = newStack();
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-image-'));
    fs.writeFileSync(path.join(directory, 'Dockerfile'), 'FROM scratch');
    const asset = new ecrAssets.DockerImageAsset(stack, 'Image', { directory });
    expect(JSON.stringify(containerOf(stack, ModelServer.fromImageAsset(asset))['Image'])).toContain(asset.imageTag);
    fs.rmSync(directory, { recursive: true });
  });

  test('takes an image by its URI and may pull that repository alone', () => {
    const stack = newStack('eu-west-1');
    const uri = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/vllm:1.2';
    expect(containerOf(stack, ModelServer.image(uri, { environment: { HF_HOME: '/tmp' } }))).toEqual({
      Image: uri,
      Environment: { HF_HOME: '/tmp' },
    });
    expect(JSON.stringify(Template.fromStack(stack).toJSON())).toContain(
      ':ecr:eu-west-1:111122223333:repository/team/vllm',
    );
  });

  test('takes an image of a repository of the stack', () => {
    const stack = newStack();
    const repository = new ecr.Repository(stack, 'Images');
    const image = JSON.stringify(containerOf(stack, ModelServer.fromEcrRepository(repository, '1.2'))['Image']);
    expect(image).toContain('Images');
    expect(image).toContain(':1.2');
  });

  test('refuses images outside ECR', () => {
    expect(() => containerOf(newStack(), ModelServer.image('docker.io/vllm/vllm:latest'))).toThrow(
      /is not an ECR image/,
    );
  });
});

describe('ModelArtifact', () => {
  test('is an archive in a bucket', () => {
    const stack = newStack();
    const bucket = s3.Bucket.fromBucketName(stack, 'Models', 'models');
    expect(
      containerOf(stack, ModelServer.triton(), ModelArtifact.fromBucket(bucket, 'chat/model.tar.gz')),
    ).toMatchObject({
      ModelDataSource: {
        S3DataSource: { S3Uri: 's3://models/chat/model.tar.gz', S3DataType: 'S3Object', CompressionType: 'Gzip' },
      },
    });
  });

  test('is a prefix of uncompressed files', () => {
    const stack = newStack();
    const bucket = s3.Bucket.fromBucketName(stack, 'Models', 'models');
    expect(containerOf(stack, ModelServer.triton(), ModelArtifact.fromBucketPrefix(bucket, 'chat/v1'))).toMatchObject({
      ModelDataSource: {
        S3DataSource: { S3Uri: 's3://models/chat/v1/', S3DataType: 'S3Prefix', CompressionType: 'None' },
      },
    });
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Action: 's3:ListBucket', Condition: { StringLike: { 's3:prefix': 'chat/v1/*' } } }),
        ]),
      },
    });
  });

  test('is a local archive that is uploaded with the deployment', () => {
    const archive = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-model-')), 'model.tar.gz');
    fs.writeFileSync(archive, packDirectory('lib/training/assets/service-time/initial-model'));
    const container = containerOf(newStack(), ModelServer.triton(), ModelArtifact.fromAsset(archive));
    expect(container).toMatchObject({
      ModelDataSource: {
        S3DataSource: { S3Uri: expect.stringMatching(/^s3:\/\/cdk-.*\.gz$/) as string, CompressionType: 'Gzip' },
      },
    });
    fs.rmSync(path.dirname(archive), { recursive: true });
  });

  test('may be decrypted where its bucket has a key', () => {
    const stack = newStack();
    const bucket = new s3.Bucket(stack, 'Models', { encryption: s3.BucketEncryption.KMS });
    containerOf(stack, ModelServer.triton(), ModelArtifact.fromBucket(bucket, 'model.tar.gz'));
    expect(JSON.stringify(Template.fromStack(stack).findResources('AWS::IAM::Policy'))).toContain('kms:Decrypt');
  });

  test.each<[string, () => unknown, RegExp]>([
    ['an archive of another kind', () => ModelArtifact.fromAsset('model.zip'), /is not a \.tar\.gz archive/],
    [
      'an archive that does not exist',
      () => ModelArtifact.fromAsset('nowhere/model.tar.gz'),
      /does not exist; check the path/,
    ],
    ['an empty key', () => ModelArtifact.fromBucket({} as s3.IBucket, ''), /key of the model artifact is empty/],
    [
      'an empty prefix',
      () => ModelArtifact.fromBucketPrefix({} as s3.IBucket, ''),
      /prefix of the model artifact is empty/,
    ],
  ])('refuses %s', (_name, make, message) => {
    expect(make).toThrow(message);
  });
});
