import type { EpochSeconds } from '../../core/time';
import type { ScalingActivitySnapshot } from '../../emulator';
import { activityReason } from '../traffic/platform-events';

/** Change of the desired number of instances. Seconds count from the first request. */
export interface ScalingEventReport {
  readonly atSecond: number;
  readonly direction: 'out' | 'in';
  readonly from: number;
  readonly to: number;
  /** Steps of the decision that changed the number. */
  readonly reason: string;
  /** Policy or scheduled action that decided; null if only the limits did. */
  readonly decidedBy: string | null;
  /** All steps of the decision. */
  readonly steps: readonly string[];
  /** Cause as reported by Application Auto Scaling. */
  readonly cause: string;
}

/** Returns the capacity changes of one resource since the first request; failed and ineffective activities are left out. */
export function scalingEvents(
  activities: readonly ScalingActivitySnapshot[],
  resourceId: string,
  anchor: EpochSeconds,
): readonly ScalingEventReport[] {
  return activities
    .filter((activity) => activity.resourceId === resourceId && activity.atSeconds >= anchor)
    .filter(({ statusCode, fromCapacity, toCapacity }) => statusCode !== 'Failed' && fromCapacity !== toCapacity)
    .map((activity) => {
      const { atSeconds, fromCapacity: from, toCapacity: to, decidedBy, steps, cause } = activity;
      return {
        atSecond: Math.round((atSeconds - anchor) * 10) / 10,
        direction: to > from ? ('out' as const) : ('in' as const),
        from,
        to,
        reason: activityReason(activity),
        decidedBy,
        steps,
        cause,
      };
    });
}
