import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { GpuEndpoint, type GpuEndpointProps, ModelArtifact, ModelServer, RolloutStrategy } from '../../lib/inference';
import {
  LiveModel,
  type LiveModelProps,
  ModelRollout,
  type ModelRolloutProps,
  RolloutApproval,
} from '../../lib/rollout';
import { ScaleEvents } from '../../lib/scaling';
import { ModelRegistry } from '../../lib/training';

const env = { account: '123456789012', region: 'us-east-1' };
const IMAGE = '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312';

interface Given {
  readonly live?: Partial<LiveModelProps>;
  readonly endpoint?: Partial<GpuEndpointProps>;
  readonly rollout?: Partial<ModelRolloutProps> | ((stack: Stack) => Partial<ModelRolloutProps>);
}

function serving({ live: liveProps, endpoint: endpointProps, rollout: rolloutProps }: Given = {}) {
  const stack = new Stack(new App(), 'Serving', { env });
  const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
  const live = new LiveModel(stack, 'Live', {
    initialModel: ModelArtifact.fromBucket(models, 'models/first/output/model.tar.gz'),
    ...liveProps,
  });
  const endpoint = new GpuEndpoint(stack, 'Digits', {
    endpointName: 'digits',
    modelServer: ModelServer.triton(),
    modelArtifact: live.artifact,
    maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    ...endpointProps,
  });
  const rollout = new ModelRollout(stack, 'Rollout', {
    endpoint,
    live,
    registry: ModelRegistry.fromModelPackageGroupName(stack, 'Registry', 'digits'),
    models: [models],
    evaluationData: s3.Bucket.fromBucketName(stack, 'Rows', 'rows'),
    evaluationDataPrefix: 'frozen/',
    image: IMAGE,
    maxRuntime: Duration.hours(1),
    ...(typeof rolloutProps === 'function' ? rolloutProps(stack) : rolloutProps),
  });
  return { stack, live, endpoint, rollout, template: () => Template.fromStack(stack) };
}

/** The properties of the custom resource, with the settings of the endpoint parsed. */
function liveResource(template: Template): {
  readonly properties: { readonly [name: string]: unknown };
  readonly endpoint: string;
} {
  const [resource] = Object.values(template.findResources('Custom::TidegateLiveModel'));
  const { Properties: properties } = resource as { Properties: { readonly [name: string]: unknown } };
  return { properties, endpoint: JSON.stringify(properties['Endpoint']) };
}

