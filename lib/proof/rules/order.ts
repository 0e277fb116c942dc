import type { Json } from '../../core/parse';
import type { RuleViolation } from '../finding';
import type { Resource, TemplateModel } from '../../template';
import type { ProofRule } from '../rule-support/rule';

/** Resources that use a role while they are created: property of the role, and actions that the creation needs. */
const CREATED_WITH_ROLE: readonly {
  readonly type: string;
  readonly role: string;
  readonly needs: RegExp;
  readonly use: string;
}[] = [
  {
    type: 'AWS::SageMaker::Model',
    role: 'ExecutionRoleArn',
    needs: /^(\*|(ecr|s3|kms|ec2|s3express):.*)$/i,
    use: 'SageMaker reads the image and the files of the model with the role',
  },
  {
    type: 'AWS::SageMaker::TrainingJob',
    role: 'RoleArn',
    needs: /^(\*|(ecr|s3|kms|ec2|fsx|elasticfilesystem):.*)$/i,
    use: 'the job reads its image and data with the role',
  },
  {
    type: 'AWS::SageMaker::ProcessingJob',
    role: 'RoleArn',
    needs: /^(\*|(ecr|s3|kms|ec2):.*)$/i,
    use: 'the job reads its image and data with the role',
  },
];

/** Policies of a role that are resources of their own. */
function policiesOf(role: Resource): Resource[] {
  return role.reader.usersOf(role).filter(({ type }) => /^AWS::IAM::(Policy|RolePolicy|ManagedPolicy)$/.test(type));
}

/** Actions that a policy allows. */
function allowedActions({ reader, properties }: Resource): string[] {
  const document = reader.object(properties['PolicyDocument']);
  const written = document?.['Statement'];
  const statements: readonly Json[] = Array.isArray(written) ? reader.objects(written) : [reader.object(written) ?? {}];
  return statements.flatMap((statement) =>
    reader.text(statement['Effect']) === 'Allow' ? reader.texts(statement['Action']) : [],
  );
}

/** True if a role has permissions of its own that may be sufficient. */
function hasOwn(role: Resource, needs: RegExp): boolean {
  const { reader, properties } = role;
  const managed = reader.texts(properties['ManagedPolicyArns']);
  if (managed.some((arn) => /AmazonSageMakerFullAccess|AdministratorAccess|PowerUserAccess/.test(arn))) return true;
  return reader
    .objects(properties['Policies'])
    .some(({ PolicyDocument }) =>
      allowedActions({ ...role, properties: { PolicyDocument } }).some((action) => needs.test(action)),
    );
}

function* beforePermissions(model: TemplateModel): Iterable<RuleViolation> {
  for (const { type, role: property, needs, use } of CREATED_WITH_ROLE) {
    for (const user of model.ofType(type)) {
      const role = user.reader.referenced(user.properties[property]);
      if (role?.type !== 'AWS::IAM::Role' || hasOwn(role, needs)) continue;
      const awaited = policiesOf(role).filter((policy) => allowedActions(policy).some((action) => needs.test(action)));
      const missed = awaited.filter((policy) => !user.reader.isCreatedAfter(user, policy));
      const [first] = missed;
      // One of several policies may be that of this resource, and the others those of its neighbours.
      if (first === undefined || missed.length < awaited.length) continue;
      yield {
        at: user,
        property,
        message:
          `nothing makes CloudFormation wait for ${first.logicalId}, which gives ${role.logicalId} its permissions: ` +
          `${use}, and may be refused`,
        remedy: `add DependsOn ${missed.map(({ logicalId }) => logicalId).join(', ')}`,
      };
    }
  }
}

/** Rules about what has to be there first. */
export const ORDER_RULES: readonly ProofRule[] = [
  {
    id: 'made-before-permissions',
    severity: 'warning',
    reason: 'a policy is a resource of its own, and a reference to the role alone does not wait for it',
    remedy: 'add DependsOn the policy, or write the policy into the role',
    source: 'CloudFormation user guide: DependsOn attribute (roles and policies); SageMaker API reference: CreateModel',
    check: beforePermissions,
  },
];
