import { App, type CfnElement, Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { InputError } from '../../lib/core/errors';
import { AsyncEndpoint, GpuEndpoint, InferenceComponent, ModelServer, ServerlessEndpoint } from '../../lib/inference';
import {
  INGESTION_ENVIRONMENT,
  parseShardPlan,
  REDRIVE_ENVIRONMENT,
  SHARD_SCALING_ENVIRONMENT,
} from '../../lib/ingestion/contract';
import { PayloadMapping, RecordField, StreamIngestion, type StreamIngestionProps } from '../../lib/ingestion';
import type { IInvocableEndpoint } from '../../lib/runtime/invocable-endpoint';

const endpointArn = 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat';

const endpoint: IInvocableEndpoint = {
  endpointName: 'chat',
  grantInvoke: (grantee) =>
    iam.Grant.addToPrincipal({ grantee, actions: ['sagemaker:InvokeEndpoint'], resourceArns: [endpointArn] }),
};

function deploy(props: Partial<StreamIngestionProps> = {}) {
  const stack = new Stack(new App(), 'Test');
  const ingestion = new StreamIngestion(stack, 'Ingestion', { endpoint, ...props });
  return { stack, ingestion, template: () => Template.fromStack(stack) };
}

describe('the endpoint', () => {
  test('may be an inference component, whose name the consumer gets', () => {
    const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
    const component = InferenceComponent.fromInferenceComponentAttributes(stack, 'Chat', {
      endpointName: 'shared',
      variantName: 'main',
      componentName: 'small',
    });
    new StreamIngestion(stack, 'Ingestion', { endpoint: component });
    Template.fromStack(stack).hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          TIDEGATE_ENDPOINT_NAME: 'shared',
          [INGESTION_ENVIRONMENT.componentName]: 'small',
        }),
      },
    });
  });

  test('cannot be asynchronous', () => {
    const stack = new Stack(new App(), 'Test');
    const later = AsyncEndpoint.fromEndpointName(stack, 'Films', 'films', 'main');
    expect(() => new StreamIngestion(stack, 'Ingestion', { endpoint: later })).toThrow(/endpoint is asynchronous/);
  });
});

describe('mappings', () => {
  const expression = PayloadMapping.jmesPath('{inputs: prompt}');
  const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:shape';
  const statements = (template: Template) =>
    Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement as { Sid?: string; [member: string]: unknown }[],
    );

  test('reach the consumer, which may invoke their functions and no other', () => {
    const stack = new Stack(new App(), 'Test');
    const handler = lambda.Function.fromFunctionArn(stack, 'Shape', functionArn);
    new StreamIngestion(stack, 'Ingestion', {
      endpoint,
      requestMapping: expression,
      responseMapping: PayloadMapping.lambdaFunction(handler),
    });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          [INGESTION_ENVIRONMENT.requestMapping]: 'jmespath:{inputs: prompt}',
          [INGESTION_ENVIRONMENT.responseMapping]: `lambda:${functionArn}`,
        }),
      },
    });
    expect(statements(template).filter(({ Action }) => Action === 'lambda:InvokeFunction')).toEqual([
      { Sid: 'MapPayloads', Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: functionArn },
    ]);
  });

  test('by expressions need no permission', () => {
    const { template } = deploy({ requestMapping: expression });
    expect(statements(template()).filter(({ Sid }) => Sid === 'MapPayloads')).toEqual([]);
  });

  test.each<[string, Partial<StreamIngestionProps>, RegExp]>([
    [
      'of requests in another form',
      { requestMapping: expression, contentType: 'text/csv' },
      /requestMapping is an expression, for JSON, and contentType is 'text\/csv'/,
    ],
    [
      'of responses in another form',
      { responseMapping: expression, accept: 'image/png' },
      /responseMapping is an expression, for JSON, and accept is 'image\/png'; give a JSON media type, or PayloadMapping.lambdaFunction/,
    ],
  ])('by expressions are refused %s', (_, props, message) => {
    expect(() => deploy(props)).toThrow(message);
  });

  test('by expressions take JSON of other names', () => {
    const types = { contentType: 'application/vnd.api+json; charset=utf-8', accept: 'application/json' };
    expect(() => deploy({ ...types, requestMapping: expression, responseMapping: expression })).not.toThrow();
  });
});

