import { InputError } from '../../core/errors';

/** The variable that declares how many instances ML capacity reservations hold: `ARN=COUNT`, several with commas between. */
export const RESERVATIONS_VARIABLE = 'TIDEGATE_LOCAL_RESERVATIONS';

/** Instances of each declared reservation, by its ARN. */
export type DeclaredReservations = { readonly [reservationArn: string]: number };

/** The ARN of an ML capacity reservation (API reference, ProductionVariantCapacityReservationConfig). */
export const RESERVATION_ARN = /^arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:ml-reservation\/.+$/;

/**
 * Reads {@link RESERVATIONS_VARIABLE}; nothing declares nothing.
 *
 * @throws InputError naming what is wrong
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

/** Whoever has instances in a reservation. */
interface Holder {
  readonly endpointName: string;
  readonly instances: () => number;
}

/** One reservation: at most so many instances, whichever endpoints have them. */
export class Reservation {
  private readonly holders: Holder[] = [];

  public constructor(
    /** Undefined where it was not declared; the reservation then has as many as there is capacity of its type. */
    public readonly size: number | undefined,
  ) {}

  public join(holder: Holder): void {
    this.holders.push(holder);
  }

  /** Instances that can still be launched. */
  public get room(): number {
    return this.size === undefined ? Infinity : Math.max(0, this.size - this.used());
  }

  /** Instances in it, of one endpoint or of all. */
  public used(endpointName?: string): number {
    return this.holders
      .filter((holder) => endpointName === undefined || holder.endpointName === endpointName)
      .reduce((sum, holder) => sum + holder.instances(), 0);
  }
}

/** The ML capacity reservations of the account, each made when it is first named. */
export class Reservations {
  private readonly byArn = new Map<string, Reservation>();

  public constructor(private readonly declared: DeclaredReservations) {}

  public of(reservationArn: string): Reservation {
    const present = this.byArn.get(reservationArn);
    if (present !== undefined) return present;
    const made = new Reservation(this.declared[reservationArn]);
    this.byArn.set(reservationArn, made);
    return made;
  }
}
