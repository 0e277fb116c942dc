import { prove } from '../../../lib/proof/prove';
import { DELIVERY_RULES } from '../../../lib/proof/rules/deliveries';
import { severityOf, testRules } from '../support/rule-cases';
import {
  endpointName,
  policy,
  type Properties,
  realTime,
  resource,
  type Resources,
  role,
  tracking,
  variantTarget,
} from '../support/templates';

const consumer = (properties: Properties = {}): Resources => ({
  ...realTime(),
  Stream: resource('AWS::Kinesis::Stream', { ShardCount: 2 }),
  Table: resource('AWS::DynamoDB::Table', { StreamSpecification: { StreamViewType: 'NEW_IMAGE' } }),
  Dead: resource('AWS::SQS::Queue', {}),
  Scorer: resource('AWS::Lambda::Function', {
    Timeout: 60,
    Environment: { Variables: { ENDPOINT: endpointName } },
    ...properties,
  }),
});
const destination = { DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['Dead', 'Arn'] } } } };
const mapped = (settings: Properties, source: unknown = { 'Fn::GetAtt': ['Stream', 'Arn'] }): Resources => ({
  ...consumer(),
  Map: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: source,
    FunctionName: { Ref: 'Scorer' },
    StartingPosition: 'LATEST',
    ...settings,
  }),
});
const careful = { MaximumRetryAttempts: 5, BisectBatchOnFunctionError: true, ...destination };
const sam = (settings: Properties): Resources => ({
  ...consumer(),
  Scorer: resource('AWS::Serverless::Function', {
    Environment: { Variables: { ENDPOINT: endpointName } },
    Events: { In: { Type: 'Kinesis', Properties: { Stream: { 'Fn::GetAtt': ['Stream', 'Arn'] }, ...settings } } },
  }),
});
const piped = (settings: Properties): Resources => ({
  ...consumer(),
  Pipe: resource('AWS::Pipes::Pipe', {
    Source: { 'Fn::GetAtt': ['Stream', 'Arn'] },
    SourceParameters: { KinesisStreamParameters: { StartingPosition: 'LATEST', ...settings } },
    Target: { 'Fn::GetAtt': ['Scorer', 'Arn'] },
  }),
});
const stoppedPipe = (DesiredState: string): Resources => ({
  Pipe: resource('AWS::Pipes::Pipe', { ...piped({ MaximumRetryAttempts: 3 }).Pipe!.Properties, DesiredState }),
});
const queued = (queue: Properties, properties: Properties = {}): Resources => ({
  ...consumer(properties),
  Queue: resource('AWS::SQS::Queue', queue),
  Map: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
    FunctionName: { 'Fn::GetAtt': ['Scorer', 'Arn'] },
  }),
});
const kafka = (settings: Properties, source: Properties = {}): Resources => ({
  ...consumer(),
  Map: resource('AWS::Lambda::EventSourceMapping', {
    FunctionName: { Ref: 'Scorer' },
    Topics: ['clicks'],
    EventSourceArn: 'arn:aws:kafka:eu-west-1:111122223333:cluster/clicks/1',
    ...source,
    ...settings,
  }),
});
const ownKafka = {
  EventSourceArn: undefined,
  SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: ['b:9092'] } },
};
const scorerArn = { 'Fn::GetAtt': ['Scorer', 'Arn'] };
const dead = { DeadLetterConfig: { TargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] } } };
/** A consumer that may invoke the endpoint. */
const invoker = (properties: Properties = {}): Resources => ({
  ...consumer({ Role: { 'Fn::GetAtt': ['CallerRole', 'Arn'] }, ...properties }),
  CallerRole: role({}),
  Grant: resource('AWS::IAM::Policy', {
    ...policy('sagemaker:InvokeEndpoint', { Ref: 'Endpoint' }).Properties,
    Roles: [{ Ref: 'CallerRole' }],
  }),
});
const onRule = (rule: Properties, properties: Properties = {}): Resources => ({
  ...invoker(properties),
  Rule: resource('AWS::Events::Rule', { Targets: [{ Id: 'scorer', Arn: scorerArn }], ...rule }),
});
const onTopic = (Protocol: string): Resources => ({
  ...invoker(),
  Topic: resource('AWS::SNS::Topic', {}),
  Subscription: resource('AWS::SNS::Subscription', { Protocol, Endpoint: scorerArn, TopicArn: { Ref: 'Topic' } }),
});
const onBucket = (more: Resources = {}): Resources => ({
  ...invoker(),
  Bucket: resource('AWS::S3::Bucket', {
    NotificationConfiguration: { LambdaConfigurations: [{ Event: 's3:ObjectCreated:*', Function: scorerArn }] },
  }),
  ...more,
});
const called = (name: string): Properties => ({
  'detail-type': ['AWS API Call via CloudTrail'],
  detail: { eventSource: ['s3.amazonaws.com'], eventName: [name] },
});
const toTopic = (source: string): Resources[string] =>
  resource('AWS::Events::Rule', {
    EventPattern: { source: [source] },
    Targets: [{ Id: 'topic', Arn: { Ref: 'Topic' } }],
  });
