import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { EdgeDropPolicy, EdgeFleet, type EdgeFleetProps, EdgeModel, EdgeRollout } from '../../lib/edge';
import { parseRecipe, type Recipe } from '../../lib/emulator/edge/recipe';
import { AsyncEndpoint, GpuEndpoint } from '../../lib/inference';
import { nagReport } from '../support/nag-report';
import { modelFolder } from './models';

const STREAM_ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/results';
const endpointIn = (stack: Stack) => GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'digits', 'main');

function fleetIn(stack: Stack, props: Partial<EdgeFleetProps> = {}): EdgeFleet {
  return new EdgeFleet(stack, 'Cameras', {
    model: EdgeModel.fromDirectory(modelFolder()),
    stream: kinesis.Stream.fromStreamArn(stack, 'Stream', STREAM_ARN),
    fleetName: 'cameras',
    ...props,
  });
}

function deploy(props: (stack: Stack) => Partial<EdgeFleetProps> = () => ({})) {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const fleet = fleetIn(stack, props(stack));
  return { stack, fleet, template: Template.fromStack(stack) };
}

/** Recipe of a template, with references as texts. */
function recipeOf(template: Template): Recipe {
  const [component] = Object.values(template.findResources('AWS::GreengrassV2::ComponentVersion'));
  const text = (component!.Properties as { InlineRecipe: string | { 'Fn::Join': [string, unknown[]] } }).InlineRecipe;
  const joined =
    typeof text === 'string'
      ? text
      : text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'ref')).join('');
  return parseRecipe(joined);
}

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
}

function statementsOf(template: Template, beginning: string): Statement[] {
  return Object.entries(template.findResources('AWS::IAM::Policy'))
    .filter(([id]) => id.startsWith(beginning))
    .flatMap(
      ([, policy]) => (policy.Properties as { PolicyDocument: { Statement: Statement[] } }).PolicyDocument.Statement,
    );
}

