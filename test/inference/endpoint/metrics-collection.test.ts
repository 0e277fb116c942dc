import { Duration } from 'aws-cdk-lib';
import { templateOf } from '../chat-endpoint';

describe('the metrics of an endpoint', () => {
  test('are enhanced, every 10 seconds, without detailed observability by default', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      MetricsConfig: {
        EnableEnhancedMetrics: true,
        EnableDetailedObservability: false,
        MetricPublishFrequencyInSeconds: 10,
      },
    });
  });

  test('take detailed observability and an interval', () => {
    const observability = { detailed: true, metricsFrequency: Duration.seconds(60) };
    templateOf({ observability }).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      MetricsConfig: { EnableDetailedObservability: true, MetricPublishFrequencyInSeconds: 60 },
    });
  });

  test('are not published in an interval that SageMaker does not have', () => {
    expect(() => templateOf({ observability: { metricsFrequency: Duration.seconds(15) } })).toThrow(
      /observability\.metricsFrequency \(15 s\) must be one of 10, 30/,
    );
  });
});
