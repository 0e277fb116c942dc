import { App, Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { InputError } from '../../lib/core/errors';
import { ModelRegistry, TrainingChannel, TrainingPipeline, type TrainingPipelineProps } from '../../lib/training';
import { CAPACITY_FAILURE_PATTERNS } from '../../lib/training/decide/capacity-failure';

interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly Default?: string;
  readonly Resource?: string;
  readonly Parameters?: { readonly [name: string]: unknown };
  readonly Catch?: readonly { readonly ErrorEquals: string[]; readonly Next: string }[];
  readonly Choices?: readonly { readonly Next: string; readonly Or: readonly { readonly StringMatches: string }[] }[];
}

interface Definition {
  readonly StartAt: string;
  readonly States: { readonly [name: string]: State };
}

const env = { account: '123456789012', region: 'us-east-1' };

function deploy(props: Partial<TrainingPipelineProps> = {}, stackProps: { env?: typeof env } = { env }) {
  const stack = new Stack(new App(), 'Test', stackProps);
  const trainingData = s3.Bucket.fromBucketName(stack, 'Data', 'landed');
  const pipeline = new TrainingPipeline(stack, 'Training', {
    trainingData,
    instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
    maxRuntime: Duration.hours(1),
    ...props,
  });
  return { stack, pipeline, template: () => Template.fromStack(stack) };
}

/** The state machine's definition, references written as `<Logical.Attribute>`. */
function definitionOf(template: Template): Definition {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const text = (machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } }).DefinitionString;
  const flatten = (part: unknown): string => {
    if (typeof part === 'string') return part;
    const [argument] = Object.values(part as { [intrinsic: string]: unknown });
    return `<${(Array.isArray(argument) ? argument : [argument]).map(flatten).join('.')}>`;
  };
  return JSON.parse(text['Fn::Join'][1].map(flatten).join('')) as Definition;
}

const states = (props?: Partial<TrainingPipelineProps>) => definitionOf(deploy(props).template()).States;
const job = (props?: Partial<TrainingPipelineProps>) => states(props)['Train on ml.g5.xlarge']!.Parameters!;

