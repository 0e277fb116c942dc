import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { InputError } from '../../lib/core/errors';
import {
  EmrRelease,
  SparkArchitecture,
  SparkPipeline,
  type SparkPipelineProps,
  type SparkPrices,
} from '../../lib/features';
import { MEASUREMENTS_PREFIX, RESULTS_PREFIX } from '../../lib/ingestion/contract';

const env = { account: '123456789012', region: 'us-east-1' };

function deploy(props: Partial<SparkPipelineProps> = {}, region = env.region) {
  const stack = new Stack(new App(), 'Test', { env: { ...env, region } });
  const landingBucket = s3.Bucket.fromBucketName(stack, 'Landing', 'landed');
  const pipeline = new SparkPipeline(stack, 'Spark', { landingBucket, ...props });
  return { stack, pipeline, template: () => Template.fromStack(stack) };
}

// Members of states, read where their shape is known.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type States = { readonly [name: string]: any };

/** States of the machine, references written as `<Logical.Attribute>`. */
function statesOf(template: Template): States {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const text = (machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } }).DefinitionString;
  const flatten = (part: unknown): string => {
    if (typeof part === 'string') return part;
    const [argument] = Object.values(part as { [intrinsic: string]: unknown });
    if (typeof argument === 'object' && !Array.isArray(argument)) return flatten(argument);
    return `<${(Array.isArray(argument) ? argument : [argument]).flat().map(flatten).join('.')}>`;
  };
  return (JSON.parse(text['Fn::Join'][1].map(flatten).join('')) as { States: States }).States;
}

const states = (props?: Partial<SparkPipelineProps>): States => statesOf(deploy(props).template());
const parameters = (props?: Partial<SparkPipelineProps>) =>
  states(props)['Run the job'].Parameters as {
    readonly ExecutionTimeoutMinutes: number;
    readonly JobDriver: {
      readonly SparkSubmit: {
        readonly EntryPoint: string;
        readonly EntryPointArguments: string[];
        readonly SparkSubmitParameters: string;
      };
    };
  };
const submitted = (props?: Partial<SparkPipelineProps>): string =>
  parameters(props).JobDriver.SparkSubmit.SparkSubmitParameters;

describe('the application', () => {
  test('runs Spark 4 with a maximum capacity, no initial one, one run at a time, and stops when idle', () => {
    const template = deploy().template();
    template.hasResourceProperties('AWS::EMRServerless::Application', {
      Type: 'SPARK',
      ReleaseLabel: 'emr-spark-8.1.0',
      Architecture: 'ARM64',
      MaximumCapacity: { Cpu: '16 vCPU', Memory: '64 GB', Disk: '80 GB' },
      InitialCapacity: Match.absent(),
      AutoStopConfiguration: { Enabled: true, IdleTimeoutMinutes: 5 },
      SchedulerConfiguration: { MaxConcurrentRuns: 1, QueueTimeoutMinutes: 360 },
      MonitoringConfiguration: { CloudWatchLoggingConfiguration: { Enabled: true } },
    });
  });

  test('has the capacity, release and processor that are given', () => {
    deploy({
      release: EmrRelease.SPARK_8_0_0,
      architecture: SparkArchitecture.X86_64,
      worker: { vcpus: 8, memoryGb: 60 },
      maxWorkers: 10,
      idleTimeout: Duration.minutes(15),
    })
      .template()
      .hasResourceProperties('AWS::EMRServerless::Application', {
        ReleaseLabel: 'emr-spark-8.0.0',
        Architecture: 'X86_64',
        MaximumCapacity: { Cpu: '80 vCPU', Memory: '600 GB', Disk: '200 GB' },
        AutoStopConfiguration: { IdleTimeoutMinutes: 15 },
      });
  });

  test('costs at most its maximum capacity at the price of the region, or at a given one', () => {
    // 16 vCPUs x 0.052624 + 64 GB x 0.0057785 = 0.841984 + 0.369824
    expect(deploy().pipeline.maxUsdPerHour).toBeCloseTo(1.211808, 9);
    expect(deploy({}, 'eu-north-1').pipeline.maxUsdPerHour).toBeUndefined();
    expect(
      deploy({ prices: { usdPerVcpuHour: 0.05, usdPerGbHour: 0.005 } }, 'eu-north-1').pipeline.maxUsdPerHour,
    ).toBeCloseTo(1.12, 9);
  });
});

