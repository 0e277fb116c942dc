import {
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { DescribeStackResourcesCommand, type StackResource } from '@aws-sdk/client-cloudformation';
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
import type { AwsClients } from './aws';
import type { AssemblyStack } from './deploy';
import { inParallel } from './load/results-reader';

/** A resource of a stack, as CloudFormation knows it. */
export interface DeployedResource {
  readonly logicalId: string;
  readonly type: string;
  readonly physicalId: string;
}

export interface Verification {
  /** Resources that the templates declare. */
  readonly declared: number;
  /** Resources whose own service answered that they are there. */
  readonly verified: number;
  /** One sentence for every resource that is not. */
  readonly problems: readonly string[];
}

interface Templated extends DeployedResource {
  readonly stackName: string;
  readonly properties: { readonly [name: string]: unknown };
  /** Every resource of the stack, for references. */
  readonly byLogicalId: ReadonlyMap<string, DeployedResource>;
}

/** Asks a resource's own service for it; throws when the service does not know it, or knows it otherwise. */
type Check = (aws: AwsClients, resource: Templated) => Promise<void>;

const CHECKS: { readonly [type: string]: Check } = {
  'AWS::ApplicationAutoScaling::ScalableTarget': async ({ applicationAutoScaling }, { physicalId }) => {
    const { ScalableTargets = [] } = await applicationAutoScaling.send(
      new DescribeScalableTargetsCommand({ ServiceNamespace: 'sagemaker' }),
    );
    expectOne(ScalableTargets, ({ ResourceId }) => ResourceId !== undefined && physicalId.includes(ResourceId));
  },
  'AWS::ApplicationAutoScaling::ScalingPolicy': async ({ applicationAutoScaling }, { physicalId }) => {
    const { ScalingPolicies = [] } = await applicationAutoScaling.send(
      new DescribeScalingPoliciesCommand({ ServiceNamespace: 'sagemaker' }),
    );
    expectOne(ScalingPolicies, ({ PolicyARN, PolicyName }) => PolicyARN === physicalId || PolicyName === physicalId);
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
};

/** Types that leave nothing behind that a service could be asked for. */
const NOTHING_TO_ASK = new Set(['AWS::CDK::Metadata']);

/** Asks each service for each resource that the templates declare. */
export async function verifyResources(aws: AwsClients, stacks: readonly AssemblyStack[]): Promise<Verification> {
  const problems: string[] = [];
  let declared = 0;
  let verified = 0;
  for (const stack of stacks) {
    const { StackResources = [] } = await aws.cloudFormation.send(
      new DescribeStackResourcesCommand({ StackName: stack.name }),
    );
    const deployed = new Map(StackResources.map((resource) => [resource.LogicalResourceId!, resource]));
    const byLogicalId = new Map(
      StackResources.map((resource): [string, DeployedResource] => [
        resource.LogicalResourceId!,
        {
          logicalId: resource.LogicalResourceId!,
          type: resource.ResourceType!,
          physicalId: resource.PhysicalResourceId ?? '',
        },
      ]),
    );
    const entries = Object.entries(stack.template.Resources).filter(([, { Type }]) => !NOTHING_TO_ASK.has(Type));
    declared += entries.length;
    await inParallel(entries, 6, async ([logicalId, { Type: type, Properties = {} }]) => {
      const name = `${type} ${logicalId}`;
      try {
        await verifyOne(aws, deployed.get(logicalId), {
          stackName: stack.name,
          logicalId,
          type,
          physicalId: byLogicalId.get(logicalId)?.physicalId ?? '',
          properties: Properties,
          byLogicalId,
        });
        verified += 1;
      } catch (error) {
        problems.push(`${name}: ${error instanceof Error ? error.message || error.name : String(error)}`);
      }
    });
  }
  return { declared, verified, problems: problems.sort() };
}

async function verifyOne(aws: AwsClients, deployed: StackResource | undefined, resource: Templated): Promise<void> {
  if (deployed === undefined) throw new Error('the stack has no such resource');
  expectState(deployed.ResourceStatus, 'CREATE_COMPLETE', 'UPDATE_COMPLETE', 'IMPORT_COMPLETE');
  const check = CHECKS[resource.type] ?? (resource.type.startsWith('Custom::') ? checkCustomResource : undefined);
  if (check === undefined) throw new Error('no service is known that could be asked for it; add a check for this type');
  if (resource.physicalId === '') throw new Error('it has no physical id');
  await check(aws, resource);
}

/** A custom resource is what its provider answered; that it answered is in the stack. */
async function checkCustomResource(_aws: AwsClients, { physicalId }: Templated): Promise<void> {
  expectText(physicalId, 'its provider gave it no id');
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A reference in a template, as the name or ARN that the deployed stack gave it. */
function resolve(value: unknown, resource: Templated): string {
  if (typeof value === 'string') return value;
  const { Ref: ref, 'Fn::GetAtt': attribute } = (value ?? {}) as { Ref?: string; 'Fn::GetAtt'?: readonly string[] };
  const target = resource.byLogicalId.get(ref ?? attribute?.[0] ?? '');
  if (target === undefined) throw new Error(`its property ${JSON.stringify(value)} cannot be resolved`);
  return target.physicalId;
}

function expectOne<T>(found: readonly T[], wanted: (item: T) => boolean): void {
  if (!found.some(wanted)) throw new Error('its service does not list it');
}

function expectState(state: string | undefined, ...allowed: readonly string[]): void {
  if (state === undefined || !allowed.includes(state)) {
    throw new Error(`its state is ${state ?? 'not told'}, not ${allowed.join(' or ')}`);
  }
}

function expectText(text: string | undefined, otherwise: string): void {
  if (text === undefined || text === '') throw new Error(otherwise);
}
