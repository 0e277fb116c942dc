import { InputError } from '../../core/errors';

/** Environment variable with the number of instances of each ML capacity reservation: `ARN=COUNT`, separated by commas. */
export const RESERVATIONS_VARIABLE = 'TIDEGATE_LOCAL_RESERVATIONS';

/** Number of instances of each declared reservation, by ARN. */
export type DeclaredReservations = { readonly [reservationArn: string]: number };

/** Pattern of the ARN of an ML capacity reservation (API reference, ProductionVariantCapacityReservationConfig). */
export const RESERVATION_ARN = /^arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:ml-reservation\/.+$/;

/**
 * Parses the value of {@link RESERVATIONS_VARIABLE}.
 *
 * @throws InputError for an entry that is not ARN=COUNT
 */
export function parseReservations(text: string | undefined): DeclaredReservations {
  const declared: { [reservationArn: string]: number } = {};
  for (const entry of (text ?? '').split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const [reservationArn = '', count = ''] = entry.split('=');
    if (!RESERVATION_ARN.test(reservationArn) || !/^\d+$/.test(count)) {
      throw new InputError(
        `${RESERVATIONS_VARIABLE} has '${entry}'; give ARN=COUNT, as in arn:aws:sagemaker:us-east-1:123456789012:ml-reservation/gpu=4`,
      );
    }
    declared[reservationArn] = Number(count);
  }
  return declared;
}

/** An endpoint's fleet with instances in a reservation. */
interface Holder {
  readonly endpointName: string;
  readonly instances: () => number;
}

/** One reservation: a maximum number of instances over all endpoints that use it. */
class Reservation {
  private readonly holders: Holder[] = [];

  public constructor(
    /** Number of instances; undefined when it was not declared, and then limited by the capacity of the type alone. */
    public readonly size: number | undefined,
  ) {}

  public join(holder: Holder): void {
    this.holders.push(holder);
  }

  /** Number of instances that can still be launched. */
  public get room(): number {
    return this.size === undefined ? Infinity : Math.max(0, this.size - this.used());
  }

  /** Number of instances in it, of one endpoint or of all. */
  public used(endpointName?: string): number {
    return this.holders
      .filter((holder) => endpointName === undefined || holder.endpointName === endpointName)
      .reduce((sum, holder) => sum + holder.instances(), 0);
  }
}

/** The ML capacity reservations of the account, each created when it is first named. */
export class Reservations {
  private readonly byArn = new Map<string, Reservation>();

  public constructor(private readonly declared: DeclaredReservations) {}

  public of(reservationArn: string): Reservation {
    const present = this.byArn.get(reservationArn);
    if (present !== undefined) return present;
    const created = new Reservation(this.declared[reservationArn]);
    this.byArn.set(reservationArn, created);
    return created;
  }
}
