import { App, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { type EndpointKind, endpointMetrics } from '../../lib/catalog/hosting-metrics';
import { AsyncEndpoint, GpuEndpoint, InferenceComponent, ServerlessEndpoint } from '../../lib/inference';

const stack = new Stack(new App(), 'Stack', { env: { account: '123456789012', region: 'us-east-1' } });
const FLEETS: { readonly [kind in EndpointKind]: object } = {
  'real-time': GpuEndpoint.fromEndpointName(stack, 'RealTime', 'chat', 'main'),
  async: AsyncEndpoint.fromEndpointName(stack, 'Async', 'chat', 'main'),
  serverless: ServerlessEndpoint.fromEndpointName(stack, 'Serverless', 'chat', 'main'),
  'inference-component': InferenceComponent.fromInferenceComponentAttributes(stack, 'Component', {
    endpointName: 'chat',
    variantName: 'main',
    componentName: 'chat-7b',
  }),
};

/** Only endpoints that load one of many models for each request publish these; none of the constructs makes one. */
const OF_MULTI_MODEL = /^Model(Loading|Unloading|Downloading|Cache)|^LoadedModelCount$/;
/** Of the whole shared endpoint, which has its instances: `metric` gives them by name. */
const OF_HOST = /Reservation$|^DiskUtilization$|^InvocationsPerInstance$|^ConcurrentRequestsPerModel$/;
/** The same as the normalised ones, but beyond 100 where a copy has several cores or GPUs. */
const OF_COPIES_TOGETHER = /^(CPU|GPU|GPUMemory|Memory)Utilization$/;
const isLeftOut = (kind: EndpointKind, metricName: string): boolean =>
  OF_MULTI_MODEL.test(metricName) ||
  metricName === 'InvocationsProcesssed' ||
  (kind === 'inference-component' && (OF_HOST.test(metricName) || OF_COPIES_TOGETHER.test(metricName)));

function methodsOf(fleet: object): cloudwatch.Metric[] {
  const metrics: cloudwatch.Metric[] = [];
  for (let part = Object.getPrototypeOf(fleet); part !== null; part = Object.getPrototypeOf(part)) {
    for (const name of Object.getOwnPropertyNames(part)) {
      if (/^metric[A-Z0-9]/.test(name)) metrics.push((fleet as Record<string, () => cloudwatch.Metric>)[name]!());
    }
  }
  return metrics;
}

describe.each(Object.keys(FLEETS) as EndpointKind[])('%s fleets', (kind) => {
  const fleet = FLEETS[kind];
  const published = endpointMetrics(kind);

  test('have a method for each metric that they publish', () => {
    const wanted = published.map(({ metricName }) => metricName).filter((name) => !isLeftOut(kind, name));
    const offered = new Set(methodsOf(fleet).map(({ metricName }) => metricName));
    expect([...offered].sort()).toEqual([...new Set(wanted)].sort());
  });

  test('give each in its namespace, with the dimensions that it is published under', () => {
    for (const metric of methodsOf(fleet)) {
      const { namespace, dimensions } = published.find(({ metricName }) => metricName === metric.metricName)!;
      expect({
        of: metric.metricName,
        namespace: metric.namespace,
        names: Object.keys(metric.dimensions ?? {}).sort(),
      }).toEqual({
        of: metric.metricName,
        namespace,
        names: [...dimensions].sort(),
      });
    }
  });
});
