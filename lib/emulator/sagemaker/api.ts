import { z } from 'zod';
import type { Json } from '../../core/parse';
import type { EpochSeconds } from '../../core/time';
import { nameOfArn, sageMakerArn } from '../account/arns';
import { parseWith, resourceName } from '../http/schema-parts';
import type { Reservations } from '../account/reservations';
import { ServiceError } from '../http/service-error';
import {
  describeOptimizationJob,
  type OptimizationJobs,
  summarizeOptimizationJob,
} from '../optimization/optimization-jobs';
import type { ProcessingJobs } from '../processing/processing-jobs';
import type { TrainingJobs } from '../training/training-jobs';
import {
  describeComponent,
  describeEndpoint,
  describeEndpointConfig,
  describeModel,
  describeModelPackage,
  describeModelPackageGroup,
  summarizeModelPackage,
  describeProcessingJob,
  describeTrainingJob,
  describeWarmPool,
} from './descriptions';
import type { EndpointConfigs } from './endpoints/endpoint-configs';
import type { Endpoints } from './endpoints/endpoints';
import {
  listComponentsSchema,
  listModelPackagesSchema,
  listOptimizationJobsSchema,
  listPage,
  listSchema,
} from './listing';
import type { InferenceComponents } from './components/inference-components';
import type { ModelPackages } from './model-packages';
import type { Models } from './models';

export interface SageMakerParts {
  readonly models: Models;
  readonly modelPackages: ModelPackages;
  readonly configs: EndpointConfigs;
  readonly reservations: Reservations;
  readonly endpoints: Endpoints;
  readonly components: InferenceComponents;
  readonly trainingJobs: TrainingJobs;
  readonly processingJobs: ProcessingJobs;
  readonly optimizationJobs: OptimizationJobs;
}

type Operation = (parts: SageMakerParts, input: Json, at: EpochSeconds) => Json | Promise<Json>;

const nameIn = (member: string, input: Json): string =>
  parseWith(z.strictObject({ [member]: resourceName() }), input)[member]!;

const textIn = (member: string, input: Json): string =>
  parseWith(z.strictObject({ [member]: z.string().min(1) }), input)[member]!;

