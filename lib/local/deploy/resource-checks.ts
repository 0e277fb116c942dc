import { lookup } from '../../core/lookup';
import {
  paginateDescribeScalableTargets,
  paginateDescribeScalingPolicies,
  type ScalableTarget,
  type ScalingPolicy,
} from '@aws-sdk/client-application-auto-scaling';
import { DescribeAlarmsCommand, GetDashboardCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { DescribeEventBusCommand, DescribeRuleCommand } from '@aws-sdk/client-eventbridge';
import { GetPolicyCommand, GetRoleCommand, GetRolePolicyCommand } from '@aws-sdk/client-iam';
import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
import {
  GetEventSourceMappingCommand,
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  GetPolicyCommand as GetFunctionPolicyCommand,
} from '@aws-sdk/client-lambda';
import { GetBucketPolicyCommand, HeadBucketCommand } from '@aws-sdk/client-s3';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeInferenceComponentCommand,
  DescribeModelCommand,
  DescribeModelPackageGroupCommand,
} from '@aws-sdk/client-sagemaker';
import { DescribeStateMachineCommand } from '@aws-sdk/client-sfn';
import { GetSubscriptionAttributesCommand, GetTopicAttributesCommand } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { SAGEMAKER_SERVICE_NAMESPACE } from '../../catalog/scalable-resource';
import type { AwsClients } from './aws';

/** Resource of a deployed stack, by its ids. */
export interface DeployedResource {
  readonly logicalId: string;
  readonly type: string;
  readonly physicalId: string;
}

/** Deployed resource with its declaration in the template. */
export interface DeclaredResource extends DeployedResource {
  readonly properties: { readonly [name: string]: unknown };
  /** All resources of the stack, to resolve references. */
  readonly byLogicalId: ReadonlyMap<string, DeployedResource>;
}

/** Describes a resource by the API of its service; throws if the service does not have it, or has it in another state. */
type Check = (aws: AwsClients, resource: DeclaredResource) => Promise<void>;