describe('a run', () => {
  test('is waited for, ends after its time-out, and is tried again', () => {
    const run = states()['Run the job'];
    expect(run).toMatchObject({
      Resource: 'arn:<AWS::Partition>:states:::emr-serverless:startJobRun.sync',
      // 60 minutes, 360 in the queue and 30 for the start
      TimeoutSeconds: 27_000,
      Next: 'Output',
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Failed' }],
      Retry: [{ ErrorEquals: ['States.TaskFailed'], MaxAttempts: 1 }],
    });
    expect(parameters().ExecutionTimeoutMinutes).toBe(60);
    expect(parameters({ executionTimeout: Duration.hours(5) }).ExecutionTimeoutMinutes).toBe(300);
    expect(states({ maxAttempts: 1 })['Run the job'].Retry).toBeUndefined();
  });

  test('reads the landing prefixes and writes below the features prefix', () => {
    expect(parameters().JobDriver.SparkSubmit.EntryPointArguments).toEqual([
      '--landing',
      `s3://landed/${RESULTS_PREFIX}`,
      '--landing',
      `s3://landed/${MEASUREMENTS_PREFIX}`,
      '--output',
      expect.stringMatching(/^s3:\/\/<SparkFeatures[^>]+>\/features\/$/),
      '--watermark-seconds',
      '86400',
      '--session-gap-seconds',
      '1800',
    ]);
  });

  test('fills its workers, and asks for no more executors than fit beside the driver', () => {
    const text = submitted({ worker: { vcpus: 4, memoryGb: 16 }, maxWorkers: 6 });
    // 16 GB = 16,384 MB, of which a tenth is overhead
    for (const kind of ['driver', 'executor']) {
      expect(text).toContain(`--conf spark.${kind}.memory=14745m --conf spark.${kind}.memoryOverhead=1639m`);
      expect(text).toContain(`--conf spark.${kind}.cores=4`);
    }
    expect(text).toContain('spark.dynamicAllocation.maxExecutors=5');
    expect(submitted({ worker: { vcpus: 1, memoryGb: 2 } })).toContain('spark.executor.memory=1664m');
  });

  test('takes properties of Spark, also in the place of its own', () => {
    const text = submitted({
      sparkProperties: { 'spark.executor.cores': '2', 'spark.executor.extraJavaOptions': '-Xss4m -verbose:gc' },
    });
    expect(text).toContain('--conf spark.executor.cores=2 ');
    expect(text).toContain('--conf spark.executor.extraJavaOptions="-Xss4m -verbose:gc"');
  });

  test('computes everything again where the input says so', () => {
    const all = states();
    expect(all['Input'].Choices[0]).toMatchObject({
      And: [
        { Variable: '$.rebuild', IsPresent: true },
        { Variable: '$.rebuild', BooleanEquals: true },
      ],
      Next: 'Begin on everything',
    });
    const run = all['Run the job on everything'].Parameters as ReturnType<typeof parameters>;
    expect(run.JobDriver.SparkSubmit.EntryPointArguments.at(-1)).toBe('--rebuild');
  });

  test('begins with a look at the table of a guard', () => {
    const guardTable = dynamodb.Table.fromTableName(new Stack(new App(), 'Other', { env }), 'Guard', 'guard');
    const all = states({ guardTable });
    expect(all['Begin'].Next).toBe('Read the guard');
    expect(all['Read the guard']).toMatchObject({
      Resource: 'arn:<AWS::Partition>:states:::dynamodb:getItem',
      Next: 'May a run start?',
    });
    expect(all['Refused']).toMatchObject({ Type: 'Fail', Error: 'Tidegate.GrowthFrozen' });
  });
});

