import {
  DescribeStacksCommand,
  paginateListStackResources,
  type StackResourceSummary,
} from '@aws-sdk/client-cloudformation';
import type { AwsClients } from './aws';

/** Outputs of the platform's stack about ingestion, the endpoint and its guard, which every stage has. */
export const SERVING_OUTPUTS = [
  'StreamName',
  'EndpointName',
  'VariantName',
  'ResultsBucketName',
  'GuardTableName',
  'BudgetParameterName',
] as const;

/** Outputs of the platform's stack that a run reads. */
export const PLATFORM_OUTPUTS = [...SERVING_OUTPUTS, 'TrainingStateMachineArn'] as const;

/** Outputs of the deployed stacks by name. */
export type StackOutputs<Name extends string> = { readonly [name in Name]: string };

/** Outputs of the deployed platform. */
export type PlatformOutputs = StackOutputs<(typeof PLATFORM_OUTPUTS)[number]> & {
  /** Kafka topic to which requests go in place of the stream. @default - they go to the stream */
  readonly TopicName?: string;
};

/**
 * Reads outputs of the deployed stacks.
 *
 * @throws Error that names the missing outputs
 */
export async function readOutputs<Name extends string>(
  { cloudFormation }: AwsClients,
  stackNames: readonly string[],
  names: readonly Name[],
): Promise<StackOutputs<Name>> {
  const found: { [name: string]: string } = {};
  for (const StackName of stackNames) {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    for (const { OutputKey, OutputValue } of Stacks.flatMap(({ Outputs = [] }) => Outputs)) {
      if (OutputKey !== undefined && OutputValue !== undefined) found[OutputKey] = OutputValue;
    }
  }
  const missing = names.filter((name) => found[name] === undefined);
  if (missing.length > 0) {
    throw new Error(`the deployed stacks (${stackNames.join(', ')}) have no output ${missing.join(', ')}`);
  }
  return found as StackOutputs<Name>;
}

/** Reads the names of the deployed Lambda functions. */
export async function readFunctionNames(aws: AwsClients, stackNames: readonly string[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const StackName of stackNames) {
    for (const { ResourceType, PhysicalResourceId } of await listStackResources(aws, StackName)) {
      if (ResourceType === 'AWS::Lambda::Function' && PhysicalResourceId !== undefined) names.push(PhysicalResourceId);
    }
  }
  return names;
}

/**
 * Reads all resources of a stack. DescribeStackResources returns 100 at most:
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
 *
 * @param stackName name, or the id, by which a deleted stack is found too
 */
export async function listStackResources(
  { cloudFormation }: Pick<AwsClients, 'cloudFormation'>,
  stackName: string,
): Promise<readonly StackResourceSummary[]> {
  const resources: StackResourceSummary[] = [];
  const pages = paginateListStackResources({ client: cloudFormation }, { StackName: stackName });
  for await (const { StackResourceSummaries = [] } of pages) resources.push(...StackResourceSummaries);
  return resources;
}