describe('the live model', () => {
  test('is the artifact of the endpoint, as a parameter names it', () => {
    const { template } = serving();
    template().hasResourceProperties('AWS::SSM::Parameter', {
      Value: '{"bucket":"models","key":"models/first/output/model.tar.gz","maxConcurrencyPerInstance":8}',
    });
    template().hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: {
        ModelDataSource: {
          S3DataSource: {
            S3Uri: {
              'Fn::Join': [
                '',
                [
                  's3://',
                  { 'Fn::GetAtt': [Match.anyValue(), 'Bucket'] },
                  '/',
                  { 'Fn::GetAtt': [Match.anyValue(), 'Key'] },
                ],
              ],
            },
          },
        },
      },
    });
  });

  test('may be read by the role of the endpoint, that one object and no more', () => {
    serving()
      .template()
      .hasResourceProperties('AWS::IAM::Policy', {
        PolicyName: Match.stringLikeRegexp('DigitsExecutionPolicy'),
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Action: 's3:GetObject',
              Resource: {
                'Fn::Join': ['', Match.arrayWith([{ 'Fn::GetAtt': [Match.anyValue(), 'Key'] }])],
              },
            }),
          ]),
        },
      });
  });

  test.each<[string, Partial<GpuEndpointProps>]>([
    ['of its instances', { capacity: { pools: [{ instanceType: 'ml.g6.xlarge' }] } }],
    ['of its server', { modelServer: ModelServer.triton({ environment: { A: 'b' } }) }],
    ['of its time-out', { startupTimeout: Duration.seconds(700) }],
    ['of its rollout', { rollout: { strategy: RolloutStrategy.LINEAR } }],
    ['of its metrics', { observability: { metricsFrequency: Duration.seconds(60) } }],
    ['of its count', { initialInstanceCount: 2 }],
  ])('is read again with every change of the endpoint: %s', (_, endpoint) => {
    const before = liveResource(serving().template());
    const after = liveResource(serving({ endpoint }).template());
    expect(after.endpoint).not.toBe(before.endpoint);
    expect({ ...after.properties, Endpoint: '' }).toEqual({ ...before.properties, Endpoint: '' });
  });

  test('is read again with a variant that is added afterwards', () => {
    const { endpoint, template } = serving();
    endpoint.addVariant('other', {
      modelServer: ModelServer.triton(),
      modelArtifact: ModelArtifact.fromBucket(s3.Bucket.fromBucketName(endpoint, 'B', 'other'), 'k.tar.gz'),
    });
    expect(liveResource(template()).endpoint).toContain('other');
  });

  test('depends on nothing that depends on it', () => {
    const { stack, endpoint, template } = serving();
    const alarm = endpoint.metricModelErrors().createAlarm(stack, 'Business', { threshold: 1, evaluationPeriods: 1 });
    expect(alarm).toBeInstanceOf(cloudwatch.Alarm);
    // Template.fromStack refuses circles.
    template();
  });

  test('is replaced by another initial model', () => {
    const value = (given: Given): unknown =>
      Object.values(serving(given).template().findResources('AWS::SSM::Parameter'))[0]!.Properties.Value;
    const other = s3.Bucket.fromBucketName(new Stack(new App(), 'Other'), 'Models', 'models');
    expect(value({ live: { initialModel: ModelArtifact.fromBucket(other, 'models/second.tar.gz') } })).not.toEqual(
      value({}),
    );
  });

  test.each<[string, Partial<LiveModelProps>, string]>([
    ['no concurrency', { initialMaxConcurrency: 0 }, 'initialMaxConcurrency (0) must be at least 1'],
    ['a wrong ratio', { targetRatio: 1.1 }, 'targetRatio (1.1) must be above 0 and at most 1'],
  ])('refuses %s', (_, live, message) => {
    expect(() => serving({ live })).toThrow(message);
  });

  test('may be decrypted by the role of the endpoint where its bucket has a key, without a rollout too', () => {
    const stack = new Stack(new App(), 'Alone', { env });
    const encryptionKey = kms.Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:us-east-1:123456789012:key/models');
    const models = s3.Bucket.fromBucketAttributes(stack, 'Models', { bucketName: 'models', encryptionKey });
    const live = new LiveModel(stack, 'Live', { initialModel: ModelArtifact.fromBucket(models, 'a.tar.gz') });
    new GpuEndpoint(stack, 'Digits', {
      modelServer: ModelServer.triton(),
      modelArtifact: live.artifact,
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    });
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      Roles: [{ Ref: Match.stringLikeRegexp('^DigitsExecutionRole') }],
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Action: 'kms:Decrypt', Resource: 'arn:aws:kms:us-east-1:123456789012:key/models' }),
        ]),
      },
    });
  });

  test('serves one endpoint, and has to serve one', () => {
    const { stack, live } = serving();
    const props = { modelServer: ModelServer.triton(), capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] } };
    expect(() => new GpuEndpoint(stack, 'Second', { ...props, modelArtifact: live.artifact })).toThrow(
      'Serving/Digits serves this model already, and Serving/Second would be the second endpoint',
    );
    const alone = new Stack(new App(), 'Alone', { env });
    new LiveModel(alone, 'Live', {
      initialModel: ModelArtifact.fromBucket(s3.Bucket.fromBucketName(alone, 'Models', 'models'), 'a.tar.gz'),
    });
    expect(() => Template.fromStack(alone)).toThrow('no endpoint serves this model');
  });
});

interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly Resource?: string;
  readonly Parameters?: { readonly [name: string]: unknown };
  readonly Choices?: readonly { readonly Next: string; readonly StringEquals?: string }[];
  readonly Default?: string;
  readonly Seconds?: number;
  readonly Catch?: readonly { readonly Next: string }[];
}

