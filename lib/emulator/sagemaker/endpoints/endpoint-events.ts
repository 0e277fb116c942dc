import { variantResourceId } from '../../../catalog/scalable-resource';
import type { EpochSeconds } from '../../../core/time';
import type { FleetEvent } from '../../../simulation/fleet';
import { sageMakerArn } from '../../account/arns';
import type { AccountEvents } from '../../events';
import type { Endpoint, EndpointStatus } from './endpoint';
import type { Variant } from './variant';

/** Status of an endpoint in EventBridge: upper snake case, unlike the API. */
const EVENT_STATUS: { readonly [status in EndpointStatus]: string } = {
  Creating: 'CREATING',
  InService: 'IN_SERVICE',
  Updating: 'UPDATING',
  RollingBack: 'ROLLING_BACK',
  Failed: 'FAILED',
  Deleting: 'DELETING',
};

const INSTANCE_CHANGE = {
  'instance-launched': 'launched',
  'instance-in-service': 'in-service',
  'instance-draining': 'draining',
  'instance-terminated': 'terminated',
} as const;

/** Publishes an endpoint's new status, to EventBridge too. */
export function publishStatus(events: AccountEvents, endpoint: Endpoint, at: EpochSeconds): void {
  const { name, status } = endpoint;
  const arn = sageMakerArn('endpoint', name);
  events.publish({
    kind: 'endpoint-status',
    atSeconds: at,
    endpointName: name,
    status,
    failureReason: endpoint.failureReason ?? null,
  });
  events.putEvent({
    source: 'aws.sagemaker',
    detailType: 'SageMaker Endpoint State Change',
    resources: [arn],
    detail: {
      EndpointName: name,
      EndpointArn: arn,
      EndpointConfigName: endpoint.configName,
      EndpointStatus: EVENT_STATUS[status],
      ProductionVariants: endpoint.currentVariants().map((variant) => ({
        VariantName: variant.name,
        CurrentInstanceCount: variant.counts().inService,
        DesiredInstanceCount: variant.desired,
      })),
      FailureReason: endpoint.failureReason,
      CreationTime: Math.round(endpoint.createdAt * 1000),
      LastModifiedTime: Math.round(endpoint.lastModifiedAt * 1000),
      Tags: {},
    },
    atSeconds: at,
  });
}

/** Publishes launches and terminations of instances, and capacity errors. */
export function publishInstances(
  events: AccountEvents,
  endpoint: Endpoint,
  variant: Variant,
  happened: readonly FleetEvent[],
): void {
  const of = { endpointName: endpoint.name, variantName: variant.name };
  const resource = variantResourceId(endpoint.name, variant.name);
  for (const event of happened) {
    if (event.kind === 'capacity-error') {
      for (const [index, instanceType] of event.instanceTypes.entries()) {
        const fallbackInstanceType = event.instanceTypes[index + 1] ?? null;
        events.publish({ kind: 'capacity-error', atSeconds: event.at, resource, instanceType, fallbackInstanceType });
      }
      continue;
    }
    if (event.kind === 'completed' || event.kind === 'timed-out' || event.kind === 'rejected') continue;
    if (event.kind === 'instance-launched') {
      for (const [index, instanceType] of event.refusedTypes.entries()) {
        const fallbackInstanceType = event.refusedTypes[index + 1] ?? event.instanceType;
        events.publish({ kind: 'capacity-error', atSeconds: event.at, resource, instanceType, fallbackInstanceType });
      }
    }
    const { instanceId, instanceType } = event;
    const change = INSTANCE_CHANGE[event.kind];
    events.publish({ kind: 'instance', atSeconds: event.at, ...of, change, instanceId, instanceType });
  }
}
