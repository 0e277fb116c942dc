import {
  componentResourceId,
  parseResourceId,
  SAGEMAKER_SERVICE_NAMESPACE,
  SCALABLE_DIMENSIONS,
} from '../../catalog/scalable-resource';
import type { Json } from '../../core/parse';
import type { EpochSeconds } from '../../core/time';
import {
  ApplicationAutoScaling,
  callApplicationAutoScaling,
  type ScalableFleet,
  type ScaledToMaxEvent,
  type ScalingActivityDescription,
  type TargetKey,
} from '../../simulation/aws/application-auto-scaling';
import type { AlarmEvaluation, CloudWatch } from '../../simulation/aws/cloudwatch';
import type { Actor } from '../actor';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../credentials';
import type { AccountEvents } from '../events';
import { ServiceError } from '../http/service-error';
import type { Alarms } from '../monitoring/alarms';
import type { InferenceComponents } from '../sagemaker/components/inference-components';
import type { Endpoints } from '../sagemaker/endpoints/endpoints';
import type { ScalableTargetSnapshot, ScalingActivitySnapshot } from '../snapshot';
import { checkScaledVariants } from './scaled-variants';

interface ScalingParts {
  readonly cloudWatch: CloudWatch;
  readonly endpoints: Endpoints;
  readonly components: InferenceComponents;
  /** Puts the alarms that target-tracking policies own into the engine. */
  readonly alarms: Alarms;
  readonly events: AccountEvents;
}

/** Application Auto Scaling over the endpoints of the emulator. */
export class Scaling implements Actor {
  private readonly service: ApplicationAutoScaling;
  /** By activity id, oldest first; activities outlive their targets. */
  private readonly activities = new Map<string, ScalingActivitySnapshot>();

  public constructor(private readonly parts: ScalingParts) {
    const { cloudWatch, endpoints, components } = parts;
    this.service = new ApplicationAutoScaling(
      cloudWatch,
      (resourceId, dimension) => this.fleet(resourceId, dimension),
      {
        region: LOCAL_REGION,
        accountId: LOCAL_ACCOUNT,
        onActivity: (activity) => this.onActivity(activity),
        onScaledToMax: (event) => this.onScaledToMax(event),
      },
    );
    endpoints.checkUpdates((endpoint, config) =>
      checkScaledVariants(endpoint, config, (resourceId) => this.isScalableTarget(resourceId)),
    );
    endpoints.onDelete((endpointName) =>
      this.deregister(({ resourceId }) => {
        const resource = parseResourceId(resourceId);
        return resource?.kind === 'variant' && resource.endpointName === endpointName;
      }),
    );
    components.onDelete((componentName) =>
      this.deregister(({ resourceId }) => resourceId === componentResourceId(componentName)),
    );
  }

  /** Carries out one call of the Application Auto Scaling API, given by the name of its operation. */
  public call(operation: string, input: Json, atSeconds: EpochSeconds): Json {
    const { status, body } = callApplicationAutoScaling(this.service, operation, input, atSeconds);
    if (status !== 200) {
      const { __type, message } = body as { __type?: string; message?: string };
      throw new ServiceError(__type ?? 'InternalServiceException', message ?? 'the call was refused', status);
    }
    if (!operation.startsWith('Describe') && !operation.startsWith('List')) this.syncAlarms();
    return body;
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

  private isScalableTarget(resourceId: string): boolean {
    return this.targets().some((target) => target.resourceId === resourceId);
  }

  /** Deregisters the scalable targets of a deleted resource (SageMaker developer guide, endpoint-scaling-update). */
  private deregister(isGone: (target: TargetKey) => boolean): void {
    for (const target of this.targets().filter(isGone)) this.service.deregisterScalableTarget(target);
    this.syncAlarms();
  }

  private syncAlarms(): void {
    const policies = this.service.describeScalingPolicies({ serviceNamespace: SAGEMAKER_SERVICE_NAMESPACE });
    const owned = policies.filter(({ policy }) => policy.kind === 'target-tracking').flatMap(({ alarms }) => alarms);
    this.parts.alarms.syncOwned(new Set(owned.map(({ alarmName }) => alarmName)));
  }

  private targets(): (TargetKey & { readonly minCapacity: number; readonly maxCapacity: number })[] {
    return this.service.describeScalableTargets({ serviceNamespace: SAGEMAKER_SERVICE_NAMESPACE });
  }

  private fleet(resourceId: string, dimension: string): ScalableFleet | undefined {
    if (dimension === SCALABLE_DIMENSIONS.copyCount) return this.copies(resourceId);
    const found = this.parts.endpoints.findVariant(resourceId);
    if (dimension === SCALABLE_DIMENSIONS.provisionedConcurrency) return provisionedConcurrency(found);
    if (dimension !== SCALABLE_DIMENSIONS.instanceCount || found?.variant.environments !== undefined) return undefined;
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
    const resource = parseResourceId(resourceId);
    if (resource?.kind !== 'inference-component') return undefined;
    const { components } = this.parts;
    const component = components.find(resource.componentName);
    if (component === undefined || component.isAdapter) return undefined;
    return {
      desiredCapacity: () => component.copies.desired,
      setDesiredCapacity: (count, atSeconds) => components.setCopies(component, count, atSeconds),
      // Like an endpoint, a component accepts the next change once the last is complete.
      isUpdating: () => component.status !== 'InService',
      inServiceCapacity: () => component.copies.counts().inService,
    };
  }

  private onActivity(activity: ScalingActivityDescription): void {
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
    if (isNew)
      this.parts.events.publish({ kind: 'scaling-activity', atSeconds: snapshot.atSeconds, activity: snapshot });
  }

  private onScaledToMax({ atSeconds, ...event }: ScaledToMaxEvent): void {
    const time = new Date(atSeconds * 1000).toISOString();
    this.parts.events.putEvent({
      source: 'aws.application-autoscaling',
      detailType: 'Application Auto Scaling Scaling Activity State Change',
      resources: [],
      detail: {
        startTime: time,
        endTime: time,
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
      atSeconds,
    });
  }
}

/** Only a variant created with a provisioned concurrency can scale it (developer guide, autoscaling provisioned concurrency). */
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