const shared = (Environment: Properties): Resources[string] =>
  resource('AWS::Lambda::Function', { Role: { 'Fn::GetAtt': ['CallerRole', 'Arn'] }, Environment });
const tried = (settings: Properties): Resources =>
  onBucket({ Tried: resource('AWS::Lambda::EventInvokeConfig', { FunctionName: { Ref: 'Scorer' }, ...settings }) });
const redrive = (maxReceiveCount: number): Properties => ({
  VisibilityTimeout: 360,
  RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] }, maxReceiveCount },
});

/** A consumer with a fleet that follows its load. */
const followed = (settings: Properties, more: Resources = {}): Resources => ({
  ...mapped({ ...careful, ...settings }),
  Target: variantTarget(),
  Follow: tracking(),
  ...more,
});
const limited = (MaximumConcurrency: unknown, reserved: unknown): Resources => {
  const resources = queued(redrive(5), { ReservedConcurrentExecutions: reserved });
  const { Properties } = resources.Map!;
  return {
    ...resources,
    Map: resource('AWS::Lambda::EventSourceMapping', { ...Properties, ScalingConfig: { MaximumConcurrency } }),
  };
};
/** Two queues of one consumer. */
const twice = (MaximumConcurrency: number, reserved: number): Resources => {
  const resources = limited(MaximumConcurrency, reserved);
  return {
    ...resources,
    Other: resource('AWS::SQS::Queue', redrive(5)),
    OtherMap: resource('AWS::Lambda::EventSourceMapping', {
      ...resources.Map!.Properties,
      EventSourceArn: { 'Fn::GetAtt': ['Other', 'Arn'] },
    }),
  };
};
const deadLetters = (deadLetterTargetArn: unknown): Resources =>
  queued({ QueueName: 'work', VisibilityTimeout: 360, RedrivePolicy: { deadLetterTargetArn, maxReceiveCount: 5 } });
const depth = resource('AWS::CloudWatch::Alarm', {
  Namespace: 'AWS/Kinesis',
  MetricName: 'IncomingRecords',
  Dimensions: [{ Name: 'StreamName', Value: { Ref: 'Stream' } }],
  Statistic: 'Sum',
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 1,
  ComparisonOperator: 'GreaterThanThreshold',
});

