import { Match } from 'aws-cdk-lib/assertions';
import { templateOf, variantWith } from '../chat-endpoint';

describe('the names of an endpoint', () => {
  test('are lower case, unique and known before the endpoint exists by default', () => {
    const [endpoint] = Object.values(templateOf().findResources('AWS::SageMaker::Endpoint'));
    expect((endpoint as { Properties: { EndpointName: string } }).Properties.EndpointName).toMatch(
      /^test-chat-[0-9a-f]{8}$/,
    );
  });

  test('can be given, but for the configuration, which every change replaces', () => {
    const template = templateOf({ endpointName: 'chat', variantName: 'blue' });
    template.hasResourceProperties('AWS::SageMaker::Endpoint', { EndpointName: 'chat' });
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      EndpointConfigName: Match.absent(),
      ...variantWith({ VariantName: 'blue' }),
    });
  });

  test.each([
    [{ endpointName: 'my_chat' }, "endpointName 'my_chat' must be 1 to 63 letters"],
    [{ variantName: 'v'.repeat(64) }, 'variantName'],
  ])('refuses %j', (props, message) => {
    expect(() => templateOf(props)).toThrow(message);
  });
});
