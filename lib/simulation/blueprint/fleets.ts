import { findInstanceType } from '../../catalog/instance-types';
import { parseResourceId, SAGEMAKER_SERVICE_NAMESPACE } from '../../catalog/scalable-resource';
import { InputError } from '../../core/errors';
import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../../inference/contract';
import {
  absentResources,
  applyDefaults,
  checkNesting,
  displayText,
  KnownProperties,
  MACRO_RESOURCE,
  reasonUndecided,
  reasonUnknown,
  TemplateModel,
  withParameters,
  type DeclaredEndpoint,
  type ParameterRemedy,
  type ParameterValues,
  type DeclaredTarget,
  type TemplateDocument,
  type DeclaredVariant,
} from '../../template';
import type { FleetPool } from '../fleet';
import type { TrafficShare } from '../traffic';
import type { CopyPlacement, FleetBlueprint, FleetKind, TemplateFleets } from './fleet-blueprint';
import { guardOf } from './guards';
import { targetPlan } from './scaling-plan';
import { streamOf } from './streams';

/** Region of templates whose region is unknown. */
const DEFAULT_REGION = 'us-east-1';

/** Settings of {@link fleetsOfTemplates}. */
export interface TemplateFleetsOptions {
  /** Values of parameters. @default - the defaults of the parameters */
  readonly parameters?: ParameterValues;
  /** Way to give a parameter a value, for messages. @default --parameter NAME=VALUE */
  readonly parameterRemedy?: ParameterRemedy;
}

/**
 * Fleets of CloudFormation templates, with the policies, schedules, alarms, limits, tags and guard of their deployment. The templates are
 * read as one, and their conditions are those to which the parameters lead.
 *
 * @throws InputError when a document is not a template, a fleet contradicts itself, or a value of it is known only at the deployment
 */
export function fleetsOfTemplates(
  templates: readonly TemplateDocument[],
  { parameters = {}, parameterRemedy = (name) => `--parameter ${name}=VALUE` }: TemplateFleetsOptions = {},
): TemplateFleets {
  checkNesting(templates);
  const located = templates.map((template) => ({ region: DEFAULT_REGION, ...template }));
  const given = withParameters(located, parameters);
  const decided = applyDefaults(given);
  const model = new TemplateModel(decided);
  const fleets: FleetBlueprint[] = [];
  const skipped = ['ScalableTarget', 'ScalingPolicy'].flatMap((type) =>
    model
      .macroResources(`AWS::ApplicationAutoScaling::${type}`)
      .map(
        ({ logicalId }) => `${logicalId}: a macro adds to it at the deployment; give the template as macros leave it`,
      ),
  );
  for (const target of model.targets) {
    const found = blueprintOf(model, target, parameterRemedy);
    if (typeof found === 'string') skipped.push(found);
    else if (found !== undefined) fleets.push(found);
  }
  const absent = absentResources(given, decided, 'AWS::ApplicationAutoScaling::ScalableTarget').map(
    ({ logicalId, condition }) => `${logicalId} does not exist: condition ${condition} is false`,
  );
  return { fleets, skipped, absent };
}

/**
 * Blueprint of a target, the reason why it cannot be rehearsed, or undefined for another service.
 *
 * @param isFed false for a fleet that is looked at as the end of a spill, without what is in front of it
 */
