import type { EpochSeconds } from '../../../core/time';
import { AutoScalingError } from './errors';
import type { ApplicationAutoScaling, DescribeFilter } from './service';
import type { TargetKey } from './types';
import {
  activityToWire,
  policyFromWire,
  policyToWire,
  scheduledActionFromWire,
  scheduledActionToWire,
  suspendedFromWire,
  targetToWire,
  text,
  type WireObject,
} from './wire-shapes';

/** Response in the AWS JSON 1.1 protocol. */
export interface ServiceReply {
  readonly status: number;
  readonly body: WireObject;
}

type Operation = (service: ApplicationAutoScaling, request: WireObject, atSeconds: EpochSeconds) => WireObject;

/**
 * Executes one call of the AWS API.
 *
 * @param target header `X-Amz-Target`, for example `AnyScaleFrontendService.PutScalingPolicy`, or the operation alone
 * @param request parsed body
 */
export function callApplicationAutoScaling(
  service: ApplicationAutoScaling,
  target: string,
  request: WireObject,
  atSeconds: EpochSeconds,
): ServiceReply {
  const name = target.slice(target.lastIndexOf('.') + 1);
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
  if (operation === undefined) {
    return { status: 400, body: { __type: 'UnknownOperationException', message: `Unknown operation ${name}` } };
  }
  try {
    return { status: 200, body: operation(service, request, atSeconds) };
  } catch (error) {
    if (!(error instanceof AutoScalingError)) throw error;
    return { status: 400, body: { __type: error.name, Message: error.message, message: error.message } };
  }
}

const OPERATIONS: { readonly [name: string]: Operation } = {
  RegisterScalableTarget: (service, request, atSeconds) => {
    const { scalableTargetArn } = service.registerScalableTarget(
      {
        ...keyOf(request),
        ...optional('minCapacity', request.MinCapacity as number | undefined),
        ...optional('maxCapacity', request.MaxCapacity as number | undefined),
        ...optional('roleArn', request.RoleARN as string | undefined),
        ...optional('suspendedState', suspendedFromWire(request.SuspendedState as WireObject | undefined)),
      },
      atSeconds,
    );
    if (request.Tags !== undefined) service.tagResource(scalableTargetArn, request.Tags as { [key: string]: string });
    return { ScalableTargetARN: scalableTargetArn };
  },
  DeregisterScalableTarget: (service, request) => {
    service.deregisterScalableTarget(keyOf(request));
    return {};
  },
  DescribeScalableTargets: (service, request) => ({
    ScalableTargets: service
      .describeScalableTargets({
        ...filterOf(request),
        ...optional('resourceIds', request.ResourceIds as string[] | undefined),
      })
      .map(targetToWire),
  }),
  PutScalingPolicy: (service, request, atSeconds) => {
    const { policyArn, alarms } = service.putScalingPolicy(
      { ...keyOf(request), policy: policyFromWire(request) },
      atSeconds,
    );
    return {
      PolicyARN: policyArn,
      Alarms: alarms.map(({ alarmName, alarmArn }) => ({ AlarmName: alarmName, AlarmARN: alarmArn })),
    };
  },
  DeleteScalingPolicy: (service, request) => {
    service.deleteScalingPolicy({ ...keyOf(request), policyName: text(request, 'PolicyName') });
    return {};
  },
  DescribeScalingPolicies: (service, request) => ({
    ScalingPolicies: service
      .describeScalingPolicies({
        ...filterOf(request),
        ...optional('policyNames', request.PolicyNames as string[] | undefined),
      })
      .map(policyToWire),
  }),
  PutScheduledAction: (service, request, atSeconds) => {
    service.putScheduledAction({ ...keyOf(request), action: scheduledActionFromWire(request) }, atSeconds);
    return {};
  },
  DeleteScheduledAction: (service, request) => {
    service.deleteScheduledAction({
      ...keyOf(request),
      scheduledActionName: text(request, 'ScheduledActionName'),
    });
    return {};
  },
  DescribeScheduledActions: (service, request) => ({
    ScheduledActions: service
      .describeScheduledActions({
        ...filterOf(request),
        ...optional('scheduledActionNames', request.ScheduledActionNames as string[] | undefined),
      })
      .map(scheduledActionToWire),
  }),
  DescribeScalingActivities: (service, request) => {
    const activities = service.describeScalingActivities({
      ...filterOf(request),
      includeNotScaledActivities: request.IncludeNotScaledActivities === true,
    });
    const first = Number(request.NextToken ?? 0);
    const count = Number(request.MaxResults ?? 50);
    return {
      ScalingActivities: activities.slice(first, first + count).map(activityToWire),
      ...(first + count < activities.length && { NextToken: String(first + count) }),
    };
  },
  ListTagsForResource: (service, request) => ({ Tags: service.listTagsForResource(text(request, 'ResourceARN')) }),
  TagResource: (service, request) => {
    service.tagResource(text(request, 'ResourceARN'), (request.Tags as { [key: string]: string } | undefined) ?? {});
    return {};
  },
  UntagResource: (service, request) => {
    service.untagResource(text(request, 'ResourceARN'), (request.TagKeys as string[] | undefined) ?? []);
    return {};
  },
};

function keyOf(request: WireObject): TargetKey {
  return {
    serviceNamespace: text(request, 'ServiceNamespace'),
    resourceId: text(request, 'ResourceId'),
    scalableDimension: text(request, 'ScalableDimension'),
  };
}

function filterOf(request: WireObject): DescribeFilter {
  return {
    serviceNamespace: text(request, 'ServiceNamespace'),
    ...optional('resourceId', request.ResourceId as string | undefined),
    ...optional('scalableDimension', request.ScalableDimension as string | undefined),
  };
}

function optional<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [key in K]?: V };
}
