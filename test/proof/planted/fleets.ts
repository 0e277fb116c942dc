import type { Random } from '../../../lib/simulation/random';
import type { TemplateDocument } from '../../../lib/template';
import type { Author, Written, WrittenResource } from './authors';

/** Kinds of good fleets. */
export type FleetName = 'real-time' | 'async' | 'component' | 'serverless' | 'stream' | 'queue' | 'steps';

/** A fleet that is being written, by the parts of its resources. */
export interface WrittenFleet {
  readonly author: Author;
  readonly variant: string;
  readonly parts: { [part: string]: WrittenResource };
  /** Maximum of the fleet. */
  readonly max: number;
  /** Requests that one replica serves at once. */
  readonly slots: number;
}

const GPU_TYPES = ['ml.g5.xlarge', 'ml.g6.xlarge', 'ml.g5.2xlarge', 'ml.g6.2xlarge', 'ml.g6e.xlarge', 'ml.g4dn.xlarge'];
const VARIANTS = ['AllTraffic', 'main', 'variant-1', 'Primary'];
const VARIANT_DIMENSION = 'sagemaker:variant:DesiredInstanceCount';
const SERVING = ['Role', 'Model', 'Config', 'Endpoint'];

export function oneOf<One>(list: readonly One[], random: Random): One {
  return list[Math.floor(random.uniform() * list.length)]!;
}

export function dimensions(pairs: { readonly [name: string]: unknown }): unknown {
  return Object.entries(pairs).map(([Name, Value]) => ({ Name, Value }));
}

/** Dimensions of a variant, and of the endpoint. */
export const onVariant = ({ author, variant }: WrittenFleet): Written => ({
  EndpointName: author.endpointName(),
  VariantName: variant,
});
export const onEndpoint = ({ author }: WrittenFleet): Written => ({ EndpointName: author.endpointName() });

/** Name of the component of a fleet. */
export const COMPONENT_NAME = 'chat-copies';

/** Properties of a part. */
export function of(fleet: WrittenFleet, part: string): Written {
  return fleet.parts[part]!.Properties;
}

/** Object inside the properties of a part. */
export function within(fleet: WrittenFleet, part: string, ...path: readonly (string | number)[]): Written {
  return path.reduce<Written>((inner, name) => inner[name] as Written, of(fleet, part));
}

export const TRACKING = 'TargetTrackingScalingPolicyConfiguration';
export const STEP = 'StepScalingPolicyConfiguration';

export function tracking(fleet: WrittenFleet, configuration: Written, name = 'follow-load'): WrittenResource {
  const { author } = fleet;
  return policy(fleet, {
    PolicyName: name,
    PolicyType: 'TargetTrackingScaling',
    [TRACKING]: { ScaleInCooldown: author.count(300), ScaleOutCooldown: author.count(300), ...configuration },
  });
}

export function steps(fleet: WrittenFleet, name: string, adjustment: number, more: Written = {}): WrittenResource {
  const { author } = fleet;
  const bound = adjustment > 0 ? 'MetricIntervalLowerBound' : 'MetricIntervalUpperBound';
  return policy(fleet, {
    PolicyName: name,
    PolicyType: 'StepScaling',
    [STEP]: {
      AdjustmentType: 'ChangeInCapacity',
      Cooldown: author.count(adjustment > 0 ? 300 : 600),
      MetricAggregationType: 'Average',
      StepAdjustments: [{ [bound]: author.count(0), ScalingAdjustment: author.count(adjustment) }],
      ...more,
    },
  });
}

function policy(fleet: WrittenFleet, properties: Written): WrittenResource {
  const target = of(fleet, 'Target');
  return {
    Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
    Properties: {
      ...properties,
      ...fleet.author.policyOf(target['ResourceId'], String(target['ScalableDimension'])),
    },
    ...(fleet.author.waits && { DependsOn: [fleet.author.id('Target')] }),
  };
}

export function alarm(fleet: WrittenFleet, metricName: string, on: Written, more: Written = {}): WrittenResource {
  const { author } = fleet;
  return {
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      Namespace: 'AWS/SageMaker',
      MetricName: metricName,
      Dimensions: dimensions(on),
      Statistic: 'Average',
      Period: author.count(60),
      EvaluationPeriods: author.count(3),
      Threshold: author.count(1),
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      ...more,
    },
  };
}

