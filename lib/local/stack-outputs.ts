import { DescribeStacksCommand, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import type { AwsClients } from './aws';

const NAMES = [
  'StreamName',
  'EndpointName',
  'VariantName',
  'ResultsBucketName',
  'GuardTableName',
  'BudgetParameterName',
  'TrainingStateMachineArn',
] as const;

/** What the run needs to know of the deployed platform. */
export type StackOutputs = { readonly [name in (typeof NAMES)[number]]: string };

/** Reads the outputs of the deployed stacks, and names what is missing. */
export async function readOutputs(
  { cloudFormation }: AwsClients,
  stackNames: readonly string[],
): Promise<StackOutputs> {
  const found: { [name: string]: string } = {};
  for (const StackName of stackNames) {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    for (const { OutputKey, OutputValue } of Stacks.flatMap(({ Outputs = [] }) => Outputs)) {
      if (OutputKey !== undefined && OutputValue !== undefined) found[OutputKey] = OutputValue;
    }
  }
  const missing = NAMES.filter((name) => found[name] === undefined);
  if (missing.length > 0) {
    throw new Error(`the deployed stacks (${stackNames.join(', ')}) have no output ${missing.join(', ')}`);
  }
  return found as unknown as StackOutputs;
}

/** The names of the deployed Lambda functions. */
export async function readFunctionNames(
  { cloudFormation }: AwsClients,
  stackNames: readonly string[],
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const StackName of stackNames) {
    const { StackResources = [] } = await cloudFormation.send(new DescribeStackResourcesCommand({ StackName }));
    for (const { ResourceType, PhysicalResourceId } of StackResources) {
      if (ResourceType === 'AWS::Lambda::Function' && PhysicalResourceId !== undefined) names.push(PhysicalResourceId);
    }
  }
  return names;
}
