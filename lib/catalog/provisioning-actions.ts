import { lookup } from '../core/lookup';
import { SCALING_ROLE_NAME } from './scalable-resource';

/**
 * Actions with which CloudFormation creates, updates and deletes a resource of a type. They are the ones that no template can do without;
 * properties may need more.
 *
 * Source: the handlers in the schemas of the types, https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html,
 * with which a test compares them, and the operations of the services where a type has no handlers there.
 */
const ACTIONS: { readonly [resourceType: string]: readonly string[] } = lookup({
  'AWS::ApplicationAutoScaling::ScalableTarget': [
    'application-autoscaling:RegisterScalableTarget',
    'application-autoscaling:DeregisterScalableTarget',
    'iam:CreateServiceLinkedRole',
    'sagemaker:UpdateEndpointWeightsAndCapacities',
  ],
  'AWS::ApplicationAutoScaling::ScalingPolicy': [
    'application-autoscaling:PutScalingPolicy',
    'application-autoscaling:DescribeScalingPolicies',
    'application-autoscaling:DeleteScalingPolicy',
    'cloudwatch:PutMetricAlarm',
    'cloudwatch:DeleteAlarms',
  ],
  'AWS::CloudWatch::Alarm': ['cloudwatch:PutMetricAlarm', 'cloudwatch:DescribeAlarms', 'cloudwatch:DeleteAlarms'],
  'AWS::CloudWatch::CompositeAlarm': [
    'cloudwatch:PutCompositeAlarm',
    'cloudwatch:DescribeAlarms',
    'cloudwatch:DeleteAlarms',
  ],
  'AWS::CloudWatch::Dashboard': ['cloudwatch:PutDashboard', 'cloudwatch:GetDashboard', 'cloudwatch:DeleteDashboards'],
  'AWS::DynamoDB::Table': ['dynamodb:CreateTable', 'dynamodb:DescribeTable', 'dynamodb:DeleteTable'],
  'AWS::EC2::SecurityGroup': [
    'ec2:CreateSecurityGroup',
    'ec2:DescribeSecurityGroups',
    'ec2:AuthorizeSecurityGroupEgress',
    'ec2:RevokeSecurityGroupEgress',
    'ec2:DeleteSecurityGroup',
  ],
  'AWS::EC2::SecurityGroupEgress': [
    'ec2:AuthorizeSecurityGroupEgress',
    'ec2:DescribeSecurityGroupRules',
    'ec2:RevokeSecurityGroupEgress',
  ],
  'AWS::EC2::SecurityGroupIngress': [
    'ec2:AuthorizeSecurityGroupIngress',
    'ec2:DescribeSecurityGroupRules',
    'ec2:RevokeSecurityGroupIngress',
  ],
  'AWS::EMRServerless::Application': [
    'emr-serverless:CreateApplication',
    'emr-serverless:GetApplication',
    'emr-serverless:DeleteApplication',
    'iam:CreateServiceLinkedRole',
  ],
  'AWS::Events::EventBus': ['events:CreateEventBus', 'events:DescribeEventBus', 'events:DeleteEventBus'],
  'AWS::Events::Rule': [
    'events:PutRule',
    'events:DescribeRule',
    'events:PutTargets',
    'events:RemoveTargets',
    'events:DeleteRule',
  ],
  'AWS::Glue::Database': ['glue:CreateDatabase', 'glue:GetDatabase', 'glue:DeleteDatabase'],
  'AWS::Glue::Registry': ['glue:CreateRegistry', 'glue:GetRegistry', 'glue:DeleteRegistry'],
  'AWS::Glue::Table': ['glue:CreateTable', 'glue:GetTable', 'glue:DeleteTable'],
  'AWS::GreengrassV2::ComponentVersion': [
    'greengrass:CreateComponentVersion',
    'greengrass:DescribeComponent',
    'greengrass:DeleteComponent',
  ],
  'AWS::GreengrassV2::Deployment': [
    'greengrass:CreateDeployment',
    'greengrass:GetDeployment',
    'greengrass:CancelDeployment',
    'greengrass:DeleteDeployment',
  ],
  'AWS::IAM::ManagedPolicy': ['iam:CreatePolicy', 'iam:DeletePolicy'],
  'AWS::IAM::Policy': ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'],
  'AWS::IAM::Role': ['iam:CreateRole', 'iam:GetRole', 'iam:DeleteRole', 'iam:PassRole'],
  'AWS::IoT::Policy': ['iot:CreatePolicy', 'iot:GetPolicy', 'iot:DeletePolicy'],
  'AWS::IoT::RoleAlias': [
    'iot:CreateRoleAlias',
    'iot:DescribeRoleAlias',
    'iot:DeleteRoleAlias',
    'iam:GetRole',
    'iam:PassRole',
  ],
  'AWS::IoT::ThingGroup': ['iot:CreateThingGroup', 'iot:DescribeThingGroup', 'iot:DeleteThingGroup'],
  'AWS::IoT::TopicRule': ['iot:CreateTopicRule', 'iot:GetTopicRule', 'iot:DeleteTopicRule', 'iam:PassRole'],
  'AWS::Kinesis::Stream': ['kinesis:CreateStream', 'kinesis:DescribeStreamSummary', 'kinesis:DeleteStream'],
  'AWS::KinesisFirehose::DeliveryStream': [
    'firehose:CreateDeliveryStream',
    'firehose:DescribeDeliveryStream',
    'firehose:DeleteDeliveryStream',
    'iam:PassRole',
  ],
  'AWS::KMS::Alias': ['kms:CreateAlias', 'kms:DeleteAlias'],
  'AWS::KMS::Key': ['kms:CreateKey', 'kms:ScheduleKeyDeletion'],
  'AWS::Lambda::EventInvokeConfig': ['lambda:PutFunctionEventInvokeConfig', 'lambda:DeleteFunctionEventInvokeConfig'],
  'AWS::Lambda::EventSourceMapping': [
    'lambda:CreateEventSourceMapping',
    'lambda:GetEventSourceMapping',
    'lambda:DeleteEventSourceMapping',
  ],
  'AWS::Lambda::Function': ['lambda:CreateFunction', 'lambda:GetFunction', 'lambda:DeleteFunction', 's3:GetObject'],
  'AWS::Lambda::Permission': ['lambda:AddPermission', 'lambda:RemovePermission'],
  'AWS::Logs::LogGroup': [
    'logs:CreateLogGroup',
    'logs:DescribeLogGroups',
    'logs:PutRetentionPolicy',
    'logs:DeleteLogGroup',
  ],
  'AWS::Logs::LogStream': ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:DeleteLogStream'],
  'AWS::MSK::Cluster': [
    'kafka:CreateCluster',
    'kafka:DescribeCluster',
    'kafka:DeleteCluster',
    'ec2:DescribeSecurityGroups',
    'ec2:DescribeSubnets',
    'ec2:DescribeVpcs',
    'iam:CreateServiceLinkedRole',
  ],
  'AWS::MSK::ServerlessCluster': [
    'kafka:CreateClusterV2',
    'kafka:DescribeClusterV2',
    'kafka:DeleteCluster',
    'ec2:CreateTags',
    'ec2:CreateVpcEndpoint',
    'ec2:DeleteVpcEndpoints',
    'ec2:DescribeSecurityGroups',
    'ec2:DescribeSubnets',
    'ec2:DescribeVpcAttribute',
    'ec2:DescribeVpcEndpoints',
    'ec2:DescribeVpcs',
    'iam:CreateServiceLinkedRole',
  ],
  'AWS::MSK::Topic': ['kafka:CreateTopic', 'kafka:DescribeTopic', 'kafka:DeleteTopic'],
  'AWS::Pipes::Pipe': ['pipes:CreatePipe', 'pipes:DescribePipe', 'pipes:DeletePipe', 'iam:PassRole'],
  'AWS::S3::Bucket': ['s3:CreateBucket', 's3:DeleteBucket'],
  'AWS::S3::BucketPolicy': ['s3:PutBucketPolicy', 's3:GetBucketPolicy', 's3:DeleteBucketPolicy'],
  'AWS::SageMaker::Endpoint': [
    'sagemaker:CreateEndpoint',
    'sagemaker:DescribeEndpoint',
    'sagemaker:UpdateEndpoint',
    'sagemaker:DeleteEndpoint',
  ],
  'AWS::SageMaker::EndpointConfig': [
    'sagemaker:CreateEndpointConfig',
    'sagemaker:DescribeEndpointConfig',
    'sagemaker:DeleteEndpointConfig',
    'sagemaker:AddTags',
  ],
  'AWS::SageMaker::InferenceComponent': [
    'sagemaker:CreateInferenceComponent',
    'sagemaker:DescribeInferenceComponent',
    'sagemaker:UpdateInferenceComponent',
    'sagemaker:DeleteInferenceComponent',
  ],
  'AWS::SageMaker::Model': [
    'sagemaker:CreateModel',
    'sagemaker:DescribeModel',
    'sagemaker:DeleteModel',
    'sagemaker:AddTags',
    'iam:PassRole',
  ],
  'AWS::SageMaker::ModelPackageGroup': [
    'sagemaker:CreateModelPackageGroup',
    'sagemaker:GetModelPackageGroupPolicy',
    'sagemaker:DescribeModelPackageGroup',
    'sagemaker:DeleteModelPackageGroup',
  ],
  'AWS::SNS::Subscription': ['sns:Subscribe', 'sns:Unsubscribe'],
  'AWS::SNS::Topic': ['sns:CreateTopic', 'sns:GetTopicAttributes', 'sns:DeleteTopic'],
  'AWS::SNS::TopicPolicy': ['sns:SetTopicAttributes'],
  'AWS::SQS::Queue': ['sqs:CreateQueue', 'sqs:GetQueueAttributes', 'sqs:DeleteQueue'],
  'AWS::SQS::QueuePolicy': ['sqs:SetQueueAttributes'],
  'AWS::SSM::Parameter': ['ssm:PutParameter', 'ssm:DeleteParameter'],
  'AWS::StepFunctions::StateMachine': [
    'states:CreateStateMachine',
    'states:DescribeStateMachine',
    'states:DeleteStateMachine',
    'iam:PassRole',
  ],
});

/** Types that call no service, and those whose provider the template itself brings along. */
const WITHOUT_ACTIONS = /^(AWS::CDK::Metadata|AWS::CloudFormation::(WaitConditionHandle|CustomResource)|Custom::.+)$/;

/** Returns the actions that a deployment of a resource type needs at least; undefined for a type that is not in the table. */
export function provisioningActions(resourceType: string): readonly string[] | undefined {
  return WITHOUT_ACTIONS.test(resourceType) ? [] : ACTIONS[resourceType];
}

/** Path and name of the role that Application Auto Scaling creates in an account on the first scalable target of SageMaker. */
export const SCALING_SERVICE_ROLE_NAME = SCALING_ROLE_NAME.split('/').at(-1)!;