/** A good fleet of one kind in the words of one author, with sizes and names by chance. */
export function goodFleet(kind: FleetName, author: Author, random: Random): WrittenFleet {
  const slots = oneOf([4, 8, 16], random);
  const max = 3 + Math.floor(random.uniform() * 8);
  const fleet: WrittenFleet = { author, variant: oneOf(VARIANTS, random), parts: {}, max, slots };
  addServing(fleet, kind, random);
  addTarget(fleet, kind, random);
  switch (kind) {
    case 'async':
      addBacklog(fleet);
      break;
    case 'component':
      addCopies(fleet);
      break;
    case 'serverless':
      fleet.parts.Follow = tracking(fleet, {
        TargetValue: 0.7,
        PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantProvisionedConcurrencyUtilization' },
      });
      break;
    case 'steps':
      addSteps(fleet, random);
      break;
    default:
      fleet.parts.Follow = tracking(fleet, {
        TargetValue: author.count(Math.ceil(slots * 0.6)),
        PredefinedMetricSpecification: {
          PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
        },
      });
  }
  if (kind === 'stream') addStream(fleet);
  if (kind === 'queue') addQueue(fleet);
  return fleet;
}

function addServing(fleet: WrittenFleet, kind: FleetName, random: Random): void {
  const { author, parts, variant, slots } = fleet;
  const named = (property: string, part: string): Written => {
    const name = author.literalName(part);
    return name === undefined ? {} : { [property]: name };
  };
  // The resources that serve refer to each other within their own template.
  const local = author.isServedElsewhere ? { 'Fn::GetAtt': 'Endpoint.EndpointName' } : author.endpointName();
  parts.Role = {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
      },
      Policies: [
        {
          PolicyName: 'model',
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              { Effect: 'Allow', Action: ['ecr:BatchGetImage', 's3:GetObject'], Resource: 'arn:aws:s3:::models/*' },
            ],
          },
        },
      ],
    },
  };
  parts.Model = {
    Type: 'AWS::SageMaker::Model',
    Properties: {
      ExecutionRoleArn: author.attribute('Role', 'Arn'),
      PrimaryContainer: { Image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/server:1' },
    },
  };
  const first = oneOf(GPU_TYPES, random);
  const second = oneOf(
    GPU_TYPES.filter((type) => type !== first),
    random,
  );
  const instances = {
    InitialInstanceCount: author.count(1),
    InstancePools: [
      { InstanceType: first, Priority: author.count(1) },
      { InstanceType: second, Priority: author.count(2) },
    ],
  };
  const host = {
    ServerlessConfig: {
      MemorySizeInMB: author.count(4096),
      MaxConcurrency: author.count(20),
      ProvisionedConcurrency: author.count(2),
    },
  };
  const model = { ModelName: author.attribute('Model', 'ModelName') };
  const managed = {
    ManagedInstanceScaling: {
      Status: 'ENABLED',
      MinInstanceCount: author.count(0),
      MaxInstanceCount: author.count(fleet.max),
    },
  };
  parts.Config = {
    Type: 'AWS::SageMaker::EndpointConfig',
    Properties: {
      ProductionVariants: [
        {
          VariantName: variant,
          ...(kind === 'serverless' ? host : instances),
          ...(kind === 'component' ? managed : model),
        },
      ],
      ...(kind === 'component' && { ExecutionRoleArn: author.attribute('Role', 'Arn') }),
      ...(kind === 'async' && {
        AsyncInferenceConfig: {
          OutputConfig: { S3OutputPath: 's3://answers/out' },
          ClientConfig: { MaxConcurrentInvocationsPerInstance: author.count(slots) },
        },
      }),
      ...(kind !== 'serverless' && {
        Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: String(slots) }],
      }),
    },
  };
  parts.Endpoint = {
    Type: 'AWS::SageMaker::Endpoint',
    Properties: {
      EndpointConfigName: author.attribute('Config', 'EndpointConfigName'),
      ...named('EndpointName', 'Endpoint'),
      ...(kind !== 'component' && kind !== 'serverless' && { RetainAllVariantProperties: true }),
    },
  };
  if (kind === 'component') {
    parts.Component = {
      Type: 'AWS::SageMaker::InferenceComponent',
      Properties: {
        InferenceComponentName: COMPONENT_NAME,
        EndpointName: local,
        VariantName: variant,
        Specification: {
          ModelName: author.attribute('Model', 'ModelName'),
          ComputeResourceRequirements: {
            NumberOfAcceleratorDevicesRequired: author.count(1),
            MinMemoryRequiredInMb: author.count(2048),
          },
        },
        RuntimeConfig: { CopyCount: author.count(1) },
      },
      ...(author.waits && { DependsOn: [author.id('Endpoint')] }),
    };
  }
}

