import {
  DescribeScalableTargetsCommand,
  DescribeScalingActivitiesCommand,
  type ScalingActivity,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  ListTagsCommand,
  type ProductionVariantSummary,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { instancePrice } from '../../catalog/prices';
import { SAGEMAKER_SERVICE_NAMESPACE, SCALABLE_DIMENSIONS, variantResourceId } from '../../catalog/scalable-resource';
import { InputError } from '../../core/errors';
import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../../inference/contract';
import { createAwsClients, type AwsClients } from './aws';
import { LocalClock } from '../../emulator/clock';
import { LOCAL_REGION, localCredentials } from '../../emulator/credentials';
import type { DeniedCall, StreamBacklog } from '../../emulator/engine/engine';
import type { InvokeReply } from './invoke';
import type { FleetView, LocalPlatform } from './local-platform';
import { monotonicMs } from '../../emulator/monotonic';
import { linkedController, repeat } from '../../emulator/repeat';
import type { AccountEvent, ScalingActivitySnapshot } from '../../emulator';

const OBSERVE_INTERVAL_MS = 1000;

/** Variant that the platform observes. */
interface WatchedVariant {
  readonly endpointName: string;
  readonly variantName: string;
}

/**
 * Platform on an external engine, observed through the APIs of the services.
 *
 * The queue of the endpoint is unknown, as is the backlog of a stream unless another run of ours started the engine.
 */
class ExternalPlatform implements LocalPlatform {
  public readonly failed = new Promise<Error>(() => undefined);
  public readonly logFiles: readonly string[] = [];
  private readonly aws: AwsClients;
  private readonly runtime: SageMakerRuntimeClient;
  private readonly stopping = new AbortController();
  private readonly listeners = new Set<(event: AccountEvent) => void>();
  private readonly seenActivities = new Map<string, ScalingActivitySnapshot>();
  private watched: WatchedVariant | undefined;
  private observing: Promise<void> = Promise.resolve();
  private slots = DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
  private view: FleetView | undefined;
  private billedUsd = 0;
  private billedUntil: number;

  public constructor(
    public readonly engineUrl: string,
    public readonly clock: LocalClock,
    /** True if another run of ours started the engine. */
    private readonly ours: boolean,
  ) {
    this.aws = createAwsClients(engineUrl);
    this.runtime = new SageMakerRuntimeClient({
      endpoint: engineUrl,
      region: LOCAL_REGION,
      credentials: localCredentials,
      maxAttempts: 1,
    });
    this.billedUntil = clock.now();
  }

  public async enforceIam(): Promise<void> {
    if (this.ours) await fetch(`${this.engineUrl}/_tidegate/enforce-iam`, { method: 'POST' });
  }

  public async watch(endpointName: string, variantName: string): Promise<void> {
    this.watched = { endpointName, variantName };
    this.slots = await this.readSlots(endpointName, variantName);
    await this.observe();
    const { signal } = linkedController(this.stopping.signal);
    this.observing = repeat(
      OBSERVE_INTERVAL_MS,
      signal,
      () => this.observe(),
      () => undefined,
    );
  }

  public fleet(): FleetView {
    if (this.view === undefined) throw new Error('the endpoint has not been observed yet');
    return { ...this.view, billedUsd: this.billedUsd };
  }

  public trainingJobs(): ReturnType<LocalPlatform['trainingJobs']> {
    return [];
  }

  public activities(): readonly ScalingActivitySnapshot[] {
    return [...this.seenActivities.values()].sort((a, b) => a.atSeconds - b.atSeconds);
  }

  public onEvent(listener: (event: AccountEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  public connect(endpointName: string): ReturnType<LocalPlatform['connect']> {
    return { invoke: (body) => this.invoke(endpointName, body), close: () => undefined };
  }

  /** Kafka brokers of external engines are not known. */
  public readonly kafkaBroker = undefined;

  public topicBacklog(): Promise<null> {
    return Promise.resolve(null);
  }

  public async streamBacklog(streamName: string): Promise<number | null> {
    if (!this.ours) return null;
    const streams = (await this.getOurs('streams')) as { [name: string]: StreamBacklog };
    return streams[streamName]?.queued ?? 0;
  }

  public async deniedCalls(): Promise<readonly DeniedCall[]> {
    if (!this.ours) return [];
    const started = this.clock.localStartSeconds;
    return ((await this.getOurs('denied')) as DeniedCall[]).filter(({ atSeconds }) => atSeconds >= started);
  }

  public setCapacity(): void {
    throw new InputError('--chaos needs the capacity of our own engine; leave out --endpoint, or --chaos');
  }

  public async stop(): Promise<void> {
    this.stopping.abort(new Error('the run has ended'));
    await this.observing;
    this.runtime.destroy();
    this.aws.close();
  }

  private async getOurs(resource: string): Promise<unknown> {
    return (await fetch(`${this.engineUrl}/_tidegate/${resource}`)).json();
  }

  private async invoke(EndpointName: string, body: string): Promise<InvokeReply> {
    try {
      const command = new InvokeEndpointCommand({ EndpointName, Body: body, ContentType: 'application/json' });
      const reply = await this.runtime.send(command);
      return { statusCode: 200, body: Buffer.from(reply.Body ?? []).toString('utf8') };
    } catch (error) {
      const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
      if ($metadata?.httpStatusCode === undefined) throw error;
      return { statusCode: $metadata.httpStatusCode, body: JSON.stringify({ ...(error as object), name, message }) };
    }
  }

  private async readSlots(EndpointName: string, variantName: string): Promise<number> {
    const { EndpointConfigName } = await this.aws.sageMaker.send(new DescribeEndpointCommand({ EndpointName }));
    const config = await this.aws.sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
    const { Tags = [] } = await this.aws.sageMaker.send(new ListTagsCommand({ ResourceArn: config.EndpointConfigArn }));
    const value = Number(concurrencyTag(Tags, ({ Key }) => Key, variantName)?.Value);
    return Number.isFinite(value) && value > 0 ? value : DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
  }

  private async observe(): Promise<void> {
    const { endpointName, variantName } = this.watched!;
    const resourceId = variantResourceId(endpointName, variantName);
    const scope = {
      ServiceNamespace: SAGEMAKER_SERVICE_NAMESPACE,
      ScalableDimension: SCALABLE_DIMENSIONS.instanceCount,
    } as const;
    const [endpoint, targets, activities] = await Promise.all([
      this.aws.sageMaker.send(new DescribeEndpointCommand({ EndpointName: endpointName })),
      this.aws.applicationAutoScaling.send(new DescribeScalableTargetsCommand({ ...scope, ResourceIds: [resourceId] })),
      this.aws.applicationAutoScaling.send(new DescribeScalingActivitiesCommand({ ...scope, ResourceId: resourceId })),
    ]);
    const variant = endpoint.ProductionVariants?.find(({ VariantName }) => VariantName === variantName);
    const byType = await this.instancesByType(endpoint.EndpointConfigName, variant);
    this.bill(byType);
    const inService = variant?.CurrentInstanceCount ?? 0;
    const desired = variant?.DesiredInstanceCount ?? inService;
    this.view = {
      desired,
      inService,
      provisioning: Math.max(0, desired - inService),
      byType,
      slotsPerInstance: this.slots,
      queued: 0,
      inFlight: 0,
      minCapacity: targets.ScalableTargets?.[0]?.MinCapacity ?? null,
      maxCapacity: targets.ScalableTargets?.[0]?.MaxCapacity ?? null,
      billedUsd: this.billedUsd,
    };
    this.publish(activities.ScalingActivities ?? []);
  }

  private async instancesByType(
    EndpointConfigName: string | undefined,
    variant: ProductionVariantSummary | undefined,
  ): Promise<{ readonly [instanceType: string]: number }> {
    const pools = variant?.InstancePools ?? [];
    if (pools.length > 0) {
      return Object.fromEntries(
        pools.map(({ InstanceType, CurrentInstanceCount = 0 }) => [InstanceType!, CurrentInstanceCount]),
      );
    }
    const config = await this.aws.sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
    const declared = config.ProductionVariants?.find(({ VariantName }) => VariantName === variant?.VariantName);
    const type = declared?.InstanceType ?? declared?.InstancePools?.[0]?.InstanceType;
    return type === undefined ? {} : { [type]: variant?.CurrentInstanceCount ?? 0 };
  }

  /** Adds the cost of the visible instances at their dated prices since the last call. */
  private bill(byType: { readonly [instanceType: string]: number }): void {
    const now = this.clock.now();
    const hours = (now - this.billedUntil) / 3600;
    this.billedUntil = now;
    for (const [instanceType, count] of Object.entries(byType)) {
      if (count > 0) this.billedUsd += count * hours * instancePrice({ instanceType, region: LOCAL_REGION }).usdPerHour;
    }
  }

  private publish(activities: readonly ScalingActivity[]): void {
    for (const activity of [...activities].reverse()) {
      const id = activity.ActivityId ?? '';
      if (this.seenActivities.has(id)) continue;
      const snapshot = this.snapshotOf(activity);
      this.seenActivities.set(id, snapshot);
      if (snapshot.atSeconds < this.clock.localStartSeconds) continue;
      for (const listener of this.listeners) {
        listener({ kind: 'scaling-activity', atSeconds: snapshot.atSeconds, activity: snapshot });
      }
    }
  }

  private snapshotOf(activity: ScalingActivity): ScalingActivitySnapshot {
    const toCapacity = Number(/to (\d+)/.exec(activity.Description ?? '')?.[1] ?? Number.NaN);
    const before = this.activities().at(-1)?.toCapacity ?? this.view?.inService ?? 0;
    return {
      activityId: activity.ActivityId ?? '',
      resourceId: activity.ResourceId ?? '',
      scalableDimension: SCALABLE_DIMENSIONS.instanceCount,
      atSeconds: (activity.StartTime?.getTime() ?? 0) / 1000,
      endedAtSeconds: activity.EndTime === undefined ? null : activity.EndTime.getTime() / 1000,
      fromCapacity: before,
      toCapacity: Number.isNaN(toCapacity) ? before : toCapacity,
      description: activity.Description ?? '',
      cause: activity.Cause ?? '',
      statusCode: activity.StatusCode ?? '',
      statusMessage: activity.StatusMessage ?? '',
      decidedBy: null,
      steps: [],
    };
  }
}

/**
 * Attaches to an external engine.
 *
 * An engine of ours has its own clock; any other has the machine's clock, so the run takes place in real time.
 */
export async function attachPlatform(url: string): Promise<LocalPlatform> {
  const clock = await engineClock(url);
  if (clock !== undefined) return new ExternalPlatform(url, clock, true);
  await requireReachable(url);
  return new ExternalPlatform(url, LocalClock.startingNow(1), false);
}

const HEALTH_TIMEOUT_MS = 5000;

/** Returns the clock of an engine of ours on this machine; undefined for anything else. */
export async function engineClock(url: string): Promise<LocalClock | undefined> {
  try {
    const response = await fetch(`${url}/_tidegate/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
    if (!response.ok) return undefined;
    const { clock } = (await response.json()) as { readonly clock?: { readonly [name: string]: unknown } };
    const { monotonicMs: at, localSeconds, speed } = clock ?? {};
    if (typeof at !== 'number' || typeof localSeconds !== 'number' || typeof speed !== 'number') return undefined;
    const now = monotonicMs();
    // An engine in a virtual machine has a clock of its own; its answer is then a moment old.
    const isSameClock = at <= now && now - at < HEALTH_TIMEOUT_MS;
    return new LocalClock({ monotonicStartMs: isSameClock ? at : now, localStartSeconds: localSeconds, speed });
  } catch {
    return undefined;
  }
}

async function requireReachable(url: string): Promise<void> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
    throw new InputError(`no AWS engine responds at ${url} (${code ?? message}); start it, or leave out --endpoint`);
  }
}
