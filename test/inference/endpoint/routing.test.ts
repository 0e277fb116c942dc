import { RoutingStrategy, type GpuEndpointProps } from '../../../lib/inference';
import { endpointIn, newStack, templateOf, variantWith } from '../chat-endpoint';

describe('requests', () => {
  test('go to the instance with the fewest in flight by default', () => {
    templateOf().hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({ RoutingConfig: { RoutingStrategy: 'LEAST_OUTSTANDING_REQUESTS' } }),
    );
  });

  test('go to any instance where that is configured', () => {
    templateOf({ routing: RoutingStrategy.RANDOM }).hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({ RoutingConfig: { RoutingStrategy: 'RANDOM' } }),
    );
  });

  test('of one prefix go to one instance', () => {
    templateOf({ routing: RoutingStrategy.PREFIX_AWARE, maxConcurrencyPerInstance: 16 }).hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({
        RoutingConfig: {
          RoutingStrategy: 'PREFIX_AWARE',
          PrefixAwareRoutingConfig: { PrefixLength: 4096, ConcurrencyThreshold: 16 },
        },
      }),
    );
  });

  test.each<[Partial<GpuEndpointProps>, string]>([
    [{ prefixAwareRouting: {} }, 'routing is not RoutingStrategy.PREFIX_AWARE'],
    [{ routing: RoutingStrategy.PREFIX_AWARE, prefixAwareRouting: { prefixLength: 100 } }, '1024 to 65536'],
  ])('are not routed by %j', (props, message) => {
    expect(() => endpointIn(newStack(), props)).toThrow(message);
  });
});
