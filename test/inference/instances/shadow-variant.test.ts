import { Match } from 'aws-cdk-lib/assertions';
import { ModelServer } from '../../../lib/inference';
import { endpointIn, newStack, templateOf } from '../chat-endpoint';

const modelServer = ModelServer.triton();

describe('a shadow', () => {
  test('receives copies of the requests on instances like those of the variant', () => {
    const shadow = { modelServer: ModelServer.triton({ tag: '26.07-py3' }), trafficPercent: 50 };
    const template = templateOf({ shadow });
    template.resourceCountIs('AWS::SageMaker::Model', 2);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ShadowProductionVariants: [
        Match.objectLike({
          VariantName: 'shadow',
          InitialVariantWeight: 0.5,
          InitialInstanceCount: 1,
          InstancePools: [
            { InstanceType: 'ml.g5.xlarge', Priority: 1 },
            { InstanceType: 'ml.g6.xlarge', Priority: 2 },
          ],
        }),
      ],
    });
  });

  test('receives its part of the requests of the variant, whatever the weight of that is', () => {
    const shadow = { modelServer, trafficPercent: 50 };
    templateOf({ shadow, variantWeight: 9 }).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [Match.objectLike({ InitialVariantWeight: 9 })],
      ShadowProductionVariants: [Match.objectLike({ InitialVariantWeight: 4.5 })],
    });
  });

  test.each([
    [{ trafficPercent: 0 }, 'shadow.trafficPercent (0)'],
    [{ variantName: 'main' }, "shadow.variantName 'main' is the variant's own name"],
    [{ pools: [{ instanceType: 'ml.t2.large' }] }, 'burstable'],
  ])('is refused with %j', (shadow, message) => {
    expect(() => endpointIn(newStack(), { shadow: { modelServer, ...shadow } })).toThrow(message);
  });

  test('is checked against its instances like the variant beside it', () => {
    const neuron = [{ instanceType: 'ml.inf2.xlarge' }];
    expect(() => endpointIn(newStack(), { shadow: { modelServer: ModelServer.vllm(), pools: neuron } })).toThrow(
      /shadow: the image of the model server .* is built for gpus, ml\.inf2\.xlarge has neuron accelerators/,
    );
    const unknown = ModelServer.triton({ inferenceAmi: 'nonsense' });
    expect(() => endpointIn(newStack(), { shadow: { modelServer: unknown } })).toThrow(
      "shadow: unknown inferenceAmi 'nonsense'",
    );
  });
});
