import { NAME_RULES } from '../../../lib/proof/rules/names';
import { scaledComponents, scaledRealTime, withComponent } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import {
  alarm,
  asynchronous,
  onEndpoint,
  realTime,
  type Resources,
  step,
  tracking,
  variantTarget,
} from '../support/templates';

const configName = { 'Fn::GetAtt': ['Config', 'EndpointConfigName'] };
const byId = (ResourceId: unknown, endpoint: Resources = realTime()): Resources => ({
  ...endpoint,
  Target: variantTarget({ ResourceId }),
  P: tracking(),
});
const variantOf = (reference: string): unknown => ({ 'Fn::Sub': `endpoint/\${${reference}}/variant/AllTraffic` });
const watched = (EndpointName: unknown): Resources => ({
  ...scaledRealTime({ Step: step() }),
  A: alarm('ConcurrentRequestsPerModel', { EndpointName, VariantName: 'AllTraffic' }),
});

testRules(NAME_RULES, {
  'name-of-another-resource': [
    [byId(variantOf('Config.EndpointConfigName')), byId(variantOf('Endpoint.EndpointName'))],
    [byId(variantOf('Model.ModelName')), byId(variantOf('EndpointNameOfAnotherStack'))],
    [watched(configName), watched({ 'Fn::GetAtt': ['Endpoint', 'EndpointName'] })],
    [
      byId(
        'endpoint/chat-config/variant/AllTraffic',
        realTime({}, { EndpointConfigName: 'chat-config' }, { EndpointName: 'chat' }),
      ),
      byId('endpoint/chat/variant/AllTraffic', realTime({}, { EndpointConfigName: 'chat' }, { EndpointName: 'chat' })),
    ],
    [
      byId(variantOf('Config.EndpointConfigName')),
      // The endpoint has the name of its configuration.
      byId(variantOf('Config.EndpointConfigName'), realTime({}, {}, { EndpointName: configName })),
    ],
    [
      scaledComponents({}, { ResourceId: { 'Fn::Sub': 'inference-component/${Endpoint.EndpointName}' } }),
      scaledComponents({}, { ResourceId: { 'Fn::Sub': 'inference-component/${Component.InferenceComponentName}' } }),
    ],
    [withComponent({ EndpointName: configName }), withComponent({ EndpointName: 'elsewhere' })],
    [
      realTime({}, {}, { EndpointConfigName: { 'Fn::GetAtt': ['Model', 'ModelName'] } }),
      realTime({}, {}, { EndpointConfigName: 'elsewhere' }),
    ],
    [realTime({ ModelName: configName }), realTime({ ModelName: { Ref: 'ModelNameParameter' } })],
    [
      {
        ...asynchronous(),
        Target: variantTarget({ MinCapacity: 0 }),
        Step: step(),
        Wake: alarm('HasBacklogWithoutCapacity', { EndpointName: configName }),
      },
      {
        ...asynchronous(),
        Target: variantTarget({ MinCapacity: 0 }),
        Step: step(),
        Wake: alarm('HasBacklogWithoutCapacity', onEndpoint),
      },
    ],
  ],
});
