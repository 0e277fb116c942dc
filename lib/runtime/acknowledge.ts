import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Text of a resolved template value, with references in angle brackets as cdk-nag writes them in its finding ids. */
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

/** Accepts a finding of cdk-nag's AwsSolutions pack below a construct, for a reason. `rule` is the pack's id, for example `S1`. */
export function acknowledgeRule(scope: IConstruct, rule: string, reason: string): void {
  Validations.of(scope).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}

/** Accepts that policies below a construct name resources with a wildcard; other wildcards stay findings. */
export function acknowledgeWildcards(scope: IConstruct, resources: readonly string[], reason: string): void {
  for (const resource of resources) {
    acknowledgeRule(scope, `IAM5[Resource::${flatten(Stack.of(scope).resolve(resource))}]`, reason);
  }
}
