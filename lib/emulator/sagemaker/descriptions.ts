import type { Json } from '../../core/parse';
import type { EpochSeconds } from '../../core/time';
import { sageMakerArn } from '../account/arns';
import type { Reservations } from '../account/reservations';
import type { ProcessingJob } from '../processing/processing-job';
import type { TrainingJob } from '../training/training-job';
import type { Endpoint } from './endpoints/endpoint';
import type { Environments } from './endpoints/environments';
import type { EndpointConfigs, StoredEndpointConfig } from './endpoints/endpoint-configs';
import type { EmulatedComponent } from './components/inference-component';
import type { ModelPackage, ModelPackageGroup } from './model-packages';
import type { Models, StoredModel } from './models';
import type { Variant } from './endpoints/variant';

export function describeModel({ request, arn, createdAt }: StoredModel): Json {
  const { Tags: _listedApart, ...described } = request;
  return { EnableNetworkIsolation: false, ...described, ModelArn: arn, CreationTime: createdAt };
}

export function describeModelPackageGroup({ name, arn, createdAt, description }: ModelPackageGroup) {
  return {
    ModelPackageGroupName: name,
    ModelPackageGroupArn: arn,
    ModelPackageGroupDescription: description,
    ModelPackageGroupStatus: 'Completed',
    CreationTime: createdAt,
  };
}

export function summarizeModelPackage(one: ModelPackage) {
  return {
    ModelPackageGroupName: one.group,
    ModelPackageVersion: one.version,
    ModelPackageArn: one.arn,
    ModelPackageDescription: one.request.ModelPackageDescription,
    ModelPackageStatus: 'Completed',
    ModelApprovalStatus: one.approvalStatus,
    CreationTime: one.createdAt,
    LastModifiedTime: one.lastModifiedAt,
  };
}

export function describeModelPackage(one: ModelPackage): Json {
  const { ClientToken: _notDescribed, ...described } = one.request;
  return {
    ...described,
    ...summarizeModelPackage(one),
    ApprovalDescription: one.approvalDescription,
    CustomerMetadataProperties: one.metadata,
    ModelPackageStatusDetails: { ValidationStatuses: [], ImageScanStatuses: [] },
    CertifyForMarketplace: false,
  };
}

export function describeEndpointConfig({ request, arn, createdAt }: StoredEndpointConfig): Json {
  const { Tags: _listedApart, ...described } = request;
  return { EnableNetworkIsolation: false, ...described, EndpointConfigArn: arn, CreationTime: createdAt };
}

interface DescribedWith {
  readonly configs: EndpointConfigs;
  readonly models: Models;
  readonly reservations: Reservations;
}

export function describeEndpoint(endpoint: Endpoint, { configs, models, reservations }: DescribedWith): Json {
  const describe = (variant: Variant): Json => ({
    ...describeVariant(variant, models),
    ...describeReservation(variant, endpoint.name, reservations),
  });
  const config = configs.list().find(({ request }) => request.EndpointConfigName === endpoint.configName)?.request;
  return {
    EndpointName: endpoint.name,
    EndpointArn: sageMakerArn('endpoint', endpoint.name),
    EndpointConfigName: endpoint.configName,
    EndpointStatus: endpoint.status,
    FailureReason: endpoint.failureReason,
    CreationTime: endpoint.createdAt,
    LastModifiedTime: endpoint.lastModifiedAt,
    LastDeploymentConfig: endpoint.deploymentConfig,
    MetricsConfig: config?.MetricsConfig,
    ProductionVariants: endpoint.currentVariants().map((variant) => describe(variant)),
    ...(endpoint.shadowVariants().length > 0
      ? { ShadowProductionVariants: endpoint.shadowVariants().map((variant) => describe(variant)) }
      : {}),
  };
}

function describeVariant(variant: Variant, models: Models): Json {
  const { inService, inServiceByType } = variant.counts();
  const model = models.has(variant.spec.modelName) ? models.describe(variant.spec.modelName).request : undefined;
  const containers = model?.PrimaryContainer ? [model.PrimaryContainer] : (model?.Containers ?? []);
  return {
    VariantName: variant.name,
    ...(variant.environments === undefined
      ? { CurrentInstanceCount: inService, DesiredInstanceCount: variant.desired }
      : {}),
    CurrentWeight: variant.weight,
    DesiredWeight: variant.weight,
    DeployedImages: containers.map(({ Image }) => ({ SpecifiedImage: Image, ResolvedImage: Image })),
    ...(variant.environments === undefined
      ? { RoutingConfig: routingConfig(variant) }
      : serverlessConfigs(variant.environments)),
    ...(variant.spec.pooled
      ? {
          InstancePools: variant.spec.pools.map(({ instanceType }) => ({
            InstanceType: instanceType,
            CurrentInstanceCount: inServiceByType[instanceType] ?? 0,
          })),
        }
      : {}),
  };
}