function statesOf(given?: Given): { readonly [name: string]: State } {
  const [machine] = Object.values(serving(given).template().findResources('AWS::StepFunctions::StateMachine'));
  const { DefinitionString: text } = machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } };
  const flat = text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : '<ref>')).join('');
  return (JSON.parse(flat) as { States: { [name: string]: State } }).States;
}

describe('the state machine', () => {
  test('evaluates on the types of the endpoint, then lets the gate decide, then updates and observes', () => {
    const states = statesOf();
    const next = (name: string): string[] => [
      ...(states[name]!.Choices ?? []).map(({ Next }) => Next),
      states[name]!.Default ?? states[name]!.Next!,
    ];
    expect(next('What to do?')).toEqual([
      'Evaluate on ml.g5.xlarge',
      'Update the endpoint',
      'Leave the endpoint',
      'Output',
    ]);
    expect(next('Evaluate on ml.g5.xlarge')).toEqual(['Judge']);
    expect(next('Does it pass?')).toEqual(['Output', 'Update the endpoint']);
    expect(next('Is the update over?')).toEqual(['Wait for the update', 'Leave the endpoint', 'Output', 'Record']);
    expect(next('Is it left?')).toEqual(['Wait to leave', 'Output', 'Update the endpoint', 'Why did it fail?']);
    expect(next('Record')).toEqual(['Output']);
  });

  test('leaves the endpoint as it was wherever it fails once it may have changed it', () => {
    const states = statesOf({ rollout: { shadow: { duration: Duration.hours(2) } } });
    const goesTo = (name: string): string | undefined => states[name]!.Catch?.[0]!.Next;
    const tasks = Object.keys(states).filter((name) => states[name]!.Resource === '<ref>');
    expect(tasks.filter((name) => goesTo(name) === 'Failed').sort()).toEqual(['Begin', 'Judge']);
    expect(goesTo('Leave the endpoint')).toBe('Why did it fail?');
    const others = tasks.filter((name) => !['Begin', 'Judge', 'Leave the endpoint'].includes(name));
    expect(others.length).toBe(6);
    for (const name of others) expect([name, goesTo(name)]).toEqual([name, 'Leave the endpoint']);
    expect(Object.keys(states).filter((name) => JSON.stringify(states[name]).includes('"Next":"Rolled back"'))).toEqual(
      [],
    );
    expect(states['Why did it fail?']).toMatchObject({ Choices: [{ Next: 'Failed' }], Default: 'Rolled back' });
  });

  test('measures both models on the frozen set, by the price of the endpoint', () => {
    const job = statesOf({ rollout: { sliceBy: ['device', 'country'] } })['Evaluate on ml.g5.xlarge']!.Parameters!;
    expect(job['HyperParameters']).toMatchObject({
      'slice-by': 'device,country',
      'price-per-hour-usd': '1.408',
      'instance-type': 'ml.g5.xlarge',
      sagemaker_program: 'evaluate.py',
    });
    const channels = job['InputDataConfig'] as { ChannelName: string; DataSource: { S3DataSource: object } }[];
    expect(channels.map(({ ChannelName, DataSource }) => [ChannelName, DataSource.S3DataSource])).toEqual([
      ['live', expect.objectContaining({ 'S3Uri.$': '$.liveModelDataUrl' })],
      ['candidate', expect.objectContaining({ 'S3Uri.$': '$.candidate.modelDataUrl' })],
      ['evaluation', expect.objectContaining({ S3Uri: 's3://rows/frozen/' })],
    ]);
  });

  test('shows the version to a shadow for its duration, where one is asked for', () => {
    expect(Object.keys(statesOf())).not.toContain('Add the shadow');
    const states = statesOf({ rollout: { shadow: { duration: Duration.hours(2) } } });
    expect(states['Receive requests']!.Seconds).toBe(7200);
    expect(states['Compare the shadow']!.Next).toBe('Update the endpoint');
  });

  test('looks at the table of a guard before the evaluation', () => {
    const stack = new Stack(new App(), 'Guard', { env });
    const guardTable = dynamodb.Table.fromTableName(stack, 'Table', 'guard');
    expect(Object.keys(statesOf({ rollout: { guardTable } }))).toContain('Read the guard before ml.g5.xlarge');
  });

  test('may be started by those that are granted it', () => {
    const { rollout, stack, template } = serving();
    rollout.grantStart(new iam.Role(stack, 'Starter', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') }));
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyName: Match.stringLikeRegexp('StarterDefaultPolicy'),
      PolicyDocument: { Statement: [Match.objectLike({ Action: 'states:StartExecution' })] },
    });
    expect(rollout.metricFailed().metricName).toBe('ExecutionsFailed');
  });
});

