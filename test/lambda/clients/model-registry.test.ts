import { DescribeModelPackageCommand, SageMakerClient, UpdateModelPackageCommand } from '@aws-sdk/client-sagemaker';
import { mockClient } from 'aws-sdk-client-mock';
import { createModelVersions } from '../../../lambda/clients/model-registry';

const ARN = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/digits/2';

describe('versions in the registry', () => {
  const sagemaker = mockClient(SageMakerClient);
  beforeEach(() => sagemaker.reset());
  const versions = createModelVersions(new SageMakerClient({ region: 'us-east-1' }));

  test('are described with their artifact, approval and metadata', async () => {
    sagemaker.on(DescribeModelPackageCommand, { ModelPackageName: ARN }).resolves({
      ModelPackageArn: `${ARN}0`,
      InferenceSpecification: { Containers: [{ ModelDataUrl: 's3://models/a.tar.gz' }] },
      ModelApprovalStatus: 'Rejected',
      ApprovalDescription: 'slow',
      CustomerMetadataProperties: { accuracy: '0.95' },
    } as never);
    expect(await versions.describe(ARN)).toEqual({
      arn: `${ARN}0`,
      modelDataUrl: 's3://models/a.tar.gz',
      approvalStatus: 'Rejected',
      approvalDescription: 'slow',
      metadata: { accuracy: '0.95' },
    });
  });

  test.each([
    [{ S3DataType: 'S3Prefix', S3Uri: 's3://models/chat' }, 's3://models/chat/'],
    [{ S3DataType: 'S3Prefix', S3Uri: 's3://models/chat/' }, 's3://models/chat/'],
    [{ S3DataType: 'S3Object', S3Uri: 's3://models/a.tar.gz' }, 's3://models/a.tar.gz'],
  ])('have the location of their data source, a folder with a slash at its end: %j', async (source, location) => {
    const Containers = [{ ModelDataSource: { S3DataSource: source } }];
    sagemaker.on(DescribeModelPackageCommand).resolves({ InferenceSpecification: { Containers } } as never);
    expect((await versions.describe(ARN)).modelDataUrl).toBe(location);
  });

  test.each([
    {},
    { InferenceSpecification: {} },
    { InferenceSpecification: { Containers: [] } },
    { InferenceSpecification: { Containers: [{}] } },
  ])('have no artifact, approval and metadata where the registry has none: %j', async (reply) => {
    sagemaker.on(DescribeModelPackageCommand).resolves(reply as never);
    expect(await versions.describe(ARN)).toEqual({
      arn: ARN,
      modelDataUrl: undefined,
      approvalStatus: '',
      approvalDescription: undefined,
      metadata: {},
    });
  });

  test('are changed in what is given alone', async () => {
    sagemaker.on(UpdateModelPackageCommand).resolves({});
    await versions.update(ARN, { approvalStatus: 'Approved' });
    await versions.update(ARN, { metadata: { accuracy: '0.95' } });
    expect(sagemaker.commandCalls(UpdateModelPackageCommand).map(({ args }) => args[0].input)).toEqual([
      { ModelPackageArn: ARN, ModelApprovalStatus: 'Approved' },
      { ModelPackageArn: ARN, CustomerMetadataProperties: { accuracy: '0.95' } },
    ]);
  });

  test('get a description and values cut to the lengths that the registry takes', async () => {
    sagemaker.on(UpdateModelPackageCommand).resolves({});
    const metadata = { long: 'v'.repeat(300), short: 'v' };
    await versions.update(ARN, { approvalStatus: 'Rejected', approvalDescription: 'd'.repeat(2000), metadata });
    expect(sagemaker.commandCalls(UpdateModelPackageCommand)[0]!.args[0].input).toEqual({
      ModelPackageArn: ARN,
      ModelApprovalStatus: 'Rejected',
      ApprovalDescription: 'd'.repeat(1024),
      CustomerMetadataProperties: { long: 'v'.repeat(256), short: 'v' },
    });
  });
});
