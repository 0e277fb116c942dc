import type { StackResourceSummary } from '@aws-sdk/client-cloudformation';
import { inParallel } from '../../emulator/repeat';
import type { AssemblyStack } from './assembly';
import type { AwsClients } from './aws';
import { expectState, findResourceCheck, type DeclaredResource, type DeployedResource } from './resource-checks';
import { listStackResources } from './stack-outputs';

/** Result of the verification of all declared resources. */
export interface Verification {
  /** Number of resources in the templates. */
  readonly declared: number;
  /** Number of resources that their service has in the right state. */
  readonly verified: number;
  /** One sentence for every other resource. */
  readonly problems: readonly string[];
}

/** Types without a resource in any service. */
const WITHOUT_RESOURCE = new Set(['AWS::CDK::Metadata']);

const MAX_PARALLEL_CHECKS = 6;

/** Checks every resource of the templates by the API of its service. */
export async function verifyResources(aws: AwsClients, stacks: readonly AssemblyStack[]): Promise<Verification> {
  const problems: string[] = [];
  let declared = 0;
  let verified = 0;
  for (const { name: stackName, template } of stacks) {
    const resources = await listStackResources(aws, stackName);
    const deployed = new Map(resources.map((resource) => [resource.LogicalResourceId!, resource]));
    const byLogicalId = new Map(
      resources.map((resource): [string, DeployedResource] => [
        resource.LogicalResourceId!,
        {
          logicalId: resource.LogicalResourceId!,
          type: resource.ResourceType!,
          physicalId: resource.PhysicalResourceId ?? '',
        },
      ]),
    );
    const entries = Object.entries(template.Resources).filter(([, { Type }]) => !WITHOUT_RESOURCE.has(Type));
    declared += entries.length;
    await inParallel(entries, MAX_PARALLEL_CHECKS, async ([logicalId, { Type: type, Properties = {} }]) => {
      try {
        await verifyOne(aws, deployed.get(logicalId), {
          logicalId,
          type,
          physicalId: byLogicalId.get(logicalId)?.physicalId ?? '',
          properties: Properties,
          byLogicalId,
        });
        verified += 1;
      } catch (error) {
        problems.push(`${type} ${logicalId}: ${error instanceof Error ? error.message || error.name : String(error)}`);
      }
    });
  }
  return { declared, verified, problems: problems.sort() };
}

async function verifyOne(
  aws: AwsClients,
  deployed: StackResourceSummary | undefined,
  resource: DeclaredResource,
): Promise<void> {
  if (deployed === undefined) throw new Error('the stack has no such resource');
  expectState(deployed.ResourceStatus, 'CREATE_COMPLETE', 'UPDATE_COMPLETE', 'IMPORT_COMPLETE');
  const check = findResourceCheck(resource.type);
  if (check === undefined) throw new Error('there is no check for this type; add one to resource-checks.ts');
  if (resource.physicalId === '') throw new Error('it has no physical id');
  await check(aws, resource);
}

/** Text of a verification, for progress and messages. */
export function verificationText({ declared, verified }: Verification): string {
  return `${verified} of ${declared} resources verified`;
}

/** Throws an error with every problem unless all resources are verified. */
export function requireVerified(verification: Verification): void {
  if (verification.verified === verification.declared) return;
  throw new Error(`${verificationText(verification)}:\n  ${verification.problems.join('\n  ')}`);
}