describe('the rules', () => {
  const patterns = (given?: Given): unknown[] =>
    Object.values(serving(given).template().findResources('AWS::Events::Rule')).map(
      ({ Properties }) => (Properties as { EventPattern: { detail: unknown } }).EventPattern.detail,
    );

  test('start it for versions that are registered or approved, after a deployment that failed, and after an execution that ended early', () => {
    expect(patterns()).toEqual([
      { ModelPackageGroupName: ['digits'], ModelApprovalStatus: ['PendingManualApproval', 'Approved'] },
      { 'stack-id': [{ Ref: 'AWS::StackId' }], 'status-details': { status: ['UPDATE_ROLLBACK_COMPLETE'] } },
      {
        stateMachineArn: [{ Ref: expect.stringContaining('Machine') }],
        status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
        // Without it, an execution that restores and fails would start another one without end.
        input: [{ 'anything-but': { prefix: '{"Restore"' } }],
      },
    ]);
  });

  test('leave versions alone where it is started otherwise', () => {
    expect(patterns({ rollout: { startOnRegistration: false } })).toHaveLength(2);
  });
});

test('a configuration of a rollout is none that the recorder of scale events takes for a drift', () => {
  const { endpoint, template } = serving({
    // The recorder is declared before the rollout.
    rollout: (stack) => {
      new ScaleEvents(stack, 'Events', { fleets: [stack.node.findChild('Digits') as GpuEndpoint] });
      return {};
    },
  });
  const { rolloutConfigPrefix } = endpoint.stateSource!;
  expect(rolloutConfigPrefix).toMatch(/^[a-z0-9-]{1,38}--$/);
  const functions = JSON.stringify(Object.values(template().findResources('AWS::Lambda::Function')));
  expect(functions).toContain(JSON.stringify(`"rolloutConfigPrefix":"${rolloutConfigPrefix}"`).slice(1, -1));
});