describe('the requests in flight', () => {
  const scaled = (props: Partial<StreamIngestionProps>, define?: (gpu: GpuEndpoint) => void) => {
    const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
    const gpu = new GpuEndpoint(stack, 'Endpoint', {
      modelServer: ModelServer.triton(),
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
      maxConcurrencyPerInstance: 8,
    });
    new StreamIngestion(stack, 'Ingestion', { endpoint: gpu, ...props });
    // Declared last, as the order of constructs is free.
    gpu.autoScale({ minCapacity: 1, maxCapacity: 8 });
    define?.(gpu);
    return stack;
  };
  const concurrencyOf = (stack: Stack): unknown =>
    Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'))[0]!['Properties'].Environment
      .Variables[INGESTION_ENVIRONMENT.concurrency];
  const second = { modelServer: ModelServer.triton(), capacity: { pools: [{ instanceType: 'ml.g6.xlarge' }] } };

  test.each<[string, Partial<StreamIngestionProps>, ((gpu: GpuEndpoint) => void) | undefined, string]>([
    // 8 x 8 = 64 in service
    ['what the largest fleet serves', { shardCount: 2 }, undefined, '32'],
    ['what the largest fleet serves in several batches', { shardCount: 2, parallelizationFactor: 2 }, undefined, '16'],
    // 64 / 8: all in service with the most shards.
    ['the most shards that it may have', { shardCount: 2, shardScaling: { maxShards: 8 } }, undefined, '8'],
    // 64 / 4
    ['the shards an on-demand stream begins with', {}, undefined, '16'],
    ['1 where there are more batches than places', { shardCount: 80 }, undefined, '1'],
    ['64 at most', { shardCount: 1, parallelizationFactor: 1 }, undefined, '64'],
    [
      'all variants of the endpoint together',
      { shardCount: 2 },
      // 64 + 4 x 8 = 96; 96 / 2
      (gpu) =>
        gpu
          .addVariant('second', { ...second, maxConcurrencyPerInstance: 8 })
          .autoScale({ minCapacity: 1, maxCapacity: 4 }),
      '48',
    ],
    ['64 where a variant has no maximum', { shardCount: 2 }, (gpu) => gpu.addVariant('second', second), '64'],
    ['what is given', { shardCount: 2, concurrency: 4 }, undefined, '4'],
  ])('are limited by default by %s', (_, props, define, concurrency) => {
    expect(concurrencyOf(scaled(props, define))).toBe(concurrency);
  });

  test('are 64 of a batch where the fleet is not known', () => {
    expect(concurrencyOf(deploy({ shardCount: 2 }).stack)).toBe('64');
  });

  test('above what the largest fleet serves get a warning with the arithmetic and the way out', () => {
    const fixed = { shardCount: 2, parallelizationFactor: 2, concurrency: 64 };
    Annotations.fromStack(scaled(fixed)).hasWarning(
      '/Test/Ingestion',
      Match.stringLikeRegexp(
        '2 shards x 2 batches x 64 records are 256 requests in flight, above the 8 x 8 = 64 .*so that 192 wait.*lower concurrency to 16',
      ),
    );
  });

  test('are the capacity in service at most where the consumer follows it: its name, its tested concurrency and the right to read it', () => {
    const template = Template.fromStack(
      scaled({ shardCount: 2, parallelizationFactor: 2, concurrency: 64, followsCapacity: true }),
    );
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          [INGESTION_ENVIRONMENT.fleets]: {
            'Fn::Join': [
              '',
              [
                '[{"resourceId":"endpoint/',
                { 'Fn::GetAtt': [Match.anyValue(), 'EndpointName'] },
                '/variant/main","fleetName":"',
                { 'Fn::GetAtt': [Match.anyValue(), 'EndpointName'] },
                '","maxConcurrencyPerReplica":8}]',
              ],
            ],
          },
          [INGESTION_ENVIRONMENT.parallelizationFactor]: '2',
        }),
      },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: 'sagemaker:DescribeEndpoint', Effect: 'Allow' })]),
      },
    });
  });

  test('follow no capacity by default, or where the app does not scale the endpoint', () => {
    const names = (stack: Stack): string[] =>
      Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function')).flatMap((one) =>
        Object.keys((one['Properties'] as { Environment: { Variables: object } }).Environment.Variables),
      );
    const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
    const imported = GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main');
    new StreamIngestion(stack, 'Ingestion', { endpoint: imported, followsCapacity: true });
    for (const one of [scaled({ shardCount: 2 }), stack, deploy({ followsCapacity: true }).stack])
      expect(names(one)).not.toContain(INGESTION_ENVIRONMENT.fleets);
  });

  test('that cannot fill the fleet by default, or fill it at its minimum with one of each batch, get a warning', () => {
    const large = (gpu: GpuEndpoint): void => {
      gpu.addVariant('second', second).autoScale({ minCapacity: 1, maxCapacity: 100 });
    };
    Annotations.fromStack(scaled({ shardCount: 2, followsCapacity: true }, large)).hasWarning(
      '/Test/Ingestion',
      Match.stringLikeRegexp('at most 128 requests in flight, below the .* that the endpoint serves at its maximum'),
    );
    Annotations.fromStack(scaled({ shardCount: 10, followsCapacity: true })).hasWarning(
      '/Test/Ingestion',
      Match.stringLikeRegexp('10 shards x 1 batches have a request each in flight, above the 8 .*so that 2 wait in it'),
    );
  });

  test('of records that wait are a metric for the scaling of the fleet, where the fleet is known', () => {
    const stack = scaled({ shardCount: 2, followsCapacity: true });
    const ingestion = stack.node.findChild('Ingestion') as StreamIngestion;
    expect(stack.resolve(ingestion.metricBacklogPerInstance().toMetricConfig().metricStat)).toMatchObject({
      namespace: 'Tidegate',
      metricName: 'BacklogPerInstance',
      period: Duration.seconds(10),
      statistic: 'Sum',
    });
    expect(ingestion.metricWaitingRecordAge().toMetricConfig().metricStat).toMatchObject({ statistic: 'Maximum' });
    expect(() => deploy().ingestion.metricBacklogPerInstance()).toThrow(/no backlog is published/);
  });

  test('that the largest fleet serves get no warning', () => {
    Annotations.fromStack(scaled({ shardCount: 2, concurrency: 16 })).hasNoWarning('/Test/Ingestion', Match.anyValue());
    Annotations.fromStack(scaled({ shardCount: 2 })).hasNoWarning('/Test/Ingestion', Match.anyValue());
  });
});