function blueprintOf(
  model: TemplateModel,
  target: DeclaredTarget,
  remedy: ParameterRemedy,
  isFed = true,
): FleetBlueprint | string | undefined {
  const { resource, resourceId, scalableDimension, dimension } = target;
  const { reader, properties, logicalId, condition } = resource;
  if (reader.text(properties['ServiceNamespace']) !== SAGEMAKER_SERVICE_NAMESPACE) return undefined;
  if (condition !== undefined) return `${logicalId} may not exist: ${reasonUndecided(reader, condition, remedy)}`;
  if (resourceId === undefined) {
    const reason = reasonUnknown(reader, properties['ResourceId'], remedy) ?? 'it is missing or malformed; correct it';
    return `${logicalId}: ResourceId is unknown: ${reason}`;
  }
  const id = displayText(resourceId);
  if (dimension === 'provisioned-concurrency') {
    return `${id}: serverless endpoints run on no GPU and have no instances to count; only fleets of instances are rehearsed`;
  }
  const hosted = hostOf(target, id);
  if (typeof hosted === 'string') return hosted;
  const { endpoint, variant: declared } = hosted;
  const config = KnownProperties.of(declared.config, remedy);
  KnownProperties.of(endpoint.resource, remedy);
  const component = target.component === undefined ? undefined : KnownProperties.of(target.component.resource, remedy);
  const variants = config.objects('ProductionVariants');
  const index = endpoint.variants.indexOf(declared);
  const variant = variants[index]!;
  const pools = poolsOf(variant);
  if (pools.length === 0) return `${id}: its variant names no instance type`;
  const asyncConfig = config.object('AsyncInferenceConfig');
  const kind: FleetKind =
    component !== undefined ? 'inference-component' : asyncConfig !== undefined ? 'async' : 'real-time';
  const notes: string[] = [];
  const strategy = variant.object('RoutingConfig')?.text('RoutingStrategy') ?? 'RANDOM';
  if (strategy !== 'LEAST_OUTSTANDING_REQUESTS' && strategy !== 'RANDOM') {
    notes.push(`routing ${strategy} is rehearsed as LEAST_OUTSTANDING_REQUESTS: traces hold no prompts to route by`);
  }
  const share = component === undefined ? shareOf(variants, index, `${resource.template}: ${id}`) : undefined;
  const scaling = targetPlan(target, remedy);
  const guard = guardOf(model, target, remedy);
  const slots = slotsOf(config, asyncConfig, component, declared.name, resource.template);
  const leastSlots = share === undefined ? slots.slotsPerInstance * scaling.plan.minCapacity : 0;
  const laterFleet = (other: DeclaredTarget): FleetBlueprint | undefined => {
    const found = blueprintOf(model, other, remedy, false);
    return typeof found === 'string' ? undefined : found;
  };
  const stream = isFed ? streamOf(model, { target, leastSlots, blueprintOf: laterFleet }, remedy) : undefined;
  const copies = component?.object('RuntimeConfig')?.number('CopyCount');
  return {
    resourceId: id,
    scalableDimension: scalableDimension ?? '',
    templateName: resource.template,
    targetLogicalId: logicalId,
    region: reader.region ?? DEFAULT_REGION,
    kind,
    pools,
    ...slots,
    ...(share === undefined ? {} : { share }),
    routing: strategy === 'RANDOM' ? 'RANDOM' : 'LEAST_OUTSTANDING_REQUESTS',
    initialCapacity: copies ?? variant.number('InitialInstanceCount') ?? scaling.plan.minCapacity,
    plan: scaling.plan,
    stepAlarms: scaling.stepAlarms,
    ...(guard === undefined ? {} : { guard }),
    ...(typeof stream === 'object' && { stream }),
    ...(component === undefined ? {} : { placement: placementOf(component, variant, pools) }),
    notes: [...notes, ...scaling.notes, ...(typeof stream === 'string' ? [stream] : [])],
  };
}

/** Endpoint and variant on whose instances a target runs, or the reason why they are unknown. */
function hostOf(
  { resourceId = '', dimension, endpoint, variant, component }: DeclaredTarget,
  id: string,
): { readonly endpoint: DeclaredEndpoint; readonly variant: DeclaredVariant } | string {
  if (/(^|\/)arn:aws/.test(resourceId)) {
    return `${id}: the resource id contains an ARN, so no such resource exists: Ref of a SageMaker resource is its ARN; use Fn::GetAtt`;
  }
  const isComponent = dimension === 'component';
  const named = parseResourceId(resourceId);
  if (!isComponent && named?.kind !== 'variant') {
    return `${id}: this is not a resource id of a variant (endpoint/NAME/variant/NAME)`;
  }
  if (isComponent && component === undefined)
    return `${id}: no template declares this inference component; give the one that does`;
  if (endpoint === undefined) {
    return `${id}: no template declares this endpoint, so its instances are unknown; give the one that does`;
  }
  if (endpoint.config === undefined)
    return `${id}: no template declares the configuration of its endpoint; give the one that does`;
  if (endpoint.config.type === MACRO_RESOURCE) {
    return `${id}: a macro adds to the configuration of its endpoint at the deployment; give the template as macros leave it`;
  }
  const host = isComponent ? component?.variant : variant;
  if (host !== undefined) return { endpoint, variant: host };
  return named?.kind === 'variant'
    ? `${id}: its endpoint has no variant ${displayText(named.variantName)}`
    : `${id}: its endpoint does not have the variant of the component`;
}