describe('a registry', () => {
  const registered = (props: Partial<TrainingPipelineProps> = {}) => {
    const { stack, template } = deploy({
      registry: ModelRegistry.fromModelPackageGroupName(new Stack(new App(), 'Registry', { env }), 'Digits', 'digits'),
      ...props,
    });
    return { stack, template: template() };
  };

  test('has a version of every model, pending approval, with its job', () => {
    const { States } = definitionOf(registered().template);
    expect(States['Register the model']!.Next).toBe('Register the version');
    expect(States['Register the version']).toMatchObject({
      Resource: 'arn:<AWS::Partition>:states:::aws-sdk:sagemaker:createModelPackage',
      Next: 'Output',
      Parameters: {
        ModelPackageGroupName: 'digits',
        ModelApprovalStatus: 'PendingManualApproval',
        InferenceSpecification: { Containers: [{ 'ModelDataUrl.$': '$.Training.ModelDataUrl' }] },
        CustomerMetadataProperties: { 'tidegate:training-job.$': '$.Training.TrainingJobName' },
      },
    });
    expect(States['Output']!.Parameters).toMatchObject({ 'ModelPackageArn.$': '$.Package.ModelPackageArn' });
  });

  test('has the parent of a model that is made of another one: its artifact, and its version where the input names it', () => {
    const bucket = s3.Bucket.fromBucketName(new Stack(new App(), 'Other'), 'Models', 'models');
    const { States } = definitionOf(
      registered({ channels: { model: TrainingChannel.fromExecutionInput(bucket, 'models/') } }).template,
    );
    expect(States['Register the model']!.Next).toBe('Names the input a version?');
    expect(States['Register the version']!.Parameters!['CustomerMetadataProperties']).toEqual({
      'tidegate:training-job.$': '$.Training.TrainingJobName',
      'tidegate:parent-model-data.$': '$$.Execution.Input.ModelDataUrl',
    });
    expect(States['Register the version with its parent']!.Parameters!['CustomerMetadataProperties']).toEqual({
      'tidegate:training-job.$': '$.Training.TrainingJobName',
      'tidegate:parent-model-data.$': '$$.Execution.Input.ModelDataUrl',
      'tidegate:parent-model-package.$': '$$.Execution.Input.ModelPackageArn',
    });
  });

  test('may be written by the machine: versions of this group alone', () => {
    const statements = Object.values(registered().template.findResources('AWS::IAM::Policy'))
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as { Action: unknown; Resource: unknown }[])
      .filter(({ Action }) => JSON.stringify(Action).includes('CreateModelPackage'));
    expect(statements).toHaveLength(2);
    for (const { Resource } of statements) {
      expect(JSON.stringify(Resource)).toMatch(/:model-package-group\/digits"|:model-package\/digits\/\*"/);
    }
  });

  test('is a group that stays when its stack goes, of a name that is given or made', () => {
    const stack = new Stack(new App(), 'Vision', { env });
    expect(new ModelRegistry(stack, 'Registry').modelPackageGroupName).toMatch(/^vision-registry/);
    new ModelRegistry(stack, 'Named', {
      modelPackageGroupName: 'named',
      description: 'Digits',
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const groups = Object.values(Template.fromStack(stack).findResources('AWS::SageMaker::ModelPackageGroup'));
    expect(groups.map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(['RetainExceptOnCreate', 'Delete']);
    expect(() => new ModelRegistry(stack, 'Wrong', { modelPackageGroupName: '-digits' })).toThrow(
      "modelPackageGroupName ('-digits') is not allowed",
    );
  });
});

describe('the machine', () => {
  test('trains on the first type, without capacity on the next, and then registers the model', () => {
    const { StartAt, States } = definitionOf(deploy().template());
    expect(StartAt).toBe('Begin');
    expect(States['Begin']!.Next).toBe('Let runs that began together appear');
    expect(States['Is an earlier run in progress?']).toMatchObject({
      Choices: [{ Next: 'A run is in progress' }],
      Default: 'Train on ml.g5.xlarge',
    });
    expect(States['Train on ml.g5.xlarge']).toMatchObject({
      Resource: 'arn:<AWS::Partition>:states:::sagemaker:createTrainingJob.sync',
      Next: 'Register the model',
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Lacks ml.g5.xlarge?' }],
    });
    const choice = States['Lacks ml.g5.xlarge?']!;
    expect([choice.Choices![0]!.Next, choice.Default]).toEqual(['Train on ml.g6.xlarge', 'Explain the failure']);
    expect(choice.Choices![0]!.Or.map(({ StringMatches }) => StringMatches)).toEqual([
      ...CAPACITY_FAILURE_PATTERNS.cause,
      ...CAPACITY_FAILURE_PATTERNS.error,
    ]);
    expect(States['Train on ml.g6.xlarge']).toMatchObject({
      Next: 'Register the model',
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Explain the failure' }],
    });
    expect(States['Register the model']!.Next).toBe('Output');
  });

  test('needs no choice with a single type', () => {
    expect(Object.keys(states({ instanceTypes: ['ml.p4d.24xlarge'], concurrentRuns: true })).sort()).toEqual(
      ['Begin', 'Explain the failure', 'Failed', 'Output', 'Register the model', 'Train on ml.p4d.24xlarge'].sort(),
    );
  });

  test('reads the table of its guard before every attempt, also the one on the next type', () => {
    const data = new Stack(new App(), 'Other', { env });
    const guardTable = dynamodb.Table.fromTableName(data, 'Guard', 'guard');
    const { States } = definitionOf(deploy({ guardTable }).template());
    expect(States['Is an earlier run in progress?']!.Default).toBe('Read the guard before ml.g5.xlarge');
    for (const type of ['ml.g5.xlarge', 'ml.g6.xlarge']) {
      expect(States[`Read the guard before ${type}`]).toMatchObject({
        Resource: 'arn:<AWS::Partition>:states:::dynamodb:getItem',
        Parameters: { TableName: 'guard', ProjectionExpression: 'trainingStarts', ConsistentRead: true },
        Next: `May ${type} start?`,
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Explain the failure' }],
      });
      expect(States[`May ${type} start?`]).toMatchObject({
        Choices: [{ Next: 'Refused' }],
        Default: `Train on ${type}`,
      });
    }
    expect(States['Lacks ml.g5.xlarge?']!.Choices![0]!.Next).toBe('Read the guard before ml.g6.xlarge');
    expect(States['Refused']).toMatchObject({ Type: 'Fail', Error: 'Tidegate.GrowthFrozen' });
  });

  test('ends with the names of the model, its artifact and its job', () => {
    expect(Object.keys(states()['Output']!.Parameters!)).toEqual([
      'ModelName.$',
      'ModelArn.$',
      'ModelDataUrl.$',
      'TrainingJobName.$',
      'TrainingJobArn.$',
      'InstanceType.$',
    ]);
  });

  test('is a standard one that logs everything and traces', () => {
    deploy()
      .template()
      .hasResourceProperties('AWS::StepFunctions::StateMachine', {
        StateMachineType: 'STANDARD',
        TracingConfiguration: { Enabled: true },
        LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: true },
      });
  });
});

describe('the training job', () => {
  test('runs on spot capacity with checkpoints of its execution and hard limits', () => {
    expect(job()).toMatchObject({
      EnableManagedSpotTraining: true,
      StoppingCondition: { MaxRuntimeInSeconds: 3600, MaxWaitTimeInSeconds: 7200 },
      CheckpointConfig: {
        'S3Uri.$': "States.Format('s3://<TrainingModels11524ABC>/checkpoints/{}', States.Hash($$.Execution.Id, 'MD5'))",
      },
      ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 1, VolumeSizeInGB: 50 },
    });
  });

  test('runs on demand, without checkpoints, if configured', () => {
    const parameters = job({ spot: false, checkpoints: false });
    expect(parameters.StoppingCondition).toEqual({ MaxRuntimeInSeconds: 3600 });
    expect(Object.keys(parameters)).not.toContain('EnableManagedSpotTraining');
    expect(Object.keys(parameters)).not.toContain('CheckpointConfig');
  });

  test('waits for spot capacity for maxWait', () => {
    expect(job({ maxWait: Duration.hours(5) }).StoppingCondition).toMatchObject({ MaxWaitTimeInSeconds: 18_000 });
  });

  test('runs the packaged script in script mode on the measurements of ingestion', () => {
    const parameters = job();
    expect(parameters.HyperParameters).toEqual({
      'window-seconds': String(90 * 86_400),
      sagemaker_program: 'train.py',
      sagemaker_region: 'us-east-1',
      sagemaker_submit_directory: expect.stringMatching(
        /^s3:\/\/cdk-hnb659fds-assets-.*\/[0-9a-f]{64}\.tar\.gz$/,
      ) as string,
    });
    expect(parameters.AlgorithmSpecification).toMatchObject({
      TrainingImage: '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-py312',
      TrainingInputMode: 'FastFile',
    });
    expect(parameters.InputDataConfig).toMatchObject([
      { ChannelName: 'train', DataSource: { S3DataSource: { S3Uri: 's3://landed/measurements/' } } },
    ]);
    expect(parameters.OutputDataConfig).toEqual({ S3OutputPath: 's3://<TrainingModels11524ABC>/models' });
  });

  test('has the window it is given, and none by default where the source is its own', () => {
    const windowOf = (props: Partial<TrainingPipelineProps>): unknown =>
      (job(props).HyperParameters as { [name: string]: string })['window-seconds'];
    const own = { sourceDirectory: __dirname, entryPoint: 'train.test.ts' };
    expect(windowOf({ window: Duration.days(30) })).toBe('2592000');
    expect(windowOf({ ...own, window: Duration.hours(6) })).toBe('21600');
    expect(windowOf(own)).toBeUndefined();
    expect(windowOf({ hyperparameters: { 'window-seconds': '5' } })).toBe('5');
  });

  test('has the source, image, data and arguments it is given', () => {
    const trainingImage = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:3';
    const parameters = job({
      trainingImage,
      trainingDataPrefix: 'features/v2/',
      sourceDirectory: __dirname,
      entryPoint: 'train.test.ts',
      hyperparameters: { holdout: '0.3' },
      volumeSize: Size.gibibytes(10),
    });
    expect(parameters).toMatchObject({
      AlgorithmSpecification: { TrainingImage: trainingImage },
      InputDataConfig: [{ DataSource: { S3DataSource: { S3Uri: 's3://landed/features/v2/' } } }],
      HyperParameters: { holdout: '0.3', sagemaker_program: 'train.test.ts' },
      ResourceConfig: { VolumeSizeInGB: 10 },
    });
  });

  test('has a name that is new for every attempt and never too long', () => {
    const { pipeline } = deploy({ jobNamePrefix: 'x'.repeat(21) });
    const name = job()['TrainingJobName.$'] as string;
    expect(name).toMatch(/^States\.Format\('[a-z0-9-]+--\{\}\{\}', States\.Hash\(\$\$\.Execution\.Id, 'MD5'\), .*UUID/);
    // prefix, MD5 in hex, first part of a UUID
    expect(`${pipeline.jobNamePrefix}${'f'.repeat(32)}${'f'.repeat(8)}`).toHaveLength(63);
  });

  test('finds the account of its image at deployment in a stack without a region', () => {
    const template = deploy({}, {}).template();
    expect(JSON.stringify(template.toJSON())).toContain('"us-west-2":{"account":"246618743249"}');
    expect(definitionOf(template).States['Train on ml.g5.xlarge']!.Parameters!.AlgorithmSpecification).toMatchObject({
      TrainingImage: expect.stringMatching(
        /^<TrainingAlgorithmImageAccounts\w*\.<AWS::Region>\.account>\.dkr\.ecr\.<AWS::Region>\.<AWS::URLSuffix>/,
      ) as string,
    });
  });
});

describe('the model', () => {
  test('is served by Triton with plain JSON requests, without a network', () => {
    expect(states()['Register the model']!.Parameters).toMatchObject({
      'ModelName.$': '$.Training.TrainingJobName',
      EnableNetworkIsolation: true,
      PrimaryContainer: {
        Image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:26.05-py3',
        'ModelDataUrl.$': '$.Training.ModelDataUrl',
        Environment: {
          SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: 'service_time',
          SAGEMAKER_TRITON_INFERENCE_TYPE: 'generate',
        },
      },
    });
  });

  test('is served by the image, environment and role it is given', () => {
    const stack = new Stack(new App(), 'Roles');
    const modelExecutionRole = iam.Role.fromRoleArn(stack, 'Role', 'arn:aws:iam::123456789012:role/serving');
    const inferenceImage = '123456789012.dkr.ecr.us-east-1.amazonaws.com/server@sha256:' + '0'.repeat(64);
    const { template } = deploy({ modelExecutionRole, inferenceImage, inferenceEnvironment: { A: 'b' } });
    expect(definitionOf(template()).States['Register the model']!.Parameters).toMatchObject({
      ExecutionRoleArn: 'arn:aws:iam::123456789012:role/serving',
      PrimaryContainer: { Image: inferenceImage, Environment: { A: 'b' } },
    });
    template().resourceCountIs('AWS::IAM::Role', 2);
  });

  test('lies in a bucket that keeps its versions', () => {
    deploy()
      .template()
      .hasResource('AWS::S3::Bucket', {
        Properties: {
          VersioningConfiguration: { Status: 'Enabled' },
          LifecycleConfiguration: {
            Rules: Match.arrayWith([Match.objectLike({ Prefix: 'checkpoints/', ExpirationInDays: 30 })]),
          },
        },
        DeletionPolicy: 'RetainExceptOnCreate',
      });
    deploy({ removalPolicy: RemovalPolicy.DESTROY })
      .template()
      .hasResource('AWS::S3::Bucket', { DeletionPolicy: 'Delete' });
  });
});

describe('the window', () => {
  /** Synthesises a pipeline with a window of 30 days on a bucket that deletes objects after some days. */
  function synthesize(prefix: string | undefined, days: number, status = true): void {
    const app = new App();
    const stack = new Stack(app, 'Test', { env });
    const trainingData = new s3.Bucket(stack, 'Data');
    new TrainingPipeline(stack, 'Training', {
      trainingData,
      window: Duration.days(30),
      instanceTypes: ['ml.g5.xlarge'],
      maxRuntime: Duration.hours(1),
    });
    // A rule that comes after the pipeline counts too.
    trainingData.addLifecycleRule({ prefix, expiration: Duration.days(days), enabled: status });
    app.synth();
  }

  test.each([['measurements/'], ['measurements/requests/'], ['meas'], [undefined]])(
    'is refused where the bucket deletes %s before it ends',
    (prefix) => {
      expect(() => synthesize(prefix, 29)).toThrow(
        /window \(30 days\) is longer than the 29 days for which the bucket Test\/Data keeps .*; keep them longer \(expiration\) or lower window/,
      );
      expect(() => synthesize(prefix, 30)).not.toThrow();
    },
  );

  test('does not regard rules of other prefixes, and rules that are off', () => {
    expect(() => synthesize('results/', 1)).not.toThrow();
    expect(() => synthesize('measurements/', 1, false)).not.toThrow();
  });
});

describe('the permissions', () => {
  const statements = (template: Template, sid: string) =>
    Object.values(template.findResources('AWS::IAM::Policy')).flatMap(({ Properties }) =>
      (
        Properties as { PolicyDocument: { Statement: { Sid?: string; Action: unknown; Resource: unknown }[] } }
      ).PolicyDocument.Statement.filter(({ Sid }) => Sid === sid),
    );

  const machineStatements = (template: Template): object[] =>
    Object.entries(template.findResources('AWS::IAM::Policy'))
      .filter(([id]) => id.startsWith('TrainingMachinePolicy'))
      .flatMap(
        ([, { Properties }]) => (Properties as { PolicyDocument: { Statement: object[] } }).PolicyDocument.Statement,
      );

  test('of a machine with a guard may read its table and nothing else of it', () => {
    const data = new Stack(new App(), 'Other', { env });
    const guardTable = dynamodb.Table.fromTableName(data, 'Guard', 'guard');
    expect(statements(deploy({ guardTable }).template(), 'ReadGuard')).toEqual([
      {
        Sid: 'ReadGuard',
        Effect: 'Allow',
        Action: 'dynamodb:GetItem',
        Resource: data.resolve(guardTable.tableArn) as object,
      },
    ]);
    expect(JSON.stringify(deploy().template())).not.toContain('dynamodb:');
  });

  test('of the machine are those of the two tasks, on its own names', () => {
    const { stack, pipeline, template } = deploy({ jobNamePrefix: 'nightly' });
    const own = (resource: string) =>
      stack.resolve(stack.formatArn({ service: 'sagemaker', resource, resourceName: 'nightly--*' })) as object;
    expect(machineStatements(template())).toEqual([
      { Sid: 'Train', Effect: 'Allow', Action: 'sagemaker:CreateTrainingJob', Resource: own('training-job') },
      { Sid: 'Register', Effect: 'Allow', Action: 'sagemaker:CreateModel', Resource: own('model') },
      {
        Effect: 'Allow',
        Action: [
          'sagemaker:AddTags',
          'sagemaker:DescribeTrainingJob',
          'sagemaker:ListTags',
          'sagemaker:StopTrainingJob',
        ],
        Resource: own('training-job'),
      },
      {
        Effect: 'Allow',
        Action: ['events:DescribeRule', 'events:PutRule', 'events:PutTargets'],
        Resource: stack.resolve(
          stack.formatArn({
            service: 'events',
            resource: 'rule',
            resourceName: 'StepFunctionsGetEventsForSageMakerTrainingJobsRule',
          }),
        ) as object,
      },
      ...[pipeline.trainingRole, pipeline.modelExecutionRole].map(({ roleArn }) => ({
        Effect: 'Allow',
        Action: 'iam:PassRole',
        Resource: stack.resolve(roleArn) as object,
        Condition: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
      })),
    ]);
  });

  test('of the jobs end at the data, the source, the models and the checkpoints', () => {
    const found = deploy().template();
    expect(statements(found, 'ReadData')[0]!.Action).toBe('s3:GetObject');
    expect(JSON.stringify(statements(found, 'ReadData')[0]!.Resource)).toContain(':s3:::landed/measurements/*');
    expect(JSON.stringify(statements(found, 'ReadSource')[0]!.Resource)).toMatch(/[0-9a-f]{64}\.tar\.gz/);
    expect(JSON.stringify(statements(found, 'KeepModels')[0]!.Resource)).toMatch(/\/models\/\*.*\/checkpoints\/\*/);
    expect(statements(found, 'FindData')[0]).toMatchObject({
      Condition: { StringLike: { 's3:prefix': 'measurements/*' } },
    });
  });

  test('of the jobs on a bucket with a key are to read with it, and where they write, to write with it', () => {
    const stack = new Stack(new App(), 'Test', { env });
    const keyed = (id: string): s3.Bucket => new s3.Bucket(stack, id, { encryption: s3.BucketEncryption.KMS });
    const [trainingData, modelBucket] = [keyed('Data'), keyed('Kept')];
    const pipeline = new TrainingPipeline(stack, 'Training', {
      trainingData,
      modelBucket,
      instanceTypes: ['ml.g5.xlarge'],
      maxRuntime: Duration.hours(1),
    });
    const keyStatements = (role: iam.IRole): object[] =>
      Object.values(Template.fromStack(stack).findResources('AWS::IAM::Policy')).flatMap(({ Properties }) => {
        const { Roles, PolicyDocument } = Properties as { Roles: unknown[]; PolicyDocument: { Statement: object[] } };
        const isOfRole = JSON.stringify(Roles) === JSON.stringify([stack.resolve(role.roleName)]);
        return isOfRole
          ? PolicyDocument.Statement.filter((statement) => JSON.stringify(statement).includes('kms:'))
          : [];
      });
    const on = ({ encryptionKey }: s3.Bucket) => stack.resolve(encryptionKey!.keyArn) as object;
    const reads = { Effect: 'Allow', Action: 'kms:Decrypt' };
    expect(keyStatements(pipeline.trainingRole)).toEqual([
      { ...reads, Resource: on(trainingData) },
      { Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: on(modelBucket) },
    ]);
    expect(keyStatements(pipeline.modelExecutionRole)).toEqual([{ ...reads, Resource: on(modelBucket) }]);
  });

  test('of whoever may start it are to start it', () => {
    const { stack, pipeline, template } = deploy();
    const caller = new iam.Role(stack, 'Caller', { assumedBy: new iam.AccountRootPrincipal() });
    pipeline.grantStart(caller);
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'states:StartExecution',
            Resource: stack.resolve(pipeline.stateMachine.stateMachineArn),
          },
        ],
      },
      Roles: [stack.resolve(caller.roleName)],
    });
  });
});