describe('the stream', () => {
  test('is on demand, encrypted with the key of Kinesis, and keeps records for seven days', () => {
    deploy()
      .template()
      .hasResource('AWS::Kinesis::Stream', {
        Properties: {
          StreamModeDetails: { StreamMode: 'ON_DEMAND' },
          StreamEncryption: { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' },
          RetentionPeriodHours: 168,
          ShardCount: Match.absent(),
        },
        DeletionPolicy: 'RetainExceptOnCreate',
      });
  });

  test('has the shards, retention and removal policy it is given', () => {
    deploy({ shardCount: 3, retention: Duration.days(2), removalPolicy: RemovalPolicy.DESTROY })
      .template()
      .hasResource('AWS::Kinesis::Stream', {
        Properties: { ShardCount: 3, StreamModeDetails: { StreamMode: 'PROVISIONED' }, RetentionPeriodHours: 48 },
        DeletionPolicy: 'Delete',
      });
  });

  test('lets a producer put records and nothing else', () => {
    const { stack, ingestion, template } = deploy();
    const producer = new iam.Role(stack, 'Producer', {
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com'),
    });
    ingestion.grantPut(producer);
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: [Match.objectLike({ Action: ['kinesis:PutRecord', 'kinesis:PutRecords'] })] },
      Roles: [stack.resolve(producer.roleName)],
    });
  });
});

describe('the event source mapping', () => {
  test('reports single failures, bisects, retries until records are a day old, and keeps what fails', () => {
    const { stack, ingestion, template } = deploy();
    template().hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: stack.resolve(ingestion.stream.streamArn),
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      BisectBatchOnFunctionError: true,
      BatchSize: 1000,
      MaximumBatchingWindowInSeconds: 0,
      ParallelizationFactor: 1,
      MaximumRetryAttempts: Match.absent(),
      MaximumRecordAgeInSeconds: 86_400,
      StartingPosition: 'TRIM_HORIZON',
      DestinationConfig: { OnFailure: { Destination: stack.resolve(ingestion.resultsBucket.bucketArn) } },
    });
  });

  test('takes every setting it is given, zero included', () => {
    deploy({
      batchSize: 10,
      maxBatchingWindow: Duration.seconds(0),
      parallelizationFactor: 1,
      retryAttempts: 0,
      maxRecordAge: Duration.hours(1),
    })
      .template()
      .hasResourceProperties('AWS::Lambda::EventSourceMapping', {
        BatchSize: 10,
        MaximumBatchingWindowInSeconds: 0,
        ParallelizationFactor: 1,
        MaximumRetryAttempts: 0,
        MaximumRecordAgeInSeconds: 3600,
      });
  });

  test('is made after the permissions that Lambda checks', () => {
    const template = deploy().template();
    const [policyId] = Object.keys(
      template.findResources('AWS::IAM::Policy', {
        Properties: {
          PolicyDocument: {
            Statement: Match.arrayWith([Match.objectLike({ Action: Match.arrayWith(['kinesis:GetRecords']) })]),
          },
        },
      }),
    );
    template.hasResource('AWS::Lambda::EventSourceMapping', { DependsOn: [policyId] });
  });
});

