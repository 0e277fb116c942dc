import { prove } from '../../../lib/proof/prove';
import { TARGET_RULES } from '../../../lib/proof/rules/targets';
import { custom, scaledRealTime } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import {
  components,
  componentTarget,
  endpointName,
  policy,
  type Properties,
  realTime,
  resource,
  type Resources,
  role,
  tracking,
  trackingOf,
  variantTarget,
} from '../support/templates';

const FULL_ACCESS = 'arn:aws:iam::aws:policy/AmazonSageMakerFullAccess';
const trusted = (service: string): Properties => ({
  Statement: [{ Effect: 'Allow', Principal: { Service: `${service}.amazonaws.com` }, Action: 'sts:AssumeRole' }],
});
const grantOf = (Action: string, service: string): Resources[string] =>
  role({
    AssumeRolePolicyDocument: trusted(service),
    Policies: [{ PolicyName: 'p', PolicyDocument: { Statement: [{ Effect: 'Allow', Action, Resource: '*' }] } }],
  });
const calling = (action: string): Resources[string] =>
  resource('AWS::Scheduler::Schedule', { Target: { Arn: `arn:aws:scheduler:::aws-sdk:${action}` } });
const child = (Parameters: Properties): Resources[string] =>
  resource('AWS::CloudFormation::Stack', { TemplateURL: 'https://example.com/t.json', Parameters });
const byId = (properties: Properties): Resources[string] =>
  tracking(
    {},
    {
      ScalingTargetId: undefined,
      ServiceNamespace: 'sagemaker',
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      ResourceId: { 'Fn::Join': ['', ['endpoint/', endpointName, '/variant/AllTraffic']] },
      ...properties,
    },
  );
const chat = (target: string, endpoint: Properties = { EndpointName: 'chat' }): Resources => ({
  ...realTime({}, {}, endpoint),
  Target: { ...variantTarget({ ResourceId: `endpoint/${target}/variant/AllTraffic` }), DependsOn: 'Endpoint' },
});