describe('the log group of the machine', () => {
  test('does not count towards the size of the resource policy of CloudWatch Logs', () => {
    deploy()
      .template()
      .hasResourceProperties('AWS::Logs::LogGroup', { LogGroupName: '/aws/vendedlogs/states/Test/Training' });
  });

  test('has another name in every stack and for every pipeline of a stack', () => {
    const names = ['dev', 'prod'].flatMap((stage) => {
      const stack = new Stack(new App(), 'Platform', { stackName: `Tidegate-${stage}`, env });
      for (const id of ['Nightly', 'Weekly run']) {
        new TrainingPipeline(stack, id, {
          trainingData: s3.Bucket.fromBucketName(stack, `${id}Data`, 'landed'),
          instanceTypes: ['ml.g5.xlarge'],
          maxRuntime: Duration.hours(1),
        });
      }
      return Object.values(Template.fromStack(stack).findResources('AWS::Logs::LogGroup')).map(
        ({ Properties }) => (Properties as { LogGroupName: string }).LogGroupName,
      );
    });
    expect(names).toEqual([
      '/aws/vendedlogs/states/Tidegate-dev/Nightly',
      '/aws/vendedlogs/states/Tidegate-dev/Weekly-run',
      '/aws/vendedlogs/states/Tidegate-prod/Nightly',
      '/aws/vendedlogs/states/Tidegate-prod/Weekly-run',
    ]);
  });
});