describe('a job of the user', () => {
  const own = { entryPoint: __filename.replace(/\.test\.ts$/, '.py'), arguments: ['--day', '2026-11-30'] };

  test('runs from S3 with its arguments and its main class, and has no run on everything', () => {
    const all = states({
      job: { entryPoint: 's3://jobs/etl.jar', arguments: ['--day', 'x'], mainClass: 'com.example.Etl' },
    });
    const { SparkSubmit } = (all['Run the job'].Parameters as ReturnType<typeof parameters>).JobDriver;
    expect(SparkSubmit.EntryPoint).toBe('s3://jobs/etl.jar');
    expect(SparkSubmit.EntryPointArguments).toEqual(['--day', 'x']);
    expect(SparkSubmit.SparkSubmitParameters).toMatch(/^--class com\.example\.Etl --conf /);
    expect(Object.keys(all)).not.toContain('Run the job on everything');
  });

  test('must be a file, and takes no settings of the features job', () => {
    expect(() => deploy({ job: own, watermark: Duration.hours(1) })).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/watermark is for the job of this package[^]*is not a file/) as string,
      }),
    );
  });
});

describe('triggers', () => {
  test('start the machine by schedule, with a dead-letter queue', () => {
    const { template, pipeline } = deploy({ schedule: events.Schedule.rate(Duration.hours(1)) });
    template().hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 hour)',
      Targets: [Match.objectLike({ DeadLetterConfig: Match.anyValue() })],
    });
    expect(pipeline.deadLetterQueues).toHaveLength(1);
  });

  test('start one run for many landed objects', () => {
    const template = deploy({ onNewObjects: { maxObjects: 200, maxWait: Duration.minutes(2) } }).template();
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: {
          bucket: { name: ['landed'] },
          object: { key: [{ prefix: RESULTS_PREFIX }, { prefix: MEASUREMENTS_PREFIX }] },
        },
      },
    });
    template.hasResourceProperties('AWS::Pipes::Pipe', {
      SourceParameters: { SqsQueueParameters: { BatchSize: 200, MaximumBatchingWindowInSeconds: 120 } },
      TargetParameters: { StepFunctionStateMachineParameters: { InvocationType: 'FIRE_AND_FORGET' } },
    });
  });

  test('make a bucket of the app send its events', () => {
    const stack = new Stack(new App(), 'Test', { env });
    const landingBucket = new s3.Bucket(stack, 'Landing');
    new SparkPipeline(stack, 'Spark', { landingBucket, onNewObjects: {} });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::S3::Bucket', {
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    });
    template.resourceCountIs('AWS::Lambda::Function', 0);
  });
});

describe('permissions', () => {
  test('of the machine are to run this application with this role, which it passes to EMR Serverless only', () => {
    const { template, stack, pipeline } = deploy();
    const application = stack.resolve(pipeline.application.attrArn) as object;
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Sid: 'Run',
            Effect: 'Allow',
            Action: 'emr-serverless:StartJobRun',
            Resource: application,
          },
          {
            Effect: 'Allow',
            Action: ['emr-serverless:CancelJobRun', 'emr-serverless:GetJobRun'],
            Resource: { 'Fn::Join': ['', [application, '/jobruns/*']] },
          },
          {
            Effect: 'Allow',
            Action: 'iam:PassRole',
            Resource: stack.resolve(pipeline.executionRole.roleArn) as object,
            Condition: { StringEquals: { 'iam:PassedToService': 'emr-serverless.amazonaws.com' } },
          },
        ]),
      },
    });
  });

  test('of a run are on the job, the landing prefixes, the features prefix and its logs', () => {
    const { template } = deploy();
    const policy = Object.entries(template().findResources('AWS::IAM::Policy')).find(([id]) =>
      id.startsWith('SparkExecutionPolicy'),
    )![1].Properties as {
      PolicyDocument: { Statement: { Sid?: string; Action: string | string[]; Resource: unknown }[] };
    };
    const statements = policy.PolicyDocument.Statement;
    expect(statements.map(({ Sid }) => Sid)).toEqual([
      'ReadJob',
      'ReadLanding',
      'FindLanding',
      'KeepFeatures',
      'FindFeatures',
      'FindUploads',
      undefined,
      undefined,
    ]);
    expect(statements.map(({ Resource }) => Resource)).not.toContain('*');
    expect(JSON.stringify(statements[1]!.Resource)).toContain(':s3:::landed/results/*');
    expect(JSON.stringify(statements[3]!.Resource)).toContain('/features/*');
  });

  test('include the use of the keys of both buckets', () => {
    const stack = new Stack(new App(), 'Test', { env });
    const encryptionKey = new kms.Key(stack, 'Key');
    const landingBucket = new s3.Bucket(stack, 'Landing', { encryptionKey });
    const pipeline = new SparkPipeline(stack, 'Spark', { landingBucket });
    pipeline.grantStart(new iam.Role(stack, 'User', { assumedBy: new iam.AccountRootPrincipal() }));
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Action: 'kms:Decrypt' })]) },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: [Match.objectLike({ Action: 'states:StartExecution' })] },
    });
  });

  test('to assume the role are those of this application', () => {
    deploy()
      .template()
      .hasResourceProperties('AWS::IAM::Role', {
        AssumeRolePolicyDocument: {
          Statement: [
            Match.objectLike({
              Principal: { Service: 'emr-serverless.amazonaws.com' },
              Condition: Match.objectLike({ StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } }),
            }),
          ],
        },
      });
  });
});

