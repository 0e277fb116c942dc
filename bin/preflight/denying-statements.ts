import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  paginateListAttachedRolePolicies,
  paginateListRolePolicies,
  type EvaluationResult,
  type IAMClient,
} from '@aws-sdk/client-iam';
import { isObject } from '../../lib/core/parse';

/**
 * Denying statements of a role's policies and of its permissions boundary.
 *
 * A denial of any resource (`*`) holds for every one, unless its statement leaves some out with `NotResource`: those are denied in a
 * simulation without a name all the same.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html
 */
export class DenyingStatements {
  /** Patterns of the actions that statements with `NotResource` deny; null where the policies could not be read. */
  private partial: Promise<readonly RegExp[] | null> | undefined;

  public constructor(
    private readonly iam: IAMClient,
    private readonly roleArn: string,
  ) {}

  /** True if an explicit denial of any resource holds for every resource; false also where the statements could not be read. */
  public async holdsForEveryResource({
    EvalActionName,
    OrganizationsDecisionDetail,
  }: EvaluationResult): Promise<boolean> {
    // A policy of the organization cannot be read from the account.
    if (OrganizationsDecisionDetail?.AllowedByOrganizations === false) return false;
    this.partial ??= this.read().catch(() => null);
    const partial = await this.partial;
    return partial !== null && !partial.some((action) => action.test(EvalActionName!));
  }

  private async read(): Promise<readonly RegExp[]> {
    const { iam } = this;
    if (!this.roleArn.includes(':role/')) throw new Error(`${this.roleArn} is no role`);
    const RoleName = this.roleArn.split('/').at(-1)!;
    const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
    const documents: string[] = [];
    for await (const { PolicyNames = [] } of paginateListRolePolicies({ client: iam }, { RoleName }))
      for (const PolicyName of PolicyNames) {
        const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
        documents.push(PolicyDocument!);
      }
    const arns = [Role?.PermissionsBoundary?.PermissionsBoundaryArn];
    for await (const { AttachedPolicies = [] } of paginateListAttachedRolePolicies({ client: iam }, { RoleName }))
      arns.push(...AttachedPolicies.map(({ PolicyArn }) => PolicyArn));
    for (const PolicyArn of arns) {
      if (PolicyArn === undefined) continue;
      const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
      const VersionId = Policy!.DefaultVersionId;
      const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId }));
      documents.push(PolicyVersion!.Document!);
    }
    return documents.flatMap((document) => partialDenials(JSON.parse(decodeURIComponent(document))));
  }
}

/** Patterns of the actions that the statements of a policy deny on some resources; of `NotAction` any action. */
function partialDenials(document: unknown): RegExp[] {
  const statements = isObject(document) ? [document['Statement']].flat() : [];
  return statements
    .filter(isObject)
    .filter((statement) => statement['Effect'] === 'Deny' && 'NotResource' in statement)
    .flatMap((statement) => ('NotAction' in statement ? ['*'] : [statement['Action']].flat()))
    .map((action) => actionPattern(String(action)));
}

/** Pattern of IAM: `*` for any characters, `?` for one, in either case. */
function actionPattern(action: string): RegExp {
  const text = action.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${text.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i');
}
