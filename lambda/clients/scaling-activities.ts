import {
  ApplicationAutoScalingClient,
  DescribeScalingActivitiesCommand,
  type ApplicationAutoScalingClientConfig,
  type ScalableDimension,
  type ScalingActivity as SdkActivity,
  type ServiceNamespace,
} from '@aws-sdk/client-application-auto-scaling';
import type { ScalingActivity, WatchedFleet } from '../../lib/scaling/contract';

/** The newest scaling activities of a fleet. */
export interface RecentActivities {
  /** In no particular order. */
  readonly activities: readonly ScalingActivity[];
  /** Whether these are all the fleet ever had (as far back as the service keeps them); otherwise older ones exist. */
  readonly complete: boolean;
}

/** Reads what Application Auto Scaling did. */
export interface ScalingActivities {
  recent(fleet: WatchedFleet): Promise<RecentActivities>;
}

/** The most the service returns at once (API reference of DescribeScalingActivities). */
const PAGE_SIZE = 50;

/** {@link ScalingActivities} from the service itself. */
export function applicationAutoScalingActivities(
  configuration: ApplicationAutoScalingClientConfig = {},
): ScalingActivities {
  const client = new ApplicationAutoScalingClient(configuration);
  return {
    async recent(fleet) {
      const answer = await client.send(
        new DescribeScalingActivitiesCommand({
          ServiceNamespace: fleet.serviceNamespace as ServiceNamespace,
          ResourceId: fleet.resourceId,
          ScalableDimension: fleet.scalableDimension as ScalableDimension,
          MaxResults: PAGE_SIZE,
        }),
      );
      return {
        activities: (answer.ScalingActivities ?? []).flatMap(activityOf),
        complete: answer.NextToken === undefined,
      };
    },
  };
}

/** An activity without an id or a start has told nothing yet; it comes again with the next look. */
function activityOf(activity: SdkActivity): ScalingActivity[] {
  const { ActivityId, ResourceId, StartTime, StatusCode } = activity;
  if (ActivityId === undefined || ResourceId === undefined || StartTime === undefined || StatusCode === undefined)
    return [];
  return [
    {
      activityId: ActivityId,
      resourceId: ResourceId,
      description: activity.Description ?? '',
      cause: activity.Cause ?? '',
      startedAt: StartTime.getTime() / 1000,
      status: StatusCode,
      ...(activity.StatusMessage === undefined ? {} : { statusMessage: activity.StatusMessage }),
    },
  ];
}
