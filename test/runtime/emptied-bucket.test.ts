import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { SparkPipeline } from '../../lib/features';
import { GpuEndpoint } from '../../lib/inference';
import { StreamIngestion } from '../../lib/ingestion';
import { EMPTIED_BUCKET_TAG } from '../../lib/runtime/contract';
import { hardenedBucket } from '../../lib/runtime/hardened-bucket';
import { TrainingPipeline } from '../../lib/training';

const newStack = (): Stack => new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
const existing = (stack: Stack): s3.IBucket => s3.Bucket.fromBucketName(stack, 'Existing', 'existing');

interface BucketProps {
  readonly removalPolicy?: RemovalPolicy;
  readonly autoDeleteObjects?: boolean;
}

/** Constructs that may create a bucket: with their own, and with an existing one in the property that is named. */
const CONSTRUCTS: readonly (readonly [
  property: string,
  create: (stack: Stack, props: BucketProps, bucket?: s3.IBucket) => void,
])[] = [
  [
    'resultsBucket',
    (stack, props, resultsBucket) => {
      const endpoint = GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main');
      new StreamIngestion(stack, 'Ingestion', { endpoint, ...props, ...(resultsBucket && { resultsBucket }) });
    },
  ],
  [
    'modelBucket',
    (stack, props, modelBucket) =>
      void new TrainingPipeline(stack, 'Training', {
        trainingData: s3.Bucket.fromBucketName(stack, 'Data', 'data'),
        instanceTypes: ['ml.g5.xlarge'],
        maxRuntime: Duration.hours(1),
        ...props,
        ...(modelBucket && { modelBucket }),
      }),
  ],
  [
    'featuresBucket',
    (stack, props, featuresBucket) =>
      void new SparkPipeline(stack, 'Features', {
        landingBucket: s3.Bucket.fromBucketName(stack, 'Landing', 'landed'),
        ...props,
        ...(featuresBucket && { featuresBucket }),
      }),
  ],
];

describe.each(CONSTRUCTS)('autoDeleteObjects of the construct with %s', (property, create) => {
  test('deletes the objects before the bucket, once nothing writes into it any more', () => {
    const stack = newStack();
    create(stack, { removalPolicy: RemovalPolicy.DESTROY, autoDeleteObjects: true });
    const template = Template.fromStack(stack);
    const [[bucketId, bucket]] = Object.entries(template.findResources('AWS::S3::Bucket')) as [
      [string, Record<string, unknown>],
    ];
    expect(bucket).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: { Tags: [{ Key: EMPTIED_BUCKET_TAG, Value: 'true' }] },
    });
    const [[objectsId, objects]] = Object.entries(template.findResources('Custom::TidegateBucketObjects')) as [
      [string, { DependsOn: string[] }],
    ];
    expect(objects).toMatchObject({ Properties: { BucketName: { Ref: bucketId } } });
    // The role keeps its permissions, and the bucket its policy, until the objects are deleted.
    const policies = [
      ...Object.keys(template.findResources('AWS::S3::BucketPolicy')),
      ...Object.keys(template.findResources('AWS::IAM::Policy')).filter((id) => id.includes('EmptierPolicy')),
    ];
    expect(policies).toHaveLength(2);
    expect(objects.DependsOn).toEqual(expect.arrayContaining(policies));
    const writers = {
      ...template.findResources('AWS::Lambda::EventSourceMapping'),
      ...template.findResources('AWS::StepFunctions::StateMachine'),
    };
    expect(Object.values(writers)).toEqual([
      expect.objectContaining({ DependsOn: expect.arrayContaining([objectsId]) }),
    ]);
  });

  test.each([[{}], [{ removalPolicy: RemovalPolicy.DESTROY }], [{ autoDeleteObjects: false }]])(
    'deletes nothing with %p',
    (props) => {
      const stack = newStack();
      create(stack, props);
      const template = Template.fromStack(stack);
      template.resourceCountIs('Custom::TidegateBucketObjects', 0);
      template.hasResourceProperties('AWS::S3::Bucket', { Tags: Match.absent() });
    },
  );

  test.each([
    [undefined, 'none, which keeps the bucket'],
    [RemovalPolicy.RETAIN, 'retain'],
  ])('is refused for a bucket that stays (%s)', (removalPolicy, received) => {
    expect(() => create(newStack(), { autoDeleteObjects: true, ...(removalPolicy && { removalPolicy }) })).toThrow(
      `autoDeleteObjects (true) needs removalPolicy RemovalPolicy.DESTROY (received ${received}); give both or neither`,
    );
  });

  test('is refused for a bucket that exists', () => {
    const stack = newStack();
    const props = { removalPolicy: RemovalPolicy.DESTROY, autoDeleteObjects: true };
    expect(() => create(stack, props, existing(stack))).toThrow(
      `autoDeleteObjects (true) is for the new bucket, but ${property} names one; leave out either`,
    );
  });
});

test('the buckets of a stack share one function, whose role may delete in each and nowhere else', () => {
  const stack = newStack();
  for (const id of ['One', 'Two'])
    hardenedBucket(stack, id, {
      accessLogsPrefix: 'unused/',
      removalPolicy: RemovalPolicy.DESTROY,
      autoDeleteObjects: true,
      noncurrentVersionExpiration: Duration.days(1),
    });
  const template = Template.fromStack(stack);
  template.resourceCountIs('AWS::Lambda::Function', 1);
  template.resourceCountIs('Custom::TidegateBucketObjects', 2);
  // The function ends its attempt before CloudFormation stops waiting.
  template.hasResourceProperties('AWS::Lambda::Function', { Timeout: 900 });
  template.allResourcesProperties('Custom::TidegateBucketObjects', { ServiceTimeout: '960' });
  const deletes = Object.values(template.findResources('AWS::IAM::Policy')).flatMap(({ Properties }) =>
    (
      Properties as { PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] } }
    ).PolicyDocument.Statement.filter(({ Action }) => [Action].flat().includes('s3:DeleteObject')).map(({ Resource }) =>
      JSON.stringify(Resource),
    ),
  );
  expect(deletes).toHaveLength(2);
  expect(deletes.filter((resource) => /"Fn::GetAtt":\["(One|Two)\w*","Arn"\]\},"\/\*"/.test(resource))).toHaveLength(2);
});
