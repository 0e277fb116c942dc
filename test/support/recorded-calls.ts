import type { ResolvedTemplate, Statement } from './policies';
import { dependentPermissions, namedArns, type CheckedCall } from '../../lib/catalog/dependent-permissions';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';

// Inputs and replies of every service, read where their shape is known.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

/** A permission in use: one action on one resource, with the condition keys of the request. */
export interface UsedPermission {
  readonly action: string;
  readonly resource: string;
  readonly context: { readonly [key: string]: string };
}

/** A command that a handler sent. */
export interface SentCommand {
  readonly name: string;
  readonly input: Json;
  /** Condition keys of the resource, where the test knows them. */
  readonly resourceContext?: { readonly [key: string]: string };
}

const CLIENTS: readonly (readonly [packageName: string, client: string])[] = [
  ['application-auto-scaling', 'ApplicationAutoScalingClient'],
  ['cloudwatch', 'CloudWatchClient'],
  ['dynamodb', 'DynamoDBClient'],
  ['eventbridge', 'EventBridgeClient'],
  ['kinesis', 'KinesisClient'],
  ['lambda', 'LambdaClient'],
  ['s3', 'S3Client'],
  ['sagemaker', 'SageMakerClient'],
  ['sagemaker-runtime', 'SageMakerRuntimeClient'],
  ['sfn', 'SFNClient'],
  ['sns', 'SNSClient'],
  ['ssm', 'SSMClient'],
];

/** The functions of a handler's entry point, with a record of the commands that it sends. */
export interface RecordedHandler {
  readonly handler: (event: Json, context?: Json) => Promise<Json>;
  readonly commands: SentCommand[];
}

/**
 * Loads the entry point of a handler with its own environment and with clients that record commands instead of sending them. A client of a
 * service that is not known here fails its call.
 */
