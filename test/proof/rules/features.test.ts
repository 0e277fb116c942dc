import { FEATURE_RULES } from '../../../lib/proof/rules/features';
import { testRules } from '../support/rule-cases';
import { asynchronous, type Properties, realTime, resource, type Resources, serverless } from '../support/templates';

const withModel = (endpoint: Resources, model: Properties): Resources => ({
  ...endpoint,
  Model: resource('AWS::SageMaker::Model', model),
});
const vpc = { VpcConfig: { Subnets: ['subnet-1'], SecurityGroupIds: ['sg-1'] } };
const withConfig = (endpoint: Resources, more: Properties): Resources => ({
  ...endpoint,
  Config: resource('AWS::SageMaker::EndpointConfig', { ...endpoint['Config']!.Properties, ...more }),
});
const capture = { DataCaptureConfig: { EnableCapture: true, InitialSamplingPercentage: 10 } };
const ServerlessConfig = { MemorySizeInMB: 2048, MaxConcurrency: 5 };
const shadow = {
  ShadowProductionVariants: [
    { VariantName: 'next', ModelName: 'm', InstanceType: 'ml.m5.large', InitialInstanceCount: 1 },
  ],
};

testRules(FEATURE_RULES, {
  'features-exclude-each-other': [
    [withModel(serverless(), vpc), withModel(realTime(), vpc)],
    [
      withModel(serverless(), { EnableNetworkIsolation: true }),
      withModel(serverless(), { EnableNetworkIsolation: false }),
    ],
    [
      withModel(serverless(), { Containers: [{ Image: 'a' }, { Image: 'b' }] }),
      withModel(realTime(), { Containers: [{ Image: 'a' }, { Image: 'b' }] }),
    ],
    [
      withModel(serverless(), { PrimaryContainer: { Image: 'a', Mode: 'MultiModel' } }),
      withModel(serverless(), { PrimaryContainer: { Image: 'a', Mode: 'SingleModel' } }),
    ],
    [withConfig(serverless(), capture), withConfig(realTime(), capture)],
    [withConfig(serverless(), capture), withConfig(serverless(), { DataCaptureConfig: { EnableCapture: false } })],
    [asynchronous({ InstancePools: undefined, InitialInstanceCount: undefined, ServerlessConfig }), asynchronous()],
    [
      withConfig(serverless(), {
        ProductionVariants: ['a', 'b'].map((VariantName) => ({ VariantName, ModelName: 'm', ServerlessConfig })),
      }),
      serverless(),
    ],
    [withConfig(serverless(), shadow), withConfig(realTime(), shadow)],
    [withConfig(asynchronous(), shadow), withConfig(realTime(), shadow)],
    [
      withModel(withConfig(realTime(), shadow), { Containers: [{ Image: 'a' }, { Image: 'b' }] }),
      withModel(withConfig(realTime(), shadow), { Containers: [{ Image: 'a' }] }),
    ],
  ],
});
