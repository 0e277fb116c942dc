import { Duration } from 'aws-cdk-lib';
import { templateOf, variantWith } from '../chat-endpoint';

describe('the start of a model', () => {
  test('may take 10 minutes for the container and for the download by default', () => {
    templateOf().hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({ ContainerStartupHealthCheckTimeoutInSeconds: 600, ModelDataDownloadTimeoutInSeconds: 600 }),
    );
  });

  test('takes timeouts', () => {
    const props = { startupTimeout: Duration.minutes(15), modelDownloadTimeout: Duration.minutes(30) };
    templateOf(props).hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({ ContainerStartupHealthCheckTimeoutInSeconds: 900, ModelDataDownloadTimeoutInSeconds: 1800 }),
    );
  });

  test.each([
    [{ startupTimeout: Duration.hours(2) }, 'startupTimeout (7200 s)'],
    [{ modelDownloadTimeout: Duration.seconds(5) }, 'modelDownloadTimeout (5 s)'],
  ])('refuses timeouts beyond the limits', (props, message) => {
    expect(() => templateOf(props)).toThrow(message);
  });
});