describe('the consumer', () => {
  test('knows the endpoint, the bucket and its limits', () => {
    const { stack, ingestion, template } = deploy({
      concurrency: 16,
      maxModelFailures: 2,
      timeout: Duration.minutes(5),
      memorySize: Size.mebibytes(1024),
      shardCount: 2,
      reservedConcurrentExecutions: 4,
    });
    template().hasResourceProperties('AWS::Lambda::Function', {
      Timeout: 300,
      MemorySize: 1024,
      ReservedConcurrentExecutions: 4,
      Environment: {
        Variables: {
          TIDEGATE_ENDPOINT_NAME: 'chat',
          TIDEGATE_RESULTS_BUCKET: stack.resolve(ingestion.resultsBucket.bucketName),
          TIDEGATE_CONCURRENCY: '16',
          TIDEGATE_MAX_MODEL_FAILURES: '2',
          TIDEGATE_CONTENT_TYPE: 'application/json',
          TIDEGATE_ACCEPT: 'application/json',
          TIDEGATE_ORDER_KEY: 'partition-key',
          TIDEGATE_RECORD_ID: 'sequence-number',
          TIDEGATE_MAX_RECORD_BYTES: '1048576',
          TIDEGATE_READS_AHEAD: 'true',
        },
      },
    });
  });

  test('does not read a shard ahead that it has not to itself', () => {
    deploy({ parallelizationFactor: 2 })
      .template()
      .hasResourceProperties('AWS::Lambda::Function', {
        Environment: { Variables: Match.objectLike({ TIDEGATE_READS_AHEAD: 'false' }) },
      });
  });

  test('may read the stream, read and write below its prefixes, count, and invoke the endpoint', () => {
    const { stack, ingestion, template } = deploy();
    const bucketArn = stack.resolve(ingestion.resultsBucket.bucketArn) as object;
    const below = (prefix: string) => ({ 'Fn::Join': ['', [bucketArn, `/${prefix}*`]] });
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: [
              'kinesis:DescribeStream',
              'kinesis:DescribeStreamSummary',
              'kinesis:GetRecords',
              'kinesis:GetShardIterator',
              'kinesis:ListShards',
            ],
            Resource: stack.resolve(ingestion.stream.streamArn),
          },
          { Effect: 'Allow', Action: 's3:PutObject', Resource: below('aws/lambda/') },
          { Effect: 'Allow', Action: 's3:ListBucket', Resource: bucketArn },
          {
            Sid: 'ReadObjects',
            Effect: 'Allow',
            Action: 's3:GetObject',
            Resource: [below('results/'), below('control-requests/')],
          },
          {
            Sid: 'WriteObjects',
            Effect: 'Allow',
            Action: 's3:PutObject',
            Resource: ['results/', 'control-requests/', 'responses/', 'measurements/', 'dead-letters/'].map(below),
          },
          {
            Sid: 'PublishCounts',
            Effect: 'Allow',
            Action: 'cloudwatch:PutMetricData',
            Resource: '*',
            Condition: { StringEquals: { 'cloudwatch:namespace': 'Tidegate' } },
          },
        ],
      },
    });
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([{ Effect: 'Allow', Action: 'sagemaker:InvokeEndpoint', Resource: endpointArn }]),
      },
    });
  });
});

describe('the redrive function', () => {
  test('knows the stream, the bucket and their limits', () => {
    const { template } = deploy({ maxRecordSize: Size.mebibytes(2), retention: Duration.days(3) });
    template().hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.stringLikeRegexp('^Puts dead letters and failed batches'),
      Timeout: 300,
      Environment: {
        Variables: {
          [REDRIVE_ENVIRONMENT.streamName]: { Ref: Match.stringLikeRegexp('Stream') },
          [REDRIVE_ENVIRONMENT.resultsBucketName]: { Ref: Match.stringLikeRegexp('Results') },
          [REDRIVE_ENVIRONMENT.maxRecordBytes]: '2097152',
          [REDRIVE_ENVIRONMENT.retentionSeconds]: '259200',
        },
      },
    });
  });

  test('has the logical id by which the command finds it', () => {
    const { stack, ingestion } = deploy();
    expect(stack.getLogicalId(ingestion.redriver.node.defaultChild as CfnElement)).toMatch(
      /^IngestionRedrive[0-9A-F]{8}$/,
    );
  });

  test('can be found and called by an operator, who gets nothing else', () => {
    const { stack, ingestion, template } = deploy();
    const operator = new iam.Role(stack, 'Operator', { assumedBy: new iam.AccountRootPrincipal() });
    ingestion.grantRedrive(operator);
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyName: Match.stringLikeRegexp('^OperatorDefaultPolicy'),
      PolicyDocument: {
        Statement: [
          { Effect: 'Allow', Action: 'cloudformation:ListStackResources', Resource: { Ref: 'AWS::StackId' } },
          {
            Effect: 'Allow',
            Action: 'lambda:InvokeFunction',
            Resource: { 'Fn::GetAtt': [Match.stringLikeRegexp('IngestionRedrive'), 'Arn'] },
          },
        ],
      },
    });
  });
});

