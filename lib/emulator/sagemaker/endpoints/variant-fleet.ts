import type { EpochSeconds } from '../../../core/time';
import {
  type ArrivalResult,
  type ArrivingRequest,
  EndpointFleet,
  mergeMetrics,
  type FleetEvent,
  type FleetMetrics,
  type InstanceSnapshot,
  type CapacityState,
} from '../../../simulation/fleet';
import type { VariantSpec } from './variant-spec';

/** Instances of one configuration; a variant has a second one while an update rolls over to it. */
interface Generation {
  readonly number: number;
  readonly spec: VariantSpec;
  readonly fleet: EndpointFleet;
  /** True if it accepts no more requests and ends once it is empty. */
  retired: boolean;
  /** Requests it received since there are two generations. */
  received: number;
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
  /** Instances that are billed now, in any state. */
  readonly billedByType: { readonly [instanceType: string]: number };
}

/** Metrics of the whole variant, and of each configuration while there are two. */
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
  /** Error responses since the last drain, by the numbers of the generations. */
  private readonly errors = new Map<number, { client: number; server: number }>();
  /** Configurations by the numbers of the generations, of ended ones too, whose last requests may still be on their way. */
  private readonly specs = new Map<number, VariantSpec>();

  public constructor(
    private readonly makeFleet: (spec: VariantSpec, generation: number, at: EpochSeconds) => EndpointFleet,
    spec: VariantSpec,
    at: EpochSeconds,
  ) {
    this.begin(spec, at);
  }

  /** The present configuration, or the one that the variant rolls over to. */
  public get spec(): VariantSpec {
    return this.newest.spec;
  }

  public get newest(): Generation {
    return this.generations.at(-1)!;
  }

  /** The previous configuration, during a roll-over. */
  public get previous(): Generation | undefined {
    return this.generations.filter((generation) => !generation.retired).at(-2);
  }

  /** Starts an empty fleet of another configuration beside the present one. */
  public begin(spec: VariantSpec, at: EpochSeconds): void {
    const number = this.nextNumber++;
    for (const generation of this.generations) generation.received = 0;
    this.generations.push({ number, spec, fleet: this.makeFleet(spec, number, at), retired: false, received: 0 });
    this.specs.set(number, spec);
  }

  /** Ends a configuration: its instances complete their requests and terminate. */
  public retire(generation: Generation, at: EpochSeconds): void {
    generation.retired = true;
    generation.fleet.setDesired(0, at);
  }

  /** Replaces the newest configuration by the previous one, which grows back to a number of instances. */
  public rollBack(count: number, at: EpochSeconds): void {
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

  /** Sets the availability of an instance type for the configurations that depend on it. */
  public setCapacity(
    instanceType: string,
    state: CapacityState,
    at: EpochSeconds,
    isConcerned: (spec: VariantSpec) => boolean,
  ): void {
    for (const { fleet, spec } of this.generations) {
      if (!isConcerned(spec) || !spec.pools.some((pool) => pool.instanceType === instanceType)) continue;
      fleet.setCapacity(instanceType, state, at);
    }
  }

  public arrive(at: EpochSeconds, request: ArrivingRequest): ArrivalResult {
    const generation = this.leastLoaded();
    generation.received++;
    const { onStart } = request;
    // A broken model responds with an error, which is not streamed.
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

  /** Advances to a moment and returns the events until then; instance ids are made unique across configurations. */
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

  /** True if no instance is left and no event is to come. */
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

  /** Configuration of an instance. */
  public specOf(instanceId: string): VariantSpec {
    return this.specs.get(generationOf(instanceId)) ?? this.spec;
  }

  /** Counts an error response of an instance's model: HTTP 4xx (`client`) or 5xx (`server`). */
  public countError(instanceId: string, side: 'client' | 'server'): void {
    const number = generationOf(instanceId);
    const count = this.errors.get(number) ?? { client: 0, server: 0 };
    count[side]++;
    this.errors.set(number, count);
  }

  public instances(): InstanceSnapshot[] {
    return this.generations.flatMap(({ fleet }) => fleet.instances());
  }

  public billedInstanceSeconds(at: EpochSeconds): { readonly [instanceType: string]: number } {
    return addUp([this.ended, ...this.generations.map(({ fleet }) => fleet.billedInstanceSeconds(at))]);
  }

  /** Returns the measurements since the last call; for one caller only. */
  public drainMetrics(at: EpochSeconds): VariantMetrics {
    const byConfig = this.generations.map(({ fleet, spec, number }) => ({
      configName: spec.configName,
      metrics: withErrors(fleet.drainMetrics(at), this.errors.get(number)),
    }));
    this.errors.clear();
    const all = {
      ...byConfig.map(({ metrics }) => metrics).reduce(mergeMetrics),
      invocationsPerInstance: this.perInstance,
    };
    this.perInstance = 0;
    return { all, byConfig };
  }

  /** The configuration for the next request: the one with the fewest requests per slot, and then the one that received fewer. */
  private leastLoaded(): Generation {
    const serving = this.generations.filter(({ retired }) => !retired);
    if (serving.length < 2) return this.newest;
    const loads = serving.map((generation) => {
      const { inService, slots, queued, inFlight } = generation.fleet.counts();
      const isServing = inService > 0;
      return {
        generation,
        load: isServing ? (queued + inFlight) / slots : Infinity,
        received: isServing ? generation.received / slots : Infinity,
      };
    });
    return loads.reduce((best, other) =>
      other.load < best.load || (other.load === best.load && other.received < best.received) ? other : best,
    ).generation;
  }
}

const isEmpty = (fleet: EndpointFleet): boolean => fleet.instances().length === 0 && fleet.nextEventAt() === undefined;

const momentOf = (event: FleetEvent): EpochSeconds => (event.kind === 'completed' ? event.finishedAt : event.at);

function withGeneration(event: FleetEvent, generation: number): FleetEvent {
  return 'instanceId' in event ? { ...event, instanceId: `${event.instanceId}-${generation}` } : event;
}

const generationOf = (instanceId: string): number => Number(instanceId.slice(instanceId.lastIndexOf('-') + 1));

const withErrors = (
  metrics: FleetMetrics,
  { client, server }: { readonly client: number; readonly server: number } = { client: 0, server: 0 },
): FleetMetrics => ({
  ...metrics,
  errors4xx: metrics.errors4xx + client,
  errors5xx: metrics.errors5xx + server,
  modelErrors: metrics.modelErrors + client + server,
});

function addUp(parts: readonly { readonly [key: string]: number }[]): { readonly [key: string]: number } {
  const total: { [key: string]: number } = {};
  for (const part of parts) {
    for (const [key, value] of Object.entries(part)) total[key] = (total[key] ?? 0) + value;
  }
  return total;
}