describe('the schedule', () => {
  test('starts nothing unless it is given', () => {
    const { pipeline, template } = deploy();
    template().resourceCountIs('AWS::Events::Rule', 0);
    template().resourceCountIs('AWS::SQS::Queue', 0);
    expect(pipeline.scheduleDeadLetterQueue).toBeUndefined();
  });

  test('starts the machine', () => {
    const { stack, pipeline, template } = deploy({ schedule: events.Schedule.rate(Duration.days(1)) });
    template().hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 day)',
      Targets: [Match.objectLike({ Arn: stack.resolve(pipeline.stateMachine.stateMachineArn) })],
    });
  });

  test('keeps starts that could not be delivered in an encrypted queue', () => {
    const { stack, pipeline, template } = deploy({ schedule: events.Schedule.rate(Duration.days(1)) });
    template().hasResourceProperties('AWS::Events::Rule', {
      Targets: [
        Match.objectLike({ DeadLetterConfig: { Arn: stack.resolve(pipeline.scheduleDeadLetterQueue!.queueArn) } }),
      ],
    });
    template().hasResourceProperties('AWS::SQS::Queue', {
      MessageRetentionPeriod: Duration.days(14).toSeconds(),
      SqsManagedSseEnabled: true,
    });
  });
});

describe('a pipeline that cannot work', () => {
  const tooMany = Object.fromEntries(Array.from({ length: 98 }, (_, index) => [`p${index}`, '1']));
  test.each<[string, Partial<TrainingPipelineProps>, string]>([
    ['spot without checkpoints', { checkpoints: false }, 'spot requires checkpoints'],
    ['no type', { instanceTypes: [] }, 'instanceTypes is empty'],
    [
      'an unknown type',
      { instanceTypes: ['ml.g5.xlrage'] },
      "unknown instance type 'ml.g5.xlrage'; nearest known: ml.g5.xlarge",
    ],
    ['a type twice', { instanceTypes: ['ml.g5.xlarge', 'ml.g5.xlarge'] }, 'names ml.g5.xlarge twice'],
    ['an hour of hours', { maxRuntime: Duration.days(29) }, 'maxRuntime (2505600 s) is out of range'],
    ['no time at all', { maxRuntime: Duration.seconds(0) }, 'maxRuntime (0 s) is out of range'],
    ['a wait below the runtime', { maxWait: Duration.minutes(5) }, 'maxWait (300 s) is below maxRuntime (3600 s)'],
    ['a wait without spot', { spot: false, maxWait: Duration.hours(2) }, 'maxWait applies to spot capacity only'],
    ['a script that is not there', { entryPoint: 'tain.py' }, "entryPoint 'tain.py' is not in the folder"],
    ['a script outside the folder', { entryPoint: '../train.py' }, "entryPoint '../train.py' is not in the folder"],
    ['an argument without a name', { hyperparameters: { '': 'x' } }, "hyperparameters has the name ''"],
    ['an argument of two words', { hyperparameters: { 'a b': 'x' } }, "hyperparameters has the name 'a b'"],
    ['a metric without a name', { metricDefinitions: { '': '(x)' } }, 'metricDefinitions has a name of 0 characters'],
    ['no variable', { inferenceEnvironment: { 'a b': 'x' } }, 'inferenceEnvironment.a b is not allowed'],
    ['a location for a prefix', { trainingDataPrefix: 's3://a/b/' }, "trainingDataPrefix ('s3://a/b/') is a location"],
    ['no window', { window: Duration.seconds(0) }, 'window (0 s) has no rows'],
    ['part of a second', { window: Duration.millis(1500) }, 'window (1.5 s) must be a whole number of seconds'],
    [
      'the window twice',
      { window: Duration.days(1), hyperparameters: { 'window-seconds': '5' } },
      'window and the hyperparameter window-seconds are the same setting',
    ],
    ['a reserved hyperparameter', { hyperparameters: { sagemaker_program: 'x' } }, 'begin with sagemaker_'],
    ['too many hyperparameters', { hyperparameters: tooMany }, 'there are 98 hyperparameters'],
    ['a hyperparameter too long', { hyperparameters: { text: 'x'.repeat(2501) } }, 'hyperparameter text is too long'],
    ['half a volume', { volumeSize: Size.mebibytes(512) }, 'volumeSize (0.5 GiB)'],
    ['a prefix no job can have', { jobNamePrefix: 'my_jobs' }, "jobNamePrefix ('my_jobs') is not allowed"],
    ['a prefix too long', { jobNamePrefix: 'x'.repeat(22) }, 'use 1 to 21 letters'],
    [
      'an image that is not in ECR',
      { trainingImage: 'python:3.12' },
      "trainingImage ('python:3.12') is not an image in ECR",
    ],
  ])('(%s) is refused with the way out', (_, props, message) => {
    expect(() => deploy(props)).toThrow(InputError);
    expect(() => deploy(props)).toThrow(message);
  });

  test('is refused in a region whose image is unknown, unless an image is given', () => {
    const elsewhere = { env: { account: '123456789012', region: 'ap-east-2' } };
    expect(() => deploy({}, elsewhere)).toThrow(
      /AWS lists no image sagemaker-scikit-learn:1.4-2-py312 for region 'ap-east-2' .*give trainingImage/,
    );
    const trainingImage = '123456789012.dkr.ecr.ap-east-2.amazonaws.com/mine:3';
    expect(() => deploy({ trainingImage }, elsewhere)).not.toThrow();
  });
});
