import type { EpochSeconds } from '../../../core/time';
import {
  type ArrivalResult,
  type ArrivingRequest,
  EndpointFleet,
  type FleetEvent,
  type FleetMetrics,
  type InstanceSnapshot,
  mergeStatistics,
} from '../../../simulation/fleet';
import type { CapacityState } from '../snapshot';
import type { VariantSpec } from './variant-spec';

/** Instances of one configuration; a variant has a second one while an update rolls over to it. */
interface Generation {
  readonly number: number;
  readonly spec: VariantSpec;
  readonly fleet: EndpointFleet;
  /** Takes no more requests and ends once it is empty. */
  retired: boolean;
  /** Requests it was given since there are two of them. */
  given: number;
}

export interface VariantCounts {
  readonly desired: number;
  readonly inService: number;
  readonly provisioning: number;
  readonly draining: number;
  readonly missing: number;
  readonly queued: number;
  readonly inFlight: number;
  readonly inServiceByType: { readonly [instanceType: string]: number };
  /** Instances that are billed now, whatever their state. */
  readonly billedByType: { readonly [instanceType: string]: number };
}

/** What the metrics publisher asks for: the whole variant, and each configuration apart while there are two. */
export interface VariantMetrics {
  readonly all: FleetMetrics;
  readonly byConfig: readonly { readonly configName: string; readonly metrics: FleetMetrics }[];
}

/** The instances of one variant, across a change of its configuration. */
export class VariantFleet {
  private generations: Generation[] = [];
  private ended: { readonly [instanceType: string]: number } = {};
  private nextNumber = 1;
  private perInstance = 0;
  /** Numbers of the generations whose models answer with errors, and how many they gave since the last look. */
  private readonly broken = new Map<number, number>();

  public constructor(
    private readonly makeFleet: (spec: VariantSpec, generation: number, at: EpochSeconds) => EndpointFleet,
    spec: VariantSpec,
    at: EpochSeconds,
  ) {
    this.begin(spec, at);
  }

  /** The configuration that the variant has, or rolls over to. */
  public get spec(): VariantSpec {
    return this.newest.spec;
  }

  public get newest(): Generation {
    return this.generations.at(-1)!;
  }

  /** The configuration before, while a roll-over is under way. */
  public get previous(): Generation | undefined {
    return this.generations.filter((generation) => !generation.retired).at(-2);
  }

  /** Starts an empty fleet of another configuration beside the present one. */
  public begin(spec: VariantSpec, at: EpochSeconds): void {
    const number = this.nextNumber++;
    for (const generation of this.generations) generation.given = 0;
    this.generations.push({ number, spec, fleet: this.makeFleet(spec, number, at), retired: false, given: 0 });
    if (spec.fault === 'errors') this.broken.set(number, 0);
  }

  /** Ends a configuration: its instances finish what they hold and go. */
  public retire(generation: Generation, at: EpochSeconds): void {
    generation.retired = true;
    generation.fleet.setDesired(0, at);
  }

  /** Gives up the newest configuration for the one before, which grows back to a number of instances. */
  public goBack(count: number, at: EpochSeconds): void {
    const { previous, newest } = this;
    if (previous === undefined) return;
    this.retire(newest, at);
    this.generations = [...this.generations.filter((generation) => generation !== previous), previous];
    previous.fleet.setDesired(count, at);
  }

  /** Ends every configuration. */
  public end(at: EpochSeconds): void {
    for (const generation of this.generations) this.retire(generation, at);
  }

  public setDesired(count: number, at: EpochSeconds): void {
    this.newest.fleet.setDesired(count, at);
  }

  /** Only the configurations that it concerns hear of it. */
  public setCapacity(
    instanceType: string,
    state: CapacityState,
    at: EpochSeconds,
    concerns: (spec: VariantSpec) => boolean,
  ): void {
    for (const { fleet, spec } of this.generations) {
      if (!concerns(spec) || !spec.pools.some((pool) => pool.instanceType === instanceType)) continue;
      fleet.setCapacity(instanceType, state, at);
    }
  }

  public arrive(at: EpochSeconds, request: ArrivingRequest): ArrivalResult {
    const generation = this.quietest();
    generation.given++;
    const { onStart } = request;
    // A broken model answers with an error, whole.
    const isBroken = generation.spec.fault === 'errors';
    const named =
      onStart && !isBroken && ((from: EpochSeconds, id: string) => onStart(from, `${id}-${generation.number}`));
    const result = generation.fleet.arrive(at, { ...request, onStart: named || undefined });
    if (result === 'started' || result === 'queued') this.perInstance += 1 / Math.max(1, this.counts().inService);
    return result;
  }