const CHECKS: { readonly [type: string]: Check } = lookup({
  'AWS::ApplicationAutoScaling::ScalableTarget': async ({ applicationAutoScaling }, { physicalId }) => {
    const scope = { ServiceNamespace: SAGEMAKER_SERVICE_NAMESPACE } as const;
    const found: ScalableTarget[] = [];
    for await (const { ScalableTargets = [] } of paginateDescribeScalableTargets(
      { client: applicationAutoScaling },
      scope,
    ))
      found.push(...ScalableTargets);
    expectOne(found, ({ ResourceId }) => ResourceId !== undefined && physicalId.includes(ResourceId));
  },
  'AWS::ApplicationAutoScaling::ScalingPolicy': async ({ applicationAutoScaling }, { physicalId }) => {
    const scope = { ServiceNamespace: SAGEMAKER_SERVICE_NAMESPACE } as const;
    const found: ScalingPolicy[] = [];
    for await (const { ScalingPolicies = [] } of paginateDescribeScalingPolicies(
      { client: applicationAutoScaling },
      scope,
    ))
      found.push(...ScalingPolicies);
    expectOne(found, ({ PolicyARN, PolicyName }) => PolicyARN === physicalId || PolicyName === physicalId);
  },
  'AWS::CloudWatch::Alarm': async ({ cloudWatch }, { physicalId }) => {
    const { MetricAlarms = [] } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [physicalId] }));
    expectOne(MetricAlarms, ({ AlarmName }) => AlarmName === physicalId);
  },
  'AWS::CloudWatch::Dashboard': async ({ cloudWatch }, { physicalId }) => {
    await cloudWatch.send(new GetDashboardCommand({ DashboardName: physicalId }));
  },
  'AWS::DynamoDB::Table': async ({ dynamodb }, { physicalId }) => {
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: physicalId }));
    expectState(Table?.TableStatus, 'ACTIVE');
  },
  'AWS::Events::EventBus': async ({ eventBridge }, { physicalId }) => {
    await eventBridge.send(new DescribeEventBusCommand({ Name: physicalId }));
  },
  'AWS::Events::Rule': async ({ eventBridge }, { physicalId }) => {
    const [name, bus] = physicalId.split('/').at(-1)!.split('|').reverse();
    const { State } = await eventBridge.send(new DescribeRuleCommand({ Name: name, EventBusName: bus }));
    expectState(State, 'ENABLED', 'DISABLED');
  },
  'AWS::GreengrassV2::ComponentVersion': async ({ greengrass }, { physicalId }) => {
    const [, name = '', version = ''] = /:components:(.+):versions:(.+)$/.exec(physicalId) ?? [];
    engineWithDevices(greengrass).recipeOf(name, version);
    return Promise.resolve();
  },
  'AWS::GreengrassV2::Deployment': async ({ greengrass }, { physicalId }) => {
    if (!engineWithDevices(greengrass).hasDeployment(physicalId)) throw new Error('its service does not list it');
    return Promise.resolve();
  },
  'AWS::IAM::ManagedPolicy': async ({ iam }, { physicalId }) => {
    await iam.send(new GetPolicyCommand({ PolicyArn: physicalId }));
  },
  'AWS::IAM::Policy': async ({ iam }, resource) => {
    const { PolicyName, Roles } = resource.properties;
    for (const role of list(Roles)) {
      await iam.send(
        new GetRolePolicyCommand({ RoleName: resolve(role, resource), PolicyName: resolve(PolicyName, resource) }),
      );
    }
  },
  'AWS::IAM::Role': async ({ iam }, { physicalId }) => {
    await iam.send(new GetRoleCommand({ RoleName: physicalId }));
  },
  'AWS::IoT::Policy': async ({ getJson }, { physicalId }) => {
    const { policyDocument } = await getJson('iot', `/policies/${physicalId}`);
    expectText(policyDocument as string | undefined, 'the policy has no document');
  },
  'AWS::IoT::RoleAlias': async ({ greengrass }, { physicalId }) => {
    engineWithDevices(greengrass).roleOf(physicalId);
    return Promise.resolve();
  },
  'AWS::IoT::ThingGroup': async ({ getJson }, resource) => {
    // Its physical id is that of the group, and the API takes the name.
    await getJson('iot', `/thing-groups/${resolve(resource.properties['ThingGroupName'], resource)}`);
  },
  'AWS::IoT::TopicRule': async ({ getJson }, { physicalId }) => {
    await getJson('iot', `/rules/${physicalId}`);
  },
  'AWS::KMS::Key': async ({ callJson }, { physicalId }) => {
    const { KeyMetadata } = await callJson('kms', 'TrentService.DescribeKey', { KeyId: physicalId });
    expectState((KeyMetadata as { KeyState?: string } | undefined)?.KeyState, 'Enabled');
  },
  'AWS::Kinesis::Stream': async ({ kinesis }, { physicalId }) => {
    const { StreamDescriptionSummary } = await kinesis.send(
      new DescribeStreamSummaryCommand({ StreamName: physicalId }),
    );
    expectState(StreamDescriptionSummary?.StreamStatus, 'ACTIVE');
  },
  'AWS::Lambda::EventInvokeConfig': async ({ lambda }, resource) => {
    const FunctionName = resolve(resource.properties['FunctionName'], resource);
    const Qualifier = resolve(resource.properties['Qualifier'], resource);
    await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName, Qualifier }));
  },
  'AWS::Lambda::EventSourceMapping': async ({ lambda }, { physicalId }) => {
    const { State } = await lambda.send(new GetEventSourceMappingCommand({ UUID: physicalId }));
    expectState(State, 'Enabled');
  },
  'AWS::Lambda::Function': async ({ lambda }, { physicalId }) => {
    const { State } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: physicalId }));
    expectState(State, 'Active');
  },
  'AWS::Lambda::Permission': async ({ lambda }, resource) => {
    const FunctionName = resolve(resource.properties['FunctionName'], resource);
    const { Policy } = await lambda.send(new GetFunctionPolicyCommand({ FunctionName }));
    const action = String(resource.properties['Action']);
    if (!Policy?.includes(action)) throw new Error(`the function's policy does not allow ${action}`);
  },
  'AWS::Logs::LogGroup': async ({ logs }, { physicalId }) => {
    const { logGroups = [] } = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: physicalId }));
    expectOne(logGroups, ({ logGroupName }) => logGroupName === physicalId);
  },
  'AWS::S3::Bucket': async ({ s3 }, { physicalId }) => {
    await s3.send(new HeadBucketCommand({ Bucket: physicalId }));
  },
  'AWS::S3::BucketPolicy': async ({ s3 }, resource) => {
    await s3.send(new GetBucketPolicyCommand({ Bucket: resolve(resource.properties['Bucket'], resource) }));
  },
  'AWS::MSK::Topic': async ({ kafkaTopics }, { properties }) => {
    const partitions = (await kafkaTopics()).get(String(properties['TopicName']));
    const declared = Number(properties['PartitionCount']);
    if (partitions !== declared)
      throw new Error(`the broker has ${partitions ?? 'no'} partitions of it, not ${declared}`);
  },
  'AWS::SNS::Subscription': async ({ sns }, { physicalId }) => {
    await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn: physicalId }));
  },
  'AWS::SNS::Topic': async ({ sns }, { physicalId }) => {
    await sns.send(new GetTopicAttributesCommand({ TopicArn: physicalId }));
  },
  'AWS::SNS::TopicPolicy': async ({ sns }, resource) => {
    for (const topic of list(resource.properties['Topics'])) {
      const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn: resolve(topic, resource) }));
      expectText(Attributes?.['Policy'], 'the topic has no policy');
    }
  },
  'AWS::SQS::Queue': async ({ sqs }, { physicalId }) => {
    await sqs.send(new GetQueueAttributesCommand({ QueueUrl: physicalId, AttributeNames: ['QueueArn'] }));
  },
  'AWS::SQS::QueuePolicy': async ({ sqs }, resource) => {
    for (const queue of list(resource.properties['Queues'])) {
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: resolve(queue, resource), AttributeNames: ['Policy'] }),
      );
      expectText(Attributes?.['Policy'], 'the queue has no policy');
    }
  },
  'AWS::SSM::Parameter': async ({ ssm }, { physicalId }) => {
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: physicalId }));
    expectText(Parameter?.Value, 'the parameter has no value');
  },
  'AWS::SageMaker::Endpoint': async ({ sageMaker }, { physicalId }) => {
    const name = physicalId.split('/').at(-1)!;
    const { EndpointStatus } = await sageMaker.send(new DescribeEndpointCommand({ EndpointName: name }));
    expectState(EndpointStatus, 'InService');
  },
  'AWS::SageMaker::EndpointConfig': async ({ sageMaker }, { physicalId }) => {
    const name = physicalId.split('/').at(-1)!;
    await sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName: name }));
  },
  'AWS::SageMaker::InferenceComponent': async ({ sageMaker }, { physicalId }) => {
    const InferenceComponentName = physicalId.split('/').at(-1)!;
    const { InferenceComponentStatus } = await sageMaker.send(
      new DescribeInferenceComponentCommand({ InferenceComponentName }),
    );
    expectState(InferenceComponentStatus, 'InService');
  },
  'AWS::SageMaker::Model': async ({ sageMaker }, { physicalId }) => {
    await sageMaker.send(new DescribeModelCommand({ ModelName: physicalId.split('/').at(-1)! }));
  },
  'AWS::SageMaker::ModelPackageGroup': async ({ sageMaker }, { physicalId }) => {
    const name = physicalId.split('/').at(-1)!;
    await sageMaker.send(new DescribeModelPackageGroupCommand({ ModelPackageGroupName: name }));
  },
  'AWS::StepFunctions::StateMachine': async ({ sfn }, { physicalId }) => {
    const { status } = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn: physicalId }));
    expectState(status, 'ACTIVE');
  },
});

