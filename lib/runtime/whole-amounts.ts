import { type Duration, type Size, SizeRoundingBehavior } from 'aws-cdk-lib';

/** Units of durations and sizes that AWS takes as whole numbers. */
const UNITS = {
  milliseconds: { symbol: 'ms', in: (time: Duration) => time.toMilliseconds({ integral: false }) },
  seconds: { symbol: 's', in: (time: Duration) => time.toSeconds({ integral: false }) },
  minutes: { symbol: 'minutes', in: (time: Duration) => time.toMinutes({ integral: false }) },
  hours: { symbol: 'hours', in: (time: Duration) => time.toHours({ integral: false }) },
  days: { symbol: 'days', in: (time: Duration) => time.toDays({ integral: false }) },
} as const;

/**
 * Returns the problem of each duration that is no whole number of a unit, which the CDK refuses without its name; none of one that is not
 * given, or known at deploy time only.
 */
export function checkWholeDurations(
  unit: keyof typeof UNITS,
  durations: { readonly [property: string]: Duration | undefined },
): string[] {
  return Object.entries(durations).flatMap(([property, duration]) => {
    if (duration === undefined || duration.isUnresolved()) return [];
    const amount = UNITS[unit].in(duration);
    if (Number.isSafeInteger(amount)) return [];
    return [`${property} (${amount} ${UNITS[unit].symbol}) must be a whole number of ${unit}`];
  });
}

/** Returns a duration in seconds, with its fraction. */
export function secondsOf(duration: Duration): number {
  return UNITS.seconds.in(duration);
}

/** Returns a size in GiB, with its fraction. */
export function gibibytesOf(size: Size): number {
  return size.toGibibytes({ rounding: SizeRoundingBehavior.NONE });
}