describe('settings that are refused', () => {
  test.each<[string, Partial<SparkPipelineProps>, string]>([
    ['no time-out', { executionTimeout: Duration.minutes(0) }, 'executionTimeout (0 minutes) must be whole minutes'],
    ['a time-out above 7 days', { executionTimeout: Duration.days(8) }, 'from 5 to 10080 (7 days)'],
    ['no idle time', { idleTimeout: Duration.seconds(30) }, 'idleTimeout (0.5 minutes)'],
    ['a driver alone', { maxWorkers: 1 }, 'maxWorkers (1) must be a whole number from 2, a driver and an executor'],
    ['an unknown size', { worker: { vcpus: 3, memoryGb: 16 } }, 'worker.vcpus (3) must be one of 1, 2, 4, 8, 16'],
    ['memory out of range', { worker: { vcpus: 4, memoryGb: 64 } }, 'worker.memoryGb (64) must be 8 to 30'],
    ['memory between steps', { worker: { vcpus: 8, memoryGb: 18 } }, 'in steps of 4'],
    ['no prefix', { landingPrefixes: [] }, 'landingPrefixes is empty'],
    ['a prefix without a slash', { featuresPrefix: 'features' }, "prefix 'features' must be"],
    ['attempts without end', { maxAttempts: 0 }, 'maxAttempts (0) must be a whole number from 1 to 5'],
    ['properties of others', { sparkProperties: { 'hive.x': '1' } }, "'hive.x' must begin with spark."],
    ['quotation marks', { sparkProperties: { 'spark.x': 'a"b' } }, 'has a quotation mark'],
    ['too many objects', { onNewObjects: { maxObjects: 5000 } }, 'onNewObjects.maxObjects (5000)'],
    ['a long wait', { onNewObjects: { maxWait: Duration.hours(1) } }, 'onNewObjects.maxWait (3600 s)'],
    [
      'half of the prices',
      { prices: { usdPerGbHour: 0.005 } as SparkPrices },
      'prices.usdPerVcpuHour (undefined) must',
    ],
    ['a price of nothing', { prices: { usdPerVcpuHour: 0, usdPerGbHour: 1 } }, 'prices.usdPerVcpuHour (0)'],
    ['a watermark of part of a second', { watermark: Duration.millis(1500) }, 'watermark (1.5 s)'],
    ['a gap of a day', { sessionGap: Duration.days(1) }, 'sessionGap (86400 s) must be whole seconds from 1 to 21600'],
  ])('%s', (_, props, message) => {
    expect(() => deploy(props)).toThrow(InputError);
    expect(() => deploy(props)).toThrow(message);
  });

  test('output in what the job reads', () => {
    const stack = new Stack(new App(), 'Test', { env });
    const bucket = new s3.Bucket(stack, 'Bucket');
    expect(
      () =>
        new SparkPipeline(stack, 'Spark', {
          landingBucket: bucket,
          featuresBucket: bucket,
          featuresPrefix: 'results/features/',
        }),
    ).toThrow("featuresPrefix 'results/features/' overlaps the landing prefix 'results/'");
  });

  test('a region without Spark 4, and labels of other engines', () => {
    expect(() => deploy({}, 'me-south-1')).toThrow('release emr-spark-8.1.0 is not available in me-south-1');
    expect(() => EmrRelease.of('emr-7.11.0')).toThrow(/nearest: emr-spark-8\.\d\.0/);
    expect(EmrRelease.of('emr-spark-8.2.0').label).toBe('emr-spark-8.2.0');
  });
});
