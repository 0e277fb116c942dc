import {
  ApplicationAutoScalingClient,
  DescribeScalingActivitiesCommand,
  type ScalableDimension,
  type ScalingActivity as SdkActivity,
  type ServiceNamespace,
} from '@aws-sdk/client-application-auto-scaling';
import type { ScalingActivity, WatchedFleet } from '../../lib/scaling/contract';
import { setsCapacity } from '../../lib/scaling/decide/scale-events';
import { awsClient } from './aws-client';

/** Newest scaling activities of a fleet. */
export interface RecentActivities {
  /** In no particular order; at least to the newest that set the capacity, as far as {@link MAX_PAGES} pages have it. */
  readonly activities: readonly ScalingActivity[];
  /** True if there are no older activities, within the retention of the service. */
  readonly complete: boolean;
}

/** Client of scaling activities. */
export interface ScalingActivities {
  recent(fleet: WatchedFleet, signal?: AbortSignal): Promise<RecentActivities>;
}

/** Maximum number of activities in one response (API reference of DescribeScalingActivities). */
const PAGE_SIZE = 50;

/** Maximum number of pages of one look; 500 activities are more than a day of attempts that fail after three minutes each. */
const MAX_PAGES = 10;

/** {@link ScalingActivities} of Application Auto Scaling. */
export function createScalingActivities(scaling = awsClient(ApplicationAutoScalingClient)): ScalingActivities {
  return {
    async recent(fleet, signal) {
      const activities: ScalingActivity[] = [];
      let nextToken: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const response = await scaling.send(
          new DescribeScalingActivitiesCommand({
            ServiceNamespace: fleet.serviceNamespace as ServiceNamespace,
            ResourceId: fleet.resourceId,
            ScalableDimension: fleet.scalableDimension as ScalableDimension,
            MaxResults: PAGE_SIZE,
            NextToken: nextToken,
          }),
          { abortSignal: signal },
        );
        activities.push(...(response.ScalingActivities ?? []).flatMap(activityOf));
        nextToken = response.NextToken;
        if (nextToken === undefined || activities.some(setsCapacity)) break;
      }
      return { activities, complete: nextToken === undefined };
    },
  };
}

/** Converts an activity. One without an id or a start is skipped; the next invocation reads it again. */
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
      ...(activity.EndTime === undefined ? {} : { endedAt: activity.EndTime.getTime() / 1000 }),
      status: StatusCode,
      ...(activity.StatusMessage === undefined ? {} : { statusMessage: activity.StatusMessage }),
    },
  ];
}
