import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import {
  AsyncEndpoint,
  ConfigurationSweeper,
  GpuEndpoint,
  ModelServer,
  ServerlessEndpoint,
  SharedGpuEndpoint,
} from '../../lib/inference';

const capacity = { pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }] };
const modelServer = ModelServer.triton();

/** A stack with every kind of endpoint, and every way to declare a model in it. */
function everyKind(): Stack {
  const stack = new Stack(new App(), 'Serving', { env: { account: '123456789012', region: 'us-east-1' } });
  const chat = new GpuEndpoint(stack, 'Chat', { modelServer, capacity, endpointName: 'chat', variantWeight: 9 });
  chat.addVariant('challenger', { modelServer, capacity, weight: 1 });
  new GpuEndpoint(stack, 'Shadowed', {
    modelServer,
    capacity,
    endpointName: 'shadowed',
    shadow: { modelServer },
  });
  new AsyncEndpoint(stack, 'Async', { modelServer, capacity, endpointName: 'async' });
  new ServerlessEndpoint(stack, 'Router', {
    modelServer: ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/router:3'),
    memory: Size.gibibytes(2),
    endpointName: 'router',
  });
  const shared = new SharedGpuEndpoint(stack, 'Shared', {
    capacity,
    maxInstances: 3,
    endpointName: 'shared',
    inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
  });
  const model = shared.addModel('Model', { modelServer, memory: Size.gibibytes(4), componentName: 'summaries' });
  model.addAdapter('legal', { bucket: s3.Bucket.fromBucketName(stack, 'Adapters', 'adapters'), key: 'legal.tar.gz' });
  return stack;
}

const keepable = (template: Template) =>
  ['AWS::SageMaker::EndpointConfig', 'AWS::SageMaker::Model'].flatMap((type) =>
    Object.entries(
      template.findResources(type) as {
        [id: string]: {
          UpdateReplacePolicy?: string;
          DeletionPolicy?: string;
          Properties: { Tags: { Key: string; Value: string }[] };
        };
      },
    ),
  );

describe('models and configurations of endpoints', () => {
  test('outlive their replacement in every kind of endpoint, and go with the stack', () => {
    const found = keepable(Template.fromStack(everyKind()));
    // Five configurations; the models of chat, its second variant, shadowed, its shadow, async, router and summaries.
    expect(found).toHaveLength(5 + 7);
    for (const [, resource] of found) {
      expect(resource).toMatchObject({ UpdateReplacePolicy: 'Retain', DeletionPolicy: 'Delete' });
    }
  });

  test('name what they were made for', () => {
    const hosts = keepable(Template.fromStack(everyKind())).map(
      ([, { Properties }]) => Properties.Tags.find(({ Key }) => Key === 'tidegate:hosted-by')!.Value,
    );
    expect([...new Set(hosts)].sort()).toEqual([
      'endpoint/async',
      'endpoint/chat',
      'endpoint/router',
      'endpoint/shadowed',
      'endpoint/shared',
      'inference-component/summaries',
    ]);
  });
});

describe('ConfigurationSweeper', () => {
  test('sweeps every endpoint and component of its stack once a day, those that are added after it too', () => {
    const stack = new Stack(new App(), 'Serving', { env: { account: '123456789012', region: 'us-east-1' } });
    new ConfigurationSweeper(stack, 'Sweeper', { retention: Duration.days(3) });
    new GpuEndpoint(stack, 'Chat', { modelServer, capacity, endpointName: 'chat' });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 day)' });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: {
          TIDEGATE_SWEEPER: {
            'Fn::Join': [
              '',
              [
                '{"hosts":[{"kind":"endpoint","name":"chat"}],"declaredConfigNames":["',
                { 'Fn::GetAtt': [Match.stringLikeRegexp('^ChatConfig'), 'EndpointConfigName'] },
                '"],"declaredModelNames":["',
                { 'Fn::GetAtt': [Match.stringLikeRegexp('^ChatModel'), 'ModelName'] },
                '"],"retentionSeconds":259200}',
              ],
            ],
          },
        },
      },
    });
  });

  test('may delete only what carries the tag of a host of the stack', () => {
    const stack = everyKind();
    new ConfigurationSweeper(stack, 'Sweeper');
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: ['sagemaker:DeleteEndpointConfig', 'sagemaker:DeleteModel'],
            Condition: {
              StringEquals: {
                'aws:ResourceTag/tidegate:hosted-by': [
                  'endpoint/chat',
                  'endpoint/shadowed',
                  'endpoint/async',
                  'endpoint/router',
                  'endpoint/shared',
                  'inference-component/summaries',
                ],
              },
            },
          }),
        ]),
      },
    });
  });

  test('describes the hosts of the stack and no others', () => {
    const stack = everyKind();
    new ConfigurationSweeper(stack, 'Sweeper');
    const policies = Template.fromStack(stack).findResources('AWS::IAM::Policy') as {
      [id: string]: { Properties: { PolicyDocument: { Statement: { Action: unknown; Resource: unknown }[] } } };
    };
    const statements = Object.values(policies).flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
    const describing = statements.find(({ Action }) => JSON.stringify(Action).includes('DescribeInferenceComponent'))!;
    const named = (describing.Resource as unknown[]).map((arn) => /:([a-z-]+\/[a-z]+)"/.exec(JSON.stringify(arn))?.[1]);
    expect(named).toEqual([
      'endpoint/chat',
      'endpoint/shadowed',
      'endpoint/async',
      'endpoint/router',
      'endpoint/shared',
      'inference-component/summaries',
    ]);
  });

  test('refuses a retention below a day', () => {
    const stack = everyKind();
    expect(() => new ConfigurationSweeper(stack, 'Sweeper', { retention: Duration.hours(5) })).toThrow(
      'retention (18000 s) must be a whole number of days, at least one; give Duration.days(7)',
    );
  });

  test('refuses a stack without an endpoint', () => {
    const app = new App();
    const stack = new Stack(app, 'Empty');
    new ConfigurationSweeper(stack, 'Sweeper');
    expect(() => app.synth()).toThrow('declares no endpoint and no inference component; add one, or omit the sweeper');
  });
});
