import type { EpochSeconds } from '../../core/time';
import {
  ApplicationAutoScaling,
  type ScalableFleet,
  type ScalingActivity,
  type TargetKey,
} from '../../simulation/application-auto-scaling';
import type { AlarmEvaluation, CloudWatch } from '../../simulation/cloudwatch';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../engine/credentials';
import type { Actor } from './driver';
import type { PlatformEvents } from './events';
import type { Endpoints } from './sagemaker/endpoints';
import type { InferenceComponents } from './sagemaker/inference-components';
import type { ScalableTargetSnapshot, ScalingActivitySnapshot } from './snapshot';

const SAGEMAKER = 'sagemaker';
const VARIANT_DIMENSION = 'sagemaker:variant:DesiredInstanceCount';
const PROVISIONED_DIMENSION = 'sagemaker:variant:DesiredProvisionedConcurrency';
const COPIES_DIMENSION = 'sagemaker:inference-component:DesiredCopyCount';

/** Application Auto Scaling over the endpoints of the sidecar. */
export class Scaling implements Actor {
  public readonly service: ApplicationAutoScaling;
  /** By activity id, oldest first; activities outlive their targets. */
  private readonly activities = new Map<string, ScalingActivitySnapshot>();

  public constructor(
    cloudWatch: CloudWatch,
    private readonly endpoints: Endpoints,
    private readonly components: InferenceComponents,
    private readonly events: PlatformEvents,
  ) {
    this.service = new ApplicationAutoScaling(
      cloudWatch,
      (resourceId, dimension) => this.fleet(resourceId, dimension),
      {
        region: LOCAL_REGION,
        accountId: LOCAL_ACCOUNT,
        onActivity: (activity) => this.onActivity(activity),
        onScaledToMax: (event) =>
          events.emit({
            source: 'aws.application-autoscaling',
            detailType: 'Application Auto Scaling Scaling Activity State Change',
            resources: [],
            detail: {
              startTime: new Date(event.atSeconds * 1000).toISOString(),
              endTime: new Date(event.atSeconds * 1000).toISOString(),
              newDesiredCapacity: event.newDesiredCapacity,
              oldDesiredCapacity: event.oldDesiredCapacity,
              minCapacity: event.minCapacity,
              maxCapacity: event.maxCapacity,
              resourceId: event.resourceId,
              scalableDimension: event.scalableDimension,
              serviceNamespace: event.serviceNamespace,
              statusCode: 'Successful',
              scaledToMax: true,
              direction: 'scale-out',
            },
            atSeconds: event.atSeconds,
          }),
      },
    );
  }

  public nextEventAt(): EpochSeconds | undefined {
    return this.service.nextEventAt();
  }

  public advanceTo(atSeconds: EpochSeconds): void {
    this.service.advanceTo(atSeconds);
  }

  public onEvaluations(evaluations: readonly AlarmEvaluation[]): void {
    this.service.onAlarms(evaluations);
  }

  public isScalableTarget(resourceId: string): boolean {
    return this.targets().some((target) => target.resourceId === resourceId);
  }

  /** Deleting an endpoint deregisters what scales it (SageMaker developer guide, endpoint-scaling-update). */
  public onEndpointDeleted(endpointName: string): void {
    for (const target of this.targets()) {
      if (target.resourceId.startsWith(`endpoint/${endpointName}/`)) this.service.deregisterScalableTarget(target);
    }
  }

  public onComponentDeleted(componentName: string): void {
    for (const target of this.targets()) {
      if (target.resourceId === `inference-component/${componentName}`) this.service.deregisterScalableTarget(target);
    }
  }

  /** The names of the alarms that target-tracking policies own. */
  public ownedAlarmNames(): ReadonlySet<string> {
    const policies = this.service.describeScalingPolicies({ serviceNamespace: SAGEMAKER });
    return new Set(
      policies
        .filter(({ policy }) => policy.kind === 'target-tracking')
        .flatMap(({ alarms }) => alarms.map((alarm) => alarm.alarmName)),
    );
  }

