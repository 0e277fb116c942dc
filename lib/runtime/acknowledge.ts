import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Returns a resolved template value as text, with references in angle brackets as in the finding ids of cdk-nag. */
function flatten(value: unknown): string {
  if (typeof value === 'string') return value.replace(/\$\{/g, '<').replace(/\}/g, '>');
  const [name, argument] = Object.entries(value as { [intrinsic: string]: unknown })[0]!;
  if (name === 'Ref') return `<${argument as string}>`;
  if (name === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  if (name === 'Fn::Join') {
    const [delimiter, parts] = argument as [string, unknown[]];
    return parts.map(flatten).join(delimiter);
  }
  if (name === 'Fn::Sub' || name === 'Fn::ImportValue') return flatten(argument);
  return JSON.stringify(value);
}

const COMPLIANCE_PACKS = ['HIPAA.Security', 'NIST.800.53.R4', 'NIST.800.53.R5', 'PCI.DSS.321'] as const;
const WITHOUT_PCI = ['HIPAA.Security', 'NIST.800.53.R4', 'NIST.800.53.R5'] as const;

/** Rules of cdk-nag's other packs that constructs may accept, with the packs that have them. */
const CONTROL_PACKS = {
  CloudWatchAlarmAction: WITHOUT_PCI,
  CloudWatchLogGroupEncrypted: COMPLIANCE_PACKS,
  DynamoDBInBackupPlan: WITHOUT_PCI,
  EventBusDLQ: ['Serverless'],
  IAMNoInlinePolicy: COMPLIANCE_PACKS,
  LambdaAsyncFailureDestination: ['Serverless'],
  LambdaConcurrency: ['HIPAA.Security', 'NIST.800.53.R5'],
  LambdaDLQ: ['HIPAA.Security', 'NIST.800.53.R5', 'Serverless'],
  LambdaEventSourceMappingDestination: ['Serverless'],
  LambdaInsideVPC: COMPLIANCE_PACKS,
  LambdaTracing: ['Serverless'],
  S3BucketDefaultLockEnabled: ['NIST.800.53.R4'],
  S3BucketLoggingEnabled: COMPLIANCE_PACKS,
  S3BucketReplicationEnabled: COMPLIANCE_PACKS,
  S3DefaultEncryptionKMS: ['HIPAA.Security', 'NIST.800.53.R5', 'PCI.DSS.321'],
  SageMakerEndpointConfigurationKMSKeyConfigured: COMPLIANCE_PACKS,
  SNSRedrivePolicy: ['Serverless'],
  SQSRedrivePolicy: ['Serverless'],
} as const;

/** Accepts a finding of cdk-nag's packs for HIPAA, NIST, PCI and serverless applications below a construct, with a reason. */
export function acknowledgeControl(scope: IConstruct, control: keyof typeof CONTROL_PACKS, reason: string): void {
  for (const pack of CONTROL_PACKS[control]) {
    Validations.of(scope).acknowledge({ id: `${pack}::${pack}-${control}`, reason });
  }
}

/** Accepts that the policies below a construct are written into their role. */
export function acknowledgeInlinePolicy(scope: IConstruct): void {
  acknowledgeControl(
    scope,
    'IAMNoInlinePolicy',
    'The policy belongs to this role only and is deleted with it; a managed policy could be attached to other roles.',
  );
}

/** Accepts the policy that grants have written into a role; without effect where they have written none. */
export function acknowledgeGrants(role: IConstruct): void {
  const policy = role.node.tryFindChild('DefaultPolicy');
  if (policy !== undefined) acknowledgeInlinePolicy(policy);
}

/** Accepts that a log group is encrypted with the key of CloudWatch Logs. */
export function acknowledgeLogEncryption(scope: IConstruct): void {
  acknowledgeControl(
    scope,
    'CloudWatchLogGroupEncrypted',
    'CloudWatch Logs encrypts every log group with a service key; a customer managed key costs 1 USD a month for each stack and ' +
      'needs a key policy for the service.',
  );
}

/** Accepts that a table with point-in-time recovery is not in a plan of AWS Backup. */
export function acknowledgeNoBackupPlan(scope: IConstruct): void {
  acknowledgeControl(
    scope,
    'DynamoDBInBackupPlan',
    'Point-in-time recovery restores the table to any second of the last 35 days; plans of AWS Backup belong to the account.',
  );
}

/** Accepts that the volumes of an endpoint's instances have no customer managed key. */
export function acknowledgeVolumeEncryption(scope: IConstruct, way: string): void {
  acknowledgeControl(
    scope,
    'SageMakerEndpointConfigurationKMSKeyConfigured',
    `SageMaker encrypts volumes without a customer managed key with a transient key; ${way}`,
  );
}

/** Accepts a finding of cdk-nag's AwsSolutions pack below a construct, with a reason. `rule` is the id in the pack, for example `S1`. */
export function acknowledgeRule(scope: IConstruct, rule: string, reason: string): void {
  Validations.of(scope).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}

/** Accepts that policies below a construct name resources with a wildcard; other wildcards stay findings. */
export function acknowledgeWildcards(scope: IConstruct, resources: readonly unknown[], reason: string): void {
  for (const resource of resources) {
    acknowledgeRule(scope, `IAM5[Resource::${flatten(Stack.of(scope).resolve(resource))}]`, reason);
  }
}
