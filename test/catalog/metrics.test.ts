import { endpointMetric, endpointMetrics } from '../../lib/catalog/metrics';

describe('endpoint metrics', () => {
  test('carry namespace, unit, statistic and dimensions', () => {
    expect(endpointMetric('ModelLatency', 'real-time')).toMatchObject({
      namespace: 'AWS/SageMaker',
      unit: 'Microseconds',
      statistic: 'Average',
      dimensions: ['EndpointName', 'VariantName'],
    });
    expect(endpointMetric('GPUUtilization', 'real-time').namespace).toBe('/aws/sagemaker/Endpoints');
  });

  test('that a kind of endpoint does not publish are refused with those it does', () => {
    expect(() => endpointMetric('InvocationsPerInstance', 'async')).toThrow(
      /async endpoints do not publish InvocationsPerInstance \(real-time endpoints do\); published here: .*ApproximateBacklogSize/,
    );
  });

  test('that do not exist offer the nearest names', () => {
    expect(() => endpointMetric('ModelLatencyy', 'real-time')).toThrow(
      /unknown endpoint metric .* nearest known: ModelLatency/,
    );
  });

  test('of real-time endpoints include the one that high-resolution scaling follows', () => {
    expect(endpointMetrics('real-time').map((metric) => metric.metricName)).toContain('ConcurrentRequestsPerModel');
  });
});
