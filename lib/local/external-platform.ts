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
import { instancePrice } from '../catalog/prices';
import { InputError } from '../core/errors';
import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../inference/contract';
import { awsClients, type AwsClients } from './aws';
import { LocalClock } from './clock';
import { LOCAL_REGION, localCredentials } from './engine/credentials';
import type { DeniedCall, StreamBacklog } from './engine/engine';
import type { InvokeReply } from './load/direct-sender';
import { resourceIdOf, type FleetView, type Platform } from './platform';
import { linkedController, pause, repeat } from './repeat';
import type { PlatformEvent, ScalingActivitySnapshot } from './sidecar';

const LOOK_MS = 1000;
const MEASURE_CLOCK_MS = 500;
const DIMENSION = 'sagemaker:variant:DesiredInstanceCount';

interface Watched {
  readonly endpointName: string;
  readonly variantName: string;
}

/**
 * A platform on an engine that the user runs: everything is told by the services' own APIs.
 *
 * What they do not tell stays open: the endpoint's queue, and a stream's backlog unless the engine is ours.
 */
class ExternalPlatform implements Platform {
  public readonly failed = new Promise<Error>(() => undefined);
  public readonly logFiles: readonly string[] = [];
  private readonly aws: AwsClients;
  private readonly runtime: SageMakerRuntimeClient;
  private readonly stopping = new AbortController();
  private readonly listeners = new Set<(event: PlatformEvent) => void>();
  private readonly told = new Map<string, ScalingActivitySnapshot>();
  private watched: Watched | undefined;
  private looking: Promise<void> = Promise.resolve();
  private slots = DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
  private view: FleetView | undefined;
  private billedUsd = 0;
  private billedUntil: number;

  public constructor(
    public readonly engineUrl: string,
    public readonly clock: LocalClock,
    /** Whether the engine is one of ours, started by another run. */
    private readonly ours: boolean,
  ) {
    this.aws = awsClients(engineUrl);
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

  /** Begins to look at an endpoint's variant. */
  public async watch(endpointName: string, variantName: string): Promise<void> {
    this.watched = { endpointName, variantName };
    this.slots = await this.readSlots(endpointName, variantName);
    await this.look();
    const { signal } = linkedController(this.stopping.signal);
    this.looking = repeat(
      LOOK_MS,
      signal,
      () => this.look(),
      () => undefined,
    );
  }

  public fleet(): FleetView {
    if (this.view === undefined) throw new Error('the endpoint has not been looked at yet');
    return { ...this.view, billedUsd: this.billedUsd };
  }

  public trainingJobs(): ReturnType<Platform['trainingJobs']> {
    return [];
  }

  public activities(): readonly ScalingActivitySnapshot[] {
    return [...this.told.values()].sort((a, b) => a.atSeconds - b.atSeconds);
  }

  public onEvent(listener: (event: PlatformEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  public connect(endpointName: string): ReturnType<Platform['connect']> {
    return { invoke: (body) => this.invoke(endpointName, body), close: () => undefined };
  }

  public async streamBacklog(streamName: string): Promise<number | null> {
    if (!this.ours) return null;
    const streams = (await this.askOurs('streams')) as { [name: string]: StreamBacklog };
    return streams[streamName]?.queued ?? 0;
  }

  public async deniedCalls(): Promise<readonly DeniedCall[]> {
    if (!this.ours) return [];
    const started = this.clock.localStartSeconds;
    return ((await this.askOurs('denied')) as DeniedCall[]).filter(({ atSeconds }) => atSeconds >= started);
  }

  public setCapacity(): void {
    throw new InputError('--chaos needs the capacity of our own engine; leave out --endpoint, or --chaos');
  }

  public async stop(): Promise<void> {
    this.stopping.abort(new Error('the run has ended'));
    await this.looking;
    this.runtime.destroy();
    this.aws.close();
  }

  private async askOurs(what: string): Promise<unknown> {
    return (await fetch(`${this.engineUrl}/_tidegate/${what}`)).json();
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

  private async look(): Promise<void> {
    const { endpointName, variantName } = this.watched!;
    const resourceId = resourceIdOf(endpointName, variantName);
    const scope = { ServiceNamespace: 'sagemaker', ScalableDimension: DIMENSION } as const;
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
    this.tell(activities.ScalingActivities ?? []);
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

  /** Instances that are there, at their dated price: what the services do not tell is not billed here. */
  private bill(byType: { readonly [instanceType: string]: number }): void {
    const now = this.clock.now();
    const hours = (now - this.billedUntil) / 3600;
    this.billedUntil = now;
    for (const [instanceType, count] of Object.entries(byType)) {
      if (count > 0) this.billedUsd += count * hours * instancePrice({ instanceType, region: LOCAL_REGION }).usdPerHour;
    }
  }

  private tell(activities: readonly ScalingActivity[]): void {
    for (const activity of [...activities].reverse()) {
      const id = activity.ActivityId ?? '';
      if (this.told.has(id)) continue;
      const snapshot = this.snapshotOf(activity);
      this.told.set(id, snapshot);
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
      scalableDimension: DIMENSION,
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
 * Attaches to an engine that the user runs.
 *
 * One of ours keeps its own clock; any other has the machine's, so a run there goes at its speed.
 */
export async function attachPlatform(url: string): Promise<Platform> {
  const first = await askHealth(url);
  if (first === undefined) {
    await reach(url);
    return new ExternalPlatform(url, LocalClock.startingNow(1), false);
  }
  await pause(MEASURE_CLOCK_MS);
  const second = (await askHealth(url))!;
  const speed = (second.localSeconds - first.localSeconds) / ((second.atMs - first.atMs) / 1000);
  const rounded = Math.max(1, Math.round(speed));
  const clock = new LocalClock({ realStartMs: second.atMs, localStartSeconds: second.localSeconds, speed: rounded });
  return new ExternalPlatform(url, clock, true);
}

async function askHealth(url: string): Promise<{ readonly localSeconds: number; readonly atMs: number } | undefined> {
  try {
    const response = await fetch(`${url}/_tidegate/health`, { signal: AbortSignal.timeout(5000) });
    if (!response.ok) return undefined;
    const { localSeconds } = (await response.json()) as { readonly localSeconds?: unknown };
    return typeof localSeconds === 'number' ? { localSeconds, atMs: Date.now() } : undefined;
  } catch {
    return undefined;
  }
}

async function reach(url: string): Promise<void> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
    throw new InputError(`no AWS engine answers at ${url} (${code ?? message}); start it, or leave out --endpoint`);
  }
}
