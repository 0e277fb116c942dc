import { SCALABLE_DIMENSIONS, SCALING_ROLE_NAME } from './scalable-resource';

/**
 * Case of a call in which a permission is checked, for rows that are not for every call: the first caller in an account without the
 * service-linked role, a request with tags, a resource in a VPC, one that sends traces to X-Ray, one that writes to a log group, a read of an
 * object that is not there.
 */
export type PermissionCase = 'first-in-account' | 'tags' | 'vpc' | 'tracing' | 'logging' | 'missing-object';

/** Actions that a service checks beside the action of the call itself. */
export interface DependentPermission {
  /** Call: `service:Operation`, or the resource of a Step Functions task from `states:` on. */
  readonly call: string;
  /** Identity that is checked: the caller, or the role that the called resource runs with. */
  readonly holder: 'caller' | 'role';
  readonly actions: readonly string[];
  /**
   * Resource of the check: `*`, `service:resource` in the account and region of the call, or `{Name}` for ARNs that the caller knows.
   * The service chooses the name that a `*` at the end stands for.
   */
  readonly resource: string;
  /** Scalable dimensions of the calls that the row is for; every dimension without it. */
  readonly scalableDimensions?: readonly string[];
  readonly onlyIn?: PermissionCase;
  /** Condition keys with the values that the request has. */
  readonly context?: { readonly [key: string]: string };
  /** Reason for the wildcard in a resource that has one. */
  readonly wildcardReason?: string;
  /**
   * Evidence: documentation of the operation, a policy that AWS manages for its callers, a public report, or an inference from what the
   * service itself needs.
   */
  readonly basis: 'documented' | 'managed-policy' | 'reported' | 'inferred';
  /** Address of the evidence. */
  readonly source: string;
}

const DOCS = 'https://docs.aws.amazon.com';
const MANAGED_POLICIES = `${DOCS}/aws-managed-policy/latest/reference`;

/**
 * Calls on which Application Auto Scaling validates what its caller may do with the target and with the alarms of CloudWatch. The service
 * makes the calls with the caller's permissions; a missing one fails the request with a `ValidationException` that lists it.
 *
 * Source: "Permissions validation for Application Auto Scaling API calls on target resources" in the user guide,
 * https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
 */
const VALIDATED_SCALING_CALLS = ['RegisterScalableTarget', 'PutScalingPolicy', 'PutScheduledAction'];

/**
 * Rows of every validated call. AmazonSageMakerCanvasFullAccess is what AWS gives callers of `RegisterScalableTarget` and `PutScalingPolicy`
 * on SageMaker variants; its resources show how narrow each action may be.
 */
