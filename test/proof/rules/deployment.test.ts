import { DEPLOYMENT_RULES } from '../../../lib/proof/rules/deployment';
import { scaledRealTime, withComponent } from '../support/fleets';
import { severityOf, testRules } from '../support/rule-cases';
import { components, realTime, resource, tracking, variantTarget } from '../support/templates';

testRules(DEPLOYMENT_RULES, {
  'unstable-name': [
    [
      realTime({}, {}, { EndpointName: 'chat-2024-05-17' }),
      { M: resource('AWS::SageMaker::Model', { ModelName: 'chat-2024-05-17' }) },
    ],
    [
      realTime({}, { EndpointConfigName: 'chat-20240517143000' }),
      realTime({}, { EndpointConfigName: { 'Fn::Sub': 'chat-${Version}' } }),
    ],
    [
      realTime({}, {}, { EndpointName: 'chat-1715956200123' }),
      realTime({}, {}, { EndpointName: 'chat-2024-05-17-v2' }),
    ],
    [
      realTime({}, { EndpointConfigName: 'c-2024-05-17T14-30-00' }),
      realTime({}, {}, { EndpointName: 'tenant-123456789012' }),
    ],
    [
      scaledRealTime({ P: tracking({}, { PolicyName: 'chat-1718035200' }) }),
      {
        P: tracking({}, { PolicyName: 'chat-1718035200', ScalingTargetId: { Ref: 'T' } }),
        T: resource('AWS::ApplicationAutoScaling::ScalableTarget', { ServiceNamespace: 'ecs' }),
      },
    ],
  ],
  'fixed-config-name': [
    [
      realTime({}, { EndpointConfigName: 'chat' }),
      realTime({}, { EndpointConfigName: { 'Fn::Sub': 'chat-${Version}' } }),
    ],
    [
      realTime({}, { EndpointConfigName: { 'Fn::Sub': '${AWS::StackName}-config' } }),
      realTime({}, { EndpointConfigName: { 'Fn::Sub': '${AWS::StackName}-${Model.ModelName}' } }),
    ],
    [
      realTime({}, { EndpointConfigName: { 'Fn::Join': ['-', ['config', { Ref: 'AWS::Region' }]] } }),
      realTime({}, { EndpointConfigName: { 'Fn::Join': ['-', ['config', { 'Fn::ImportValue': 'version' }]] } }),
    ],
    [realTime({}, { EndpointConfigName: 'config' }), realTime({}, { EndpointConfigName: 'config-v3' })],
  ],
  'counts-reset-on-deploy': [
    [
      { ...realTime({}, {}, { RetainAllVariantProperties: undefined }), Target: variantTarget() },
      realTime({}, {}, { RetainAllVariantProperties: undefined }),
    ],
    [
      {
        ...realTime({}, {}, { ExcludeRetainedVariantProperties: [{ VariantPropertyType: 'DesiredInstanceCount' }] }),
        Target: variantTarget(),
      },
      {
        ...realTime({}, {}, { ExcludeRetainedVariantProperties: [{ VariantPropertyType: 'DataCaptureConfig' }] }),
        Target: variantTarget(),
      },
    ],
  ],
  'component-on-model-variant': [
    [{ ...components(), ...realTime() }, components()],
    [withComponent({ VariantName: 'main' }), withComponent({ VariantName: 'AllTraffic' })],
  ],
});

test('a deployment that works and hurts is a warning', () => {
  const { Endpoint, ...rest } = scaledRealTime({ P: tracking() });
  const { RetainAllVariantProperties: _, ...properties } = Endpoint!.Properties;
  const reset = { ...rest, Endpoint: resource('AWS::SageMaker::Endpoint', properties) };
  expect(severityOf(reset, 'counts-reset-on-deploy')).toBe('warning');
});
