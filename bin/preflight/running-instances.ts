import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeTrainingJobCommand,
  ListTagsCommand,
  paginateListEndpoints,
  paginateListTrainingJobs,
  type ProductionVariantSummary,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { instanceQuotaName } from '../../lib/catalog/service-quotas';

/** Endpoints beyond which what runs already is not counted: each takes three calls. */
const MAX_ENDPOINTS = 100;

/** Training jobs in progress beyond which they are not counted: each takes a call. */
const MAX_TRAINING_JOBS = 100;

/** Tag that CloudFormation gives to the resources of a stack. */
const STACK_NAME_TAG = 'aws:cloudformation:stack-name';

/** Counts the instances of the account's endpoints by type, without those of some stacks. */
export async function readHosted(
  sageMaker: SageMakerClient,
  ownStacks: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const endpoints: { readonly name: string; readonly arn: string }[] = [];
  for await (const { Endpoints = [] } of paginateListEndpoints({ client: sageMaker, pageSize: 100 }, {}))
    for (const { EndpointName, EndpointArn } of Endpoints) endpoints.push({ name: EndpointName!, arn: EndpointArn! });
  if (endpoints.length > MAX_ENDPOINTS)
    throw new Error(`${endpoints.length} endpoints are too many to count; compare with Service Quotas by hand`);
  const hosted = new Map<string, number>();
  for (const { name, arn } of endpoints) {
    const { Tags = [] } = await sageMaker.send(new ListTagsCommand({ ResourceArn: arn }));
    const stack = Tags.find(({ Key }) => Key === STACK_NAME_TAG)?.Value;
    if (stack !== undefined && ownStacks.includes(stack)) continue;
    const {
      EndpointConfigName,
      ProductionVariants = [],
      ShadowProductionVariants = [],
    } = await sageMaker.send(new DescribeEndpointCommand({ EndpointName: name }));
    const config = await sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
    const declared = [...(config.ProductionVariants ?? []), ...(config.ShadowProductionVariants ?? [])];
    for (const variant of [...ProductionVariants, ...ShadowProductionVariants]) {
      const { InstanceType } = declared.find(({ VariantName }) => VariantName === variant.VariantName) ?? {};
      for (const [type, count] of instancesOf(variant, InstanceType)) hosted.set(type, (hosted.get(type) ?? 0) + count);
    }
  }
  return hosted;
}

/** Instances of a variant by type; none of a serverless one. */
function instancesOf(
  { InstancePools = [], CurrentInstanceCount = 0, DesiredInstanceCount = 0 }: ProductionVariantSummary,
  instanceType: string | undefined,
): [instanceType: string, count: number][] {
  if (InstancePools.length > 0)
    return InstancePools.map((pool) => [pool.InstanceType!, pool.CurrentInstanceCount ?? 0]);
  return instanceType === undefined ? [] : [[instanceType, Math.max(CurrentInstanceCount, DesiredInstanceCount)]];
}

/** Counts the instances of the training jobs in progress by the name of the quota that they use, spot and on-demand apart. */
export async function readTraining(sageMaker: SageMakerClient): Promise<ReadonlyMap<string, number>> {
  const names: string[] = [];
  const pages = paginateListTrainingJobs({ client: sageMaker, pageSize: 100 }, { StatusEquals: 'InProgress' });
  for await (const { TrainingJobSummaries = [] } of pages) {
    names.push(...TrainingJobSummaries.map(({ TrainingJobName }) => TrainingJobName!));
    if (names.length > MAX_TRAINING_JOBS)
      throw new Error(
        `more than ${MAX_TRAINING_JOBS} training jobs in progress are too many to count; compare with Service Quotas by hand`,
      );
  }
  const used = new Map<string, number>();
  for (const name of names) {
    const { ResourceConfig, EnableManagedSpotTraining } = await sageMaker.send(
      new DescribeTrainingJobCommand({ TrainingJobName: name }),
    );
    const { InstanceType, InstanceCount, InstanceGroups = [] } = ResourceConfig ?? {};
    for (const group of [{ InstanceType, InstanceCount }, ...InstanceGroups]) {
      if (group.InstanceType === undefined) continue;
      const quota = instanceQuotaName(
        group.InstanceType,
        EnableManagedSpotTraining === true ? 'spot-training' : 'training',
      );
      used.set(quota, (used.get(quota) ?? 0) + (group.InstanceCount ?? 0));
    }
  }
  return used;
}
