import { TARGET_RULES } from '../../../lib/proof/rules/targets';
import { custom, scaledRealTime } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import {
  components,
  componentTarget,
  endpointName,
  type Properties,
  realTime,
  resource,
  type Resources,
  tracking,
  trackingOf,
  variantTarget,
} from '../support/templates';

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
const scheduled = (Schedule: unknown, limits: Properties = { MinCapacity: 2 }): Properties => ({
  ScheduledActions: [{ ScheduledActionName: 'a', Schedule, ScalableTargetAction: limits }],
});
const night = (action: Properties): Properties => ({
  ScheduledActions: [
    {
      ScheduledActionName: 'night',
      Schedule: 'cron(0 22 * * ? *)',
      ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 2 },
      ...action,
    },
  ],
});
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
  'schedule-invalid': [
    [scaledRealTime({}, scheduled('cron(0 8 * * *)')), scaledRealTime({}, scheduled('cron(0 8 * * ? *)'))],
    [scaledRealTime({}, scheduled('0 8 * * *')), scaledRealTime({}, scheduled('rate(1 day)'))],
    [
      scaledRealTime({}, scheduled('at(2026-12-24T08:00:00)', {})),
      scaledRealTime({}, scheduled({ 'Fn::Sub': 'cron(${Hour} * * ? *)' })),
    ],
    [
      scaledRealTime({}, night({ Timezone: 'Europe/Zuerich' })),
      scaledRealTime({}, night({ Timezone: 'Europe/Zurich' })),
    ],
    [scaledRealTime({}, night({ Schedule: undefined })), scaledRealTime({}, night({ Schedule: { Ref: 'Schedule' } }))],
  ],
});