describe('the handler', () => {
  const configurationOf = (given: Given): { readonly [name: string]: unknown } => {
    const functions = Object.values(serving(given).template().findResources('AWS::Lambda::Function'));
    const variables = functions.map(({ Properties }) => Properties.Environment?.Variables?.TIDEGATE_ROLLOUT as unknown);
    const join = variables.find((value) => value !== undefined) as { 'Fn::Join': [string, unknown[]] };
    return JSON.parse(join['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : '<ref>')).join('')) as {
      readonly [name: string]: unknown;
    };
  };

  test('has the rollout and the alarms of the endpoint, and the defaults of the gate', () => {
    expect(configurationOf({})).toMatchObject({
      endpointName: '<ref>',
      variantName: 'main',
      approval: 'AUTOMATIC',
      namePrefix: expect.stringMatching(/^[a-z0-9-]{1,38}--$/),
      limits: {
        maxAccuracyLoss: 0.005,
        maxSliceLoss: 0.05,
        minSliceRows: 20,
        maxLatencyGrowth: 0.2,
        maxCostGrowth: 0.2,
      },
      deployment: {
        RollingUpdatePolicy: { MaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 25 } },
        AutoRollbackConfiguration: { Alarms: [{ AlarmName: '<ref>' }, { AlarmName: '<ref>' }] },
      },
    });
  });

  test('has the limits and the shadow that are given', () => {
    const given = configurationOf({
      rollout: {
        approval: RolloutApproval.MANUAL,
        gate: { maxAccuracyLoss: 0, maxSizeGrowth: 1 },
        shadow: { duration: Duration.hours(1), samplingPercent: 10 },
      },
    });
    expect(given).toMatchObject({
      approval: 'MANUAL',
      limits: { maxAccuracyLoss: 0, maxSizeGrowth: 1 },
      shadow: { samplingPercent: 10, instanceCount: 1, minRequests: 100, maxErrorRatio: 0.01, maxLatencyGrowth: 0.2 },
    });
  });

  test('may change this endpoint and what it creates, and no other', () => {
    const { template } = serving();
    const [policy] = Object.entries(template().findResources('AWS::IAM::Policy'))
      .find(([id]) => id.startsWith('RolloutHandlerPolicy'))!
      .slice(1) as [
      { Properties: { PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] } } },
    ];
    // Each read on what it is called on, and a report that is not there is told from one that is denied.
    const resourcesOf = (action: string): string[] =>
      policy.Properties.PolicyDocument.Statement.filter(({ Action }) => [Action].flat().includes(action)).map(
        ({ Resource }) => JSON.stringify(Resource),
      );
    for (const action of ['sagemaker:DescribeEndpointConfig', 'sagemaker:ListTags'])
      expect(resourcesOf(action)).toEqual([expect.stringContaining(':endpoint-config/*"')]);
    expect(resourcesOf('sagemaker:DescribeModel')).toEqual([expect.stringContaining(':model/*"')]);
    expect(resourcesOf('s3:ListBucket')).toEqual([expect.stringContaining('RolloutReports')]);
    const writes = policy.Properties.PolicyDocument.Statement.filter(({ Action }) =>
      [Action].flat().some((action) => /Create|Update|Put|Delete|Pass|AddTags/.test(action)),
    );
    for (const { Action, Resource } of writes) {
      const text = JSON.stringify(Resource);
      expect([Action, text]).not.toEqual([Action, '"*"']);
      expect(text).toMatch(
        /--\*|endpoint\/digits|DigitsEndpoint|model-package\/digits\/\*|LiveParameter|live-model|ExecutionRole/,
      );
    }
  });

  test('and the evaluation use the keys of encrypted buckets', () => {
    const { template } = serving({
      rollout: (stack) => ({
        evaluationData: s3.Bucket.fromBucketAttributes(stack, 'Encrypted', {
          bucketName: 'rows',
          encryptionKey: new kms.Key(stack, 'Key'),
        }),
      }),
    });
    expect(JSON.stringify(template().findResources('AWS::IAM::Policy'))).toContain('kms:Decrypt');
  });
});

test.each<[string, Partial<ModelRolloutProps>, string]>([
  ['no models', { models: [] }, 'models is empty; give the modelBucket of the pipelines'],
  ['an unknown type', { instanceTypes: ['ml.g5.huge'] }, "instanceTypes: unknown instance type 'ml.g5.huge'"],
  ['a limit', { gate: { maxAccuracyLoss: 2 } }, 'gate.maxAccuracyLoss (2) is out of range; 0 to 1 is allowed'],
  ['rows of a slice', { gate: { minSliceRows: 1.5 } }, 'gate.minSliceRows (1.5) must be a whole number'],
  [
    'a short shadow',
    { shadow: { duration: Duration.seconds(10) } },
    'shadow.duration in seconds (10) is out of range; 120 to 604800 is allowed',
  ],
  ['a field with a comma', { sliceBy: ['a,b'] }, "sliceBy has 'a,b'; a field has no comma and no space around it"],
  ['a prefix', { jobNamePrefix: 'a--b' }, "jobNamePrefix ('a--b') is not allowed"],
  ['a long prefix', { jobNamePrefix: 'a'.repeat(22) }, 'is longer than 21 characters'],
  ['an image elsewhere', { image: 'docker.io/x' }, "image ('docker.io/x') is not an image in ECR"],
  ['a runtime', { maxRuntime: Duration.seconds(1) }, 'maxRuntime in seconds (1) is out of range'],
  [
    'objects that are deleted without the bucket',
    { autoDeleteObjects: true, removalPolicy: RemovalPolicy.RETAIN },
    'autoDeleteObjects (true) needs removalPolicy RemovalPolicy.DESTROY',
  ],
])('a rollout refuses %s', (_, rollout, message) => {
  expect(() => serving({ rollout })).toThrow(message);
});