testRules(TARGET_RULES, {
  'policy-without-target': [
    [{ ...realTime(), P: tracking({}, { ScalingTargetId: { Ref: 'Endpoint' } }) }, scaledRealTime({ P: tracking() })],
    [
      { ...realTime(), P: tracking({}, { ScalingTargetId: undefined }) },
      { P: tracking({}, { ScalingTargetId: { 'Fn::ImportValue': 'target' } }) },
    ],
    [
      { ...realTime(), P: tracking({}, { ScalingTargetId: { Ref: 'Nobody' } }) },
      {
        ...realTime(),
        P: tracking({}, { ScalingTargetId: 'endpoint/x/variant/y|sagemaker:variant:DesiredInstanceCount|sagemaker' }),
      },
    ],
    [
      scaledRealTime({ P: byId({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }) }),
      scaledRealTime({ P: byId({}) }),
    ],
    [{ ...realTime(), P: byId({}) }, { P: byId({ ResourceId: 'endpoint/elsewhere/variant/v' }) }],
    [
      scaledRealTime({ P: tracking({}, { ScalingTargetId: 'Target' }) }),
      scaledRealTime({
        P: tracking({}, { ScalingTargetId: 'endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker' }),
      }),
    ],
  ],
  'target-registered-twice': [
    [
      scaledRealTime({ Other: variantTarget() }),
      scaledRealTime({ Other: variantTarget({ ResourceId: 'endpoint/other/variant/AllTraffic' }) }),
    ],
  ],
  'target-of-nothing': [
    [chat('chats'), chat('chat')],
    [chat('chat', {}), chat('chats', { EndpointName: { Ref: 'Name' } })],
    [
      chat('elsewhere'),
      // What is declared is scaled; the other target is of something else.
      { ...chat('elsewhere'), Own: variantTarget({ ResourceId: 'endpoint/chat/variant/AllTraffic' }) },
    ],
  ],
  'policies-collide': [
    [
      scaledRealTime({ P: tracking(), Q: tracking({ TargetValue: 9 }, { PolicyName: 'other' }) }),
      scaledRealTime({
        P: tracking(),
        Q: tracking(
          {
            PredefinedMetricSpecification: undefined,
            CustomizedMetricSpecification: custom('CPUUtilization', '/aws/sagemaker/Endpoints'),
          },
          { PolicyName: 'other' },
        ),
      }),
    ],
    [scaledRealTime({ P: tracking(), Q: trackingOf(custom('ModelLatency')) }), scaledRealTime({ P: tracking() })],
  ],
  'made-too-early': [
    [
      {
        ...realTime({}, {}, { EndpointName: 'chat' }),
        Target: variantTarget({ ResourceId: 'endpoint/chat/variant/AllTraffic' }),
      },
      {
        ...realTime({}, {}, { EndpointName: 'chat' }),
        Target: { ...variantTarget({ ResourceId: 'endpoint/chat/variant/AllTraffic' }), DependsOn: ['Wait'] },
        Wait: { ...resource('AWS::CloudFormation::WaitConditionHandle', {}), DependsOn: 'Endpoint' },
      },
    ],
    [scaledRealTime({ P: byId({}) }), scaledRealTime({ P: { ...byId({}), DependsOn: 'Target' } })],
    [
      { ...components(), Target: componentTarget() },
      { ...components(), Target: { ...componentTarget(), DependsOn: 'Component' } },
    ],
    [
      {
        ...realTime({ ModelName: undefined }, {}, { EndpointName: 'host' }),
        Component: resource('AWS::SageMaker::InferenceComponent', { EndpointName: 'host' }),
      },
      {
        ...realTime({ ModelName: undefined }, {}, { EndpointName: 'host' }),
        Component: resource('AWS::SageMaker::InferenceComponent', { EndpointName: 'elsewhere' }),
      },
    ],
  ],
  'target-without-policy': [
    [scaledRealTime(), scaledRealTime({ P: tracking() })],
    [
      { ...components(), Target: { ...componentTarget(), DependsOn: 'Component' } },
      {
        ...components(),
        Target: {
          ...componentTarget({
            ScheduledActions: [
              {
                ScheduledActionName: 'day',
                Schedule: 'cron(0 8 * * ? *)',
                ScalableTargetAction: { MinCapacity: 2 },
              },
            ],
          }),
          DependsOn: 'Component',
        },
      },
    ],
    // Its policies may be put by a function.
    [
      scaledRealTime({ Reader: policy('application-autoscaling:DescribeScalingPolicies', '*') }),
      scaledRealTime({ Scaler: policy('application-autoscaling:PutScalingPolicy', '*') }),
    ],
    [
      scaledRealTime({ R: role({ ManagedPolicyArns: [FULL_ACCESS], AssumeRolePolicyDocument: trusted('sagemaker') }) }),
      scaledRealTime({ R: role({ ManagedPolicyArns: [FULL_ACCESS], AssumeRolePolicyDocument: trusted('lambda') }) }),
    ],
    [scaledRealTime({ R: grantOf('s3:*', 'codebuild') }), scaledRealTime({ R: grantOf('*', 'codebuild') })],
    // A schedule that calls the API.
    [
      scaledRealTime({ S: calling('ecs:updateService') }),
      scaledRealTime({ S: calling('applicationautoscaling:registerScalableTarget') }),
    ],
    // The policies may be in a stack or behind a custom resource that is given the target.
    [
      scaledRealTime({ Child: resource('AWS::CloudFormation::Stack', { TemplateURL: 'https://example.com/t.json' }) }),
      scaledRealTime({ Child: child({ Endpoint: endpointName }) }),
    ],
    [
      scaledRealTime({ C: resource('Custom::Policy', {}) }),
      scaledRealTime({ C: resource('Custom::Policy', { T: { Ref: 'Target' } }) }),
    ],
    // A count that is held.
    [scaledRealTime({}, { MinCapacity: 1 }), scaledRealTime({}, { MinCapacity: 4 })],
    // The endpoint, and with it the policies, may be elsewhere.
    [scaledRealTime(), { Target: variantTarget({ ResourceId: 'endpoint/chat/variant/AllTraffic' }) }],
  ],
});

test('a target that an output gives away may have its policies elsewhere', () => {
  const rulesWith = (Value: unknown): string[] =>
    prove([{ name: 't.json', document: { Resources: scaledRealTime(), Outputs: { Given: { Value } } } }]).map(
      ({ rule }) => rule,
    );
  expect(rulesWith({ Ref: 'Target' })).not.toContain('target-without-policy');
  expect(rulesWith(endpointName)).toContain('target-without-policy');
});