const SCALING_ROWS: readonly Omit<DependentPermission, 'call' | 'holder'>[] = [
  {
    actions: ['sagemaker:DescribeEndpoint', 'sagemaker:UpdateEndpointWeightsAndCapacities'],
    resource: '{EndpointArn}',
    scalableDimensions: [SCALABLE_DIMENSIONS.instanceCount, SCALABLE_DIMENSIONS.provisionedConcurrency],
    basis: 'documented',
    source: `${DOCS}/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html`,
  },
  {
    // Refusals on ARNs of random names are public: https://github.com/aws-controllers-k8s/community/issues/2110
    actions: ['sagemaker:DescribeEndpointConfig'],
    resource: 'sagemaker:endpoint-config/*',
    scalableDimensions: [SCALABLE_DIMENSIONS.instanceCount, SCALABLE_DIMENSIONS.provisionedConcurrency],
    wildcardReason:
      'Application Auto Scaling checks whether its caller may describe endpoint configurations on a random name, which no narrower ARN matches.',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AmazonSageMakerCanvasFullAccess.html`,
  },
  {
    actions: ['sagemaker:DescribeInferenceComponent', 'sagemaker:UpdateInferenceComponentRuntimeConfig'],
    resource: '{ComponentArn}',
    scalableDimensions: [SCALABLE_DIMENSIONS.copyCount],
    basis: 'inferred',
    source: `${MANAGED_POLICIES}/AWSApplicationAutoscalingSageMakerEndpointPolicy.html`,
  },
  {
    actions: ['cloudwatch:DescribeAlarms'],
    resource: '*',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AmazonSageMakerCanvasFullAccess.html`,
  },
  {
    actions: ['cloudwatch:DeleteAlarms', 'cloudwatch:PutMetricAlarm'],
    resource: 'cloudwatch:alarm:TargetTracking*',
    context: { 'aws:CalledViaLast': 'application-autoscaling.amazonaws.com' },
    wildcardReason:
      'Application Auto Scaling names the alarms of target tracking itself; a condition limits the statement to calls that it makes.',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AmazonSageMakerCanvasFullAccess.html`,
  },
  {
    actions: ['iam:CreateServiceLinkedRole'],
    resource: `iam:role/${SCALING_ROLE_NAME}`,
    onlyIn: 'first-in-account',
    context: { 'iam:AWSServiceName': 'sagemaker.application-autoscaling.amazonaws.com' },
    basis: 'documented',
    source: `${DOCS}/autoscaling/application/userguide/security_iam_id-based-policy-examples.html`,
  },
];

const TO_SAGEMAKER = { 'iam:PassedToService': 'sagemaker.amazonaws.com' };
const SAGEMAKER_API_PERMISSIONS = `${DOCS}/sagemaker/latest/dg/api-permissions-reference.html`;

/** Permissions of the caller for operations of SageMaker. Names in braces are members of the request, or the ARN of the created resource. */
const SAGEMAKER_ROWS: readonly Omit<DependentPermission, 'holder'>[] = [
  {
    call: 'sagemaker:CreateEndpoint',
    actions: ['sagemaker:CreateEndpoint'],
    resource: '{EndpointConfigArn}',
    basis: 'documented',
    source: SAGEMAKER_API_PERMISSIONS,
  },
  {
    call: 'sagemaker:UpdateEndpoint',
    actions: ['sagemaker:UpdateEndpoint'],
    resource: '{EndpointConfigArn}',
    basis: 'reported',
    source: 'https://github.com/aws/aws-cdk/issues/11594',
  },
  ...[
    ['CreateTrainingJob', '{RoleArn}'] as const,
    ['CreateProcessingJob', '{RoleArn}'] as const,
    ['CreateOptimizationJob', '{RoleArn}'] as const,
    ['CreateModel', '{ExecutionRoleArn}'] as const,
    ['CreateEndpointConfig', '{ExecutionRoleArn}'] as const,
  ].map(([operation, resource]) => ({
    call: `sagemaker:${operation}`,
    actions: ['iam:PassRole'],
    resource,
    context: TO_SAGEMAKER,
    basis: 'documented' as const,
    source: SAGEMAKER_API_PERMISSIONS,
  })),
  ...[
    'CreateTrainingJob',
    'CreateProcessingJob',
    'CreateOptimizationJob',
    'CreateModel',
    'CreateEndpointConfig',
    'CreateEndpoint',
  ].map((operation) => ({
    call: `sagemaker:${operation}`,
    actions: ['sagemaker:AddTags'],
    resource: '{CreatedArn}',
    onlyIn: 'tags' as const,
    basis: 'documented' as const,
    source: `${DOCS}/service-authorization/latest/reference/list_amazonsagemaker.html`,
  })),
  {
    call: 'sagemaker:CreateTrainingJob',
    actions: ['kms:CreateGrant'],
    resource: '{VolumeKmsKeyArn}',
    basis: 'documented',
    source: SAGEMAKER_API_PERMISSIONS,
  },
  {
    call: 'sagemaker:CreateEndpoint',
    actions: ['kms:CreateGrant'],
    resource: '{VolumeKmsKeyArn}',
    basis: 'documented',
    source: SAGEMAKER_API_PERMISSIONS,
  },
  {
    call: 'sagemaker:CreateModelPackage',
    actions: ['sagemaker:CreateModelPackage'],
    resource: '{ModelPackageArn}',
    basis: 'documented',
    source: `${DOCS}/service-authorization/latest/reference/list_amazonsagemaker.html`,
  },
  {
    // The package has no role of its own: its caller reads the artifact.
    call: 'sagemaker:CreateModelPackage',
    actions: ['s3:GetObject'],
    resource: '{ModelDataArn}',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AmazonSageMakerModelRegistryFullAccess.html`,
  },
  {
    call: 'sagemaker:CreateModelPackage',
    actions: ['ecr:BatchGetImage', 'ecr:DescribeImages'],
    resource: '{ImageRepositoryArn}',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AmazonSageMakerModelRegistryFullAccess.html`,
  },
];

const FOLLOW_BY_EVENTS = ['events:DescribeRule', 'events:PutRule', 'events:PutTargets'];
const SFN_SAGEMAKER = `${DOCS}/step-functions/latest/dg/connect-sagemaker.html`;
const SFN_EMR_SERVERLESS = `${DOCS}/step-functions/latest/dg/connect-emr-serverless.html`;

/** Permissions of the state machine's role for tasks that wait for the end of a job, beside those of the operation that starts it. */
const STEP_FUNCTIONS_ROWS: readonly Omit<DependentPermission, 'holder'>[] = [
  {
    call: 'states:::sagemaker:createTrainingJob.sync',
    actions: ['sagemaker:AddTags', 'sagemaker:DescribeTrainingJob', 'sagemaker:ListTags', 'sagemaker:StopTrainingJob'],
    resource: '{TrainingJobArn}',
    basis: 'documented',
    source: SFN_SAGEMAKER,
  },
  {
    call: 'states:::sagemaker:createTrainingJob.sync',
    actions: FOLLOW_BY_EVENTS,
    resource: 'events:rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule',
    basis: 'documented',
    source: SFN_SAGEMAKER,
  },
  {
    call: 'states:::sagemaker:createProcessingJob.sync',
    actions: ['sagemaker:AddTags', 'sagemaker:DescribeProcessingJob', 'sagemaker:StopProcessingJob'],
    resource: '{ProcessingJobArn}',
    basis: 'documented',
    source: SFN_SAGEMAKER,
  },
  {
    call: 'states:::sagemaker:createProcessingJob.sync',
    actions: FOLLOW_BY_EVENTS,
    resource: 'events:rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule',
    basis: 'documented',
    source: SFN_SAGEMAKER,
  },
  {
    call: 'states:::emr-serverless:startJobRun.sync',
    actions: ['emr-serverless:CancelJobRun', 'emr-serverless:GetJobRun'],
    resource: '{JobRunArn}',
    basis: 'documented',
    source: SFN_EMR_SERVERLESS,
  },
  {
    call: 'states:::emr-serverless:startJobRun.sync',
    actions: ['iam:PassRole'],
    resource: '{ExecutionRoleArn}',
    context: { 'iam:PassedToService': 'emr-serverless.amazonaws.com' },
    basis: 'documented',
    source: SFN_EMR_SERVERLESS,
  },
  {
    call: 'states:::emr-serverless:startJobRun.sync',
    actions: FOLLOW_BY_EVENTS,
    resource: 'events:rule/StepFunctionsGetEventsForEMRServerlessJobRule',
    basis: 'documented',
    source: SFN_EMR_SERVERLESS,
  },
];

const S3_ENCRYPTION = `${DOCS}/AmazonS3/latest/userguide/UsingKMSEncryption.html`;
const KINESIS_ENCRYPTION = `${DOCS}/streams/latest/dg/permissions-user-key-KMS.html`;

/** Permissions of the caller on the customer managed key of the resource, `{KeyArn}`. */
const KEY_ROWS: readonly (readonly [call: string, actions: readonly string[], source: string])[] = [
  ['s3:GetObject', ['kms:Decrypt'], S3_ENCRYPTION],
  ['s3:PutObject', ['kms:GenerateDataKey'], S3_ENCRYPTION],
  ['s3:CreateMultipartUpload', ['kms:Decrypt', 'kms:GenerateDataKey'], S3_ENCRYPTION],
  ['sns:Publish', ['kms:Decrypt', 'kms:GenerateDataKey'], `${DOCS}/sns/latest/dg/sns-key-management.html`],
  [
    'sqs:SendMessage',
    ['kms:Decrypt', 'kms:GenerateDataKey'],
    `${DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html`,
  ],
  ['kinesis:PutRecords', ['kms:GenerateDataKey'], KINESIS_ENCRYPTION],
  ['kinesis:GetRecords', ['kms:Decrypt'], KINESIS_ENCRYPTION],
];

/**
 * Permissions of the caller on a bucket, without which S3 refuses to read an object that is not there instead of saying so, and on versions of
 * objects that a deletion names, `{VersionArns}`; without a version it writes a delete marker.
 */
const S3_ROWS: readonly Omit<DependentPermission, 'holder'>[] = [
  {
    call: 's3:GetObject',
    actions: ['s3:ListBucket'],
    resource: '{BucketArn}',
    onlyIn: 'missing-object',
    basis: 'documented',
    source: `${DOCS}/AmazonS3/latest/API/API_GetObject.html`,
  },
  {
    call: 's3:DeleteObject',
    actions: ['s3:DeleteObjectVersion'],
    resource: '{VersionArns}',
    basis: 'documented',
    source: `${DOCS}/AmazonS3/latest/API/API_DeleteObjects.html`,
  },
];

const GREENGRASS_ACTIONS = `${DOCS}/service-authorization/latest/reference/list_awsiotgreengrassv2.html`;
/** Schemas of CloudFormation's types, whose handlers name their permissions: here AWS::GreengrassV2::Deployment. */
const TYPE_SCHEMAS = 'https://schema.cloudformation.us-east-1.amazonaws.com/CloudformationSchema.zip';

/** Actions on the job of a deployment, and on the devices that it reaches, whose names the caller does not know. */
const DEPLOYMENT_JOB_ACTIONS = [
  'iot:CancelJob',
  'iot:DeleteThingShadow',
  'iot:DescribeJob',
  'iot:DescribeThing',
  'iot:DescribeThingGroup',
  'iot:GetThingShadow',
  'iot:UpdateJob',
  'iot:UpdateThingShadow',
];

/** Permissions of the caller that deploys to devices: Greengrass makes a job of AWS IoT with them, and AWS IoT passes roles on. */
const DEVICE_ROWS: readonly Omit<DependentPermission, 'holder' | 'basis'>[] = [
  {
    call: 'greengrass:CreateDeployment',
    actions: [...DEPLOYMENT_JOB_ACTIONS, 'iot:CreateJob'],
    resource: '*',
    source: GREENGRASS_ACTIONS,
  },
  {
    call: 'greengrass:GetDeployment',
    actions: ['iot:DescribeJob', 'iot:DescribeThing', 'iot:DescribeThingGroup', 'iot:GetThingShadow'],
    resource: '*',
    source: GREENGRASS_ACTIONS,
  },
  { call: 'greengrass:CancelDeployment', actions: DEPLOYMENT_JOB_ACTIONS, resource: '*', source: GREENGRASS_ACTIONS },
  {
    call: 'greengrass:DeleteDeployment',
    actions: ['iot:DeleteJob', 'iot:DescribeJob'],
    resource: '*',
    source: TYPE_SCHEMAS,
  },
  {
    call: 'iot:CreateRoleAlias',
    actions: ['iam:GetRole', 'iam:PassRole'],
    resource: '{RoleArn}',
    source: `${DOCS}/iot/latest/developerguide/authorizing-direct-aws.html`,
  },
  {
    call: 'iot:CreateTopicRule',
    actions: ['iam:PassRole'],
    resource: '{RoleArn}',
    source: `${DOCS}/iot/latest/developerguide/pass-role.html`,
  },
];

/** Permissions of the role that a resource runs with. */
const ROLE_ROWS: readonly Omit<DependentPermission, 'holder'>[] = [
  {
    call: 'lambda:CreateFunction',
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resource: '{LogGroupArn}',
    onlyIn: 'logging',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/monitoring-cloudwatchlogs.html`,
  },
  {
    call: 'lambda:CreateFunction',
    actions: ['ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface', 'ec2:DescribeNetworkInterfaces'],
    resource: '*',
    onlyIn: 'vpc',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/configuration-vpc.html`,
  },
  {
    call: 'lambda:CreateFunction',
    actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
    resource: '*',
    onlyIn: 'tracing',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/services-xray.html`,
  },
  {
    call: 'lambda:PutFunctionEventInvokeConfig',
    actions: ['sqs:SendMessage'],
    resource: '{FailureQueueArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/invocation-async-retain-records.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: [
      'kinesis:DescribeStream',
      'kinesis:DescribeStreamSummary',
      'kinesis:GetRecords',
      'kinesis:GetShardIterator',
      'kinesis:ListShards',
    ],
    resource: '{StreamArn}',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AWSLambdaKinesisExecutionRole.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['kinesis:SubscribeToShard'],
    resource: '{StreamConsumerArn}',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AWSLambdaKinesisExecutionRole.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['s3:PutObject'],
    resource: '{FailedBatchArns}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/kinesis-on-failure-destination.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['s3:ListBucket'],
    resource: '{FailureBucketArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/kinesis-on-failure-destination.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['sqs:SendMessage'],
    resource: '{FailureQueueArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/kafka-on-failure.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['sns:Publish'],
    resource: '{FailureSnsTopicArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/kafka-on-failure.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    // WriteData needs DescribeTopic: https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html
    actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
    resource: '{FailureTopicArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/kafka-on-failure-destination.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['kafka:DescribeClusterV2', 'kafka:GetBootstrapBrokers'],
    resource: '{MskClusterArn}',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AWSLambdaMSKExecutionRole.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['kafka:ListScramSecrets'],
    resource: '{ScramClusterArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/with-msk-permissions.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['kafka-cluster:Connect', 'kafka-cluster:DescribeClusterDynamicConfiguration'],
    resource: '{IamClusterArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/msk-cluster-auth.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
    resource: '{TopicArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/msk-cluster-auth.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['kafka-cluster:AlterGroup', 'kafka-cluster:DescribeGroup'],
    resource: '{ConsumerGroupArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/msk-cluster-auth.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['secretsmanager:GetSecretValue'],
    resource: '{SecretArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/with-kafka-permissions.html`,
  },
  {
    // The customer managed key of a secret, which Secrets Manager uses for the role.
    call: 'lambda:CreateEventSourceMapping',
    actions: ['kms:Decrypt'],
    resource: '{SecretKeyArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/with-kafka-permissions.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: [
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSecurityGroups',
      'ec2:DescribeSubnets',
      'ec2:DescribeVpcs',
    ],
    resource: '*',
    onlyIn: 'vpc',
    basis: 'managed-policy',
    source: `${MANAGED_POLICIES}/AWSLambdaMSKExecutionRole.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['glue:GetRegistry'],
    resource: '{SchemaRegistryArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/services-consume-kafka-events.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['glue:GetSchemaVersion'],
    resource: '{SchemaArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/services-consume-kafka-events.html`,
  },
  {
    call: 'lambda:CreateEventSourceMapping',
    actions: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
    resource: '{SourceQueueArn}',
    basis: 'documented',
    source: `${DOCS}/lambda/latest/dg/services-sqs-configure.html`,
  },
  {
    call: 'states:CreateStateMachine',
    actions: [
      'logs:CreateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:DescribeLogGroups',
      'logs:DescribeResourcePolicies',
      'logs:GetLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:UpdateLogDelivery',
    ],
    resource: '*',
    onlyIn: 'logging',
    basis: 'documented',
    source: `${DOCS}/step-functions/latest/dg/cw-logs.html`,
  },
  {
    call: 'states:CreateStateMachine',
    actions: ['xray:GetSamplingRules', 'xray:GetSamplingTargets', 'xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
    resource: '*',
    onlyIn: 'tracing',
    basis: 'documented',
    source: `${DOCS}/step-functions/latest/dg/xray-iam.html`,
  },
  {
    call: 'emr-serverless:StartJobRun',
    actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
    resource: '{LogGroupArn}',
    onlyIn: 'logging',
    basis: 'documented',
    source: `${DOCS}/emr/latest/EMR-Serverless-UserGuide/logging.html`,
  },
  {
    call: 'emr-serverless:StartJobRun',
    actions: ['logs:DescribeLogGroups'],
    resource: 'logs:log-group:*',
    onlyIn: 'logging',
    wildcardReason: 'DescribeLogGroups lists the log groups of the account and region; no narrower ARN matches.',
    basis: 'documented',
    source: `${DOCS}/emr/latest/EMR-Serverless-UserGuide/logging.html`,
  },
  {
    call: 'iot:CreateTopicRule',
    actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
    resource: '{LogGroupArn}',
    onlyIn: 'logging',
    basis: 'documented',
    source: `${DOCS}/iot/latest/developerguide/cloudwatch-logs-rule-action.html`,
  },
  {
    // The token-exchange role, with which devices fetch the artifacts of their components.
    call: 'iot:CreateRoleAlias',
    actions: ['s3:GetObject'],
    resource: '{ArtifactArns}',
    basis: 'documented',
    source: `${DOCS}/greengrass/v2/developerguide/device-service-role.html`,
  },
  {
    call: 'pipes:CreatePipe',
    actions: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
    resource: '{SourceQueueArn}',
    basis: 'documented',
    source: `${DOCS}/eventbridge/latest/userguide/eb-pipes-permissions.html`,
  },
  {
    call: 'pipes:CreatePipe',
    actions: ['states:StartExecution'],
    resource: '{StateMachineArn}',
    basis: 'documented',
    source: `${DOCS}/eventbridge/latest/userguide/eb-pipes-permissions.html`,
  },
  {
    call: 'events:PutTargets',
    actions: ['states:StartExecution'],
    resource: '{StateMachineArn}',
    basis: 'documented',
    source: `${DOCS}/eventbridge/latest/userguide/eb-use-identity-based.html`,
  },
];

