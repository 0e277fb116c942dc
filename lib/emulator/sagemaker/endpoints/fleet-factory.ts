import type { EpochSeconds } from '../../../core/time';
import { EndpointFleet, lognormalProvisioning } from '../../../simulation/fleet';
import type { Random } from '../../../simulation/random';
import type { Capacity } from '../../account/capacity';
import type { Reservations } from '../../account/reservations';
import { VariantFleet } from './variant-fleet';
import type { VariantSpec } from './variant-spec';

export interface FleetSettings {
  /** Seconds from launch to in service: median and spread of a lognormal distribution. */
  readonly provisioning: { readonly medianSeconds: number; readonly sigma: number };
  /** Maximum number of requests queued in one instance's container. */
  readonly queueLimitPerInstance: number;
  /** Time-out of InvokeEndpoint, seconds. */
  readonly requestTimeoutSeconds: number;
}

/** Provisioning time of a container that never passes its health check: longer than any time-out. */
const NEVER_SECONDS = 1e9;

/** Time until a serverless endpoint is in service; an assumption. */
const SERVERLESS_CREATION = { medianSeconds: 60, sigma: 0.2 } as const;

/** Creates the instances of variants. */
export class FleetFactory {
  private count = 0;

  public constructor(
    private readonly parts: {
      readonly random: Random;
      readonly settings: FleetSettings;
      readonly capacity: Capacity;
      readonly reservations: Reservations;
    },
  ) {}

  public make(endpointName: string, spec: VariantSpec, from: EpochSeconds): VariantFleet {
    const makeFleet = (of: VariantSpec, generation: number, at: EpochSeconds): EndpointFleet =>
      this.generation(endpointName, `${endpointName}/${of.variantName}/${generation}/${this.count++}`, of, at);
    return new VariantFleet(makeFleet, spec, from);
  }

  /** True if the capacity of its types limits its instances; a declared reservation has its own. */
  public dependsOnCapacity({ reservationArn }: VariantSpec): boolean {
    return reservationArn === undefined || this.parts.reservations.of(reservationArn).size === undefined;
  }

  private generation(endpointName: string, seed: string, spec: VariantSpec, at: EpochSeconds): EndpointFleet {
    const { random, settings, capacity, reservations } = this.parts;
    const own = random.fork(seed);
    const isServerless = spec.serverless !== undefined;
    const provisioning = lognormalProvisioning(
      own.fork('provisioning'),
      isServerless ? SERVERLESS_CREATION : settings.provisioning,
    );
    const reservation = spec.reservationArn === undefined ? undefined : reservations.of(spec.reservationArn);
    const fleet: EndpointFleet = new EndpointFleet({
      pools: spec.pools,
      slotsPerInstance: spec.slotsPerInstance,
      provisioning: spec.fault === 'unhealthy' ? () => NEVER_SECONDS : provisioning,
      random: own.fork('routing'),
      routing: spec.routing,
      prefixConcurrencyThreshold: spec.prefixAware?.concurrencyThreshold,
      queueLimitPerInstance: isServerless ? 0 : settings.queueLimitPerInstance,
      requestTimeoutSeconds: spec.maxServiceSeconds ?? settings.requestTimeoutSeconds,
      startAt: at,
      ...(reservation && { room: () => reservation.room }),
    });
    reservation?.join({ endpointName, instances: () => fleet.instances().length });
    if (isServerless) return fleet;
    if (!this.dependsOnCapacity(spec)) return fleet;
    for (const { instanceType } of spec.pools) fleet.setCapacity(instanceType, capacity.of(instanceType), at);
    return fleet;
  }
}