function addTarget(fleet: WrittenFleet, kind: FleetName, random: Random): void {
  const { author, parts, variant, max } = fleet;
  const isZero = kind === 'async' || kind === 'component';
  const dimension =
    kind === 'component'
      ? 'sagemaker:inference-component:DesiredCopyCount'
      : kind === 'serverless'
        ? 'sagemaker:variant:DesiredProvisionedConcurrency'
        : VARIANT_DIMENSION;
  const hasSchedule = kind === 'real-time' && random.uniform() < 0.5;
  const waitsFor =
    kind === 'component' && !author.isServedElsewhere ? 'Component' : author.waits ? 'Endpoint' : undefined;
  parts.Target = {
    Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
    Properties: {
      ServiceNamespace: 'sagemaker',
      ScalableDimension: dimension,
      ResourceId: kind === 'component' ? `inference-component/${COMPONENT_NAME}` : author.resourceId(variant),
      MinCapacity: author.count(isZero ? 0 : 1),
      MaxCapacity: author.count(max),
      ...(hasSchedule && {
        ScheduledActions: [
          scheduled(author, 'day', 'cron(0 7 ? * MON-FRI *)', { MinCapacity: author.count(2) }),
          scheduled(author, 'night', 'cron(0 20 ? * MON-FRI *)', { MinCapacity: author.count(1) }),
        ],
      }),
    },
    ...(waitsFor !== undefined && { DependsOn: [author.id(waitsFor)] }),
  };
}

export function scheduled(_author: Author, name: string, schedule: string, limits: Written): Written {
  return {
    ScheduledActionName: name,
    Schedule: schedule,
    Timezone: 'Europe/Zurich',
    ScalableTargetAction: limits,
  };
}

function addBacklog(fleet: WrittenFleet): void {
  const { author, parts } = fleet;
  parts.Follow = tracking(fleet, {
    TargetValue: author.count(fleet.slots),
    CustomizedMetricSpecification: {
      Namespace: 'AWS/SageMaker',
      MetricName: 'ApproximateBacklogSizePerInstance',
      Dimensions: dimensions(onEndpoint(fleet)),
      Statistic: 'Average',
    },
  });
  parts.Wake = steps(fleet, 'wake', 1);
  parts.WakeAlarm = alarm(fleet, 'HasBacklogWithoutCapacity', onEndpoint(fleet), {
    EvaluationPeriods: author.count(2),
    TreatMissingData: 'missing',
    AlarmActions: [author.ref('Wake')],
  });
}

function addCopies(fleet: WrittenFleet): void {
  const { author, parts } = fleet;
  parts.Follow = tracking(fleet, {
    TargetValue: author.count(Math.ceil(fleet.slots * 0.6)),
    PredefinedMetricSpecification: {
      PredefinedMetricType: 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
    },
  });
  parts.Wake = steps(fleet, 'wake', 1, { Cooldown: author.count(60) });
  parts.WakeAlarm = alarm(
    fleet,
    'NoCapacityInvocationFailures',
    { InferenceComponentName: COMPONENT_NAME },
    {
      Statistic: 'Sum',
      EvaluationPeriods: author.count(1),
      TreatMissingData: 'notBreaching',
      AlarmActions: [author.ref('Wake')],
    },
  );
}