const OPERATIONS: { readonly [operation: string]: Operation } = {
  CreateModel: async ({ models }, input, at) => ({ ModelArn: (await models.create(input, at)).arn }),
  DescribeModel: ({ models }, input) => describeModel(models.describe(nameIn('ModelName', input))),
  DeleteModel: ({ models }, input) => {
    models.delete(nameIn('ModelName', input));
    return {};
  },
  ListModels: ({ models }, input) => {
    const all = models.list().map(({ request, arn, createdAt }) => ({
      ModelName: request.ModelName,
      ModelArn: arn,
      CreationTime: createdAt,
    }));
    return listPage('Models', 'ModelName', all, parseWith(listSchema, input));
  },

  CreateModelPackageGroup: ({ modelPackages }, input, at) => ({
    ModelPackageGroupArn: modelPackages.createGroup(input, at).arn,
  }),
  DescribeModelPackageGroup: ({ modelPackages }, input) =>
    describeModelPackageGroup(modelPackages.group(textIn('ModelPackageGroupName', input))),
  DeleteModelPackageGroup: ({ modelPackages }, input) => {
    modelPackages.deleteGroup(textIn('ModelPackageGroupName', input));
    return {};
  },
  ListModelPackageGroups: ({ modelPackages }, input) => {
    const all = modelPackages.listGroups().map(describeModelPackageGroup);
    const query = parseWith(listSchema, input);
    return listPage('ModelPackageGroupSummaryList', 'ModelPackageGroupName', all, query);
  },
  CreateModelPackage: ({ modelPackages }, input, at) => ({ ModelPackageArn: modelPackages.create(input, at).arn }),
  DescribeModelPackage: ({ modelPackages }, input) =>
    describeModelPackage(modelPackages.describe(textIn('ModelPackageName', input))),
  UpdateModelPackage: ({ modelPackages }, input, at) => ({ ModelPackageArn: modelPackages.update(input, at).arn }),
  DeleteModelPackage: ({ modelPackages }, input) => {
    modelPackages.delete(textIn('ModelPackageName', input));
    return {};
  },
  ListModelPackages: ({ modelPackages }, input) => {
    const {
      ModelPackageGroupName,
      ModelApprovalStatus,
      ModelPackageType: _versioned,
      ...query
    } = parseWith(listModelPackagesSchema, input);
    const all = modelPackages
      .list(ModelPackageGroupName)
      .map(summarizeModelPackage)
      .filter((one) => ModelApprovalStatus === undefined || one.ModelApprovalStatus === ModelApprovalStatus);
    return listPage('ModelPackageSummaryList', 'ModelPackageArn', all, query);
  },

  CreateEndpointConfig: ({ configs }, input, at) => ({ EndpointConfigArn: configs.create(input, at).arn }),
  DescribeEndpointConfig: ({ configs }, input) =>
    describeEndpointConfig(configs.describe(nameIn('EndpointConfigName', input))),
  DeleteEndpointConfig: ({ configs }, input) => {
    configs.delete(nameIn('EndpointConfigName', input));
    return {};
  },
  ListEndpointConfigs: ({ configs }, input) => {
    const all = configs.list().map(({ request, arn, createdAt }) => ({
      EndpointConfigName: request.EndpointConfigName,
      EndpointConfigArn: arn,
      CreationTime: createdAt,
    }));
    return listPage('EndpointConfigs', 'EndpointConfigName', all, parseWith(listSchema, input));
  },

  CreateEndpoint: ({ endpoints }, input, at) => endpointArn(endpoints.create(input, at).name),
  UpdateEndpoint: ({ endpoints }, input, at) => endpointArn(endpoints.update(input, at).name),
  UpdateEndpointWeightsAndCapacities: ({ endpoints }, input, at) =>
    endpointArn(endpoints.updateWeightsAndCapacities(input, at).name),
  DescribeEndpoint: (parts, input) => describeEndpoint(parts.endpoints.describe(nameIn('EndpointName', input)), parts),
  DeleteEndpoint: ({ endpoints }, input, at) => {
    endpoints.delete(nameIn('EndpointName', input), at);
    return {};
  },
  ListEndpoints: ({ endpoints }, input) => {
    const all = endpoints.list().map((endpoint) => ({
      EndpointName: endpoint.name,
      EndpointArn: sageMakerArn('endpoint', endpoint.name),
      CreationTime: endpoint.createdAt,
      LastModifiedTime: endpoint.lastModifiedAt,
      EndpointStatus: endpoint.status,
    }));
    return listPage('Endpoints', 'EndpointName', all, parseWith(listSchema, input));
  },

  CreateTrainingJob: ({ trainingJobs }, input) => ({ TrainingJobArn: trainingJobs.create(input).arn }),
  DescribeTrainingJob: ({ trainingJobs }, input, at) =>
    describeTrainingJob(trainingJobs.describe(nameIn('TrainingJobName', input)), at),
  UpdateTrainingJob: ({ trainingJobs }, input) => ({ TrainingJobArn: trainingJobs.update(input).arn }),
  StopTrainingJob: ({ trainingJobs }, input) => {
    trainingJobs.stop(nameIn('TrainingJobName', input));
    return {};
  },
  ListTrainingJobs: ({ trainingJobs }, input, at) => {
    const all = trainingJobs.list().map((job) => ({
      TrainingJobName: job.name,
      TrainingJobArn: job.arn,
      CreationTime: job.createdAt,
      TrainingEndTime: job.trainingEndedAt,
      LastModifiedTime: job.lastModifiedAt,
      TrainingJobStatus: job.status,
      SecondaryStatus: job.secondaryStatus,
      WarmPoolStatus: describeWarmPool(job, at),
    }));
    return listPage('TrainingJobSummaries', 'TrainingJobName', all, parseWith(listSchema, input));
  },

  CreateProcessingJob: ({ processingJobs }, input) => ({ ProcessingJobArn: processingJobs.create(input).arn }),
  DescribeProcessingJob: ({ processingJobs }, input) =>
    describeProcessingJob(processingJobs.describe(nameIn('ProcessingJobName', input))),
  StopProcessingJob: ({ processingJobs }, input) => {
    processingJobs.stop(nameIn('ProcessingJobName', input));
    return {};
  },
  ListProcessingJobs: ({ processingJobs }, input) => {
    const all = processingJobs.list().map((job) => ({
      ProcessingJobName: job.name,
      ProcessingJobArn: job.arn,
      CreationTime: job.createdAt,
      ProcessingEndTime: job.endedAt,
      LastModifiedTime: job.lastModifiedAt,
      ProcessingJobStatus: job.status,
    }));
    return listPage('ProcessingJobSummaries', 'ProcessingJobName', all, parseWith(listSchema, input));
  },

  CreateOptimizationJob: ({ optimizationJobs }, input) => ({
    OptimizationJobArn: optimizationJobs.create(input).arn,
  }),
  DescribeOptimizationJob: ({ optimizationJobs }, input) =>
    describeOptimizationJob(optimizationJobs.describe(nameIn('OptimizationJobName', input))),
  StopOptimizationJob: ({ optimizationJobs }, input) => {
    optimizationJobs.stop(nameIn('OptimizationJobName', input));
    return {};
  },
  DeleteOptimizationJob: ({ optimizationJobs }, input) => {
    optimizationJobs.delete(nameIn('OptimizationJobName', input));
    return {};
  },
  ListOptimizationJobs: ({ optimizationJobs }, input) => {
    const { OptimizationContains: technique, ...query } = parseWith(listOptimizationJobsSchema, input);
    const all = optimizationJobs
      .list()
      .map(summarizeOptimizationJob)
      .filter(({ OptimizationTypes: types }) => technique === undefined || types.includes(technique));
    return listPage('OptimizationJobSummaries', 'OptimizationJobName', all, query);
  },

  CreateInferenceComponent: ({ components }, input, at) => componentArn(components.create(input, at).name),
  UpdateInferenceComponent: ({ components }, input, at) => componentArn(components.update(input, at).name),
  UpdateInferenceComponentRuntimeConfig: ({ components }, input, at) =>
    componentArn(components.updateRuntimeConfig(input, at).name),
  DescribeInferenceComponent: ({ components }, input) =>
    describeComponent(components.describe(nameIn('InferenceComponentName', input))),
  DeleteInferenceComponent: ({ components }, input, at) => {
    components.delete(nameIn('InferenceComponentName', input), at);
    return {};
  },
  ListInferenceComponents: ({ components }, input) => {
    const { EndpointNameEquals, VariantNameEquals, ...query } = parseWith(listComponentsSchema, input);
    const all = components
      .list()
      .map(describeComponent)
      .filter(({ EndpointName }) => EndpointNameEquals === undefined || EndpointName === EndpointNameEquals)
      .filter(({ VariantName }) => VariantNameEquals === undefined || VariantName === VariantNameEquals)
      .map(({ Specification: _described, RuntimeConfig: _too, FailureReason: _also, ...summary }) => summary);
    return listPage('InferenceComponents', 'InferenceComponentName', all, query);
  },

  ListTags: (parts, input) => ({ Tags: tagsOf(parts, String(input['ResourceArn'] ?? '')) }),
};