function poolsOf(variant: KnownProperties): FleetPool[] {
  const pools = variant.objects('InstancePools').map((pool, index) => ({
    instanceType: pool.text('InstanceType') ?? '',
    priority: pool.number('Priority') ?? index + 1,
  }));
  if (pools.length > 0) return pools;
  const instanceType = variant.text('InstanceType');
  return instanceType === undefined ? [] : [{ instanceType, priority: 1 }];
}

/** Maximum concurrency of an instance; SageMaker's own limit, for asynchronous endpoints, is 1,000. */
const MAX_SLOTS = 100_000;

/** Maximum weight of a variant; only the ratio of weights counts. */
const MAX_WEIGHT = 1e9;

function slotsOf(
  config: KnownProperties,
  asyncConfig: KnownProperties | undefined,
  component: KnownProperties | undefined,
  variantName: string | undefined,
  template: string,
): Pick<FleetBlueprint, 'slotsPerInstance' | 'slotsFrom'> {
  const tags = [...(component?.objects('Tags') ?? []), ...config.objects('Tags')];
  const tag = concurrencyTag(tags, (one) => one.text('Key'), variantName);
  if (tag !== undefined) return { slotsPerInstance: slotCount(tag, 'Value', template), slotsFrom: 'tag' };
  const client = asyncConfig?.object('ClientConfig');
  if (client?.has('MaxConcurrentInvocationsPerInstance') === true) {
    return {
      slotsPerInstance: slotCount(client, 'MaxConcurrentInvocationsPerInstance', template),
      slotsFrom: 'async-configuration',
    };
  }
  return { slotsPerInstance: DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, slotsFrom: 'default' };
}

function slotCount(properties: KnownProperties, name: string, template: string): number {
  const slots = properties.requiredNumber(name);
  if (Number.isInteger(slots) && slots >= 1 && slots <= MAX_SLOTS) return slots;
  throw new InputError(
    `${template}: the concurrency of one instance (${slots}) must be a whole number from 1 to ${MAX_SLOTS}; correct ${name}`,
  );
}

/** Share of a variant: its weight among those of all variants. Source: SageMaker API reference, ProductionVariant, InitialVariantWeight. */
function shareOf(variants: readonly KnownProperties[], index: number, place: string): TrafficShare | undefined {
  if (variants.length < 2) return undefined;
  const weights = variants.map((one) => {
    const weight = one.number('InitialVariantWeight') ?? 1;
    if (weight >= 0 && weight <= MAX_WEIGHT) return weight;
    throw new InputError(`${place}: InitialVariantWeight (${weight}) must be a number from 0 to ${MAX_WEIGHT}`);
  });
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const before = weights.slice(0, index).reduce((all, weight) => all + weight, 0);
  if (sum === 0) throw new InputError(`${place}: the weights of all variants are 0; set one above 0`);
  return { from: before / sum, to: (before + weights[index]!) / sum };
}

/** Copies per instance as the accelerators allow, and the limits of the host's instances. */
function placementOf(component: KnownProperties, variant: KnownProperties, pools: readonly FleetPool[]): CopyPlacement {
  const devices = component
    .object('Specification')
    ?.object('ComputeResourceRequirements')
    ?.number('NumberOfAcceleratorDevicesRequired');
  const present = findInstanceType(pools[0]!.instanceType)?.accelerator?.count ?? 1;
  const managed = variant.object('ManagedInstanceScaling');
  return {
    copiesPerInstance: devices === undefined || devices <= 0 ? 1 : Math.max(1, Math.floor(present / devices)),
    minInstances: managed?.number('MinInstanceCount') ?? 0,
    maxInstances: managed?.number('MaxInstanceCount') ?? Infinity,
  };
}
