import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { metricSpecification, policyMetric } from '../../lib/scaling/policy-metric';

const concurrency = new cloudwatch.Metric({
  namespace: 'AWS/SageMaker',
  metricName: 'ConcurrentRequestsPerModel',
  dimensionsMap: { EndpointName: 'chat', VariantName: 'main' },
  statistic: 'Maximum',
});
const dimensions = [
  { name: 'EndpointName', value: 'chat' },
  { name: 'VariantName', value: 'main' },
];

describe('the metric of a policy', () => {
  test('is a plain metric with its dimensions and statistic', () => {
    expect(metricSpecification(policyMetric(concurrency))).toEqual({
      customizedMetricSpecification: {
        namespace: 'AWS/SageMaker',
        metricName: 'ConcurrentRequestsPerModel',
        dimensions,
        statistic: 'Maximum',
      },
    });
  });

  test('is metric math, of which only the result is returned', () => {
    const filled = new cloudwatch.MathExpression({ expression: 'FILL(m1, REPEAT)', usingMetrics: { m1: concurrency } });
    const doubled = new cloudwatch.MathExpression({ expression: 'e1 * 2', usingMetrics: { e1: filled } });
    expect(metricSpecification(policyMetric(doubled))).toEqual({
      customizedMetricSpecification: {
        metrics: [
          {
            id: 'm1',
            returnData: false,
            metricStat: {
              stat: 'Maximum',
              metric: { namespace: 'AWS/SageMaker', metricName: 'ConcurrentRequestsPerModel', dimensions },
            },
          },
          { id: 'e1', returnData: false, expression: 'FILL(m1, REPEAT)' },
          { id: 'result', returnData: true, expression: 'e1 * 2' },
        ],
      },
    });
  });

  test('has no percentile, which scaling policies do not take', () => {
    expect(() => policyMetric(concurrency.with({ statistic: 'p99' }))).toThrow("cannot use statistic 'p99'");
  });
});
