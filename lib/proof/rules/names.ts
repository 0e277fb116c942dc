import { lookup } from '../../core/lookup';
import { HOSTING_NAMESPACES } from '../../catalog/hosting-metrics';
import { parseResourceId } from '../../catalog/scalable-resource';
import type { RuleViolation } from '../finding';
import { isLiteral, type DeclaredEndpoint, type Resource, type TemplateModel } from '../../template';
import { within } from '../rule-support/metric-subject';
import type { ProofRule } from '../rule-support/rule';

const ENDPOINT = 'AWS::SageMaker::Endpoint';
const CONFIG = 'AWS::SageMaker::EndpointConfig';
const MODEL = 'AWS::SageMaker::Model';
const COMPONENT = 'AWS::SageMaker::InferenceComponent';

/** Property with the name of each type. */
const NAME_PROPERTY: { readonly [type: string]: string } = lookup({
  [ENDPOINT]: 'EndpointName',
  [CONFIG]: 'EndpointConfigName',
  [MODEL]: 'ModelName',
  [COMPONENT]: 'InferenceComponentName',
});

/** A name in a template, and the type of the resource that it has to name. */
interface NameUse {
  readonly at: Resource;
  readonly property: string;
  readonly value: string | undefined;
  readonly wanted: string;
  /** Consequence of another name. */
  readonly effect: string;
}

function nameUses(model: TemplateModel): NameUse[] {
  return [...idsOfTargets(model), ...dimensions(model), ...properties(model)];
}

function idsOfTargets(model: TemplateModel): NameUse[] {
  const orphans = model.orphanPolicies.map(({ resource }) => resource);
  return [...model.targets.map(({ resource }) => resource), ...orphans].flatMap((at): NameUse[] => {
    const named = parseResourceId(at.reader.text(at.properties['ResourceId']) ?? '');
    if (named === undefined) return [];
    const isVariant = named.kind === 'variant';
    return [
      {
        at,
        property: 'ResourceId',
        value: isVariant ? named.endpointName : named.componentName,
        wanted: isVariant ? ENDPOINT : COMPONENT,
        effect: 'Application Auto Scaling finds no such resource and rejects the registration',
      },
    ];
  });
}

function dimensions(model: TemplateModel): NameUse[] {
  const wanted: { readonly [dimension: string]: string } = lookup({
    EndpointName: ENDPOINT,
    InferenceComponentName: COMPONENT,
    EndpointConfigName: CONFIG,
  });
  return model.metrics
    .filter(({ namespace }) => HOSTING_NAMESPACES.includes(namespace ?? ''))
    .flatMap((use) =>
      use.dimensions.flatMap(({ name, value }): NameUse[] => {
        const type = wanted[name ?? ''];
        return type === undefined
          ? []
          : [
              {
                at: use.resource,
                property: within(use, 'Dimensions'),
                value,
                wanted: type,
                effect: `dimension ${name} has no datapoint under this name`,
              },
            ];
      }),
    );
}

function properties(model: TemplateModel): NameUse[] {
  const use = (at: Resource, property: string, value: unknown, wanted: string): NameUse => ({
    at,
    property,
    value: at.reader.text(value),
    wanted,
    effect: 'SageMaker finds no such resource and rejects the creation',
  });
  return [
    ...model.ofType(ENDPOINT).map((at) => use(at, 'EndpointConfigName', at.properties['EndpointConfigName'], CONFIG)),
    ...model.ofType(COMPONENT).map((at) => use(at, 'EndpointName', at.properties['EndpointName'], ENDPOINT)),
    ...model
      .variants()
      .map(({ config, property, properties: variant }) =>
        use(config, `${property}.ModelName`, variant['ModelName'], MODEL),
      ),
  ];
}

/** Resource of another type that a name certainly is the name of. */
function ownerOf(model: TemplateModel, { value = '', wanted }: NameUse): Resource | undefined {
  if (isNameOf(model, wanted, value)) return undefined;
  const generated = model.generatedBy(value);
  if (generated !== undefined) {
    return generated.type !== wanted && NAME_PROPERTY[generated.type] !== undefined ? generated : undefined;
  }
  if (wanted !== ENDPOINT || value === '' || !isLiteral(value)) return undefined;
  // A literal name may be that of a resource elsewhere too, unless the endpoint of this configuration is here under another name.
  return model.endpoints.find((one) => isCertainlyElse(one, value))?.config;
}

function isNameOf(model: TemplateModel, type: string, value: string): boolean {
  if (type === ENDPOINT) return model.endpointNamed(value) !== undefined;
  if (type === COMPONENT) return model.componentNamed(value) !== undefined;
  const property = NAME_PROPERTY[type]!;
  return model
    .ofType(type)
    .some(({ reader, logicalId }) => reader.text({ 'Fn::GetAtt': [logicalId, property] }) === value);
}

/** True for an endpoint with another certain name, whose configuration has this one. */
function isCertainlyElse({ config, name, resource }: DeclaredEndpoint, value: string): boolean {
  if (config === undefined || config.reader.isAbsent(config.properties['EndpointConfigName'])) return false;
  const isCertain =
    name !== undefined && (isLiteral(name) || resource.reader.isAbsent(resource.properties['EndpointName']));
  return isCertain && config.reader.text(config.properties['EndpointConfigName']) === value && name !== value;
}

function* ofAnother(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of nameUses(model)) {
    const owner = ownerOf(model, use);
    if (owner === undefined) continue;
    const kind = (type: string): string => type.split('::').pop()!;
    const right = rightName(model, use.wanted, owner);
    yield {
      at: use.at,
      property: use.property,
      message: `the name is that of ${kind(owner.type)} ${owner.logicalId}, not of an ${kind(use.wanted)}: ${use.effect}`,
      remedy: `use Fn::GetAtt with ${right} and ${NAME_PROPERTY[use.wanted]!}`,
    };
  }
}

/** Resource that is meant, where it is the only one. */
function rightName(model: TemplateModel, wanted: string, owner: Resource): string {
  const meant = model.ofType(wanted).filter((one) => one.reader === owner.reader);
  return meant.length === 1 ? meant[0]!.logicalId : `the ${wanted.split('::').pop()}`;
}

/** Rules about names of other resources. */
export const NAME_RULES: readonly ProofRule[] = [
  {
    id: 'name-of-another-resource',
    severity: 'error',
    reason:
      'endpoints, configurations, models and components have names of their own, and one does not stand for another',
    remedy: 'use Fn::GetAtt with the resource that is meant',
    source:
      'Application Auto Scaling API reference: RegisterScalableTarget (ResourceId); SageMaker developer guide: metrics in CloudWatch',
    check: ofAnother,
  },
];
