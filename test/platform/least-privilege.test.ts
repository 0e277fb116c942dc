import * as fs from 'node:fs';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as events from 'aws-cdk-lib/aws-events';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { GlueSchemaRegistry } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { CustomResourceRequest } from '../../lambda/support/custom-resource';
import type { Sleep } from '../../lambda/support/sleep';
import type { CheckedCall } from '../../lib/catalog/dependent-permissions';
import { CompressionPipeline } from '../../lib/compression';
import { CostGuard } from '../../lib/cost';
import { GUARD_TABLE } from '../../lib/cost/contract';
import type { GuardMemory } from '../../lib/cost/decide/plan';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { SparkPipeline } from '../../lib/features';
import {
  AsyncEndpoint,
  GpuEndpoint,
  InferenceComponent,
  ModelArtifact,
  ModelServer,
  ServerlessEndpoint,
} from '../../lib/inference';
import { HOSTED_BY_TAG, hostedBy, parseSweeperConfiguration, SWEEPER_ENVIRONMENT } from '../../lib/inference/contract';
import { KafkaIngestion, KafkaSource, PayloadMapping, ResultSink, StreamIngestion } from '../../lib/ingestion';
import {
  deadLetterObjectKey,
  formatDeadLetter,
  REDRIVE_ENVIRONMENT,
  redriveMarkerKey,
  RESULT_SINK_ENVIRONMENT,
  resultObjectKey,
} from '../../lib/ingestion/contract';
import { formatRedriveMarker } from '../../lib/ingestion/decide/redrive';
import {
  formatSpilledRecord,
  SPILL_COLLECTOR_ENVIRONMENT,
  spilledObjectKey,
} from '../../lib/ingestion/decide/spilled-record';
import { Notifications } from '../../lib/monitoring';
import { WEBHOOK_ENVIRONMENT } from '../../lib/monitoring/contract';
import { PlatformStack } from '../../lib/platform';
import { STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';
import { LiveModel } from '../../lib/rollout';
import { CapacityForecaster, ForecastMode, ScaleEvents } from '../../lib/scaling';
import {
  EMPTIED_BUCKET_TAG,
  formatEmptiedBucket,
  parseEmptiedBucket,
  type EmptiedBucket,
} from '../../lib/runtime/contract';
import { ResolvedTemplate, type Statement, type SynthesizedTemplate } from '../support/policies';
import {
  allows,
  dependent,
  loadHandler,
  usedBy,
  type SentCommand,
  type UsedPermission,
} from '../support/recorded-calls';

// Properties of resources and inputs of commands, read where their shape is known.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

/** Time of the handlers' clocks. */
const mockClock = { milliseconds: 0 };

// A wait without a signal, such as the one of the release between two looks at the limits, ends at once, and its time has passed.
jest.mock('../../lambda/support/sleep', () => {
  const { systemSleep } = jest.requireActual<{ systemSleep: Sleep }>('../../lambda/support/sleep');
  const sleep: Sleep = (milliseconds, signal) => {
    if (signal !== undefined) return systemSleep(milliseconds, signal);
    mockClock.milliseconds += milliseconds;
    return Promise.resolve();
  };
  return { systemSleep: sleep };
});

const env = { account: LOCAL_ACCOUNT, region: LOCAL_REGION };

const stackWith = (define: (stack: Stack) => void): Stack => {
  const stack = new Stack(new App(), 'Single', { env });
  define(stack);
  return stack;
};
const gpuEndpoint = (stack: Stack): ReturnType<typeof GpuEndpoint.fromEndpointName> =>
  GpuEndpoint.fromGpuEndpointAttributes(stack, 'Chat', {
    endpointName: 'chat',
    variantName: 'main',
    instanceTypes: ['ml.g5.xlarge'],
  });
const component = (stack: Stack): ReturnType<typeof InferenceComponent.fromInferenceComponentAttributes> =>
  InferenceComponent.fromInferenceComponentAttributes(stack, 'Part', {
    endpointName: 'shared',
    variantName: 'main',
    componentName: 'part',
  });
const MSK_PLACE = 'chat/6d5c8f3e-1111-2222-3333-444455556666-7';
const MSK_CLUSTER = `arn:aws:kafka:${LOCAL_REGION}:${LOCAL_ACCOUNT}:cluster/${MSK_PLACE}`;
const LIMITS = { minCapacity: 1, maxCapacity: 8 };
const FORECAST = { serviceTime: Duration.seconds(1), mode: ForecastMode.ACTIVE };

const CASES: readonly (readonly [name: string, define: () => Stack])[] = [
  ...STAGE_NAMES.map(
    (name) => [`stage ${name}`, () => new PlatformStack(new App(), name, { stage: stageConfiguration(name) })] as const,
  ),
  [
    'guard of an endpoint',
    () =>
      stackWith((stack) => {
        new CostGuard(stack, 'Guard', { budgetUsd: 2000, fleets: [{ scaling: gpuEndpoint(stack).autoScale(LIMITS) }] });
      }),
  ],
  [
    'guard of an endpoint that somebody else registered, beside one of its own',
    () =>
      stackWith((stack) => {
        const guard = new CostGuard(stack, 'Guard', {
          budgetUsd: 4000,
          fleets: [{ scaling: gpuEndpoint(stack).autoScale(LIMITS) }],
        });
        const legacy = GpuEndpoint.fromGpuEndpointAttributes(stack, 'Legacy', {
          endpointName: 'legacy',
          variantName: 'AllTraffic',
          instanceTypes: ['ml.g5.xlarge'],
        });
        guard.protect(legacy, { protectedFloor: 1 });
      }),
  ],
  [
    'active forecaster of an endpoint',
    () =>
      stackWith((stack) => {
        new CapacityForecaster(stack, 'Forecast', { scaling: gpuEndpoint(stack).autoScale(LIMITS), ...FORECAST });
      }),
  ],
  [
    'active forecaster of an inference component',
    () =>
      stackWith((stack) => {
        new CapacityForecaster(stack, 'Forecast', { scaling: component(stack).autoScale(LIMITS), ...FORECAST });
      }),
  ],
  [
    'active forecaster of a serverless endpoint',
    () =>
      stackWith((stack) => {
        const endpoint = ServerlessEndpoint.fromEndpointName(stack, 'Small', 'small', 'main');
        new CapacityForecaster(stack, 'Forecast', { scaling: endpoint.autoScale(LIMITS), ...FORECAST });
      }),
  ],
  [
    'scale events of an endpoint and an inference component',
    () =>
      stackWith((stack) => {
        new ScaleEvents(stack, 'Events', { fleets: [gpuEndpoint(stack), component(stack)] });
      }),
  ],
  [
    'ingestion of an inference component into a bucket with a key',
    () =>
      stackWith((stack) => {
        const encryptionKey = new kms.Key(stack, 'Key');
        const resultsBucket = new s3.Bucket(stack, 'Results', { encryptionKey });
        new StreamIngestion(stack, 'Ingestion', { endpoint: component(stack), resultsBucket });
      }),
  ],
  [
    'ingestion that follows the capacity of an endpoint',
    () =>
      stackWith((stack) => {
        const endpoint = GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main');
        const source = new StreamIngestion(stack, 'Ingestion', { endpoint, followsCapacity: true });
        endpoint.autoScale({ minCapacity: 1, maxCapacity: 8 }).scaleOnStreamBacklog('backlog', { source });
      }),
  ],
  [
    'ingestion whose shards are scaled and whose payloads functions map',
    () =>
      stackWith((stack) => {
        const mappedBy = (name: string): PayloadMapping =>
          PayloadMapping.lambdaFunction(
            lambda.Function.fromFunctionArn(
              stack,
              name,
              `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${name}`,
            ),
          );
        new StreamIngestion(stack, 'Ingestion', {
          endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
          shardCount: 2,
          shardScaling: { maxShards: 8 },
          requestMapping: mappedBy('prompts'),
          responseMapping: mappedBy('labels'),
        });
      }),
  ],
  [
    'ingestion whose old records spill, from and to buckets with keys',
    () =>
      stackWith((stack) => {
        const encryptionKey = new kms.Key(stack, 'FilmsKey');
        const bucket = new s3.Bucket(stack, 'Films', { encryptionKey });
        // The name of the bucket in the replies of the endpoint.
        (bucket.node.defaultChild as s3.CfnBucket).overrideLogicalId('films');
        new StreamIngestion(stack, 'Ingestion', {
          endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
          resultsBucket: new s3.Bucket(stack, 'Results', { encryptionKey: new kms.Key(stack, 'ResultsKey') }),
          responseMapping: PayloadMapping.lambdaFunction(
            lambda.Function.fromFunctionArn(
              stack,
              'Labels',
              `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:labels`,
            ),
          ),
          spillTo: {
            endpoint: AsyncEndpoint.fromAsyncEndpointAttributes(stack, 'Later', {
              endpointName: 'later',
              variantName: 'main',
              storage: { bucket },
            }),
            afterAge: Duration.minutes(1),
          },
        });
      }),
  ],
  [
    'ingestion of a topic',
    () =>
      stackWith((stack) => {
        new KafkaIngestion(stack, 'Ingestion', {
          endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
          source: KafkaSource.msk({ clusterArn: MSK_CLUSTER }),
          topic: { topicName: 'requests', partitions: 12 },
        });
      }),
  ],
  [
    'ingestion of a topic with a schema registry',
    () =>
      stackWith((stack) => {
        new KafkaIngestion(stack, 'Ingestion', {
          endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
          source: KafkaSource.msk({ clusterArn: MSK_CLUSTER }),
          topic: { topicName: 'requests', partitions: 12 },
          schemaRegistry: new GlueSchemaRegistry({
            schemaRegistryArn: `arn:aws:glue:${LOCAL_REGION}:${LOCAL_ACCOUNT}:registry/chat`,
            eventRecordFormat: lambda.EventRecordFormat.JSON,
            schemaValidationConfigs: [{ attribute: lambda.KafkaSchemaValidationAttribute.VALUE }],
          }),
        });
      }),
  ],
  [
    'sink of results to a stream, from a bucket and to a stream with keys',
    () =>
      stackWith((stack) => {
        const resultsBucket = new s3.Bucket(stack, 'Results', { encryptionKey: new kms.Key(stack, 'BucketKey') });
        const stream = new kinesis.Stream(stack, 'Answers', { encryptionKey: new kms.Key(stack, 'StreamKey') });
        new ResultSink(stack, 'Sink', { resultsBucket, stream });
      }),
  ],
  [
    'sink of results to an event bus',
    () =>
      stackWith((stack) => {
        const resultsBucket = new s3.Bucket(stack, 'Results');
        new ResultSink(stack, 'Sink', { resultsBucket, eventBus: new events.EventBus(stack, 'Answers') });
      }),
  ],
  [
    'compression pipeline',
    () =>
      stackWith((stack) => {
        new CompressionPipeline(stack, 'Compression', {
          models: s3.Bucket.fromBucketName(stack, 'Models', 'models'),
          trainingData: s3.Bucket.fromBucketName(stack, 'Rows', 'rows'),
          trainingDataPrefix: 'train/',
          image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/compression:1',
          instanceTypes: ['ml.c5.xlarge'],
          maxRuntime: Duration.hours(1),
        });
      }),
  ],
  [
    'live model of an endpoint',
    () =>
      stackWith((stack) => {
        const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
        const initialModel = ModelArtifact.fromBucket(models, 'models/first/output/model.tar.gz');
        const live = new LiveModel(stack, 'Live', { initialModel });
        new GpuEndpoint(stack, 'Chat', {
          modelServer: ModelServer.triton(),
          modelArtifact: live.artifact,
          capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
        });
      }),
  ],
  [
    'notifications to a webhook',
    () =>
      stackWith((stack) => {
        new Notifications(stack, 'Notifications', { webhookParameterNames: ['/chat/webhook'] });
      }),
  ],
  [
    'stage with a feature pipeline',
    () => new PlatformStack(new App(), 'Stage', { stage: { ...stageConfiguration('dev'), features: {} } }),
  ],
  [
    'Spark pipeline with every trigger',
    () =>
      stackWith((stack) => {
        new SparkPipeline(stack, 'Features', {
          landingBucket: s3.Bucket.fromBucketName(stack, 'Landing', 'landed'),
          schedule: events.Schedule.rate(Duration.hours(1)),
          onNewObjects: {},
        });
      }),
  ],
];

/** Templates by the names of their cases, each synthesized once. */
const templates = new Map<string, ResolvedTemplate>();

function templateOf([name, define]: (typeof CASES)[number]): ResolvedTemplate {
  const template =
    templates.get(name) ?? new ResolvedTemplate(Template.fromStack(define()).toJSON() as SynthesizedTemplate);
  templates.set(name, template);
  return template;
}

describe.each(CASES)('the roles of %s', (...one) => {
  let template: ResolvedTemplate;
  beforeAll(() => {
    template = templateOf(one);
  });

  test('are granted what their calls use, and nothing else', async () => {
    const missing: string[] = [];
    const unused: string[] = [];
    // The roles of containers in SageMaker and of Spark jobs are used by what runs in them.
    const roles = template
      .resources('AWS::IAM::Role')
      .filter(
        ([, { Properties }]) =>
          !/(sagemaker|emr-serverless)\./.test(JSON.stringify(Properties.AssumeRolePolicyDocument)),
      );
    expect(roles.length).toBeGreaterThan(0);
    for (const [roleId] of roles) {
      const statements = template.statementsOfRole(roleId);
      const used = await usedByRole(template, roleId);
      const granted = statements.flatMap(parts);
      const name = ({ action, resource }: { action: string; resource: string }): string =>
        `${roleId}: ${action} on ${resource}`;
      missing.push(...used.filter((one) => !statements.some((statement) => allows(statement, one))).map(name));
      unused.push(
        ...granted
          .filter(([statement]) => !used.some((one) => allows(statement, one)))
          .map(([, action, resource]) => name({ action, resource })),
      );
    }
    expect({ missing, unused }).toEqual({ missing: [], unused: [] });
  });
});

/** Handlers whose calls are compared with their grants where they run: the engine refuses what is missing, and nothing looks for what is unused. */
const COMPARED_ON_THE_ENGINE: { readonly [handler: string]: string } = {
  'kafka-redrive': 'test/emulator/kafka/kafka-redrive.real.test.ts',
  'model-rollout': 'test/rollout/rollout-on-engine.real.test.ts',
};

test('every handler is among those whose calls are compared with their grants', () => {
  const handlers = fs
    .readdirSync('lambda', { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && fs.existsSync(`lambda/${entry.name}/index.ts`))
    .map(({ name }) => name);
  const described = CASES.flatMap((one) =>
    templateOf(one)
      .resources('AWS::IAM::Role')
      .flatMap(([, { Properties }]) => handlerOf(Properties.Description) ?? []),
  );
  expect(handlers.filter((name) => !described.includes(name)).sort()).toEqual(Object.keys(COMPARED_ON_THE_ENGINE));
  for (const file of Object.values(COMPARED_ON_THE_ENGINE)) expect(fs.existsSync(file)).toBe(true);
});

test('a statement allows its actions on its resources under its conditions', () => {
  const statement: Statement = {
    Effect: 'Allow',
    Action: ['cloudwatch:PutMetricAlarm'],
    Resource: ['arn:aws:cloudwatch:us-east-1:123456789012:alarm:TargetTracking*'],
    Condition: { StringEquals: { 'aws:CalledViaLast': ['application-autoscaling.amazonaws.com'] } },
  };
  const used = {
    action: 'cloudwatch:PutMetricAlarm',
    resource: 'arn:aws:cloudwatch:us-east-1:123456789012:alarm:TargetTracking-a',
    context: { 'aws:CalledViaLast': 'application-autoscaling.amazonaws.com' },
  };
  expect(allows(statement, used)).toBe(true);
  expect(allows(statement, { ...used, action: 'cloudwatch:DeleteAlarms' })).toBe(false);
  expect(allows(statement, { ...used, resource: used.resource.replace('TargetTracking', 'Mine') })).toBe(false);
  expect(allows(statement, { ...used, context: {} })).toBe(false);
  expect(allows({ ...statement, Effect: 'Deny' }, used)).toBe(false);
});

/** Splits a statement into each of its actions on all its resources, and each of its resources with all its actions. */
function parts(statement: Statement): (readonly [statement: Statement, action: string, resource: string])[] {
  return [
    ...statement.Action.map(
      (action) => [{ ...statement, Action: [action] }, action, statement.Resource.join(' or ')] as const,
    ),
    ...statement.Resource.map(
      (resource) => [{ ...statement, Resource: [resource] }, statement.Action.join(' or '), resource] as const,
    ),
  ];
}

async function usedByRole(template: ResolvedTemplate, roleId: string): Promise<UsedPermission[]> {
  const roleArn = template.resolve({ 'Fn::GetAtt': [roleId, 'Arn'] });
  const used = (type: string, uses: (properties: Json, id: string) => UsedPermission[]): UsedPermission[] =>
    template.resources(type).flatMap(([id, { Properties }]) => uses(template.resolve(Properties) as Json, id));
  const functions = template
    .resources('AWS::Lambda::Function')
    .filter(([, { Properties }]) => template.resolve(Properties.Role) === roleArn);
  const isOurs = (functionName: string): boolean =>
    functions.some(([id]) =>
      [{ Ref: id }, { 'Fn::GetAtt': [id, 'Arn'] }].some((ref) => template.resolve(ref) === functionName),
    );
  const fleets = template
    .resources('Custom::TidegateGuardedFleet')
    .map(([, { Properties }]) => template.resolve(Properties) as { ServiceToken: string; ResourceId: string })
    .flatMap(({ ServiceToken, ResourceId }) => (isOurs(ServiceToken) ? [ResourceId] : []));
  const streams = template.resources('AWS::Lambda::EventSourceMapping').flatMap(([, { Properties }]) => {
    const { FunctionName, EventSourceArn } = template.resolve(Properties) as Json;
    return isOurs(FunctionName as string) && String(EventSourceArn).includes(':kinesis:')
      ? [EventSourceArn as string]
      : [];
  });
  const buckets = template
    .resources('Custom::TidegateBucketObjects')
    .map(([, { Properties }]) => template.resolve(Properties) as { readonly [name: string]: unknown })
    .flatMap(({ ServiceToken, ...properties }) =>
      isOurs(ServiceToken as string) ? [parseEmptiedBucket(properties)] : [],
    );
  const liveModels = template
    .resources('Custom::TidegateLiveModel')
    .map(([, { Properties }]) => template.resolve(Properties) as Json)
    .flatMap(({ ServiceToken, ...properties }) => (isOurs(ServiceToken as string) ? [properties] : []));
  const calls: SentCommand[] = [];
  for (const [, { Properties }] of functions) {
    const { Variables } = template.resolve(Properties.Environment ?? { Variables: {} }) as {
      Variables: { [name: string]: string };
    };
    calls.push(
      ...(await commandsOf(handlerNameOf(template, roleId), Variables, { fleets, streams, buckets, liveModels })),
    );
  }
  return [
    ...usedBy(calls, template),
    ...functions.flatMap(([, { Properties }]) =>
      dependent({
        call: 'lambda:CreateFunction',
        cases: ['logging'],
        arns: { LogGroupArn: [logGroupArn(template, Properties.LoggingConfig.LogGroup)] },
      }),
    ),
    ...used('AWS::Lambda::EventInvokeConfig', ({ FunctionName, DestinationConfig }) =>
      isOurs(FunctionName as string)
        ? dependent({
            call: 'lambda:PutFunctionEventInvokeConfig',
            arns: { FailureQueueArn: [DestinationConfig?.OnFailure.Destination ?? []].flat() },
          })
        : [],
    ),
    ...used('AWS::Lambda::EventSourceMapping', (properties) =>
      isOurs(properties.FunctionName as string) ? usedByMapping(properties) : [],
    ),
    ...used('AWS::StepFunctions::StateMachine', (properties, id) =>
      properties.RoleArn === roleArn ? usedByMachine(properties, template.resolve({ Ref: id }) as string) : [],
    ),
    ...used('AWS::Pipes::Pipe', ({ RoleArn, Source, Target }) =>
      RoleArn === roleArn
        ? dependent({ call: 'pipes:CreatePipe', arns: { SourceQueueArn: [Source], StateMachineArn: [Target] } })
        : [],
    ),
    ...used('AWS::Events::Rule', ({ Targets }) =>
      (Targets as Json[])
        .filter(({ RoleArn }) => RoleArn === roleArn)
        .flatMap(({ Arn }) => dependent({ call: 'events:PutTargets', arns: { StateMachineArn: [Arn] } })),
    ),
  ];
}

/** Permissions that Lambda uses, with the role of the function, to read a source and to keep what fails. */
function usedByMapping({ EventSourceArn, DestinationConfig, Topics, ...rest }: Json): UsedPermission[] {
  const [, , service] = String(EventSourceArn).split(':');
  const bucketArn = DestinationConfig?.OnFailure.Destination as string | undefined;
  const ofCluster = (resource: string): string => MSK_CLUSTER.replace(':cluster/', `:${resource}/`);
  const { ConsumerGroupId: groupId, SchemaRegistryConfig: registry } = (rest.AmazonManagedKafkaEventSourceConfig ??
    {}) as Json;
  const registryArn = registry?.SchemaRegistryURI as string | undefined;
  const sources: { readonly [service: string]: () => CheckedCall['arns'] } = {
    kinesis: () => ({ StreamArn: [EventSourceArn] }),
    sqs: () => ({ SourceQueueArn: [EventSourceArn] }),
    kafka: () => ({
      MskClusterArn: [EventSourceArn],
      IamClusterArn: [EventSourceArn],
      TopicArn: [`${ofCluster('topic')}/${Topics[0]}`],
      ConsumerGroupArn: [`${ofCluster('group')}/${groupId}`],
    }),
  };
  return dependent({
    call: 'lambda:CreateEventSourceMapping',
    cases: service === 'kafka' ? ['vpc'] : [],
    arns: {
      ...sources[service!]!(),
      ...(registryArn !== undefined && {
        SchemaRegistryArn: [registryArn],
        SchemaArn: [registryArn, `${registryArn.replace(':registry/', ':schema/')}/prompt`],
      }),
      ...(bucketArn !== undefined && {
        FailureBucketArn: [bucketArn],
        FailedBatchArns: [`${bucketArn}/aws/lambda/some-mapping/shard/batch.json`],
      }),
    },
  });
}

function handlerNameOf(template: ResolvedTemplate, roleId: string): string {
  const role = template.resources('AWS::IAM::Role').find(([id]) => id === roleId)!;
  return handlerOf(role[1].Properties.Description)!;
}

/** Name of the handler of a role, by the role's description. */
function handlerOf(description: unknown): string | undefined {
  return /^Runs the handler (\S+)$/.exec(String(description))?.[1];
}

/** ARN of a log group, by the reference to its name. */
function logGroupArn(template: ResolvedTemplate, group: Json): string {
  return template.resolve({ 'Fn::GetAtt': [group.Ref, 'Arn'] }) as string;
}

/** Prefix of the name of a job, which ends in ids of the execution. */
const PREFIX = /'([^'{]+)\{\}/;

/** Permissions that the tasks of a state machine use, and its logs and traces. */
function usedByMachine(
  { DefinitionString, LoggingConfiguration, TracingConfiguration }: Json,
  machineArn: string,
): UsedPermission[] {
  const { States } = JSON.parse(DefinitionString as string) as { States: { [name: string]: Json } };
  const tasks = Object.values(States).filter(({ Type }) => Type === 'Task');
  expect(tasks.length).toBeGreaterThan(0);
  return [
    ...tasks.flatMap(({ Resource, Parameters }) => {
      if (Resource === 'arn:aws:states:::aws-sdk:sfn:listExecutions') {
        return [{ action: 'states:ListExecutions', resource: machineArn, context: {} }];
      }
      if (Resource === 'arn:aws:states:::dynamodb:getItem') {
        const table = `arn:aws:dynamodb:${LOCAL_REGION}:${LOCAL_ACCOUNT}:table/${Parameters.TableName}`;
        return [{ action: 'dynamodb:GetItem', resource: table, context: {} }];
      }
      if (Resource === 'arn:aws:states:::emr-serverless:startJobRun.sync') {
        const { ApplicationId, ExecutionRoleArn } = Parameters as { [name: string]: string };
        const application = `arn:aws:emr-serverless:${LOCAL_REGION}:${LOCAL_ACCOUNT}:/applications/${ApplicationId!}`;
        const arns = { JobRunArn: [`${application}/jobruns/00f1`], ExecutionRoleArn: [ExecutionRoleArn!] };
        return [
          { action: 'emr-serverless:StartJobRun', resource: application, context: {} },
          ...dependent({ call: 'states:::emr-serverless:startJobRun.sync', arns }),
        ];
      }
      const [, integration, operation] = /^arn:aws:(states:::sagemaker:(create\w+)(?:\.sync)?)$/.exec(
        Resource as string,
      )!;
      const call = `sagemaker:${operation![0]!.toUpperCase()}${operation!.slice(1)}`;
      const prefix = PREFIX.exec(String(Parameters['TrainingJobName.$']))?.[1];
      const kind = operation === 'createTrainingJob' ? 'training-job' : 'model';
      const created = `arn:aws:sagemaker:${LOCAL_REGION}:${LOCAL_ACCOUNT}:${kind}/${prefix ?? jobPrefix(States)}1`;
      const arns = {
        TrainingJobArn: [created],
        ...(Parameters.RoleArn === undefined ? {} : { RoleArn: [Parameters.RoleArn] }),
        ...(Parameters.ExecutionRoleArn === undefined ? {} : { ExecutionRoleArn: [Parameters.ExecutionRoleArn] }),
      };
      return [
        { action: call, resource: created, context: {} },
        ...dependent({ call, arns }),
        ...dependent({ call: integration!, arns }),
      ];
    }),
    ...dependent({
      call: 'states:CreateStateMachine',
      cases: [
        ...(LoggingConfiguration === undefined ? [] : (['logging'] as const)),
        ...(TracingConfiguration?.Enabled === true ? (['tracing'] as const) : []),
      ],
    }),
  ];
}

/** Prefix of the jobs' names, which models have too. */
function jobPrefix(states: { [name: string]: Json }): string {
  const names = Object.values(states).map(({ Parameters }) => String(Parameters?.['TrainingJobName.$']));
  return names.flatMap((name) => PREFIX.exec(name)?.[1] ?? [])[0]!;
}

/**
 * Runs a handler through everything that it can do, and returns the commands that it sent.
 *
 * @param given resource ids of the fleets whose limits the handler releases, ARNs of the streams that it consumes, buckets that it empties, and
 *   properties of the live models that it reads
 */
async function commandsOf(
  handlerName: string,
  environment: { [name: string]: string },
  {
    fleets,
    streams,
    buckets,
    liveModels,
  }: {
    readonly fleets: readonly string[];
    readonly streams: readonly string[];
    readonly buckets: readonly EmptiedBucket[];
    readonly liveModels: readonly Json[];
  },
): Promise<SentCommand[]> {
  const clock = jest.spyOn(Date, 'now').mockImplementation(() => mockClock.milliseconds);
  const start = Date.UTC(2026, 10, 15, 12);
  const log = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  const response = jest.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(new Response()));
  try {
    const { handler, commands } = loadHandler(handlerName, environment, replies(environment, fleets));
    const events: { readonly [name: string]: readonly Json[] } = {
      'configuration-sweeper': [{}],
      'cost-guard': [{}, {}, {}],
      'cost-guard-release': fleets.map(deletionOf),
      'capacity-forecaster': [{}, {}],
      'scale-events': [{ 'detail-type': 'Scheduled Event', source: 'aws.events', detail: {} }],
      'stream-consumer': streams.flatMap(kinesisEvents),
      'kafka-consumer': KAFKA_EVENTS,
      'result-sink': [RESULT_EVENT],
      'notification-webhook': [{ Records: [{ Sns: { MessageId: '1', Subject: 'guard', Message: 'Spent 80 %.' } }] }],
      redrive: [{}],
      'shard-scaler': [{}],
      'spill-collector': [{}],
      'bucket-emptier': buckets.map(deletionOfObjects),
      'live-model': liveModels.map((properties) => ({
        ...deletionOf(''),
        RequestType: 'Create',
        ResourceProperties: properties,
      })),
    };
    for (const [index, event] of events[handlerName]!.entries()) {
      // Hours apart, so that the budget is spent between two looks of the guard.
      mockClock.milliseconds = start + index * 6 * 3_600_000;
      await handler(event, {
        getRemainingTimeInMillis: () => 60_000,
        awsRequestId: 'request',
        functionName: handlerName,
      });
    }
    const host = sweptHost(environment);
    return commands.map((command) => ({
      ...command,
      ...(host === undefined ? {} : { resourceContext: { [`aws:ResourceTag/${HOSTED_BY_TAG}`]: host } }),
    }));
  } finally {
    clock.mockRestore();
    log.mockRestore();
    response.mockRestore();
  }
}

