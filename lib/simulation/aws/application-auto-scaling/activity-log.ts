import type { EpochSeconds } from '../../../core/time';
import type { ScalingActivityDescription } from './types';

/** Maximum number of activities kept for a target; AWS keeps six weeks. */
const MAX_ACTIVITIES = 1000;

type Changes = Partial<Pick<ScalingActivityDescription, 'statusCode' | 'statusMessage' | 'endTimeSeconds'>>;

/** The scaling activities of one target. */
export class ActivityLog {
  private readonly activities: ScalingActivityDescription[] = [];
  /** The activity in progress: a new one ends the one before it. */
  private open: ScalingActivityDescription | undefined;

  public constructor(private readonly onActivity: (activity: ScalingActivityDescription) => void) {}

  /** True if the newest activity was not scaled, for the same cause and reasons. */
  public repeats({ cause, notScaledReasons }: Pick<ScalingActivityDescription, 'cause' | 'notScaledReasons'>): boolean {
    const last = this.activities[this.activities.length - 1];
    return (
      notScaledReasons !== undefined &&
      last?.notScaledReasons !== undefined &&
      last.cause === cause &&
      areSame(last.notScaledReasons, notScaledReasons)
    );
  }

  /** Adds an activity. */
  public add(activity: ScalingActivityDescription): void {
    this.activities.push(activity);
    if (activity.statusCode === 'InProgress') this.open = activity;
    if (this.activities.length > MAX_ACTIVITIES && this.activities.shift() === this.open) this.open = undefined;
    this.onActivity(activity);
  }

  /** Returns the activity in progress. */
  public inProgress(): ScalingActivityDescription | undefined {
    return this.open;
  }

  /** Ends an activity. */
  public end(
    activity: ScalingActivityDescription,
    statusCode: 'Successful' | 'Overridden' | 'Unfulfilled' | 'Failed',
    statusMessage: string,
    endTimeSeconds: EpochSeconds,
  ): ScalingActivityDescription {
    return this.change(activity, { statusCode, statusMessage, endTimeSeconds });
  }

  /** Returns the activities, newest first. */
  public list(includeNotScaled: boolean): ScalingActivityDescription[] {
    return this.activities.filter((activity) => includeNotScaled || activity.notScaledReasons === undefined).reverse();
  }

  private change(activity: ScalingActivityDescription, changes: Changes): ScalingActivityDescription {
    const changed = { ...activity, ...changes };
    const index = this.activities.findIndex(({ activityId }) => activityId === activity.activityId);
    if (index >= 0) this.activities[index] = changed;
    if (this.open === activity) this.open = undefined;
    this.onActivity(changed);
    return changed;
  }
}

type Reasons = NonNullable<ScalingActivityDescription['notScaledReasons']>;

function areSame(some: Reasons, others: Reasons): boolean {
  return (
    some.length === others.length &&
    some.every(({ code, currentCapacity, maxCapacity, minCapacity }, index) => {
      const other = others[index]!;
      return (
        code === other.code &&
        currentCapacity === other.currentCapacity &&
        maxCapacity === other.maxCapacity &&
        minCapacity === other.minCapacity
      );
    })
  );
}