export function loadHandler(
  handlerName: string,
  environment: { readonly [name: string]: string },
  reply: (command: SentCommand) => Json,
): RecordedHandler {
  const commands: SentCommand[] = [];
  jest.resetModules();
  const saved = process.env;
  process.env = { ...saved, ...environment, AWS_REGION: LOCAL_REGION, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
  try {
    for (const [packageName, client] of CLIENTS) {
      const { prototype } = jest.requireActual(`@aws-sdk/client-${packageName}`)[client] as { prototype: object };
      Object.assign(prototype, {
        send: (command: { readonly input: Json; readonly constructor: { readonly name: string } }) => {
          const sent = { name: command.constructor.name.replace(/Command$/, ''), input: command.input as Json };
          commands.push(sent);
          return Promise.resolve(reply(sent) as Json);
        },
      });
    }
    const entry = jest.requireActual(`../../lambda/${handlerName}/index`) as Pick<RecordedHandler, 'handler'>;
    return { handler: entry.handler, commands };
  } finally {
    process.env = saved;
  }
}

const arn = (service: string, resource: string): string =>
  `arn:aws:${service}:${LOCAL_REGION}:${LOCAL_ACCOUNT}:${resource}`;
const onTable = ({ TableName }: Json): string[] => [arn('dynamodb', `table/${TableName}`)];
const onEndpoint = ({ EndpointName }: Json): string => arn('sagemaker', `endpoint/${EndpointName}`);
const onComponent = ({ InferenceComponentName }: Json): string =>
  arn('sagemaker', `inference-component/${InferenceComponentName}`);
const onJob = ({ TrainingJobName }: Json): string[] => [arn('sagemaker', `training-job/${TrainingJobName}`)];
const onConfig = ({ EndpointConfigName }: Json): string[] => [
  arn('sagemaker', `endpoint-config/${EndpointConfigName}`),
];
const onStream = ({ StreamName }: Json): string => arn('kinesis', `stream/${StreamName}`);
const onBucket = ({ Bucket }: Json): string[] => [`arn:aws:s3:::${Bucket}`];
const onObjects = ({ Bucket, Delete }: Json): string[] =>
  Delete.Objects.map(({ Key }: Json) => `arn:aws:s3:::${Bucket}/${Key}`);
const onAnything = (): string[] => ['*'];

/** Action of a command where it is not `service:Command`, and the resources that it is checked on. */
const CHECKS: { readonly [command: string]: readonly [action: string, resources: (input: Json) => string[]] } = {
  DeleteEndpointConfig: ['sagemaker:DeleteEndpointConfig', onConfig],
  DeleteModel: ['sagemaker:DeleteModel', ({ ModelName }) => [arn('sagemaker', `model/${ModelName}`)]],
  DeleteObject: ['s3:DeleteObject', ({ Bucket, Key }) => [`arn:aws:s3:::${Bucket}/${Key}`]],
  DeleteObjects: ['s3:DeleteObject', onObjects],
  GetBucketPolicy: ['s3:GetBucketPolicy', onBucket],
  GetBucketTagging: ['s3:GetBucketTagging', onBucket],
  ListObjectVersions: ['s3:ListBucketVersions', onBucket],
  PutBucketPolicy: ['s3:PutBucketPolicy', onBucket],
  DescribeEndpointConfig: ['sagemaker:DescribeEndpointConfig', onConfig],
  ListEndpointConfigs: ['sagemaker:ListEndpointConfigs', onAnything],
  ListModels: ['sagemaker:ListModels', onAnything],
  ListTags: ['sagemaker:ListTags', ({ ResourceArn }) => [ResourceArn]],
  DescribeEndpoint: ['sagemaker:DescribeEndpoint', (input) => [onEndpoint(input)]],
  DescribeInferenceComponent: ['sagemaker:DescribeInferenceComponent', (input) => [onComponent(input)]],
  DescribeScalableTargets: ['application-autoscaling:DescribeScalableTargets', onAnything],
  DescribeScalingActivities: ['application-autoscaling:DescribeScalingActivities', onAnything],
  DescribeExecution: ['states:DescribeExecution', ({ executionArn }) => [executionArn]],
  DescribeStreamSummary: ['kinesis:DescribeStreamSummary', (input) => [onStream(input)]],
  DescribeTrainingJob: ['sagemaker:DescribeTrainingJob', onJob],
  GetItem: ['dynamodb:GetItem', onTable],
  GetObject: ['s3:GetObject', ({ Bucket, Key }) => [`arn:aws:s3:::${Bucket}/${Key}`]],
  GetMetricData: ['cloudwatch:GetMetricData', onAnything],
  // Without an ARN the iterator stands for its stream: the replies give its ARN as one.
  GetRecords: ['kinesis:GetRecords', ({ StreamARN, ShardIterator }) => [StreamARN ?? ShardIterator]],
  GetShardIterator: ['kinesis:GetShardIterator', ({ StreamARN, ...named }) => [StreamARN ?? onStream(named)]],
  GetParameter: ['ssm:GetParameter', ({ Name }) => [arn('ssm', `parameter${Name}`)]],
  Invoke: ['lambda:InvokeFunction', ({ FunctionName }) => [FunctionName]],
  InvokeEndpoint: [
    'sagemaker:InvokeEndpoint',
    (input) => [onEndpoint(input), ...(input.InferenceComponentName === undefined ? [] : [onComponent(input)])],
  ],
  InvokeEndpointAsync: ['sagemaker:InvokeEndpointAsync', (input) => [onEndpoint(input)]],
  PutRecord: ['kinesis:PutRecord', (input) => [onStream(input)]],
  PutRecords: ['kinesis:PutRecords', ({ StreamARN }) => [StreamARN]],
  ListShards: ['kinesis:ListShards', ({ StreamARN, ...named }) => [StreamARN ?? onStream(named)]],
  ListObjectsV2: ['s3:ListBucket', onBucket],
  ListExecutions: ['states:ListExecutions', ({ stateMachineArn }) => [stateMachineArn]],
  ListTrainingJobs: ['sagemaker:ListTrainingJobs', onAnything],
  Publish: ['sns:Publish', ({ TopicArn }) => [TopicArn]],
  PutEvents: ['events:PutEvents', ({ Entries }) => Entries.map(({ EventBusName }: Json) => EventBusName)],
  PutItem: ['dynamodb:PutItem', onTable],
  PutMetricData: ['cloudwatch:PutMetricData', onAnything],
  PutObject: ['s3:PutObject', ({ Bucket, Key }) => [`arn:aws:s3:::${Bucket}/${Key}`]],
  RegisterScalableTarget: [
    'application-autoscaling:RegisterScalableTarget',
    () => [arn('application-autoscaling', 'scalable-target/id-of-the-service')],
  ],
  StopExecution: ['states:StopExecution', ({ executionArn }) => [executionArn]],
  StopTrainingJob: ['sagemaker:StopTrainingJob', onJob],
  UpdateShardCount: ['kinesis:UpdateShardCount', (input) => [onStream(input)]],
  TransactWriteItems: [
    'dynamodb:PutItem',
    ({ TransactItems }) => TransactItems.flatMap(({ Put }: Json) => onTable(Put)),
  ],
};

/** Permissions that commands use: those of the calls, and those that the services check beside them. */
export function usedBy(commands: readonly SentCommand[], template: ResolvedTemplate): UsedPermission[] {
  return commands.flatMap(({ name, input, resourceContext }) => {
    const check = CHECKS[name];
    if (check === undefined) throw new Error(`${name} has no action here; add it to CHECKS`);
    const [action, resources] = check;
    const { Namespace, ServiceNamespace, ScalableDimension } = input;
    const context = {
      ...resourceContext,
      ...(Namespace === undefined ? {} : { 'cloudwatch:namespace': Namespace as string }),
      ...(ServiceNamespace === undefined
        ? {}
        : {
            'application-autoscaling:service-namespace': ServiceNamespace as string,
            'application-autoscaling:scalable-dimension': ScalableDimension as string,
          }),
    };
    return [
      ...resources(input).map((resource) => ({ action, resource, context })),
      ...dependent({
        call: action,
        scalableDimension: ScalableDimension as string,
        // Every handler goes on without an object that is not there.
        cases: ['missing-object'],
        arns: namedIn(input, template),
      }),
    ];
  });
}

/** Permissions beside a call. */
export function dependent(checked: CheckedCall): UsedPermission[] {
  return dependentPermissions(checked).flatMap((row) =>
    row.actions.flatMap((action) =>
      (namedArns(row.resource, checked) ?? [checkedResource(row.resource)]).map((resource) => ({
        action,
        resource,
        context: row.context ?? {},
      })),
    ),
  );
}

/** Resource that a service checks: it chooses the name itself where the row ends in a wildcard. */
function checkedResource(resource: string): string {
  if (resource === '*') return resource;
  const [service, ...name] = resource.split(':');
  return arn(service!, name.join(':')).replace(/\*$/, '-7f4e1944');
}

/** ARNs behind the names in braces: the scaled resource, versions of objects, and the key of the topic or the bucket. */
function namedIn(
  { ResourceId, TopicArn, StreamARN, Bucket, Delete }: Json,
  template: ResolvedTemplate,
): CheckedCall['arns'] {
  const [, endpointName] = /^endpoint\/([^/]+)\/variant/.exec(String(ResourceId)) ?? [];
  const keyOf = (
    type: string,
    isIt: (properties: Json, id: string) => boolean,
    key: (properties: Json) => Json,
  ): string[] =>
    template.resources(type).flatMap(([id, { Properties }]) => {
      const properties = template.resolve(Properties ?? {}) as Json;
      const found = isIt(properties, id) ? (key(properties) as string | undefined) : undefined;
      // A key of AWS admits whoever may use the service.
      return found === undefined || found.startsWith('alias/aws/') ? [] : [found];
    });
  return {
    ...(endpointName === undefined ? {} : { EndpointArn: [arn('sagemaker', `endpoint/${endpointName}`)] }),
    ...(String(ResourceId).startsWith('inference-component/') ? { ComponentArn: [arn('sagemaker', ResourceId)] } : {}),
    ...(Bucket === undefined ? {} : { BucketArn: onBucket({ Bucket }) }),
    VersionArns: (Delete?.Objects ?? [])
      .filter(({ VersionId }: Json) => VersionId !== undefined)
      .map(({ Key }: Json) => `arn:aws:s3:::${Bucket}/${Key}`),
    KeyArn: [
      ...keyOf(
        'AWS::SNS::Topic',
        (_, id) => TopicArn === template.resolve({ Ref: id }),
        ({ KmsMasterKeyId }) => KmsMasterKeyId,
      ),
      ...keyOf(
        'AWS::Kinesis::Stream',
        (_, id) => StreamARN === template.resolve({ 'Fn::GetAtt': [id, 'Arn'] }),
        ({ StreamEncryption }) => StreamEncryption?.KeyId as unknown,
      ),
      ...keyOf(
        'AWS::S3::Bucket',
        (_, id) => Bucket === template.resolve({ Ref: id }),
        ({ BucketEncryption: encryption }) =>
          encryption?.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.KMSMasterKeyID,
      ),
    ],
  };
}

const matches = (pattern: string, value: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replace(/\*/g, '.*')}$`).test(value);

/** True if a statement allows a permission. */
export function allows(statement: Statement, { action, resource, context }: UsedPermission): boolean {
  return (
    statement.Effect === 'Allow' &&
    statement.Action.includes(action) &&
    statement.Resource.some((pattern) => matches(pattern, resource)) &&
    Object.entries(statement.Condition ?? {}).every(
      ([operator, keys]) =>
        operator === 'StringEquals' &&
        Object.entries(keys).every(([key, values]) => [values].flat().includes(context[key] ?? '')),
    )
  );
}