function routingConfig({ spec: { routing, prefixAware } }: Variant): Json {
  if (prefixAware === undefined) return { RoutingStrategy: routing };
  const { length: PrefixLength, concurrencyThreshold: ConcurrencyThreshold } = prefixAware;
  return { RoutingStrategy: 'PREFIX_AWARE', PrefixAwareRoutingConfig: { PrefixLength, ConcurrencyThreshold } };
}

/** Use of a reservation; its total and free instances only if its size was declared. */
function describeReservation({ spec }: Variant, endpointName: string, reservations: Reservations): Json {
  if (spec.reservationArn === undefined) return {};
  const reservation = reservations.of(spec.reservationArn);
  return {
    CapacityReservationConfig: {
      MlReservationArn: spec.reservationArn,
      CapacityReservationPreference: 'capacity-reservations-only',
      UsedByCurrentEndpoint: reservation.used(endpointName),
      ...(reservation.size === undefined
        ? {}
        : { TotalInstanceCount: reservation.size, AvailableInstanceCount: reservation.room }),
    },
  };
}

function serverlessConfigs(environments: Environments): Json {
  const { maxConcurrency, desired, ready } = environments;
  const config = (provisioned: number): Json => ({
    MaxConcurrency: maxConcurrency,
    ...(provisioned > 0 ? { ProvisionedConcurrency: provisioned } : {}),
  });
  return { CurrentServerlessConfig: config(ready), DesiredServerlessConfig: config(desired) };
}

export function describeComponent(component: EmulatedComponent) {
  const { name, request, specification, copies, status, isAdapter } = component;
  return {
    InferenceComponentName: name,
    InferenceComponentArn: sageMakerArn('inference-component', name),
    EndpointName: request.EndpointName,
    EndpointArn: sageMakerArn('endpoint', request.EndpointName),
    VariantName: request.VariantName ?? component.base?.request.VariantName,
    InferenceComponentStatus: status,
    FailureReason: component.failureReason,
    Specification: specification,
    ...(isAdapter
      ? {}
      : { RuntimeConfig: { DesiredCopyCount: copies.desired, CurrentCopyCount: copies.counts().inService } }),
    CreationTime: component.createdAt,
    LastModifiedTime: component.lastModifiedAt,
  };
}

export function describeTrainingJob(job: TrainingJob, now: EpochSeconds): Json {
  const { Tags: _listedApart, ...described } = job.request;
  return {
    ...described,
    TrainingJobArn: job.arn,
    TrainingJobStatus: job.status,
    SecondaryStatus: job.secondaryStatus,
    FailureReason: job.failureReason,
    ModelArtifacts: job.modelArtifact === undefined ? undefined : { S3ModelArtifacts: job.modelArtifact },
    ResourceConfig: resourcesOf(job),
    CreationTime: job.createdAt,
    TrainingStartTime: job.trainingStartedAt,
    TrainingEndTime: job.trainingEndedAt,
    LastModifiedTime: job.lastModifiedAt,
    TrainingTimeInSeconds: job.trainingStartedAt === undefined ? undefined : job.trainingSeconds(now),
    BillableTimeInSeconds: job.trainingEndedAt === undefined ? undefined : job.billableSeconds(now),
    WarmPoolStatus: describeWarmPool(job, now),
    SecondaryStatusTransitions: job.transitions.map((transition) => ({
      Status: transition.status,
      StartTime: transition.startedAt,
      EndTime: transition.endedAt,
      StatusMessage: transition.message,
    })),
  };
}

/** Instances of a job that are kept for the next one; undefined for a job that keeps none. */
export function describeWarmPool(
  { request, warmPool, trainingStartedAt, isOver }: TrainingJob,
  now: EpochSeconds,
): Json | undefined {
  if (warmPool !== undefined) {
    return {
      Status: warmPool.status(now),
      ResourceRetainedBillableTimeInSeconds: warmPool.retainedSeconds(now),
      ReusedByJob: warmPool.reusedBy,
    };
  }
  const isKept = (request.ResourceConfig.KeepAlivePeriodInSeconds ?? 0) > 0;
  return isKept && trainingStartedAt !== undefined && !isOver ? { Status: 'InUse' } : undefined;
}

/** Resources of a job as it was asked for, with the type and the number of instances that were chosen of several. */
function resourcesOf({ request, groups }: TrainingJob): Json {
  const { ResourceConfig: asked } = request;
  if (asked.InstanceGroups !== undefined) return asked;
  const [{ type, count }] = groups as [TrainingJob['groups'][number]];
  if (asked.InstancePreferences === undefined) return { ...asked, InstanceType: type, InstanceCount: count };
  return { ...asked, SelectedInstanceType: type, SelectedInstanceCount: count };
}

export function describeProcessingJob(job: ProcessingJob): Json {
  const { Tags: _listedApart, ...described } = job.request;
  return {
    ...described,
    ProcessingJobArn: job.arn,
    ProcessingJobStatus: job.status,
    ExitMessage: job.exitMessage,
    FailureReason: job.failureReason,
    CreationTime: job.createdAt,
    ProcessingStartTime: job.startedAt,
    ProcessingEndTime: job.endedAt,
    LastModifiedTime: job.lastModifiedAt,
  };
}
