import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  type DescribeEndpointCommandOutput,
  type ProductionVariant,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { LocalClock } from '../../../lib/local/clock';
import { type PlatformEvent, type Sidecar, type SidecarOptions, startSidecar } from '../../../lib/local/sidecar';
import { FakeEngine } from './fake-engine';

export const VARIANT_DIMENSION = 'sagemaker:variant:DesiredInstanceCount';

/** A sidecar on a fast clock beside an engine in memory, with the AWS clients that talk to it. */
export interface Platform {
  readonly sidecar: Sidecar;
  readonly engine: FakeEngine;
  readonly clock: LocalClock;
  readonly events: PlatformEvent[];
  readonly logged: string[];
  readonly sageMaker: SageMakerClient;
  readonly runtime: SageMakerRuntimeClient;
  readonly scaling: ApplicationAutoScalingClient;
  post(path: string, body: unknown): Promise<{ status: number; body: { [member: string]: unknown } }>;
  stop(): Promise<void>;
}

export async function startPlatform(speed: number, options: Partial<SidecarOptions> = {}): Promise<Platform> {
  const engine = new FakeEngine();
  const clock = options.clock ?? LocalClock.startingNow(speed);
  const logged: string[] = [];
  const events: PlatformEvent[] = [];
  const sidecar = await startSidecar({
    port: 0,
    engineUrl: () => 'http://127.0.0.1:9',
    engine,
    seed: 1,
    log: (message) => logged.push(message),
    ...options,
    clock,
  });
  sidecar.onEvent((event) => events.push(event));
  const settings = {
    endpoint: sidecar.url,
    region: 'us-east-1',
    credentials: { accessKeyId: '123456789012', secretAccessKey: 'local' },
    maxAttempts: 1,
  };
  const sageMaker = new SageMakerClient(settings);
  const runtime = new SageMakerRuntimeClient(settings);
  const scaling = new ApplicationAutoScalingClient(settings);
  return {
    sidecar,
    engine,
    clock,
    events,
    logged,
    sageMaker,
    runtime,
    scaling,
    post: async (path, body) => {
      const reply = await fetch(`${sidecar.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
      return { status: reply.status, body: (await reply.json()) as { [member: string]: unknown } };
    },
    stop: async () => {
      for (const client of [sageMaker, runtime, scaling]) client.destroy();
      await sidecar.stop();
    },
  };
}

/** Waits, in real time, until something holds. */
export async function until<T>(what: string, look: () => T | Promise<T>, limitMs = 15_000): Promise<NonNullable<T>> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found) return found as NonNullable<T>;
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function createModel(platform: Platform, name = 'model'): Promise<void> {
  platform.engine.objects.set('artifacts/model.tar.gz', Buffer.from('weights'));
  await platform.sageMaker.send(
    new CreateModelCommand({
      ModelName: name,
      ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
      PrimaryContainer: { Image: 'triton:latest', ModelDataUrl: 's3://artifacts/model.tar.gz' },
    }),
  );
}

export async function createConfig(
  platform: Platform,
  name: string,
  variant: Partial<ProductionVariant> = {},
  slots = 8,
): Promise<void> {
  await platform.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: [
        {
          VariantName: 'gpu',
          ModelName: 'model',
          InitialInstanceCount: 1,
          RoutingConfig: { RoutingStrategy: 'LEAST_OUTSTANDING_REQUESTS' },
          InstancePools: [
            { InstanceType: 'ml.g5.xlarge', Priority: 1 },
            { InstanceType: 'ml.g6.xlarge', Priority: 2 },
          ],
          ...variant,
        },
      ],
      Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: String(slots) }],
    }),
  );
}

export const describe1 = (platform: Platform, name = 'chat'): Promise<DescribeEndpointCommandOutput> =>
  platform.sageMaker.send(new DescribeEndpointCommand({ EndpointName: name }));

export async function inStatus(
  platform: Platform,
  status: string,
  name = 'chat',
): Promise<DescribeEndpointCommandOutput> {
  return until(`${name} is ${status}`, async () => {
    const endpoint = await describe1(platform, name);
    return endpoint.EndpointStatus === status ? endpoint : undefined;
  });
}

/** A model, a configuration and an endpoint named chat, in service. */
export async function deployEndpoint(
  platform: Platform,
  variant: Partial<ProductionVariant> = {},
  slots = 8,
): Promise<void> {
  await createModel(platform);
  await createConfig(platform, 'first', variant, slots);
  await platform.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'first' }));
  await inStatus(platform, 'InService');
}

export function invoke(platform: Platform, generatedTokens: number, id = 'r-1') {
  return platform.runtime.send(
    new InvokeEndpointCommand({
      EndpointName: 'chat',
      ContentType: 'application/json',
      Body: JSON.stringify({ id, key: 'k', context_tokens: 100, generated_tokens: generatedTokens, sent_at: 0 }),
    }),
  );
}
