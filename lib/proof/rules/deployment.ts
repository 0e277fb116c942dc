import { isObject } from '../../core/parse';
import type { RuleViolation } from '../finding';
import { isLiteral, type Resource, type TemplateModel } from '../../template';
import type { ProofRule } from '../rule-support/rule';

const POLICY = 'AWS::ApplicationAutoScaling::ScalingPolicy';

const NAMED: readonly (readonly [type: string, property: string])[] = [
  [POLICY, 'PolicyName'],
  ['AWS::SageMaker::EndpointConfig', 'EndpointConfigName'],
  ['AWS::SageMaker::Endpoint', 'EndpointName'],
  ['AWS::SageMaker::Model', 'ModelName'],
  ['AWS::SageMaker::InferenceComponent', 'InferenceComponentName'],
];

/** Seconds or milliseconds since 1970, from 2015 to 2040. */
const EPOCH = /(?<!\d)(1[4-9]\d{8}|2[01]\d{8})(\d{3})?(?!\d)/;

/** A date with a time: 20240517143000, 2024-05-17-14-30-00, 20240517T143000Z, 2024-05-17-1430. */
const MOMENT =
  /(?<!\d)20[1-3]\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])[-tT_]?([01]\d|2[0-3])-?[0-5]\d(-?[0-5]\d)?(\d{3})?[zZ]?(?!\d)/;

/** A day at the end of a name. */
const DAY = /(?<!\d)20[1-3]\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$/;

function* unstableName(model: TemplateModel): Iterable<RuleViolation> {
  for (const [type, property] of NAMED) {
    const named =
      type === POLICY
        ? model.targets.flatMap(({ policies }) => policies.map((one) => one.resource))
        : model.ofType(type);
    for (const resource of named) {
      // A parameter changes only when its value is changed on purpose.
      const name = isParameter(resource, property) ? undefined : declaredName(resource, property);
      // The date in the name of a model is its version.
      const isDated = property === 'EndpointName' || property === 'EndpointConfigName';
      const day = isDated ? DAY.exec(name ?? '')?.[0] : undefined;
      const found = name === undefined ? undefined : (MOMENT.exec(name)?.[0] ?? EPOCH.exec(name)?.[0] ?? day);
      if (found === undefined) continue;
      yield {
        at: resource,
        property,
        message: `the name '${name}' contains a time (${found}): a later synthesis gives another name, and CloudFormation replaces the resource`,
      };
    }
  }
}

function isParameter({ reader, properties }: Resource, property: string): boolean {
  const written = properties[property];
  return isObject(written) && typeof written['Ref'] === 'string' && reader.isParameter(written['Ref']);
}

function declaredName({ reader, properties }: Resource, property: string): string | undefined {
  return reader.isAbsent(properties[property]) ? undefined : reader.text(properties[property]);
}

function* fixedConfigName(model: TemplateModel): Iterable<RuleViolation> {
  for (const { config } of model.endpoints) {
    if (config === undefined) continue;
    const name = declaredName(config, 'EndpointConfigName');
    if (name === undefined || !staysTheSame(config) || VERSION.test(name)) continue;
    if (MOMENT.test(name) || EPOCH.test(name) || DAY.test(name)) continue;
    yield {
      at: config,
      property: 'EndpointConfigName',
      message: `every change of an endpoint configuration replaces it, and '${name}' exists already when the new one is created`,
    };
  }
}

/** Version in a name, which changes with the content. */
const VERSION = /(^|[-_.])v\d+([-_.]|$)/i;

/** True if the name of a configuration does not change with its content; a free parameter in it may be its version. */
function staysTheSame({ reader, properties }: Resource): boolean {
  const written = properties['EndpointConfigName'];
  if (/Fn::(ImportValue|FindInMap)|\{\{resolve:/.test(JSON.stringify(written))) return false;
  return reader.namedIn(written).every((name) => name.startsWith('AWS::') || reader.isChoice(name));
}

function* countsReset(model: TemplateModel): Iterable<RuleViolation> {
  for (const endpoint of model.endpoints) {
    const { resource, variants } = endpoint;
    const { reader, properties } = resource;
    const target = model.targets.find(
      (one) => one.dimension === 'variant' && one.endpoint === endpoint && one.kind !== 'inference-component',
    );
    if (target === undefined || variants.every(({ kind }) => kind === 'serverless')) continue;
    const retains = reader.flag(properties['RetainAllVariantProperties']);
    if (retains === false) {
      yield {
        at: resource,
        property: 'RetainAllVariantProperties',
        message: `${target.resource.logicalId} scales the endpoint, but an update resets its instances to InitialInstanceCount`,
      };
    }
    const excluded = reader
      .objects(properties['ExcludeRetainedVariantProperties'])
      .some((one) => reader.text(one['VariantPropertyType']) === 'DesiredInstanceCount');
    if (retains === true && excluded) {
      yield {
        at: resource,
        property: 'ExcludeRetainedVariantProperties',
        message: `${target.resource.logicalId} scales the endpoint, but an update does not retain the excluded count`,
        remedy: 'remove DesiredInstanceCount from ExcludeRetainedVariantProperties',
      };
    }
  }
}

function* componentOnModel(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource, endpoint } of model.components) {
    const variantName = resource.reader.text(resource.properties['VariantName']);
    const known = endpoint?.variants.map(({ name }) => name) ?? [];
    if (
      endpoint?.hasAllVariants === true &&
      variantName !== undefined &&
      isLiteral(variantName) &&
      known.length > 0 &&
      known.every((name) => name !== undefined && isLiteral(name)) &&
      !known.includes(variantName)
    ) {
      yield {
        at: resource,
        property: 'VariantName',
        message: `endpoint ${endpoint.resource.logicalId} has no variant '${variantName}'; it has ${known.join(', ')}`,
        remedy: 'name a variant of the endpoint',
      };
      continue;
    }
    const kind = endpoint?.kind;
    if (kind === undefined || kind === 'inference-component') continue;
    yield {
      at: resource,
      property: 'EndpointName',
      message: `endpoint ${endpoint!.resource.logicalId} has a model of its own (${kind}), so it cannot host inference components`,
    };
  }
}

/** Rules about updates and names. */
export const DEPLOYMENT_RULES: readonly ProofRule[] = [
  {
    id: 'unstable-name',
    severity: 'warning',
    reason: 'a time in a name gives every synthesis a new resource, and every deployment a new endpoint',
    remedy: 'leave the name out, or use one that changes with the content only',
    source: 'CloudFormation user guide: update behaviours of stack resources',
    check: unstableName,
  },
  {
    id: 'fixed-config-name',
    severity: 'warning',
    reason: 'an endpoint configuration cannot be changed, and its replacement cannot have the same name',
    remedy: 'leave EndpointConfigName out and refer to it with Fn::GetAtt',
    source: 'CloudFormation reference: AWS::SageMaker::EndpointConfig (every property replaces)',
    check: fixedConfigName,
  },
  {
    id: 'counts-reset-on-deploy',
    severity: 'warning',
    reason: 'a deployment that resets the instances in the middle of a peak fails the peak',
    remedy: 'set RetainAllVariantProperties to true',
    source: 'SageMaker API reference: UpdateEndpoint; developer guide: update an endpoint with autoscaling',
    check: countsReset,
  },
  {
    id: 'component-on-model-variant',
    severity: 'error',
    reason: 'inference components run on variants without a model',
    remedy: 'leave ModelName out of the variant and give the configuration an ExecutionRoleArn',
    source: 'SageMaker API reference: CreateInferenceComponent, CreateEndpointConfig',
    check: componentOnModel,
  },
];