/** Custom resources have no describe call; a physical id proves that the provider succeeded. */
const checkCustomResource: Check = async (_aws, { physicalId }) => {
  expectText(physicalId, 'its provider returned no physical id');
};

/** Returns the check of a resource type; undefined if there is none. */
export function findResourceCheck(type: string): Check | undefined {
  return CHECKS[type] ?? (type.startsWith('Custom::') ? checkCustomResource : undefined);
}

function engineWithDevices(greengrass: AwsClients['greengrass']): NonNullable<AwsClients['greengrass']> {
  if (greengrass === undefined) throw new Error('this engine has no devices');
  return greengrass;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Resolves a reference of the template to the physical id in the deployed stack. */
function resolve(value: unknown, resource: DeclaredResource): string {
  if (typeof value === 'string') return value;
  const { Ref: ref, 'Fn::GetAtt': attribute } = (value ?? {}) as { Ref?: string; 'Fn::GetAtt'?: readonly string[] };
  const target = resource.byLogicalId.get(ref ?? attribute?.[0] ?? '');
  if (target === undefined) throw new Error(`its property ${JSON.stringify(value)} cannot be resolved`);
  return target.physicalId;
}

function expectOne<T>(found: readonly T[], wanted: (item: T) => boolean): void {
  if (!found.some(wanted)) throw new Error('its service does not list it');
}

export function expectState(state: string | undefined, ...allowed: readonly string[]): void {
  if (state === undefined || !allowed.includes(state)) {
    throw new Error(`its state is ${state ?? 'unknown'}, not ${allowed.join(' or ')}`);
  }
}

function expectText(text: string | undefined, otherwise: string): void {
  if (text === undefined || text === '') throw new Error(otherwise);
}