describe('an edge fleet', () => {
  test('has a component whose recipe Greengrass accepts: install, run, two artifacts, configuration', () => {
    const recipe = recipeOf(deploy((stack) => ({ endpoint: endpointIn(stack) })).template);
    expect(recipe.ComponentName).toBe('tidegate.edge.cameras');
    expect(Object.keys(recipe.ComponentDependencies)).toEqual(['aws.greengrass.TokenExchangeService']);
    expect(recipe.ComponentConfiguration.DefaultConfiguration).toMatchObject({
      fleet: 'cameras',
      confidenceThreshold: '0.8',
      storeMaxBytes: String(64 * 1024 * 1024),
      dropPolicy: 'least-useful',
      requestTopic: 'tidegate/cameras/requests',
      metricsTopic: 'tidegate/cameras/metrics',
      endpointName: 'digits',
      streamName: 'results',
      region: 'us-east-1',
      gated: 'true',
    });
    const [manifest] = recipe.Manifests;
    expect(manifest!.Platform).toEqual({ os: 'linux' });
    expect(manifest!.Artifacts.map(({ Unarchive }) => Unarchive)).toEqual(['ZIP', 'ZIP']);
    expect(manifest!.Lifecycle.Install!.Script).toContain('install.py');
    expect(manifest!.Lifecycle.Run!.Script).toMatch(/^exec /);
  });

  test('may publish on its own topics only', () => {
    const { accessControl } = recipeOf(deploy().template).ComponentConfiguration.DefaultConfiguration as {
      accessControl: { [service: string]: { [id: string]: { operations: string[]; resources: string[] } } };
    };
    const allowed = Object.values(accessControl).flatMap((policies) => Object.values(policies));
    expect(allowed.map(({ operations, resources }) => [...operations, ...resources])).toEqual([
      ['aws.greengrass#SubscribeToTopic', 'tidegate/cameras/requests'],
      ['aws.greengrass#PublishToTopic', 'tidegate/cameras/responses'],
      ['aws.greengrass#PublishToIoTCore', 'tidegate/cameras/metrics'],
    ]);
  });

  test('has the version of its content: the same for the same, another for another model or configuration', () => {
    const version = (props: Partial<EdgeFleetProps> = {}) => deploy(() => props).fleet.componentVersion;
    const first = version();
    expect(first).toMatch(/^1\.\d{1,6}\.\d{1,6}$/);
    expect(version()).toBe(first);
    const other = { model: EdgeModel.fromDirectory(modelFolder({ 'model.onnx': 'other weights' })) };
    expect(version(other)).not.toBe(first);
    expect(version({ storeSize: Size.mebibytes(8) })).not.toBe(first);
    expect(version({ rollout: EdgeRollout.constant(5) })).toBe(first);
  });

  test('deploys to its thing group in stages, is cancelled when devices fail, and goes back on a device', () => {
    const { template, fleet } = deploy();
    template.hasResourceProperties('AWS::GreengrassV2::Deployment', {
      TargetArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^CamerasGroup'), 'Arn'] },
      Components: {
        'tidegate.edge.cameras': { ComponentVersion: fleet.componentVersion, ConfigurationUpdate: { Reset: [''] } },
      },
      DeploymentPolicies: { FailureHandlingPolicy: 'ROLLBACK' },
      IotJobConfiguration: {
        JobExecutionsRolloutConfig: {
          MaximumPerMinute: 1000,
          ExponentialRate: {
            BaseRatePerMinute: 10,
            IncrementFactor: 2,
            RateIncreaseCriteria: { NumberOfSucceededThings: 10 },
          },
        },
        AbortConfig: {
          CriteriaList: Match.arrayWith([
            { Action: 'CANCEL', FailureType: 'FAILED', MinNumberOfExecutedThings: 5, ThresholdPercentage: 20 },
          ]),
        },
        TimeoutConfig: { InProgressTimeoutInMinutes: 30 },
      },
    });
  });

  test('takes other rollouts, thresholds and times', () => {
    const { template } = deploy(() => ({
      rollout: EdgeRollout.constant(3),
      abort: { failedPercentage: 50 },
      rollback: false,
      deploymentTimeout: Duration.hours(2),
    }));
    template.hasResourceProperties('AWS::GreengrassV2::Deployment', {
      DeploymentPolicies: { FailureHandlingPolicy: 'DO_NOTHING' },
      IotJobConfiguration: {
        JobExecutionsRolloutConfig: { MaximumPerMinute: 3, ExponentialRate: Match.absent() },
        AbortConfig: {
          CriteriaList: Match.arrayWith([
            { Action: 'CANCEL', FailureType: 'TIMED_OUT', MinNumberOfExecutedThings: 1, ThresholdPercentage: 50 },
          ]),
        },
        TimeoutConfig: { InProgressTimeoutInMinutes: 120 },
      },
    });
  });

  test('gives its role two objects, one stream and one endpoint', () => {
    const { template } = deploy((stack) => ({ endpoint: endpointIn(stack) }));
    template.hasResourceProperties('AWS::IoT::RoleAlias', {
      RoleAlias: 'cameras',
      RoleArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^CamerasTokenExchangeRole'), 'Arn'] },
      CredentialDurationSeconds: 3600,
    });
    const statements = statementsOf(template, 'CamerasTokenExchange');
    expect(statements.flatMap(({ Action }) => Action).sort()).toEqual([
      'kinesis:PutRecords',
      's3:GetObject',
      'sagemaker:InvokeEndpoint',
    ]);
    const text = JSON.stringify(statements.map(({ Resource }) => Resource));
    expect(text).toContain('stream/results');
    expect(text).toContain('endpoint/digits');
    expect(text).not.toContain('*');
    expect(statements.find(({ Action }) => Action === 's3:GetObject')!.Resource).toHaveLength(2);
  });

  test('may use the keys of the stream and of the bucket', () => {
    const { template } = deploy((stack) => ({
      model: EdgeModel.fromBucket(
        s3.Bucket.fromBucketAttributes(stack, 'Models', {
          bucketName: 'models',
          encryptionKey: kms.Key.fromKeyArn(stack, 'BucketKey', 'arn:aws:kms:us-east-1:123456789012:key/bucket'),
        }),
        'models/job-7/output/model.tar.gz',
      ),
      stream: kinesis.Stream.fromStreamAttributes(stack, 'Other', {
        streamArn: STREAM_ARN,
        encryptionKey: kms.Key.fromKeyArn(stack, 'StreamKey', 'arn:aws:kms:us-east-1:123456789012:key/stream'),
      }),
    }));
    const statements = statementsOf(template, 'CamerasTokenExchange');
    expect(statements).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ Action: 'kms:Decrypt', Resource: expect.stringContaining('key/bucket') as unknown }),
        expect.objectContaining({
          Action: 'kms:GenerateDataKey',
          Resource: expect.stringContaining('key/stream') as unknown,
        }),
      ]),
    );
    const [, model] = recipeOf(template).Manifests[0]!.Artifacts;
    expect(model).toMatchObject({ URI: 's3://models/models/job-7/output/model.tar.gz', Unarchive: 'NONE' });
  });

  test('limits the policy of devices to their own names and one topic', () => {
    const { template, fleet } = deploy();
    const [policy] = Object.values(template.findResources('AWS::IoT::Policy'));
    const { Statement } = (policy!.Properties as { PolicyDocument: { Statement: Statement[] } }).PolicyDocument;
    expect(fleet.devicePolicyName).toBe('cameras');
    const everywhere = Statement.filter(({ Resource }) => JSON.stringify(Resource) === '["*"]');
    expect(everywhere.flatMap(({ Action }) => Action).every((action) => action.startsWith('greengrass:'))).toBe(true);
    for (const { Action, Resource } of Statement) {
      if (Action.includes('iot:AssumeRoleWithCertificate')) {
        expect(JSON.stringify(Resource)).toContain('RoleAliasArn');
      } else if (!everywhere.some((one) => one.Action === Action)) {
        for (const one of Resource as unknown[])
          expect(JSON.stringify(one)).toMatch(/cameras-\*|tidegate\/cameras\/metrics/);
      }
    }
  });

  test('turns metrics messages into metrics with the dimension of the fleet', () => {
    const { template, fleet, stack } = deploy();
    template.hasResourceProperties('AWS::IoT::TopicRule', {
      TopicRulePayload: {
        Sql: "SELECT * FROM 'tidegate/cameras/metrics'",
        Actions: [{ CloudwatchLogs: { LogGroupName: Match.anyValue() } }],
      },
    });
    expect(stack.resolve(fleet.metricDropped())).toMatchObject({
      namespace: 'Tidegate',
      metricName: 'EdgeDropped',
      dimensions: { Fleet: 'cameras' },
    });
    expect(fleet.metricOffload().expression).toBe('IF(requests > 0, 100 * (requests - asked) / requests)');
    expect(fleet.metricReportingDevices().expression).toBe('FILL(heartbeats, 0) * 60 / 300');
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.greengrass'],
        detail: { coreDeviceExecutionStatus: ['FAILED', 'REJECTED'] },
      },
    });
  });

  test('passes the AwsSolutions rules', () => {
    expect(nagReport((stack) => void fleetIn(stack, { endpoint: endpointIn(stack) })).open).toEqual([]);
  });
});