describe('the results bucket', () => {
  test('is encrypted, versioned, closed to the public, and speaks TLS only', () => {
    const { template } = deploy();
    template().hasResource('AWS::S3::Bucket', {
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        VersioningConfiguration: { Status: 'Enabled' },
        PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
      },
      DeletionPolicy: 'RetainExceptOnCreate',
    });
    template().hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });

  test('can be one that exists', () => {
    const stack = new Stack(new App(), 'Test');
    const resultsBucket = s3.Bucket.fromBucketName(stack, 'Landing', 'landing');
    const ingestion = new StreamIngestion(stack, 'Ingestion', { endpoint, resultsBucket });
    expect(ingestion.resultsBucket).toBe(resultsBucket);
    Template.fromStack(stack).resourceCountIs('AWS::S3::Bucket', 0);
  });

  test('can have a key of its own, which the consumer may then use for what it reads and writes, and the mapping for its writes', () => {
    const stack = new Stack(new App(), 'Test');
    const encryptionKey = new kms.Key(stack, 'Key');
    const resultsBucket = new s3.Bucket(stack, 'Landing', { encryptionKey });
    const { consumer } = new StreamIngestion(stack, 'Ingestion', { endpoint, resultsBucket });
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Effect: 'Allow',
            Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
            Resource: stack.resolve(encryptionKey.keyArn),
          },
        ]),
      },
      Roles: [stack.resolve(consumer.role!.roleName)],
    });
  });

  test.each([
    [undefined, 400],
    [Duration.days(30), 30],
  ])('expires results, responses and measurements, and nothing that is to be redriven (%s)', (expiration, days) => {
    const { template } = deploy({ expiration });
    const [bucket] = Object.values(template().findResources('AWS::S3::Bucket'));
    const { Rules } = bucket!.Properties.LifecycleConfiguration as {
      readonly Rules: readonly { readonly Prefix?: string; readonly ExpirationInDays?: number }[];
    };
    const expiring = Rules.filter(({ ExpirationInDays }) => ExpirationInDays !== undefined);
    expect(expiring.map(({ Prefix, ExpirationInDays }) => [Prefix, ExpirationInDays])).toEqual([
      ['results/', days],
      ['responses/', days],
      ['measurements/', days],
    ]);
    expect(Rules).toContainEqual(expect.objectContaining({ ExpiredObjectDeleteMarker: true }));
  });

  test.each([
    [{ expiration: Duration.hours(36) }, 'expiration (1 day 12 hours) must be whole days, at least one'],
    [{ memorySize: Size.mebibytes(64) }, 'memorySize in MiB (64) is out of range; 128 to 10240 is allowed'],
    [{ memorySize: Size.kibibytes(200_000.5) }, 'memorySize in MiB (195.3129882'],
    [{ memorySize: Size.mebibytes(Infinity) }, 'memorySize in MiB (Infinity) must be a whole number'],
    [{ expiration: Duration.days(0) }, 'must be whole days, at least one'],
    [
      { expiration: Duration.days(1), resultsBucket: s3.Bucket.fromBucketName(new Stack(), 'Mine', 'mine') },
      'expiration is for the new bucket, but resultsBucket names one',
    ],
  ])('refuses an expiration that S3 cannot have (%#)', (props, message) => {
    expect(() => deploy(props)).toThrow(message);
  });

  test('has access logs if a bucket is given', () => {
    const stack = new Stack(new App(), 'Test');
    const accessLogsBucket = new s3.Bucket(stack, 'Logs');
    new StreamIngestion(stack, 'Ingestion', { endpoint, accessLogsBucket });
    Template.fromStack(stack).hasResourceProperties('AWS::S3::Bucket', {
      LoggingConfiguration: {
        DestinationBucketName: stack.resolve(accessLogsBucket.bucketName),
        LogFilePrefix: 'Ingestion/',
      },
    });
  });
});