const componentArn = (name: string): Json => ({ InferenceComponentArn: sageMakerArn('inference-component', name) });

const endpointArn = (name: string): Json => ({ EndpointArn: sageMakerArn('endpoint', name) });

/** Tags given at creation. */
function tagsOf(
  {
    models,
    modelPackages,
    configs,
    endpoints,
    components,
    trainingJobs,
    processingJobs,
    optimizationJobs,
  }: SageMakerParts,
  arn: string,
): unknown {
  const name = nameOfArn(arn).toLowerCase();
  const kind = /:([a-z-]+)\//.exec(arn)?.[1];
  const same = (other: string): boolean => other.toLowerCase() === name;
  switch (kind) {
    case 'model':
      return models.list().find(({ request }) => same(request.ModelName))?.request.Tags ?? [];
    case 'model-package-group':
      return modelPackages.listGroups().find((group) => same(group.name))?.tags ?? [];
    case 'endpoint-config':
      return configs.list().find(({ request }) => same(request.EndpointConfigName))?.request.Tags ?? [];
    case 'endpoint':
      return endpoints.list().find((endpoint) => same(endpoint.name))?.tags ?? [];
    case 'inference-component':
      return components.list().find((component) => same(component.name))?.request.Tags ?? [];
    case 'training-job':
      return trainingJobs.list().find((job) => same(job.name))?.request.Tags ?? [];
    case 'processing-job':
      return processingJobs.list().find((job) => same(job.name))?.request.Tags ?? [];
    case 'optimization-job':
      return optimizationJobs.list().find((job) => same(job.name))?.request.Tags ?? [];
    default:
      return [];
  }
}

/** Carries out one call of the SageMaker API, given by the name of its operation. */
export async function callSageMaker(
  parts: SageMakerParts,
  operation: string,
  input: Json,
  at: EpochSeconds,
): Promise<Json> {
  const found = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation] : undefined;
  if (!found) {
    throw new ServiceError('UnknownOperationException', `SageMaker.${operation} is not available in the local engine`);
  }
  return found(parts, input, at);
}
