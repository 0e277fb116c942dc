import { lookup } from '../core/lookup';
import { SCALING_ROLE_NAME } from './scalable-resource';

/**
 * Actions with which CloudFormation creates and deletes a resource of a type. They are the ones of the resource's own service that no
 * template can do without; properties may need more.
 *
 * Source: the handlers in the schemas of the types, https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html,
 * and the operations of the services where a type has no public schema.
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
    'application-autoscaling:DeleteScalingPolicy',
    'cloudwatch:PutMetricAlarm',
    'cloudwatch:DeleteAlarms',
  ],
  'AWS::CloudWatch::Alarm': ['cloudwatch:PutMetricAlarm', 'cloudwatch:DeleteAlarms'],
  'AWS::CloudWatch::CompositeAlarm': ['cloudwatch:PutCompositeAlarm', 'cloudwatch:DeleteAlarms'],
  'AWS::CloudWatch::Dashboard': ['cloudwatch:PutDashboard', 'cloudwatch:DeleteDashboards'],
  'AWS::DynamoDB::Table': ['dynamodb:CreateTable', 'dynamodb:DescribeTable', 'dynamodb:DeleteTable'],
  'AWS::EMRServerless::Application': [
    'emr-serverless:CreateApplication',
    'emr-serverless:GetApplication',
    'emr-serverless:StopApplication',
    'emr-serverless:DeleteApplication',
    'iam:CreateServiceLinkedRole',
  ],
  'AWS::Events::Rule': ['events:PutRule', 'events:PutTargets', 'events:RemoveTargets', 'events:DeleteRule'],
  'AWS::IAM::ManagedPolicy': ['iam:CreatePolicy', 'iam:DeletePolicy'],
  'AWS::IAM::Policy': ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'],
  'AWS::IAM::Role': ['iam:CreateRole', 'iam:DeleteRole', 'iam:PassRole'],
  'AWS::Kinesis::Stream': ['kinesis:CreateStream', 'kinesis:DescribeStreamSummary', 'kinesis:DeleteStream'],
  'AWS::KMS::Alias': ['kms:CreateAlias', 'kms:DeleteAlias'],
  'AWS::KMS::Key': ['kms:CreateKey', 'kms:ScheduleKeyDeletion'],
  'AWS::Lambda::EventInvokeConfig': ['lambda:PutFunctionEventInvokeConfig', 'lambda:DeleteFunctionEventInvokeConfig'],
  'AWS::Lambda::EventSourceMapping': ['lambda:CreateEventSourceMapping', 'lambda:DeleteEventSourceMapping'],
  'AWS::Lambda::Function': ['lambda:CreateFunction', 'lambda:DeleteFunction', 's3:GetObject'],
  'AWS::Lambda::Permission': ['lambda:AddPermission', 'lambda:RemovePermission'],
  'AWS::Logs::LogGroup': ['logs:CreateLogGroup', 'logs:PutRetentionPolicy', 'logs:DeleteLogGroup'],
  'AWS::Pipes::Pipe': ['pipes:CreatePipe', 'pipes:DescribePipe', 'pipes:DeletePipe', 'iam:PassRole'],
  'AWS::S3::Bucket': ['s3:CreateBucket', 's3:DeleteBucket'],
  'AWS::S3::BucketPolicy': ['s3:PutBucketPolicy', 's3:DeleteBucketPolicy'],
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
  'AWS::SNS::Subscription': ['sns:Subscribe', 'sns:Unsubscribe'],
  'AWS::SNS::Topic': ['sns:CreateTopic', 'sns:DeleteTopic'],
  'AWS::SNS::TopicPolicy': ['sns:SetTopicAttributes'],
  'AWS::SQS::Queue': ['sqs:CreateQueue', 'sqs:DeleteQueue'],
  'AWS::SQS::QueuePolicy': ['sqs:SetQueueAttributes'],
  'AWS::SSM::Parameter': ['ssm:PutParameter', 'ssm:DeleteParameter'],
  'AWS::StepFunctions::StateMachine': ['states:CreateStateMachine', 'states:DeleteStateMachine', 'iam:PassRole'],
});

/** Types that call no service, and those whose provider the template itself brings along. */
const WITHOUT_ACTIONS = /^(AWS::CDK::Metadata|AWS::CloudFormation::(WaitConditionHandle|CustomResource)|Custom::.+)$/;

/** Returns the actions that a deployment of a resource type needs at least; undefined for a type that is not in the table. */
export function provisioningActions(resourceType: string): readonly string[] | undefined {
  return WITHOUT_ACTIONS.test(resourceType) ? [] : ACTIONS[resourceType];
}

/** Path and name of the role that Application Auto Scaling creates in an account on the first scalable target of SageMaker. */
export const SCALING_SERVICE_ROLE_NAME = SCALING_ROLE_NAME.split('/').at(-1)!;