function addSteps(fleet: WrittenFleet, random: Random): void {
  const { author, parts } = fleet;
  const isGpu = random.uniform() < 0.5;
  const metric = isGpu ? 'GPUUtilization' : 'ConcurrentRequestsPerModel';
  const [high, low] = isGpu ? [70, 20] : [Math.ceil(fleet.slots * 0.7), 1];
  const more = {
    ...(isGpu && { Namespace: '/aws/sagemaker/Endpoints' }),
    TreatMissingData: 'missing',
  };
  parts.Out = steps(fleet, 'out', 2);
  parts.OutAlarm = alarm(fleet, metric, onVariant(fleet), {
    ...more,
    Threshold: author.count(high),
    AlarmActions: [author.ref('Out')],
  });
  parts.In = steps(fleet, 'in', -1);
  parts.InAlarm = alarm(fleet, metric, onVariant(fleet), {
    ...more,
    Threshold: author.count(low),
    EvaluationPeriods: author.count(15),
    ComparisonOperator: 'LessThanThreshold',
    AlarmActions: [author.ref('In')],
  });
}

function addCaller(fleet: WrittenFleet): void {
  const { author, parts } = fleet;
  parts.CallerRole = {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
      },
      Policies: [
        {
          PolicyName: 'invoke',
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Allow',
                Action: ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream'],
                Resource: {
                  'Fn::Join': ['', ['arn:aws:sagemaker:us-east-1:111122223333:endpoint/', author.endpointName()]],
                },
              },
            ],
          },
        },
      ],
    },
  };
  parts.Consumer = {
    Type: 'AWS::Lambda::Function',
    Properties: {
      Role: author.attribute('CallerRole', 'Arn'),
      Runtime: 'python3.12',
      Handler: 'index.handler',
      Timeout: author.count(60),
      Code: { ZipFile: 'def handler(event, context): pass' },
      Environment: { Variables: { ENDPOINT_NAME: author.endpointName() } },
    },
  };
}

function addStream(fleet: WrittenFleet): void {
  const { author, parts } = fleet;
  addCaller(fleet);
  parts.Failed = { Type: 'AWS::SQS::Queue', Properties: { MessageRetentionPeriod: author.count(1209600) } };
  parts.Records = { Type: 'AWS::Kinesis::Stream', Properties: { ShardCount: author.count(1) } };
  parts.Mapping = {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      EventSourceArn: author.attribute('Records', 'Arn'),
      FunctionName: author.ref('Consumer'),
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: author.count(fleet.slots),
      MaximumRetryAttempts: author.count(5),
      BisectBatchOnFunctionError: true,
      DestinationConfig: { OnFailure: { Destination: author.attribute('Failed', 'Arn') } },
    },
  };
}

function addQueue(fleet: WrittenFleet): void {
  const { author, parts } = fleet;
  addCaller(fleet);
  parts.Failed = { Type: 'AWS::SQS::Queue', Properties: {} };
  parts.Work = {
    Type: 'AWS::SQS::Queue',
    Properties: {
      VisibilityTimeout: author.count(360),
      RedrivePolicy: { deadLetterTargetArn: author.attribute('Failed', 'Arn'), maxReceiveCount: author.count(5) },
    },
  };
  parts.Mapping = {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      EventSourceArn: author.attribute('Work', 'Arn'),
      FunctionName: author.attribute('Consumer', 'Arn'),
      BatchSize: author.count(5),
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    },
  };
}

/** Templates of a fleet, with its resources in an order by chance. */
export function documents({ author, parts }: WrittenFleet, random: Random): TemplateDocument[] {
  const names = Object.keys(parts);
  for (let index = names.length - 1; index > 0; index--) {
    const other = Math.floor(random.uniform() * (index + 1));
    [names[index], names[other]] = [names[other]!, names[index]!];
  }
  const resources = (list: readonly string[]) =>
    Object.fromEntries(list.map((part) => [author.id(part), structuredClone(parts[part])]));
  if (!author.isServedElsewhere) {
    return [{ name: 'fleet.template.json', document: { ...author.sections, Resources: resources(names) } }];
  }
  const served = [...SERVING, 'Component', 'ExtraPolicy'];
  const exported = (author.endpointName() as { 'Fn::ImportValue': string })['Fn::ImportValue'];
  return [
    {
      name: 'serving.template.json',
      document: {
        ...author.sections,
        Resources: resources(names.filter((part) => served.includes(part))),
        Outputs: { Name: { Value: { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] }, Export: { Name: exported } } },
      },
    },
    {
      name: 'scaling.template.json',
      document: { ...author.sections, Resources: resources(names.filter((part) => !served.includes(part))) },
    },
  ];
}