  public nextEventAt(): EpochSeconds | undefined {
    let next: EpochSeconds | undefined;
    for (const { fleet } of this.generations) {
      const at = fleet.nextEventAt();
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  /** Goes to a moment and tells what happened; instance ids are made unique across configurations. */
  public advanceTo(at: EpochSeconds): FleetEvent[] {
    const events = this.generations.flatMap(({ fleet, number }) =>
      fleet.advanceTo(at).map((event) => withGeneration(event, number)),
    );
    for (const generation of this.generations.filter(({ retired, fleet }) => retired && isEmpty(fleet))) {
      if (this.generations.length === 1) break;
      this.ended = addUp([this.ended, generation.fleet.billedInstanceSeconds(at)]);
      this.generations = this.generations.filter((other) => other !== generation);
    }
    return this.generations.length > 1 ? events.sort((a, b) => momentOf(a) - momentOf(b)) : events;
  }

  /** Everything that is left is gone and nothing more will happen. */
  public isEmpty(): boolean {
    return this.generations.every(({ fleet }) => isEmpty(fleet));
  }

  public counts(): VariantCounts {
    const counts = this.generations.map(({ fleet }) => fleet.counts());
    const sum = (of: (count: (typeof counts)[number]) => number): number =>
      counts.reduce((total, count) => total + of(count), 0);
    return {
      desired: sum((count) => count.desired),
      inService: sum((count) => count.inService),
      provisioning: sum((count) => count.provisioning),
      draining: sum((count) => count.draining),
      missing: sum((count) => count.missing),
      queued: sum((count) => count.queued),
      inFlight: sum((count) => count.inFlight),
      inServiceByType: addUp(counts.map((count) => count.inServiceByType)),
      billedByType: addUp(counts.map((count) => count.byType)),
    };
  }

  /** Whether the model on an instance answers with an error; counts the answer. */
  public answersWithError(instanceId: string): boolean {
    const number = Number(instanceId.slice(instanceId.lastIndexOf('-') + 1));
    const count = this.broken.get(number);
    if (count !== undefined) this.broken.set(number, count + 1);
    return count !== undefined;
  }

  public instances(): InstanceSnapshot[] {
    return this.generations.flatMap(({ fleet }) => fleet.instances());
  }

  public billedInstanceSeconds(at: EpochSeconds): { readonly [instanceType: string]: number } {
    return addUp([this.ended, ...this.generations.map(({ fleet }) => fleet.billedInstanceSeconds(at))]);
  }

  /** What was measured since the last call; for one caller only. */
  public drainMetrics(at: EpochSeconds): VariantMetrics {
    const byConfig = this.generations.map(({ fleet, spec, number }) => ({
      configName: spec.configName,
      metrics: withErrors(fleet.drainMetrics(at), this.broken.get(number) ?? 0),
    }));
    for (const number of this.broken.keys()) this.broken.set(number, 0);
    const all = {
      ...byConfig.map(({ metrics }) => metrics).reduce(inParallel),
      invocationsPerInstance: this.perInstance,
    };
    this.perInstance = 0;
    return { all, byConfig };
  }

  /** Where a request goes: the configuration with the fewest requests for each of its slots, and then the one that was given fewer. */
  private quietest(): Generation {
    const serving = this.generations.filter(({ retired }) => !retired);
    if (serving.length < 2) return this.newest;
    const loads = serving.map((generation) => {
      const { inService, slots, queued, inFlight } = generation.fleet.counts();
      const isServing = inService > 0;
      return {
        generation,
        load: isServing ? (queued + inFlight) / slots : Infinity,
        given: isServing ? generation.given / slots : Infinity,
      };
    });
    return loads.reduce((best, other) =>
      other.load < best.load || (other.load === best.load && other.given < best.given) ? other : best,
    ).generation;
  }
}

const isEmpty = (fleet: EndpointFleet): boolean => fleet.instances().length === 0 && fleet.nextEventAt() === undefined;

const momentOf = (event: FleetEvent): EpochSeconds => (event.kind === 'completed' ? event.finishedAt : event.at);

function withGeneration(event: FleetEvent, generation: number): FleetEvent {
  return 'instanceId' in event ? { ...event, instanceId: `${event.instanceId}-${generation}` } : event;
}

const withErrors = (metrics: FleetMetrics, errors: number): FleetMetrics => ({
  ...metrics,
  errors5xx: metrics.errors5xx + errors,
  modelErrors: metrics.modelErrors + errors,
});

/** The metrics of two fleets over the same span. */
function inParallel(a: FleetMetrics, b: FleetMetrics): FleetMetrics {
  return {
    fromSeconds: Math.min(a.fromSeconds, b.fromSeconds),
    toSeconds: Math.max(a.toSeconds, b.toSeconds),
    invocations: a.invocations + b.invocations,
    invocationsPerInstance: a.invocationsPerInstance + b.invocationsPerInstance,
    modelLatencySeconds: mergeStatistics(a.modelLatencySeconds, b.modelLatencySeconds),
    queueSeconds: mergeStatistics(a.queueSeconds, b.queueSeconds),
    completed: a.completed + b.completed,
    timedOut: a.timedOut + b.timedOut,
    rejectedWithoutInstance: a.rejectedWithoutInstance + b.rejectedWithoutInstance,
    rejectedByQueue: a.rejectedByQueue + b.rejectedByQueue,
    errors4xx: a.errors4xx + b.errors4xx,
    errors5xx: a.errors5xx + b.errors5xx,
    modelErrors: a.modelErrors + b.modelErrors,
    concurrentRequests: mergeStatistics(a.concurrentRequests, b.concurrentRequests),
    gpuUtilizationPercent: mergeStatistics(a.gpuUtilizationPercent, b.gpuUtilizationPercent),
    inService: a.inService + b.inService,
  };
}

function addUp(parts: readonly { readonly [key: string]: number }[]): { readonly [key: string]: number } {
  const total: { [key: string]: number } = {};
  for (const part of parts) {
    for (const [key, value] of Object.entries(part)) total[key] = (total[key] ?? 0) + value;
  }
  return total;
}
