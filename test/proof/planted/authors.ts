import type { Random } from '../../../lib/simulation/random';

/** Properties of a resource; mistakes are planted by changing them. */
export type Written = { [name: string]: unknown };

/** A resource of a template that is being written. */
export interface WrittenResource {
  Type: string;
  Properties: Written;
  DependsOn?: string[];
  Metadata?: Written;
  Condition?: string;
}

/** Way in which one author writes templates: the same fleet, in other words of CloudFormation. */
export interface Author {
  readonly name: string;
  /** Logical id of a resource by its part in the fleet. */
  id(part: string): string;
  /** Number of replicas, seconds and the like. */
  count(value: number): unknown;
  /** Name of the endpoint, as a property of another resource. */
  endpointName(): unknown;
  /** Resource id of a variant, or of anything below the endpoint. */
  resourceId(variant: string): unknown;
  /** Name of a resource that CloudFormation may generate; undefined leaves it out. */
  literalName(part: string): string | undefined;
  /** Reference to a resource by its part, from a resource of the same template. */
  ref(part: string): unknown;
  /** ARN or another attribute of a resource. */
  attribute(part: string, attribute: string): unknown;
  /** Link of a policy to its target. */
  policyOf(resourceId: unknown, dimension: string): Written;
  /** Parts other than `Resources`. */
  readonly sections: Written;
  /** Parts whose resources other parts wait for, because their names alone make no order. */
  readonly waits: boolean;
  /** Parts that lie in a template of their own. */
  readonly isServedElsewhere: boolean;
}

const HEX = '0123456789ABCDEF';

function hash(random: Random): string {
  return Array.from({ length: 8 }, () => HEX[Math.floor(random.uniform() * 16)]).join('');
}

/** Templates as a synthesis writes them: hashed ids, Fn::Join, Fn::GetAtt, metadata. */
function synthesized(random: Random, prefix: string): Author {
  const ids = new Map<string, string>();
  const id = (part: string): string => {
    const known = ids.get(part) ?? `${prefix}${part}${hash(random)}`;
    ids.set(part, known);
    return known;
  };
  const attribute = (part: string, name: string): unknown => ({ 'Fn::GetAtt': [id(part), name] });
  return {
    name: 'synthesized',
    id,
    count: (value) => value,
    endpointName: () => attribute('Endpoint', 'EndpointName'),
    resourceId: (variant) => ({
      'Fn::Join': ['', ['endpoint/', attribute('Endpoint', 'EndpointName'), `/variant/${variant}`]],
    }),
    literalName: () => undefined,
    ref: (part) => ({ Ref: id(part) }),
    attribute,
    policyOf: () => ({ ScalingTargetId: { Ref: id('Target') } }),
    sections: {
      Parameters: {
        BootstrapVersion: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/cdk-bootstrap/x/version' },
      },
    },
    waits: false,
    isServedElsewhere: false,
  };
}

/** Templates as people write them: short ids, Fn::Sub, parameters, numbers as texts. */
function handWritten(_random: Random, prefix: string): Author {
  const id = (part: string): string => part;
  return {
    name: 'hand-written',
    id,
    count: (value) => String(value),
    endpointName: () => ({ 'Fn::GetAtt': 'Endpoint.EndpointName' }),
    resourceId: (variant) => ({ 'Fn::Sub': `endpoint/\${Endpoint.EndpointName}/variant/${variant}` }),
    literalName: () => undefined,
    ref: (part) => ({ Ref: part }),
    attribute: (part, name) => ({ 'Fn::GetAtt': `${part}.${name}` }),
    policyOf: () => ({ ScalingTargetId: { Ref: 'Target' } }),
    sections: {
      AWSTemplateFormatVersion: '2010-09-09',
      Description: `Serving of ${prefix}`,
      Parameters: { Stage: { Type: 'String', Default: 'prod', AllowedValues: ['prod', 'dev'] } },
    },
    waits: false,
    isServedElsewhere: false,
  };
}

/** Templates converted from another tool: literal names everywhere, policies by resource id, DependsOn for the order. */
function converted(_random: Random, prefix: string): Author {
  const name = prefix.toLowerCase();
  const id = (part: string): string => `aws${part}This`;
  return {
    name: 'converted',
    id,
    count: (value) => value,
    endpointName: () => `${name}-endpoint`,
    resourceId: (variant) => `endpoint/${name}-endpoint/variant/${variant}`,
    literalName: (part) => (part === 'Config' ? undefined : `${name}-${part.toLowerCase()}`),
    ref: (part) => ({ Ref: id(part) }),
    attribute: (part, attribute) => ({ 'Fn::GetAtt': [id(part), attribute] }),
    policyOf: (resourceId, dimension) => ({
      ServiceNamespace: 'sagemaker',
      ResourceId: resourceId,
      ScalableDimension: dimension,
    }),
    sections: { AWSTemplateFormatVersion: '2010-09-09' },
    waits: true,
    isServedElsewhere: false,
  };
}

/** Templates of two teams: one serves and exports the name, the other scales what it imports. */
function separate(random: Random, prefix: string): Author {
  const name = `${prefix.toLowerCase()}-endpoint-name`;
  const imported = { 'Fn::ImportValue': name };
  return {
    ...handWritten(random, prefix),
    name: 'two stacks',
    count: (value) => value,
    endpointName: () => imported,
    resourceId: (variant) => ({ 'Fn::Sub': [`endpoint/\${Name}/variant/${variant}`, { Name: imported }] }),
    sections: { AWSTemplateFormatVersion: '2010-09-09' },
    isServedElsewhere: true,
  };
}

/** All authors. */
export const AUTHORS: readonly ((random: Random, prefix: string) => Author)[] = [
  synthesized,
  handWritten,
  converted,
  separate,
];