/** Limits in force of every scalable target. */
const IN_FORCE = { minCapacity: 3, maxCapacity: 8 };

/** Replies of an account in which there is something to do: fleets above their limits, jobs that run, events to record. */
function replies(
  environment: { [name: string]: string },
  heldFleets: readonly string[],
): (command: SentCommand) => Json {
  const items = new Map<string, Json>();
  const keyOf = (item: Json): string => JSON.stringify([item.fleet ?? item.pk, item.sk]);
  const put = (item: Json): void => void items.set(keyOf(item), item);
  if (heldFleets.length > 0) put(guardStateItem(heldFleets));
  const jobs: string[] = [];
  const executions: string[] = [];
  const failures = ['first'];
  let pages = 0;
  const jobPrefixOfGuard = /"jobNamePrefix":"([^"]+)"/.exec(Object.values(environment).join())?.[1] ?? '';
  const known: { readonly [name: string]: (input: Json) => Json } = {
    ListEndpointConfigs: () => ({
      EndpointConfigs: ['old', 'config'].map((name, age) => ({
        EndpointConfigName: name,
        EndpointConfigArn: `arn:aws:sagemaker:${LOCAL_REGION}:${LOCAL_ACCOUNT}:endpoint-config/${name}`,
        CreationTime: new Date(Date.now() - (40 - 10 * age) * 86_400_000),
      })),
    }),
    ListModels: () => ({
      Models: ['old', 'model'].map((name, age) => ({
        ModelName: name,
        ModelArn: `arn:aws:sagemaker:${LOCAL_REGION}:${LOCAL_ACCOUNT}:model/${name}`,
        CreationTime: new Date(Date.now() - (40 - 10 * age) * 86_400_000),
      })),
    }),
    ListTags: () => ({ Tags: [{ Key: HOSTED_BY_TAG, Value: sweptHost(environment) }] }),
    Invoke: ({ Payload }) => ({ Payload }),
    DescribeEndpointConfig: () => ({ ProductionVariants: [{ VariantName: 'main', ModelName: 'model' }] }),
    DescribeEndpoint: () => ({
      EndpointStatus: 'InService',
      EndpointConfigName: 'config',
      ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 8, DesiredInstanceCount: 8 }],
    }),
    DescribeInferenceComponent: () => ({
      InferenceComponentStatus: 'InService',
      RuntimeConfig: { DesiredCopyCount: 2, CurrentCopyCount: 1 },
    }),
    DescribeScalableTargets: ({ ResourceIds }) => ({
      ScalableTargets: [
        { ResourceId: ResourceIds[0], MinCapacity: IN_FORCE.minCapacity, MaxCapacity: IN_FORCE.maxCapacity },
      ],
    }),
    DescribeScalingActivities: ({ ResourceId }) => ({
      ScalingActivities: [
        {
          ActivityId: 'activity',
          ResourceId,
          StartTime: new Date(Date.now() - 60_000),
          EndTime: new Date(Date.now() - 30_000),
          StatusCode: 'Successful',
          Description: 'Setting desired instance count to 7.',
          Cause: 'monitor alarm TargetTracking-x in state ALARM triggered policy concurrency',
        },
      ],
    }),
    DescribeTrainingJob: ({ TrainingJobName }) => ({
      TrainingJobName,
      TrainingJobStatus: 'InProgress',
      TrainingStartTime: new Date(Date.now() - 3_600_000),
      CreationTime: new Date(Date.now() - 3_600_000),
      ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 1 },
    }),
    // More than two shards take.
    DescribeStreamSummary: () => ({
      StreamDescriptionSummary: { OpenShardCount: 2, StreamStatus: 'ACTIVE', StreamCreationTimestamp: new Date(0) },
    }),
    GetBucketTagging: () => ({ TagSet: [{ Key: EMPTIED_BUCKET_TAG, Value: 'true' }] }),
    // A page of versions at first, and again for every bucket.
    ListObjectVersions: () => ({ Versions: pages++ % 3 === 0 ? [{ Key: 'results/a.jsonl', VersionId: '1' }] : [] }),
    GetItem: ({ Key }) => ({ Item: items.get(keyOf(Key)) }),
    GetMetricData: () => ({
      MetricDataResults: ['requests', 'records'].map((Id) => ({
        Id,
        StatusCode: 'Complete',
        Timestamps: [new Date(Date.now())],
        Values: [Id === 'records' ? 180_000 : 60],
      })),
    }),
    GetParameter: ({ Name }) => ({
      Parameter: {
        Value:
          Name === environment[WEBHOOK_ENVIRONMENT.urlParameter]
            ? 'https://example.com/webhook'
            : JSON.stringify({ amountUsd: 1, periodStart: null, periodEnd: null }),
      },
    }),
    // A request that fails once, one whose response is no text, and others.
    InvokeEndpoint: ({ Body }) => {
      const text = Buffer.from(Body as Uint8Array).toString();
      if (text === FAILS_ONCE && failures.splice(0, 1).length > 0) {
        throw Object.assign(new Error('failed'), { name: 'ModelError', OriginalStatusCode: 500 });
      }
      return { Body: text === 'image' ? new Uint8Array([255]) : Buffer.from('{"generated_tokens":1}') };
    },
    // It takes the last record alone, so that the others are those of the endpoint.
    InvokeEndpointAsync: ({ InputLocation }) => {
      if (!String(InputLocation).endsWith(positionOf('4'))) throw new Error('ServiceUnavailable');
      return { OutputLocation: 's3://films/answers/1', FailureLocation: 's3://films/failures/1' };
    },
    // An object that may have outcomes of the batch.
    ListObjectsV2: ({ Prefix }) => ({ Contents: [{ Key: `${Prefix}${positionOf('9')}-${positionOf('1')}.jsonl` }] }),
    GetObject: ({ Key }) => {
      const kept = '{"payloadBase64":"e30=","changes":[]}';
      const results = RESULT_SINK_ENVIRONMENT.targetArn in environment ? '{"id":"r","key":"k"}\n' : '';
      const text = String(Key).startsWith('results/') ? results : kept;
      return { Body: { transformToString: () => Promise.resolve(text) } };
    },
    // One more job with every look: those that start while fleets may not grow are stopped.
    ListTrainingJobs: () => {
      jobs.push(`${jobPrefixOfGuard}${jobs.length}`);
      return { TrainingJobSummaries: jobs.map((TrainingJobName) => ({ TrainingJobName })) };
    },
    // One that runs, beside one more with every look; an older one is not listed any more.
    ListExecutions: ({ stateMachineArn }) => {
      const arn = String(stateMachineArn).replace(':stateMachine:', ':execution:');
      executions.push(`${arn}:${executions.length}`);
      return {
        executions: executions
          .slice(-1)
          .map((executionArn) => ({ executionArn, startDate: new Date(Date.now() - 60_000) })),
      };
    },
    DescribeExecution: ({ executionArn }) => ({
      executionArn,
      stateMachineArn: String(executionArn).replace(':execution:', ':stateMachine:').split(':').slice(0, -1).join(':'),
      startDate: new Date(Date.now() - 60_000),
    }),
    PutItem: ({ Item }) => put(Item),
    TransactWriteItems: ({ TransactItems }) => {
      for (const { Put } of TransactItems) put(Put.Item);
    },
  };
  const own = REDRIVE_ENVIRONMENT.retentionSeconds in environment ? redriveReplies : spillReplies;
  const all = { ...known, ...own(environment) };
  return ({ name, input }) => (all[name]?.(input) ?? {}) as Json;
}