describe('the payload', () => {
  test('has the media types, fields and size that are given, in the stream and in the consumer', () => {
    const { template } = deploy({
      shardCount: 1,
      parallelizationFactor: 1,
      contentType: 'application/jsonlines',
      accept: 'application/octet-stream',
      orderKey: RecordField.jsonPath('$.user'),
      recordId: RecordField.payloadHash(),
      maxRecordSize: Size.mebibytes(4),
    });
    template().hasResourceProperties('AWS::Kinesis::Stream', { MaxRecordSizeInKiB: 4096 });
    template().hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          TIDEGATE_CONTENT_TYPE: 'application/jsonlines',
          TIDEGATE_ACCEPT: 'application/octet-stream',
          TIDEGATE_ORDER_KEY: '$.user',
          TIDEGATE_RECORD_ID: 'payload-hash',
          TIDEGATE_MAX_RECORD_BYTES: String(4 * 1024 * 1024),
        }),
      },
    });
  });

  test('has the size that Kinesis allows by default', () => {
    deploy().template().hasResourceProperties('AWS::Kinesis::Stream', { MaxRecordSizeInKiB: Match.absent() });
  });

  test('cannot be larger than a serverless endpoint takes', () => {
    const stack = new Stack(new App(), 'Test');
    const small = ServerlessEndpoint.fromEndpointName(stack, 'Small', 'small', 'main');
    const define = (id: string, maxRecordSize: Size) =>
      new StreamIngestion(stack, id, { endpoint: small, maxRecordSize });
    expect(() => define('Large', Size.mebibytes(4))).toThrow(
      'maxRecordSize (4096 KiB) is above the 3906 KiB (4 MB) that a serverless endpoint takes',
    );
    expect(() => define('Fitting', Size.mebibytes(3))).not.toThrow();
  });

  test.each<[string, Partial<StreamIngestionProps>, boolean]>([
    ['with more than one batch at a time', { shardCount: 1, parallelizationFactor: 2 }, true],
    ['on demand', { parallelizationFactor: 1 }, true],
    ['with one batch at a time', { shardCount: 1, parallelizationFactor: 1 }, false],
  ])('that orders the records of a stream %s is warned about as Lambda delivers: %j', (_, props, isWarned) => {
    const { stack } = deploy({ orderKey: RecordField.jsonPath('$.user'), ...props });
    const found = Annotations.fromStack(stack).findWarning('/Test/Ingestion', Match.stringLikeRegexp('orderKey is'));
    expect(found).toHaveLength(isWarned ? 1 : 0);
  });
});

describe('the metrics', () => {
  test('are the lag, the dead letters, the batches without an answer and the throttled puts', () => {
    const { stack, ingestion } = deploy();
    const of = (metric: { toMetricConfig(): { metricStat?: object } }) =>
      stack.resolve(metric.toMetricConfig().metricStat) as object;
    expect(of(ingestion.metricIteratorAge())).toMatchObject({
      namespace: 'AWS/Lambda',
      metricName: 'IteratorAge',
      statistic: 'Maximum',
      dimensions: [{ name: 'FunctionName', value: stack.resolve(ingestion.consumer.functionName) as object }],
    });
    expect(of(ingestion.metricDeadLetters())).toMatchObject({
      namespace: 'Tidegate',
      metricName: 'DeadLetters',
      statistic: 'Sum',
      dimensions: [{ name: 'StreamName', value: stack.resolve(ingestion.stream.streamName) as object }],
    });
    expect(of(ingestion.metricUnansweredBatches())).toMatchObject({
      namespace: 'Tidegate',
      metricName: 'UnansweredBatches',
      statistic: 'Sum',
    });
    expect(of(ingestion.metricThrottledPuts({ period: Duration.minutes(5) }))).toMatchObject({
      metricName: 'WriteProvisionedThroughputExceeded',
      period: Duration.minutes(5),
    });
  });
});

