import {
  GetRoleCommand,
  paginateSimulatePrincipalPolicy,
  type ContextEntry,
  type EvaluationResult,
  type IAMClient,
} from '@aws-sdk/client-iam';
import type { AccountNeeds, Denial, RolePermissions } from '../../lib/preflight/contract';
import { deploymentActions } from '../../lib/preflight/decide/check-account';
import { DenyingStatements } from './denying-statements';
import { fact } from './fact';

/** Actions in one simulation; the request has to stay below the limit of IAM's query protocol. */
const ACTIONS_PER_SIMULATION = 50;

/** Simulates the policies of the role that CloudFormation acts with, and of the caller who has to hand over to it. */
export async function readPermissions(
  iam: IAMClient,
  { bootstrap, resourceTypes }: AccountNeeds,
  caller: {
    readonly accountId: string;
    readonly arn: string;
    readonly region: string;
    readonly isBootstrapped: boolean;
  },
): Promise<RolePermissions[]> {
  const { accountId, arn, region } = caller;
  const partition = arn.split(':')[1]!;
  const { actions } = deploymentActions(resourceTypes);
  const me = callerEntity(arn);
  const own = (wanted: Wanted): Promise<RolePermissions> =>
    me === undefined
      ? Promise.resolve({ role: 'the root user', denied: { kind: 'known', value: [] } })
      : simulate(iam, arn, me, wanted, region);
  if (bootstrap === undefined) return [await own({ actions })];
  const nameOf = (role: string): string => `cdk-${bootstrap.qualifier}-${role}-${accountId}-${region}`;
  const arnOf = (role: string): string => `arn:${partition}:iam::${accountId}:role/${nameOf(role)}`;
  const assuming = await own({
    actions: ['sts:AssumeRole'],
    resources: ['deploy-role', 'file-publishing-role'].map(arnOf),
  });
  // The role comes with the bootstrap.
  if (!caller.isBootstrapped) return [assuming];
  const execution = (): Promise<string> => Promise.resolve(arnOf('cfn-exec-role'));
  return [assuming, await simulate(iam, nameOf('cfn-exec-role'), execution, { actions }, region)];

  /** Reads the ARN of the caller's user or role, which has a path that the session's ARN lacks. */
  function callerEntity(callerArn: string): (() => Promise<string>) | undefined {
    if (callerArn.endsWith(':root')) return undefined;
    const assumed = /:assumed-role\/([^/]+)\//.exec(callerArn)?.[1];
    if (assumed === undefined) return () => Promise.resolve(callerArn);
    return async () => (await iam.send(new GetRoleCommand({ RoleName: assumed }))).Role!.Arn!;
  }
}

/** Actions to simulate, on each of some resources; on any where their names are not known. */
interface Wanted {
  readonly actions: readonly string[];
  readonly resources?: readonly string[];
}

async function simulate(
  iam: IAMClient,
  role: string,
  arn: () => Promise<string>,
  { actions, resources }: Wanted,
  region: string,
): Promise<RolePermissions> {
  // A statement on the region of the request would otherwise be judged without one.
  const ContextEntries: ContextEntry[] = [
    { ContextKeyName: 'aws:RequestedRegion', ContextKeyType: 'string', ContextKeyValues: [region] },
  ];
  const denied = await fact('iam:SimulatePrincipalPolicy', async () => {
    const refused: Denial[] = [];
    const PolicySourceArn = await arn();
    const statements = new DenyingStatements(iam, PolicySourceArn);
    for (const resource of resources ?? [undefined]) {
      for (let first = 0; first < actions.length; first += ACTIONS_PER_SIMULATION) {
        const ActionNames = actions.slice(first, first + ACTIONS_PER_SIMULATION);
        const input = { PolicySourceArn, ActionNames, ContextEntries, ...(resource && { ResourceArns: [resource] }) };
        for await (const page of paginateSimulatePrincipalPolicy({ client: iam }, input))
          for (const result of page.EvaluationResults ?? [])
            if (result.EvalDecision !== 'allowed') refused.push(await denialOf(result, resource, statements));
      }
    }
    return refused;
  });
  return { role, denied };
}

/**
 * An explicit denial of any resource holds for every one where its statement leaves none out, and a missing statement only for a resource that
 * was named. Neither is certain where a condition asks for what the simulation does not know, such as the presence of MFA.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
 */
async function denialOf(
  result: EvaluationResult,
  resource: string | undefined,
  statements: DenyingStatements,
): Promise<Denial> {
  const missing = [result, ...(result.ResourceSpecificResults ?? [])].flatMap(
    ({ MissingContextValues }) => MissingContextValues ?? [],
  );
  const isDecided =
    resource !== undefined ||
    (result.EvalDecision === 'explicitDeny' && (await statements.holdsForEveryResource(result)));
  return {
    action: result.EvalActionName!,
    ...(resource !== undefined && { resource: resource.split('/').at(-1)! }),
    isCertain: isDecided && missing.length === 0,
  };
}