/** Replies of buckets to the collector of spilled records: a response that is no text, one with tokens, and a failure. */
function spillReplies(environment: { readonly [name: string]: string }): {
  readonly [name: string]: (input: Json) => Json;
} {
  const bucketName = environment[SPILL_COLLECTOR_ENVIRONMENT.resultsBucketName];
  const { [SPILL_COLLECTOR_ENVIRONMENT.streamName]: streamName } = environment;
  if (!(SPILL_COLLECTOR_ENVIRONMENT.accept in environment) || streamName === undefined) return {};
  const answered = { usage: { prompt_tokens: 1, completion_tokens: 1 }, service_seconds: 1 };
  const written = new Map<string, Uint8Array>([
    ['answers/0', new Uint8Array([255])],
    ['answers/1', Buffer.from('yes')],
    ['answers/3', Buffer.from(JSON.stringify(answered))],
    ['failures/2', Buffer.from('no memory')],
  ]);
  const spilled = ['0', '1', '2', '3'].map((name) => {
    const position = positionOf(name);
    const text = formatSpilledRecord({
      id: name,
      key: 'k',
      position,
      sequenceNumber: name,
      partitionKey: 'k',
      payloadBase64: '',
      arrivedAt: 0,
      spilledAt: 1,
      inferenceId: name,
      responseUri: `s3://films/answers/${name}`,
      failureUri: `s3://films/failures/${name}`,
      deadlineAt: 1e12,
    });
    return [spilledObjectKey(streamName, 'shardId-000000000000', position), text] as const;
  });
  return {
    ListObjectsV2: ({ StartAfter }) => ({
      Contents: spilled.filter(([key]) => key > StartAfter).map(([Key]) => ({ Key })),
    }),
    GetObject: ({ Bucket, Key }) => {
      // Another run was faster with this one.
      const isLine = String(Key).startsWith('results/');
      const line = { id: '1', key: 'k', sequence_number: positionOf('1'), arrived_at: 0, answered_at: 1 };
      const text = isLine ? JSON.stringify(line) : new Map(spilled).get(Key as string);
      const bytes = Bucket === bucketName ? text && Buffer.from(text) : written.get(Key as string);
      if (bytes === undefined) throw Object.assign(new Error('no such key'), { name: 'NoSuchKey' });
      return {
        Body: {
          transformToString: () => Promise.resolve(Buffer.from(bytes).toString()),
          transformToByteArray: () => Promise.resolve(bytes),
        },
      };
    },
    PutObject: ({ Key }) => {
      if (Key === resultObjectKey(streamName, 'shardId-000000000000', positionOf('1'), positionOf('1')))
        throw Object.assign(new Error('it exists'), { name: 'PreconditionFailed' });
    },
  };
}

