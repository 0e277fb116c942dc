import { PUBLISHED_METRICS } from '../../../lib/catalog/hosting-metrics';
import { NO_SAMPLES } from '../../../lib/simulation/aws/cloudwatch';
import {
  BACKLOG_METRICS,
  componentMetrics,
  QUIET_METRICS,
  variantMetrics,
  type EndpointLoad,
} from '../../../lib/simulation/aws/sagemaker-metrics';

const VARIANT_METRICS = variantMetrics('zeros');
const COMPONENT_METRICS = componentMetrics('zeros');

/** 6 requests on 2 instances: 3 completed, 2 rejected by full queues, 1 timed out. */
const load: EndpointLoad = {
  invocations: 6,
  invocationsPerInstance: 2,
  errors4xx: 0,
  errors5xx: 2,
  modelErrors: 3,
  rejectedWithoutInstance: 0,
  modelLatencySeconds: { sum: 4.5, sampleCount: 3, minimum: 0.5, maximum: 2 },
  concurrentRequests: { sum: 5, sampleCount: 2, minimum: 1, maximum: 4 },
  gpuUtilizationPercent: { sum: 120, sampleCount: 2, minimum: 40, maximum: 80 },
  gpusPerInstance: 4,
};
const idle: EndpointLoad = {
  ...load,
  invocations: 0,
  invocationsPerInstance: 0,
  errors5xx: 0,
  modelErrors: 0,
  modelLatencySeconds: NO_SAMPLES,
  concurrentRequests: { sum: 0, sampleCount: 2, minimum: 0, maximum: 0 },
};

test.each([
  ['Invocations', { sum: 6, sampleCount: 6, minimum: 1, maximum: 1 }],
  ['InvocationsPerInstance', { sum: 2, sampleCount: 6, minimum: 0, maximum: 1 }],
  ['Invocation4XXErrors', { sum: 0, sampleCount: 6, minimum: 0, maximum: 0 }],
  ['Invocation5XXErrors', { sum: 2, sampleCount: 6, minimum: 0, maximum: 1 }],
  ['InvocationModelErrors', { sum: 3, sampleCount: 6, minimum: 0, maximum: 1 }],
  ['ConcurrentRequestsPerModel', load.concurrentRequests],
  // Microseconds.
  ['ModelLatency', { sum: 4_500_000, sampleCount: 3, minimum: 500_000, maximum: 2_000_000 }],
  // 4 GPUs of up to 100 % each.
  ['GPUUtilization', { sum: 480, sampleCount: 2, minimum: 160, maximum: 320 }],
])('a variant publishes %s', (metricName, statistics) => {
  expect(VARIANT_METRICS[metricName]!(load)).toEqual(statistics);
});

test('counts are zeros while there is no traffic, and latencies are missing', () => {
  const zero = { sum: 0, sampleCount: 1, minimum: 0, maximum: 0 };
  expect(VARIANT_METRICS.Invocations!(idle)).toEqual(zero);
  expect(VARIANT_METRICS.Invocation5XXErrors!(idle)).toEqual(zero);
  expect(VARIANT_METRICS.ModelLatency!(idle).sampleCount).toBe(0);
});

describe.each(QUIET_METRICS)('metrics of requests that are %s without requests', (quiet) => {
  const ofRequests = /^Invocation|^ConcurrentRequests/;

  test.each([
    ['variant', variantMetrics(quiet)],
    ['component', componentMetrics(quiet)],
  ])('are what a %s without requests publishes of them', (_, table) => {
    for (const [metricName, statistics] of Object.entries(table)) {
      if (!ofRequests.test(metricName)) continue;
      const { sampleCount, maximum } = statistics(idle);
      if (quiet === 'missing') expect([metricName, sampleCount]).toEqual([metricName, 0]);
      else expect([metricName, sampleCount > 0, maximum]).toEqual([metricName, true, 0]);
    }
  });

  test('do not depend on it with requests: no error is a zero, and a request in flight without a new one is concurrency', () => {
    for (const [metricName, statistics] of Object.entries(VARIANT_METRICS))
      expect(variantMetrics(quiet)[metricName]!(load)).toEqual(statistics(load));
    expect(variantMetrics(quiet).Invocation4XXErrors!(load)).toMatchObject({ sum: 0, sampleCount: 6 });
    const inFlight = { ...idle, concurrentRequests: load.concurrentRequests };
    expect(variantMetrics(quiet).ConcurrentRequestsPerModel!(inFlight)).toEqual(load.concurrentRequests);
  });

  test('leave the utilization of instances alone', () => {
    expect(variantMetrics(quiet).GPUUtilization!(idle).sampleCount).toBe(2);
  });
});

test('a component publishes the metrics of a variant under its own names, and requests that found no copy', () => {
  expect(COMPONENT_METRICS.InvocationsPerCopy!(load)).toEqual(VARIANT_METRICS.InvocationsPerInstance!(load));
  expect(COMPONENT_METRICS.InvocationsPerInstance).toBeUndefined();
  expect(COMPONENT_METRICS.NoCapacityInvocationFailures!(load).sampleCount).toBe(0);
  expect(COMPONENT_METRICS.NoCapacityInvocationFailures!({ ...load, rejectedWithoutInstance: 2 })).toEqual({
    sum: 2,
    sampleCount: 2,
    minimum: 1,
    maximum: 1,
  });
});

test.each([
  [{ backlog: 6, inService: 3 }, [6, 2, 0]],
  [{ backlog: 6, inService: 0 }, [6, 6, 1]],
  [{ backlog: 0, inService: 0 }, [0, 0, 0]],
])('a backlog of %p publishes size, size per instance and a lack of capacity', (backlog, values) => {
  expect(Object.values(BACKLOG_METRICS).map((statistics) => statistics(backlog).sum)).toEqual(values);
});

test('every metric is one of the catalogue', () => {
  const known = new Set(PUBLISHED_METRICS.map(({ metricName }) => metricName));
  for (const table of [VARIANT_METRICS, COMPONENT_METRICS, BACKLOG_METRICS]) {
    for (const metricName of Object.keys(table)) expect(known).toContain(metricName);
  }
});
