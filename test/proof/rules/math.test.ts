import { MATH_RULES } from '../../../lib/proof/rules/math';
import { testRules } from '../support/rule-cases';
import {
  asynchronous,
  endpointName,
  type Properties,
  resource,
  type Resources,
  trackingOf,
  variantTarget,
} from '../support/templates';

const query = (Id: string, more: Properties = {}): Properties => ({
  Id,
  MetricStat: {
    Stat: 'Average',
    Metric: {
      Namespace: 'AWS/SageMaker',
      MetricName: 'ApproximateBacklogSize',
      Dimensions: [{ Name: 'EndpointName', Value: endpointName }],
    },
  },
  ...more,
});
const followed = (...Metrics: readonly Properties[]): Resources => ({
  ...asynchronous(),
  Target: variantTarget(),
  P: trackingOf({ Metrics }),
});

testRules(MATH_RULES, {
  'math-invalid': [
    [
      followed(query('size'), { Id: 'half', Expression: 'size / 2' }),
      followed(query('size', { ReturnData: false }), { Id: 'half', Expression: 'size / 2' }),
    ],
    [
      followed(query('size', { ReturnData: false }), { Id: 'half', Expression: 'FILL(sizes, 0) / 2' }),
      followed(query('size', { ReturnData: false }), {
        Id: 'half',
        Expression: 'IF(size > 3 AND size < 9, size, 1e3)',
      }),
    ],
    [
      followed(query('a'), query('b')),
      {
        ...asynchronous(),
        A: resource('AWS::CloudWatch::Alarm', {
          ThresholdMetricId: 'band',
          Metrics: [query('size'), { Id: 'band', Expression: 'ANOMALY_DETECTION_BAND(size, 2)' }],
        }),
      },
    ],
    [
      followed(query('size', { ReturnData: false }), { Id: 'all', Expression: 'a + b', ReturnData: true }),
      followed(query('size', { ReturnData: false }), {
        Id: 'all',
        Expression: `SUM(SEARCH('{AWS/SageMaker,EndpointName} MetricName="ApproximateBacklogSize"', 'Average', 60))`,
        ReturnData: true,
      }),
    ],
  ],
});