/** Replies of a bucket and a stream to a redrive: a dead letter of an abandoned claim, and a failed batch. */
function redriveReplies(environment: { readonly [name: string]: string }): {
  readonly [name: string]: (input: Json) => Json;
} {
  const streamName = environment[REDRIVE_ENVIRONMENT.streamName]!;
  const streamArn = `arn:aws:kinesis:${LOCAL_REGION}:${LOCAL_ACCOUNT}:stream/${streamName}`;
  const shardId = 'shardId-000000000000';
  const letter = deadLetterObjectKey(streamName, shardId, positionOf('1'));
  const [failed] = kinesisEvents(streamArn);
  let stored: Map<string, string> | undefined;
  /** Objects of an hour ago by the clock of the handler, which is set after its environment. */
  const objects = (): Map<string, string> => {
    const at = Date.now() / 1000 - 3600;
    const claimed = { state: 'claimed', at, source: letter, shardId: null, sequenceNumber: null } as const;
    const failedBatch = {
      timestamp: new Date(at * 1000).toISOString(),
      KinesisBatchInfo: { streamArn },
      payload: JSON.stringify(failed),
    };
    stored ??= new Map([
      [
        letter,
        formatDeadLetter({ sequenceNumber: '1', partitionKey: 'k', payloadBase64: 'e30=', error: 'failed', at }),
      ],
      [redriveMarkerKey(streamName, shardId, positionOf('1'), 0), formatRedriveMarker(claimed)],
      [`aws/lambda/mapping/${shardId}/2026/01/01/2026-01-01T00.00.00-a`, JSON.stringify(failedBatch)],
      // An object of results that may have the record.
      [resultObjectKey(streamName, shardId, positionOf('1'), positionOf('1')), ''],
    ]);
    return stored;
  };
  return {
    ListObjectsV2: ({ Prefix, StartAfter }) => ({
      Contents: [...objects().keys()]
        .filter((key) => key.startsWith(Prefix as string) && key > StartAfter)
        .sort()
        .map((Key) => ({ Key })),
    }),
    GetObject: ({ Key }) => {
      const text = objects().get(Key as string);
      if (text === undefined) throw Object.assign(new Error('no such key'), { name: 'NoSuchKey' });
      return { Body: { transformToString: () => Promise.resolve(text) } };
    },
    PutObject: ({ Key, Body }) => void objects().set(Key as string, Body as string),
    ListShards: () => ({
      Shards: [{ ShardId: shardId, HashKeyRange: { StartingHashKey: '0', EndingHashKey: String(2n ** 128n - 1n) } }],
    }),
    GetShardIterator: () => ({ ShardIterator: streamArn }),
    GetRecords: () => ({ Records: [], MillisBehindLatest: 0 }),
    PutRecord: () => ({ ShardId: shardId, SequenceNumber: '9' }),
  };
}