testRules(DELIVERY_RULES, {
  'record-retried-for-ever': [
    [mapped({ BatchSize: 500 }), mapped(careful)],
    [mapped({ MaximumRetryAttempts: -1 }), mapped({ MaximumRecordAgeInSeconds: 3600, ...destination })],
    [mapped({}, { 'Fn::GetAtt': ['Table', 'StreamArn'] }), mapped(careful, { 'Fn::GetAtt': ['Table', 'StreamArn'] })],
    [mapped({ ...destination, MaximumRecordAgeInSeconds: -1 }), mapped({ MaximumRetryAttempts: { Ref: 'Retries' } })],
    [
      mapped({ ...destination, MaximumRecordAgeInSeconds: 604800 }),
      mapped({ ...destination, MaximumRecordAgeInSeconds: 86400 }),
    ],
    [
      mapped({ ...destination, MaximumRecordAgeInSeconds: 172800 }),
      {
        ...mapped({ ...destination, MaximumRecordAgeInSeconds: 172800 }),
        Stream: resource('AWS::Kinesis::Stream', { ShardCount: 2, RetentionPeriodHours: 168 }),
      },
    ],
    [mapped({}, 'arn:aws:kinesis:eu-west-1:111122223333:stream/clicks'), mapped({ Enabled: false })],
    [sam({}), sam({ MaximumRetryAttempts: 3, ...destination })],
    [kafka({}), kafka(destination)],
    [kafka({}, ownKafka), kafka({ MaximumRetryAttempts: 3, ...destination }, ownKafka)],
    [piped({}), piped({ MaximumRetryAttempts: 3, DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['Dead', 'Arn'] } } })],
    [
      mapped({}),
      // A function that has nothing to do with an endpoint.
      { ...mapped({}), Scorer: resource('AWS::Lambda::Function', { Environment: { Variables: { TABLE: 't' } } }) },
    ],
  ],
  'event-dropped': [
    [onRule({ EventPattern: { source: ['x'] } }), onRule({ EventPattern: { source: ['x'] } }, dead)],
    // A schedule carries no request.
    [onRule({ EventPattern: { source: ['x'] } }), onRule({ ScheduleExpression: 'rate(5 minutes)' })],
    // States of endpoints and jobs are no requests; the objects of a bucket are.
    [
      onRule({ EventPattern: { source: ['aws.s3'] } }),
      onRule({ EventPattern: { source: ['aws.sagemaker'], 'detail-type': ['SageMaker Endpoint State Change'] } }),
    ],
    [
      onRule({ EventPattern: { source: ['aws.sagemaker', 'my.shop'] } }),
      onRule({ EventPattern: { source: ['aws.sagemaker', 'aws.ecs'] } }),
    ],
    [onRule({ EventPattern: '{"source":["my.shop"]}' }), onRule({ EventPattern: '{"source":["aws.sagemaker"]}' })],
    [
      onRule({ EventPattern: { 'detail-type': ['Order placed'] } }),
      onRule({ EventPattern: { 'detail-type': ['SageMaker Training Job State Change'] } }),
    ],
    [onRule({ EventPattern: called('PutObject') }), onRule({ EventPattern: called('PutBucketPolicy') })],
    [onRule({ EventPattern: { source: ['x'] } }), onRule({ EventPattern: { source: ['x'] }, State: 'DISABLED' })],
    [
      { ...onTopic('lambda'), R: toTopic('aws.s3') },
      { ...onTopic('lambda'), R: toTopic('aws.ec2') },
    ],
    // A topic of an alarm carries its states.
    [
      onTopic('lambda'),
      { ...onTopic('lambda'), High: resource('AWS::CloudWatch::Alarm', { AlarmActions: [{ Ref: 'Topic' }] }) },
    ],
    // Of functions that share a role, each may need another part of its permissions.
    [
      { ...onBucket(), Other: shared({ Variables: { TABLE: 't' } }) },
      { ...onBucket(), Scorer: shared({ Variables: { TABLE: 't' } }), Other: shared({ Variables: { TABLE: 't' } }) },
    ],
    [onTopic('lambda'), onTopic('sqs')],
    [
      onBucket(),
      onBucket({
        Failed: resource('AWS::Lambda::EventInvokeConfig', {
          FunctionName: { Ref: 'Scorer' },
          Qualifier: '$LATEST',
          DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['Dead', 'Arn'] } } },
        }),
      }),
    ],
    [
      onBucket({
        Tried: resource('AWS::Lambda::EventInvokeConfig', { FunctionName: { Ref: 'Scorer' }, MaximumRetryAttempts: 1 }),
      }),
      // A function that deploys to the endpoint.
      { ...onBucket(), Scorer: resource('AWS::Lambda::Function', { Environment: { Variables: { E: endpointName } } }) },
    ],
    [
      {
        ...consumer(),
        Scorer: resource('AWS::Serverless::Function', {
          Policies: [policy('sagemaker:InvokeEndpoint', '*').Properties['PolicyDocument']],
          Events: { Up: { Type: 'S3', Properties: { Bucket: { Ref: 'Bucket' } } } },
        }),
      },
      {
        ...consumer(),
        Scorer: resource('AWS::Serverless::Function', {
          Policies: [policy('sagemaker:InvokeEndpoint', '*').Properties['PolicyDocument']],
          DeadLetterQueue: { Type: 'SQS', TargetArn: 'arn:aws:sqs:eu-west-1:111122223333:dead' },
          Events: { Up: { Type: 'S3', Properties: { Bucket: { Ref: 'Bucket' } } } },
        }),
      },
    ],
  ],
  'record-dropped': [
    [mapped({ MaximumRetryAttempts: 0 }), mapped({ MaximumRetryAttempts: 0, ...destination })],
    [mapped({ MaximumRecordAgeInSeconds: 60 }), mapped({ MaximumRecordAgeInSeconds: 60, ...destination })],
    [sam({ MaximumRetryAttempts: 2 }), sam({ MaximumRetryAttempts: 2, ...destination })],
    [
      mapped({ MaximumRetryAttempts: 2, DestinationConfig: { OnFailure: {} } }),
      mapped({
        MaximumRetryAttempts: 2,
        DestinationConfig: { 'Fn::If': ['C', destination.DestinationConfig, { Ref: 'AWS::NoValue' }] },
      }),
    ],
  ],
  'queue-loses-messages': [
    [queued({ VisibilityTimeout: 360 }), queued(redrive(5))],
    [queued({ ...redrive(5), VisibilityTimeout: 30 }), queued({ ...redrive(5), VisibilityTimeout: 60 })],
    [
      queued({ RedrivePolicy: redrive(5)['RedrivePolicy'] }),
      queued({ RedrivePolicy: redrive(5)['RedrivePolicy'] }, { Timeout: 20 }),
    ],
    [queued(redrive(1)), queued(redrive(3))],
    [deadLetters({ 'Fn::GetAtt': ['Queue', 'Arn'] }), deadLetters({ 'Fn::GetAtt': ['Dead', 'Arn'] })],
    [
      deadLetters({ 'Fn::Sub': 'arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:work' }),
      deadLetters({ 'Fn::Sub': 'arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:failed' }),
    ],
    [limited(50, 10), limited(10, 10)],
    [twice(8, 10), twice(5, 10)],
    [limited('20', '10'), limited(20, { Ref: 'Most' })],
    [
      queued({ ...redrive(5), MessageRetentionPeriod: 1209600 }),
      queued({ ...redrive(5), MessageRetentionPeriod: 3600 }),
    ],
  ],
  'consumer-never-runs': [
    [followed({ Enabled: false }), followed({ Enabled: true })],
    [followed({ Enabled: 'false' }), followed({ Enabled: { Ref: 'IsOn' } })],
    [
      { ...mapped({ ...careful, Enabled: false }), Depth: depth },
      // Nothing waits for it.
      mapped({ ...careful, Enabled: false }),
    ],
    // Another source, caller or front of the function feeds the endpoint.
    [
      followed({ Enabled: false }),
      followed(
        { Enabled: false },
        {
          Second: resource('AWS::Lambda::EventSourceMapping', {
            ...careful,
            EventSourceArn: { 'Fn::GetAtt': ['Stream', 'Arn'] },
            FunctionName: { Ref: 'Scorer' },
          }),
        },
      ),
    ],
    [
      followed({ Enabled: false }, { Other: resource('AWS::Lambda::Function', {}) }),
      followed(
        { Enabled: false },
        { Other: resource('AWS::Lambda::Function', { Environment: { Variables: { ENDPOINT: endpointName } } }) },
      ),
    ],
    [
      followed({ Enabled: false }),
      followed(
        { Enabled: false },
        { Url: resource('AWS::Lambda::Url', { TargetFunctionArn: { Ref: 'Scorer' }, AuthType: 'NONE' }) },
      ),
    ],
    // A pause that something in the templates ends.
    [
      followed({ Enabled: false }, { P: policy('lambda:GetEventSourceMapping', '*') }),
      followed({ Enabled: false }, { P: policy('lambda:UpdateEventSourceMapping', '*') }),
    ],
    [
      { ...piped({ MaximumRetryAttempts: 3 }), Target: variantTarget(), Follow: tracking(), ...stoppedPipe('STOPPED') },
      { ...piped({ MaximumRetryAttempts: 3 }), Target: variantTarget(), Follow: tracking(), ...stoppedPipe('RUNNING') },
    ],
    [
      { ...mapped(careful), ...consumer({ ReservedConcurrentExecutions: 0 }) },
      { ...mapped(careful), ...consumer({ ReservedConcurrentExecutions: 5 }) },
    ],
    [
      { ...mapped(careful), ...consumer({ ReservedConcurrentExecutions: '0' }) },
      { ...mapped(careful), ...consumer({ ReservedConcurrentExecutions: { Ref: 'Most' } }) },
    ],
  ],
});

test('a mapping that Lambda rejects is an error, and lost messages are a warning', () => {
  expect(severityOf(queued({ ...redrive(5), VisibilityTimeout: 30 }), 'queue-loses-messages')).toBe('error');
  expect(severityOf(queued({ VisibilityTimeout: 360 }), 'queue-loses-messages')).toBe('warning');
  expect(severityOf(deadLetters({ 'Fn::GetAtt': ['Queue', 'Arn'] }), 'queue-loses-messages')).toBe('error');
  expect(severityOf(limited(50, 10), 'queue-loses-messages')).toBe('warning');
});

test('an event that is dropped names the attempts that Lambda makes', () => {
  const messageOf = (Resources: Resources): string | undefined =>
    prove([{ name: 't.json', document: { Resources } }]).find(({ rule }) => rule === 'event-dropped')?.message;
  expect(messageOf(onBucket())).toMatch(/^after 3 failed attempts /);
  expect(messageOf(tried({ MaximumRetryAttempts: 0 }))).toMatch(/^after 1 failed attempt /);
  expect(messageOf(tried({ MaximumRetryAttempts: { Ref: 'Retries' } }))).toMatch(/^after its last failed attempt /);
});
