import type { EpochSeconds } from '../../core/time';
import type { ScalingActivity } from './types';

/** So many activities are kept for each target; the service itself keeps six weeks. */
const KEPT_ACTIVITIES = 1000;

type Changes = Partial<Pick<ScalingActivity, 'statusCode' | 'statusMessage' | 'endTimeSeconds'>>;

/** The scaling activities of one target. */
export class ActivityLog {
  private readonly activities: ScalingActivity[] = [];

  public constructor(private readonly onActivity: (activity: ScalingActivity) => void) {}

  /** Adds an activity. One that was not scaled for the same reason as the one before it is not repeated. */
  public add(activity: ScalingActivity): void {
    const last = this.activities[this.activities.length - 1];
    const again =
      activity.notScaledReasons !== undefined &&
      last?.notScaledReasons !== undefined &&
      last.cause === activity.cause &&
      JSON.stringify(last.notScaledReasons) === JSON.stringify(activity.notScaledReasons);
    if (again) return;
    this.activities.push(activity);
    if (this.activities.length > KEPT_ACTIVITIES) this.activities.shift();
    this.onActivity(activity);
  }

  /** The newest activity that is still under way. */
  public inProgress(): ScalingActivity | undefined {
    for (let index = this.activities.length - 1; index >= 0; index--) {
      const activity = this.activities[index]!;
      if (activity.statusCode === 'InProgress') return activity;
    }
    return undefined;
  }

  /** Ends an activity. */
  public end(
    activity: ScalingActivity,
    statusCode: 'Successful' | 'Overridden' | 'Unfulfilled' | 'Failed',
    statusMessage: string,
    endTimeSeconds: EpochSeconds,
  ): ScalingActivity {
    return this.change(activity, { statusCode, statusMessage, endTimeSeconds });
  }

  /** Newest first. */
  public list(includeNotScaled: boolean): ScalingActivity[] {
    return this.activities.filter((activity) => includeNotScaled || activity.notScaledReasons === undefined).reverse();
  }

  private change(activity: ScalingActivity, changes: Changes): ScalingActivity {
    const changed = { ...activity, ...changes };
    const index = this.activities.findIndex(({ activityId }) => activityId === activity.activityId);
    if (index >= 0) this.activities[index] = changed;
    this.onActivity(changed);
    return changed;
  }
}