/** State of a guard that set the limits in force of fleets. */
function guardStateItem(fleets: readonly string[]): Json {
  const held = {
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    declared: { minCapacity: 4, maxCapacity: 9 },
    claimed: [{ ...IN_FORCE, evaluations: 0 }],
    status: 'set',
  } as const;
  const memory: GuardMemory = {
    atSeconds: 0,
    budget: { amountUsd: 1, periodStart: null, periodEnd: null },
    level: 'shrink',
    meteredSince: 0,
    spend: [[0, 0]],
    smoothedRateUsdPerHour: 0,
    fleets: {},
    training: { open: {}, settledAt: {} },
    notices: [],
    holds: Object.fromEntries(fleets.map((resourceId) => [resourceId, held])),
    ownersLimits: {},
    rehearsedHolds: {},
  };
  return {
    [GUARD_TABLE.partitionKey]: { S: GUARD_TABLE.partition },
    [GUARD_TABLE.sortKey]: { S: GUARD_TABLE.stateSortKey },
    [GUARD_TABLE.generation]: { N: '1' },
    [GUARD_TABLE.document]: { S: JSON.stringify(memory) },
    [GUARD_TABLE.notices]: { S: '[]' },
  };
}

/** Request of CloudFormation to delete the resource that stands for a guarded fleet. */
function deletionOf(resourceId: string): CustomResourceRequest {
  return {
    RequestType: 'Delete',
    RequestId: 'request',
    ResponseURL: 'https://example.com/response',
    StackId: 'stack',
    LogicalResourceId: 'Fleet',
    ResourceProperties: { ResourceId: resourceId },
  };
}