  public targetSnapshots(): ScalableTargetSnapshot[] {
    return this.targets().map(({ resourceId, scalableDimension, minCapacity, maxCapacity }) => ({
      resourceId,
      scalableDimension,
      minCapacity,
      maxCapacity,
      desiredCapacity: this.fleet(resourceId, scalableDimension)?.desiredCapacity() ?? 0,
    }));
  }

  public activitySnapshots(): ScalingActivitySnapshot[] {
    return [...this.activities.values()];
  }

  private targets(): (TargetKey & { readonly minCapacity: number; readonly maxCapacity: number })[] {
    return this.service.describeScalableTargets({ serviceNamespace: SAGEMAKER });
  }

  private fleet(resourceId: string, dimension: string): ScalableFleet | undefined {
    if (dimension === COPIES_DIMENSION) return this.copies(resourceId);
    const found = this.endpoints.findVariant(resourceId);
    if (dimension === PROVISIONED_DIMENSION) return provisionedConcurrency(found);
    if (dimension !== VARIANT_DIMENSION || found?.variant.environments !== undefined) return undefined;
    if (!found || found.variant.spec.managed !== undefined) return undefined;
    const { endpoint, variant } = found;
    return {
      desiredCapacity: () => variant.desired,
      setDesiredCapacity: (capacity, atSeconds) => endpoint.setDesired(variant, capacity, atSeconds),
      isUpdating: () => endpoint.isUpdatingConfiguration,
      inServiceCapacity: () => variant.counts().inService,
    };
  }

  private copies(resourceId: string): ScalableFleet | undefined {
    const component = this.components.find(/^inference-component\/(.+)$/.exec(resourceId)?.[1] ?? '');
    if (component === undefined || component.isAdapter) return undefined;
    return {
      desiredCapacity: () => component.copies.desired,
      setDesiredCapacity: (count, atSeconds) => this.components.setCopies(component, count, atSeconds),
      // Like an endpoint, a component takes the next change once the last is done.
      isUpdating: () => component.status !== 'InService',
      inServiceCapacity: () => component.copies.counts().inService,
    };
  }

  private onActivity(activity: ScalingActivity): void {
    const snapshot: ScalingActivitySnapshot = {
      activityId: activity.activityId,
      resourceId: activity.resourceId,
      scalableDimension: activity.scalableDimension,
      atSeconds: activity.startTimeSeconds,
      endedAtSeconds: activity.endTimeSeconds ?? null,
      fromCapacity: activity.fromCapacity,
      toCapacity: activity.toCapacity,
      description: activity.description,
      cause: activity.cause,
      statusCode: activity.statusCode,
      statusMessage: activity.statusMessage ?? '',
      decidedBy: activity.decidedBy ?? null,
      steps: activity.steps,
    };
    const isNew = !this.activities.has(activity.activityId);
    if (activity.fromCapacity === activity.toCapacity) return;
    this.activities.set(activity.activityId, snapshot);
    if (isNew) this.events.tell({ kind: 'scaling-activity', atSeconds: snapshot.atSeconds, activity: snapshot });
  }
}

/** Only a variant that was made with a provisioned concurrency can scale it (developer guide, autoscaling provisioned concurrency). */
function provisionedConcurrency(found: ReturnType<Endpoints['findVariant']>): ScalableFleet | undefined {
  const environments = found?.variant.environments;
  if (found === undefined || environments === undefined || environments.desired === 0) return undefined;
  return {
    desiredCapacity: () => environments.desired,
    setDesiredCapacity: (count, atSeconds) => environments.setProvisioned(Math.max(1, count), atSeconds),
    isUpdating: () => found.endpoint.isUpdatingConfiguration,
    inServiceCapacity: () => environments.ready,
  };
}
