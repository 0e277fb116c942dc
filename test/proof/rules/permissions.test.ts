import { PERMISSION_RULES } from '../../../lib/proof/rules/permissions';
import { endpointArn, withComponent } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import { asynchronous, endpointName, policy, realTime, resource, type Resources, role } from '../support/templates';

const languageModel = resource('AWS::SageMaker::Model', {
  PrimaryContainer: { Image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:server' },
});
const ofSageMaker = {
  AssumeRolePolicyDocument: {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  },
};
/** A caller of the language model, with something that shows how it replies. */
const replying = (more: Resources, Action: unknown = 'sagemaker:InvokeEndpoint'): Resources => ({
  ...realTime(),
  Model: languageModel,
  CallerRole: role({}),
  Caller: resource('AWS::Lambda::Function', { Role: { 'Fn::GetAtt': ['CallerRole', 'Arn'] } }),
  P: resource('AWS::IAM::Policy', { ...policy(Action, endpointArn).Properties, Roles: [{ Ref: 'CallerRole' }] }),
  ...more,
});
const url = (InvokeMode: string): Resources => ({
  Url: resource('AWS::Lambda::Url', { TargetFunctionArn: { Ref: 'Caller' }, AuthType: 'AWS_IAM', InvokeMode }),
});
const api = (ResponseTransferMode: string): Resources => ({
  Method: resource('AWS::ApiGateway::Method', {
    Integration: { Type: 'AWS_PROXY', Uri: { 'Fn::Sub': 'x/${Caller.Arn}/response-streaming' }, ResponseTransferMode },
  }),
});
const coded = (call: string): Resources => ({
  Caller: resource('AWS::Lambda::Function', {
    Role: { 'Fn::GetAtt': ['CallerRole', 'Arn'] },
    Code: { ZipFile: `runtime.${call}(EndpointName=name)` },
  }),
});
const namedLanguageModel = resource('AWS::SageMaker::Model', {
  ModelName: 'llm',
  PrimaryContainer: { Image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:server' },
});
const sharedModel = (Action: unknown): Resources => ({
  ...withComponent({ Specification: { ModelName: 'llm' } }),
  Model: namedLanguageModel,
  Grant: policy(Action, { Ref: 'Endpoint' }),
});

const grant = (Action: unknown) => ({
  PolicyName: 'p',
  PolicyDocument: { Statement: [{ Effect: 'Allow', Action, Resource: '*' }] },
});
const allow = (Action: unknown) => ({ Policies: [grant(Action)] });
/** A consumer of a stream that knows the endpoint, with the permissions of its role. */
const consumer = (permissions: object, more: Resources = {}): Resources => ({
  ...realTime(),
  CallerRole: role({ ...permissions }),
  Scorer: resource('AWS::Lambda::Function', {
    Role: { 'Fn::GetAtt': ['CallerRole', 'Arn'] },
    Environment: { Variables: { ENDPOINT_NAME: endpointName } },
  }),
  Map: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: 'arn:aws:kinesis:us-east-1:111122223333:stream/s',
    FunctionName: { Ref: 'Scorer' },
  }),
  ...more,
});

testRules(PERMISSION_RULES, {
  'full-access-policy': [
    [
      {
        R: role({
          ManagedPolicyArns: [
            { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::aws:policy/AmazonSageMakerFullAccess']] },
          ],
        }),
      },
      { R: role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSageMakerReadOnly'] }) },
    ],
    [
      { F: resource('AWS::Serverless::Function', { Policies: ['AmazonSageMakerFullAccess'] }) },
      { F: resource('AWS::Serverless::Function', { Policies: 'AWSLambdaBasicExecutionRole' }) },
    ],
    [{ P: policy('sagemaker:*', '*') }, { P: policy('sagemaker:*', 'arn:aws:sagemaker:*:*:endpoint/chat') }],
    [{ P: policy(['sagemaker:*'], ['arn:aws:sagemaker:*:*:*']) }, { P: policy(['sagemaker:Describe*'], ['*']) }],
    [
      { R: role({ ...ofSageMaker, ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] }) },
      { R: role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] }) },
    ],
    [
      {
        R: role({
          ...ofSageMaker,
          Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } }],
        }),
      },
      { R: role({ Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } }] }) },
    ],
  ],
  'invoke-not-granted': [
    [consumer(allow('sagemaker:DescribeEndpoint')), consumer(allow('sagemaker:InvokeEndpoint'))],
    [consumer(allow('s3:GetObject')), consumer(allow('sagemaker:Invoke*'))],
    // A function that deploys to the endpoint, or reaches it through another role or function.
    [consumer(allow('s3:PutObject')), consumer(allow('sagemaker:UpdateEndpoint'))],
    [consumer(allow('states:DescribeExecution')), consumer(allow('sts:AssumeRole'))],
    [consumer(allow('lambda:GetFunction')), consumer(allow(['lambda:InvokeFunction']))],
    [consumer({}), consumer({ ManagedPolicyArns: ['arn:aws:iam::111122223333:policy/invoke'] })],
    [
      consumer({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole'] }),
      consumer(
        {},
        { Grant: resource('AWS::IAM::Policy', { ...grant('sagemaker:*'), Roles: [{ Ref: 'CallerRole' }] }) },
      ),
    ],
    [
      consumer(
        {},
        { Grant: resource('AWS::IAM::Policy', { ...grant('sns:Publish'), Roles: [{ Ref: 'CallerRole' }] }) },
      ),
      // A function that is given no records may only report.
      { ...consumer({}), Map: resource('AWS::SNS::Topic', {}) },
    ],
  ],
  'invoke-grant-incomplete': [
    [
      { ...asynchronous(), P: policy('sagemaker:InvokeEndpoint', endpointArn) },
      { ...asynchronous(), P: policy('sagemaker:InvokeEndpointAsync', endpointArn) },
    ],
    [
      { ...asynchronous(), P: policy(['sagemaker:InvokeEndpoint'], '*') },
      { ...asynchronous(), P: policy(['sagemaker:InvokeEndpoint*'], '*') },
    ],
    [replying(url('RESPONSE_STREAM')), replying(url('BUFFERED'))],
    [replying(api('STREAM')), replying(api('BUFFERED'))],
    [replying(coded('invoke_endpoint_with_response_stream')), replying(coded('invoke_endpoint'))],
    [
      replying(url('RESPONSE_STREAM')),
      replying(url('RESPONSE_STREAM'), ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream']),
    ],
    [
      { ...replying(url('RESPONSE_STREAM')), ...sharedModel('sagemaker:InvokeEndpoint') },
      // Nobody is known to stream.
      sharedModel('sagemaker:InvokeEndpoint'),
    ],
    // A consumer of records needs the whole reply.
    [
      replying(url('RESPONSE_STREAM')),
      replying({
        Map: resource('AWS::Lambda::EventSourceMapping', {
          EventSourceArn: 'arn:aws:kinesis:us-east-1:111122223333:stream/s',
          FunctionName: { Ref: 'Caller' },
        }),
      }),
    ],
    [
      { ...asynchronous(), Grant: policy('sagemaker:InvokeEndpointAsync', endpointName) },
      { ...asynchronous(), Grant: policy('sagemaker:InvokeEndpointAsync', { Ref: 'Endpoint' }) },
    ],
    [
      { ...realTime(), Grant: policy('sagemaker:InvokeEndpointAsync', { Ref: 'Endpoint' }) },
      {
        ...realTime(),
        Grant: policy(['sagemaker:InvokeEndpointAsync', 'sagemaker:InvokeEndpoint'], { Ref: 'Endpoint' }),
      },
    ],
  ],
});