describe('a plan that cannot work', () => {
  test.each<[string, Partial<StreamIngestionProps>, string]>([
    ['a batch of none', { batchSize: 0 }, 'batchSize (0) is out of range; 1 to 10000 is allowed'],
    [
      'fewer records than none',
      { expectedRecordsPerSecond: -1 },
      'expectedRecordsPerSecond (-1) must be above 0; give what',
    ],
    [
      'no number of records',
      { expectedRecordsPerSecond: NaN },
      'expectedRecordsPerSecond (NaN) must be above 0; give what',
    ],
    [
      'an answer in no time',
      { expectedServiceTime: Duration.seconds(0) },
      'expectedServiceTime (0 s) must be above 0; give the time of the endpoint',
    ],
    [
      'half an execution',
      { reservedConcurrentExecutions: 40.5 },
      'reservedConcurrentExecutions (40.5) must be a whole number',
    ],
    ['half a shard', { shardCount: 0.5 }, 'shardCount (0.5) must be a whole number'],
    ['eleven batches a shard', { parallelizationFactor: 11 }, 'parallelizationFactor (11) is out of range'],
    [
      'a record that no batch can carry',
      { maxRecordSize: Size.mebibytes(10) },
      'maxRecordSize (10 MiB) is out of range; 1 to 4 MiB is allowed: Lambda passes a batch of 6 MB at most',
    ],
    ['a media type that is none', { contentType: 'json' }, "contentType ('json') is no media type; give one such as"],
    ['endless retries', { retryAttempts: -1 }, 'retryAttempts (-1) is out of range; 0 to 10000'],
    ['a timeout no function has', { timeout: Duration.hours(1) }, 'timeout (3600 s) is out of range'],
    [
      'records that expire before they reach the failure destination',
      { retention: Duration.days(1), maxRecordAge: Duration.days(2) },
      'maxRecordAge (172800 s) is above retention (86400 s)',
    ],
    [
      'fewer consumers than shards need',
      { shardCount: 4, parallelizationFactor: 2, reservedConcurrentExecutions: 7 },
      'reservedConcurrentExecutions (7) is below shardCount x parallelizationFactor (8)',
    ],
    [
      'a provisioned stream that would grow for ever',
      { shardCount: 1, concurrency: 16, expectedRecordsPerSecond: 100, expectedServiceTime: Duration.seconds(2) },
      // 16 in flight / 2 s = 8 a second
      'a shard receives 100 records per second and the consumer processes at most 8',
    ],
  ])('%s is refused with the way out', (_, props, message) => {
    expect(() => deploy(props)).toThrow(InputError);
    expect(() => deploy(props)).toThrow(message);
  });

  test('has all its problems named at once, with the path of the construct', () => {
    expect(() => deploy({ batchSize: 0, concurrency: 0 })).toThrow(/Test\/Ingestion:\n {2}- batchSize.*\n {2}- conc/);
  });

  test('is only warned about on a stream that adds shards by itself', () => {
    const slow = { concurrency: 1, expectedRecordsPerSecond: 100, expectedServiceTime: Duration.seconds(2) };
    const { stack } = deploy(slow);
    // 100 a second over 4 shards; 2 batches x 1 in flight / 2 s = 1 a second
    Annotations.fromStack(stack).hasWarning(
      '/Test/Ingestion',
      Match.stringLikeRegexp('receives 25 records per second.* 1 '),
    );
  });

  test('is not warned about when the consumer keeps up', () => {
    const { stack } = deploy({ expectedRecordsPerSecond: 100, expectedServiceTime: Duration.seconds(2) });
    Annotations.fromStack(stack).hasNoWarning('/Test/Ingestion', Match.anyValue());
  });
});

