import { LOCAL_ACCOUNT } from '../../lib/emulator/credentials';

/** A value of a template with its references replaced by names: `Ref` by the id in lower case, `Fn::GetAtt` by the ARN of a role. */
export function withoutReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutReferences);
  if (typeof value !== 'object' || value === null) return value;
  const {
    Ref: ref,
    'Fn::GetAtt': attribute,
    'Fn::Join': join,
  } = value as {
    Ref?: string;
    'Fn::GetAtt'?: [string, string];
    'Fn::Join'?: [string, unknown[]];
  };
  if (join !== undefined) return (withoutReferences(join[1]) as string[]).join(join[0]);
  if (ref !== undefined) return ref === 'AWS::Partition' ? 'aws' : ref.toLowerCase();
  if (attribute !== undefined) return `arn:aws:iam::${LOCAL_ACCOUNT}:role/${attribute[0]}`;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutReferences(member)]));
}
