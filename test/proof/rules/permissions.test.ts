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
    [
      { ...realTime(), Model: languageModel, P: policy('sagemaker:InvokeEndpoint', endpointArn) },
      { ...realTime(), P: policy('sagemaker:InvokeEndpoint', endpointArn) },
    ],
    [
      {
        ...realTime(),
        Model: languageModel,
        P: policy('sagemaker:InvokeEndpoint', 'arn:aws:sagemaker:*:*:endpoint/*'),
      },
      { P: policy('sagemaker:InvokeEndpoint', 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat') },
    ],
    [
      sharedModel('sagemaker:InvokeEndpoint'),
      sharedModel(['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream']),
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