describe('the scaling of shards', () => {
  const plan = (props: Partial<StreamIngestionProps>): unknown => {
    const functions = Object.values(deploy(props).template().findResources('AWS::Lambda::Function'));
    const texts = functions.map(
      ({ Properties }) => Properties.Environment?.Variables[SHARD_SCALING_ENVIRONMENT.plan] as string,
    );
    return texts.filter((text) => text !== undefined).map((text) => parseShardPlan(text));
  };

  test('is a function that runs every minute, and may change the shards of this stream alone', () => {
    const { template, ingestion } = deploy({ shardCount: 2, shardScaling: { maxShards: 16 } });
    expect(ingestion.shardScaler).toBeDefined();
    template().hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 minute)' });
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: ['kinesis:DescribeStreamSummary', 'kinesis:UpdateShardCount'],
            Resource: { 'Fn::GetAtt': [Match.stringLikeRegexp('^IngestionStream'), 'Arn'] },
          }),
        ]),
      },
    });
    expect(ingestion.metricMissingShards().toMetricConfig().metricStat).toMatchObject({ metricName: 'MissingShards' });
    expect(ingestion.metricOpenShards().toMetricConfig().metricStat).toMatchObject({ statistic: 'Maximum' });
    expect(ingestion.metricShardChangesLeft().toMetricConfig().metricStat).toMatchObject({ statistic: 'Minimum' });
  });

  test('tells a topic, and that one alone, with its key', () => {
    const { stack, template, ingestion } = deploy({ shardCount: 2, shardScaling: { maxShards: 16 } });
    ingestion.notifyShardChanges(new sns.Topic(stack, 'Topic', { masterKey: new kms.Key(stack, 'Key') }));
    const topic = { Ref: Match.stringLikeRegexp('^Topic') };
    template().hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ [SHARD_SCALING_ENVIRONMENT.notificationTopicArn]: topic }) },
    });
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: [Match.objectLike({ Action: 'sns:Publish', Resource: topic })] },
    });
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: ['kms:Decrypt', 'kms:GenerateDataKey'] })]),
      },
      Roles: [{ Ref: Match.stringLikeRegexp('ShardScaler') }],
    });
    expect(() => ingestion.notifyShardChanges(new sns.Topic(stack, 'Other'))).toThrow('go to a topic already');
    const fixed = deploy({ shardCount: 2 });
    expect(() => fixed.ingestion.notifyShardChanges(new sns.Topic(fixed.stack, 'Topic'))).toThrow('give shardScaling');
  });

  test('has defaults that its handler reads', () => {
    expect(plan({ shardCount: 2, shardScaling: { maxShards: 16 } })).toEqual([
      { minShards: 2, maxShards: 16, targetUse: 0.6, scaleInAfterSeconds: 3600 },
    ]);
    const scaling = { minShards: 1, maxShards: 4, targetUsePercent: 50, scaleInAfter: Duration.minutes(30) };
    expect(plan({ shardCount: 2, shardScaling: scaling })).toEqual([
      { minShards: 1, maxShards: 4, targetUse: 0.5, scaleInAfterSeconds: 1800 },
    ]);
    expect(plan({ shardCount: 2 })).toEqual([]);
  });

  test.each<[Partial<StreamIngestionProps>, RegExp]>([
    [
      { shardScaling: { maxShards: 8 } },
      /shardScaling \(maxShards: 8\) is for provisioned streams.*give shardCount, or omit/,
    ],
    [
      { shardCount: 9, shardScaling: { maxShards: 8 } },
      /shardCount \(9\) is outside shardScaling \(minShards 9 to maxShards 8\)/,
    ],
    [{ shardCount: 1, shardScaling: { minShards: 2, maxShards: 8 } }, /shardCount \(1\) is outside/],
    [
      { shardCount: 2, shardScaling: { maxShards: 20_000 } },
      /shardScaling.maxShards \(20000\) is out of range; 1 to 10000/,
    ],
    [
      { shardCount: 2, shardScaling: { maxShards: 8, minShards: 1.5 } },
      /shardScaling.minShards \(1.5\) must be a whole number/,
    ],
    [
      { shardCount: 2, shardScaling: { maxShards: 8, targetUsePercent: 95 } },
      /targetUsePercent \(95 %\) is out of range; 10 to 90 %/,
    ],
    [{ shardCount: 2, shardScaling: { maxShards: 8, scaleInAfter: Duration.minutes(5) } }, /scaleInAfter \(300 s\)/],
    [
      { shardCount: 2, shardScaling: { maxShards: 8 }, reservedConcurrentExecutions: 4 },
      /reservedConcurrentExecutions \(4\) is below maxShards x parallelizationFactor \(8\)/,
    ],
  ])('%j is refused', (props, problem) => {
    expect(() => deploy(props)).toThrow(problem);
  });
});

describe('a consumer that follows the capacity of a fleet', () => {
  const warnings = (onBacklog: boolean): string[] => {
    const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
    const gpu = new GpuEndpoint(stack, 'Endpoint', {
      modelServer: ModelServer.triton(),
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
      maxConcurrencyPerInstance: 8,
    });
    const source = new StreamIngestion(stack, 'Ingestion', { endpoint: gpu, shardCount: 2, followsCapacity: true });
    const scaling = gpu.autoScale({ minCapacity: 1, maxCapacity: 8 });
    scaling.scaleOnConcurrency('concurrency');
    if (onBacklog) scaling.scaleOnStreamBacklog('backlog', { source });
    return Annotations.fromStack(stack)
      .findWarning('*', Match.stringLikeRegexp('followsCapacity leaves'))
      .map(({ id }) => id);
  };

  test('gets a warning while no policy reads its backlog', () => {
    expect(warnings(false)).toEqual(['/Test/Ingestion']);
    expect(warnings(true)).toEqual([]);
  });
});