/** Request to delete the objects of a bucket. */
function deletionOfObjects(bucket: EmptiedBucket): CustomResourceRequest {
  return { ...deletionOf(''), ResourceProperties: formatEmptiedBucket(bucket) };
}

/** Tag of the first host of a sweeper's configuration. */
function sweptHost(environment: { [name: string]: string }): string | undefined {
  const configuration = environment[SWEEPER_ENVIRONMENT.configuration];
  if (configuration === undefined || !configuration.includes('"hosts"')) return undefined;
  return hostedBy(parseSweeperConfiguration(configuration).hosts[0]!);
}

const FAILS_ONCE = 'fails once';
const REQUEST = '{"id":"r","key":"k","context_tokens":1,"generated_tokens":1}';

/** Position of a record by its sequence number. */
const positionOf = (sequenceNumber: string): string => sequenceNumber.padStart(56, '0');

/** Event of a topic: a record that fails, one with a request, one whose response is no text, and one that is too large. */
const KAFKA_EVENTS: readonly Json[] = [[FAILS_ONCE], [REQUEST, 'image', 'x'.repeat(1024 * 1024 + 1)]].map((values) => ({
  eventSource: 'aws:kafka',
  eventSourceArn: MSK_CLUSTER,
  records: {
    'requests-0': values.map((value, offset) => ({
      topic: 'requests',
      partition: 0,
      offset: offset + 1,
      timestamp: 1_700_000_000_000,
      timestampType: 'CREATE_TIME',
      key: Buffer.from(`k${offset}`).toString('base64'),
      value: Buffer.from(value).toString('base64'),
      headers: [],
    })),
  },
}));

/** Event of the queue of a sink: a result object was written. */
const RESULT_EVENT: Json = {
  Records: [
    { messageId: '1', body: JSON.stringify({ detail: { object: { key: 'results/requests/shard/1-1.jsonl' } } }) },
  ],
};

/** A batch whose record fails, one with a request, one whose response is no text, and one that is too large, and one with another request. */
function kinesisEvents(streamArn: string): readonly Json[] {
  const record = (sequenceNumber: string, data: string): Json => ({
    eventID: `shardId-000000000000:${sequenceNumber}`,
    eventSourceARN: streamArn,
    kinesis: {
      sequenceNumber,
      partitionKey: `k${sequenceNumber}`,
      data: Buffer.from(data).toString('base64'),
      approximateArrivalTimestamp: 1_700_000_000,
    },
  });
  return [
    { Records: [record('1', FAILS_ONCE)] },
    { Records: [record('1', REQUEST), record('2', 'image'), record('3', 'x'.repeat(1024 * 1024 + 1))] },
    { Records: [record('4', REQUEST)] },
  ];
}
