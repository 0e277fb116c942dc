import { endpointMetric, endpointMetrics, livenessMetric } from '../../lib/catalog/hosting-metrics';

describe('endpoint metrics', () => {
  test('carry namespace, unit, statistic and dimensions', () => {
    expect(endpointMetric('ModelLatency', 'real-time')).toEqual({
      metricName: 'ModelLatency',
      namespace: 'AWS/SageMaker',
      unit: 'Microseconds',
      statistic: 'Average',
      dimensions: ['EndpointName', 'VariantName'],
    });
    expect(endpointMetric('GPUUtilization', 'real-time').namespace).toBe('/aws/sagemaker/Endpoints');
  });

  test('that a kind of endpoint does not publish are refused with those it does', () => {
    expect(() => endpointMetric('InvocationsPerInstance', 'async')).toThrow(
      /async endpoints do not publish InvocationsPerInstance \(real-time, inference-component endpoints do\); published here: .*ApproximateBacklogSize/,
    );
  });

  test('that do not exist offer the nearest names', () => {
    expect(() => endpointMetric('ModelLatencyy', 'real-time')).toThrow(
      /unknown endpoint metric .* nearest known: ModelLatency/,
    );
  });

  test('of inference components are those of the component, where the whole endpoint has them too', () => {
    expect(endpointMetric('ModelLatency', 'inference-component').dimensions).toEqual(['InferenceComponentName']);
    expect(endpointMetric('GPUUtilizationNormalized', 'inference-component')).toMatchObject({
      namespace: '/aws/sagemaker/InferenceComponents',
      dimensions: ['InferenceComponentName'],
    });
    expect(endpointMetric('GPUReservation', 'inference-component').dimensions).toEqual(['EndpointName', 'VariantName']);
  });

  test.each([
    [{ EndpointName: 'chat', VariantName: 'main' }, 'real-time'],
    [{ InferenceComponentName: 'chat' }, 'inference-component'],
  ] as const)('that show that the replicas of %j run are published for them', (dimensions, kind) => {
    const { namespace, metricName } = livenessMetric({
      namespace: 'AWS/SageMaker',
      metricName: 'Invocations',
      dimensions,
    })!;
    // The developer guide lists the utilization of components as normalized only.
    expect(metricName).toBe(kind === 'real-time' ? 'MemoryUtilization' : 'MemoryUtilizationNormalized');
    expect(endpointMetric(metricName, kind)).toMatchObject({ namespace, dimensions: Object.keys(dimensions) });
  });

  test('are listed once each', () => {
    for (const kind of ['real-time', 'inference-component', 'async', 'serverless'] as const) {
      const names = endpointMetrics(kind).map(({ metricName }) => metricName);
      expect(new Set(names).size).toBe(names.length);
    }
  });
});
