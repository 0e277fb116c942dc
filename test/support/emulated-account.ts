import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  type DescribeEndpointCommandOutput,
  type ProductionVariant,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { SCALABLE_DIMENSIONS } from '../../lib/catalog/scalable-resource';
import type { EpochSeconds } from '../../lib/core/time';
import { type AccountEvent, type EmulatorOptions, type RunningEmulator, startEmulator } from '../../lib/emulator';
import { FakeEngine } from './fake-engine';
import { HandClock } from './hand-clock';

export const VARIANT_DIMENSION = SCALABLE_DIMENSIONS.instanceCount;

/** A full hour. */
const START_SECONDS = 1_793_577_600;

/**
 * An emulator on a clock moved by hand, beside an engine in memory, with the AWS clients that call it over HTTP.
 *
 * Local time moves only in `advance`, `until` and `finish`, from one event to the next. Between two events every message on its way arrives,
 * however long the machine takes for it. A call that waits for local time, such as an invocation, is to be passed to `finish`.
 */
export class EmulatedAccount {
  public readonly events: AccountEvent[] = [];
  public readonly sageMaker: SageMakerClient;
  public readonly runtime: SageMakerRuntimeClient;
  public readonly scaling: ApplicationAutoScalingClient;
  /** Calls of this process without a reply yet. */
  private openCalls = 0;

  private constructor(
    public readonly emulator: RunningEmulator,
    public readonly engine: FakeEngine,
    public readonly clock: HandClock,
    public readonly logged: readonly string[],
  ) {
    emulator.onEvent((event) => this.events.push(event));
    const settings = {
      endpoint: emulator.url,
      region: 'us-east-1',
      credentials: { accessKeyId: '123456789012', secretAccessKey: 'local' },
      maxAttempts: 1,
    };
    this.sageMaker = this.counted(new SageMakerClient(settings));
    this.runtime = this.counted(new SageMakerRuntimeClient(settings));
    this.scaling = this.counted(new ApplicationAutoScalingClient(settings));
  }

  public static async start(
    options: Partial<Omit<EmulatorOptions, 'clock' | 'engine'>> = {},
    startSeconds: EpochSeconds = START_SECONDS,
  ): Promise<EmulatedAccount> {
    const engine = new FakeEngine();
    const clock = new HandClock(startSeconds);
    const logged: string[] = [];
    const emulator = await startEmulator({
      port: 0,
      engineUrl: () => 'http://127.0.0.1:9',
      seed: 1,
      log: (message) => logged.push(message),
      ...options,
      engine,
      clock,
    });
    return new EmulatedAccount(emulator, engine, clock, logged);
  }

  public async post(path: string, body: unknown): Promise<{ status: number; body: { [member: string]: unknown } }> {
    return this.count(async () => {
      const reply = await fetch(`${this.emulator.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
      return { status: reply.status, body: (await reply.json()) as { [member: string]: unknown } };
    });
  }

  /** Lets everything that is on its way arrive: resolves once each open call waits in the emulator for local time. */
  public async settle(): Promise<void> {
    for (let quietTurns = 0; quietTurns < 2;) {
      this.clock.moveTo(this.clock.now());
      await new Promise((resolve) => setImmediate(resolve));
      quietTurns = this.openCalls === this.emulator.openRequests() ? quietTurns + 1 : 0;
    }
  }

  /** Moves forward by local seconds. */
  public advance(seconds: number): Promise<void> {
    return this.advanceTo(this.clock.now() + seconds);
  }

  /** Moves forward to a local moment. */
  public async advanceTo(at: EpochSeconds): Promise<void> {
    await this.settle();
    for (let next = this.clock.nextTimerAt(); next !== undefined && next <= at; next = this.clock.nextTimerAt()) {
      this.clock.moveTo(next);
      await this.settle();
    }
    this.clock.moveTo(at);
    await this.settle();
  }

  /** Moves forward until the check returns something. Throws when that has not come after local seconds. */
  public async until<T>(what: string, check: () => T | Promise<T>, limitSeconds = 4 * 3600): Promise<NonNullable<T>> {
    const end = this.clock.now() + limitSeconds;
    for (;;) {
      await this.settle();
      const found = await check();
      if (found) return found as NonNullable<T>;
      if (this.clock.now() >= end) throw new Error(`not within ${limitSeconds} local seconds: ${what}`);
      this.step();
    }
  }

  /** Moves forward until the call has its result. */
  public async finish<T>(call: Promise<T>): Promise<T> {
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    call.then(end, end);
    for (;;) {
      await this.settle();
      if (isOver) return call;
      this.step();
    }
  }

  public async stop(): Promise<void> {
    for (const client of [this.sageMaker, this.runtime, this.scaling]) client.destroy();
    await this.emulator.stop();
  }

  private step(): void {
    const next = this.clock.nextTimerAt();
    if (next === undefined) throw new Error('nothing is left to wait for');
    this.clock.moveTo(next);
  }

  private async count<T>(call: () => Promise<T>): Promise<T> {
    this.openCalls++;
    try {
      return await call();
    } finally {
      this.openCalls--;
    }
  }

  private counted<C extends SageMakerClient | SageMakerRuntimeClient | ApplicationAutoScalingClient>(client: C): C {
    const send = client.send.bind(client) as (command: unknown) => Promise<unknown>;
    client.send = ((command: unknown) => this.count(() => send(command))) as C['send'];
    return client;
  }
}

export async function createModel(account: EmulatedAccount, name = 'model'): Promise<void> {
  account.engine.objects.set('artifacts/model.tar.gz', Buffer.from('weights'));
  await account.sageMaker.send(
    new CreateModelCommand({
      ModelName: name,
      ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
      PrimaryContainer: { Image: 'triton:latest', ModelDataUrl: 's3://artifacts/model.tar.gz' },
    }),
  );
}

export async function createConfig(
  account: EmulatedAccount,
  name: string,
  variant: Partial<ProductionVariant> = {},
  slots = 8,
): Promise<void> {
  await account.sageMaker.send(
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

export const describeEndpoint = (account: EmulatedAccount, name = 'chat'): Promise<DescribeEndpointCommandOutput> =>
  account.sageMaker.send(new DescribeEndpointCommand({ EndpointName: name }));

/** Moves forward until an endpoint has a status, and describes it. */
export async function inStatus(
  account: EmulatedAccount,
  status: string,
  name = 'chat',
): Promise<DescribeEndpointCommandOutput> {
  await account.until(`${name} is ${status}`, () =>
    account.emulator.snapshot().endpoints.some((endpoint) => endpoint.name === name && endpoint.status === status),
  );
  const endpoint = await describeEndpoint(account, name);
  expect(endpoint.EndpointStatus).toBe(status);
  return endpoint;
}

/** Creates a model, a configuration and an endpoint named chat, and moves forward until it is in service. */
export async function deployEndpoint(
  account: EmulatedAccount,
  variant: Partial<ProductionVariant> = {},
  slots = 8,
): Promise<void> {
  await createModel(account);
  await createConfig(account, 'first', variant, slots);
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'first' }));
  await inStatus(account, 'InService');
}

/** Sends a request to the endpoint named chat; its response needs local time, see {@link EmulatedAccount.finish}. */
export function invoke(account: EmulatedAccount, generatedTokens: number, id = 'r-1') {
  return account.runtime.send(
    new InvokeEndpointCommand({
      EndpointName: 'chat',
      ContentType: 'application/json',
      Body: JSON.stringify({ id, key: 'k', context_tokens: 100, generated_tokens: generatedTokens, sent_at: 0 }),
    }),
  );
}
