import { TRACKING_RULES } from '../../../lib/proof/rules/tracking';
import { custom, gpu, scaledRealTime } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import { onVariant, type Properties, trackingOf } from '../support/templates';

const stat = (Id: string, MetricName: string, Stat: string): Properties => ({
  Id,
  ReturnData: false,
  MetricStat: {
    Stat,
    Metric: {
      Namespace: 'AWS/SageMaker',
      MetricName,
      Dimensions: Object.entries(onVariant).map(([Name, Value]) => ({ Name, Value })),
    },
  },
});
const math = (Expression: string, ...stats: readonly Properties[]): Properties => ({
  Metrics: [...stats, { Id: 'e', Expression, ReturnData: true }],
});

testRules(TRACKING_RULES, {
  'tracked-metric-is-no-load': [
    [
      scaledRealTime({ P: trackingOf(custom('ModelLatency'), { TargetValue: 2_000_000 }) }),
      scaledRealTime({ P: trackingOf(custom('ConcurrentRequestsPerModel')) }),
    ],
    [
      scaledRealTime({ P: trackingOf(math('FILL(m, REPEAT)', stat('m', 'OverheadLatency', 'p99'))) }),
      // The concurrency of a fleet is the rate of its requests times their duration.
      scaledRealTime({
        P: trackingOf(
          math(
            'FILL(n, 0) * FILL(m, 0) / 60000000',
            stat('n', 'InvocationsPerInstance', 'Sum'),
            stat('m', 'ModelLatency', 'Average'),
          ),
        ),
      }),
    ],
    [scaledRealTime({ P: trackingOf(custom('Invocation5XXErrors')) }), scaledRealTime({ P: trackingOf(gpu) })],
    [
      scaledRealTime({ P: trackingOf(custom('FirstChunkLatency')) }),
      scaledRealTime({ P: trackingOf(custom('QueueLatency', 'My/Own')) }),
    ],
    [
      scaledRealTime({ P: trackingOf(custom('Duration', 'AWS/Lambda')) }),
      scaledRealTime({ P: trackingOf(custom('ConcurrentExecutions', 'AWS/Lambda')) }),
    ],
    [
      scaledRealTime({ P: trackingOf(custom('TargetResponseTime', 'AWS/ApplicationELB')) }),
      scaledRealTime({ P: trackingOf(custom('RequestCountPerTarget', 'AWS/ApplicationELB')) }),
    ],
    [
      scaledRealTime({ P: trackingOf(custom('5XXError', 'AWS/ApiGateway')) }),
      scaledRealTime({ P: trackingOf(custom('Count', 'AWS/ApiGateway')) }),
    ],
  ],
});