/** Permissions that services check beside the action of a call. Grants, the local engine and the tests of least privilege read the same rows. */
export const DEPENDENT_PERMISSIONS: readonly DependentPermission[] = [
  ...VALIDATED_SCALING_CALLS.flatMap((operation) =>
    SCALING_ROWS.map((row): DependentPermission => ({
      call: `application-autoscaling:${operation}`,
      holder: 'caller',
      ...row,
    })),
  ),
  ...[...SAGEMAKER_ROWS, ...STEP_FUNCTIONS_ROWS, ...S3_ROWS].map((row): DependentPermission => ({
    holder: 'caller',
    ...row,
  })),
  ...DEVICE_ROWS.map((row): DependentPermission => ({ holder: 'caller', basis: 'documented', ...row })),
  ...KEY_ROWS.map(([call, actions, source]): DependentPermission => ({
    call,
    holder: 'caller',
    actions,
    resource: '{KeyArn}',
    basis: 'documented',
    source,
  })),
  ...ROLE_ROWS.map((row): DependentPermission => ({ holder: 'role', ...row })),
];

/** A call, with what its rows depend on. */
export interface CheckedCall {
  /** For example `application-autoscaling:RegisterScalableTarget`. */
  readonly call: string;
  readonly scalableDimension?: string;
  readonly cases?: readonly PermissionCase[];
  /** ARNs for the names in braces; a row with another name does not apply. */
  readonly arns?: { readonly [name: string]: readonly string[] };
}

/** Returns the rows of a call that apply to it. */
export function dependentPermissions(checked: CheckedCall): DependentPermission[] {
  return DEPENDENT_PERMISSIONS.filter(
    ({ call, scalableDimensions, onlyIn, resource }) =>
      call === checked.call &&
      (scalableDimensions === undefined ||
        (checked.scalableDimension !== undefined && scalableDimensions.includes(checked.scalableDimension))) &&
      (onlyIn === undefined || checked.cases?.includes(onlyIn) === true) &&
      namedArns(resource, checked)?.length !== 0,
  );
}

/** Returns the ARNs that a resource in braces stands for in a call; undefined for other resources. */
export function namedArns(resource: string, { arns }: CheckedCall): readonly string[] | undefined {
  return resource.startsWith('{') ? (arns?.[resource.slice(1, -1)] ?? []) : undefined;
}