describe('settings that make no sense are refused', () => {
  test.each<[string, (stack: Stack) => Partial<EdgeFleetProps>]>([
    [
      'confidenceThreshold (1.5) is out of range; 0 to 1 is allowed',
      (stack) => ({ confidenceThreshold: 1.5, endpoint: endpointIn(stack) }),
    ],
    ['confidenceThreshold has no effect without an endpoint', () => ({ confidenceThreshold: 0.5 })],
    ['storeSize (1024 bytes) is too small; at least 4194304 bytes', () => ({ storeSize: Size.kibibytes(1) })],
    ["fleetName ('a b') is not allowed", () => ({ fleetName: 'a b' })],
    ["topicPrefix ('a/#') is not allowed", () => ({ topicPrefix: 'a/#' })],
    ["topicPrefix ('$aws/x') is not allowed", () => ({ topicPrefix: '$aws/x' })],
    ["thingNamePrefix ('a*') is not allowed", () => ({ thingNamePrefix: 'a*' })],
    ['basePerMinute (0) is out of range', () => ({ rollout: EdgeRollout.constant(0) })],
    [
      'maxPerMinute (5) is below basePerMinute (10)',
      () => ({ rollout: EdgeRollout.exponential({ basePerMinute: 10, maxPerMinute: 5 }) }),
    ],
    [
      'incrementFactor (9) is out of range; 1.1 to 5 is allowed',
      () => ({ rollout: EdgeRollout.exponential({ basePerMinute: 10, incrementFactor: 9 }) }),
    ],
    ['abort.failedPercentage (0) is out of range', () => ({ abort: { failedPercentage: 0 } })],
    ['abort.minDevices (0.5) must be a whole number', () => ({ abort: { failedPercentage: 10, minDevices: 0.5 } })],
    ['metricsInterval (1 s) is out of range; 10 to 3600 s', () => ({ metricsInterval: Duration.seconds(1) })],
    ['deploymentTimeout (20160 minutes) is out of range', () => ({ deploymentTimeout: Duration.days(14) })],
    ['forwardInterval (1.5 s) must be a whole number of seconds', () => ({ forwardInterval: Duration.millis(1500) })],
    [
      'deploymentTimeout (1.5 minutes) must be a whole number of minutes',
      () => ({ deploymentTimeout: Duration.seconds(90) }),
    ],
    [
      'abort.minDevices (50) is above expectedDevices (2)',
      () => ({ expectedDevices: 2, abort: { failedPercentage: 10, minDevices: 50 } }),
    ],
    ['expectedDevices (0) must be a whole number from 1', () => ({ expectedDevices: 0 })],
    [
      'endpoint is asynchronous, and a device waits for the answer',
      (stack) => ({ endpoint: AsyncEndpoint.fromEndpointName(stack, 'Async', 'films', 'main') }),
    ],
    ['has no report.json', () => ({ model: EdgeModel.fromDirectory(modelFolder({ 'report.json': '' })) })],
    [
      'the gate refused int8: accuracy falls by 0.1; train or compress again',
      () => ({
        model: EdgeModel.fromDirectory(
          modelFolder({
            'report.json': JSON.stringify({
              chosen: 'int8',
              models: { int8: { refusedFor: ['accuracy falls by 0.1'] } },
            }),
          }),
        ),
      }),
    ],
    [
      'names no model that the gate let through',
      () => ({ model: EdgeModel.fromDirectory(modelFolder({ 'report.json': '{"chosen":null}' })) }),
    ],
    ['has 0 files labels.txt', () => ({ model: EdgeModel.fromDirectory(modelFolder({ 'labels.txt': '' })) })],
    ['the folder /nowhere does not exist', () => ({ model: EdgeModel.fromDirectory('/nowhere') })],
    [
      "the key 'models/x.onnx' is no model.tar.gz",
      (stack) => ({
        model: EdgeModel.fromBucket(s3.Bucket.fromBucketName(stack, 'Models', 'models'), 'models/x.onnx'),
      }),
    ],
  ])('%s', (message, props) => {
    expect(() => deploy(props)).toThrow(message);
  });

  test('a model without a report is accepted where that is said', () => {
    const model = EdgeModel.fromDirectory(modelFolder({ 'report.json': '' }), { gated: false });
    const recipe = recipeOf(deploy(() => ({ model, dropPolicy: EdgeDropPolicy.OLDEST })).template);
    expect(recipe.ComponentConfiguration.DefaultConfiguration).toMatchObject({ gated: 'false', dropPolicy: 'oldest' });
  });
});
