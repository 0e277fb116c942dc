import { findInstanceType } from '../../catalog/instance-types';
import { InputError } from '../../core/errors';
import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, MAX_CONCURRENCY_TAG } from '../../inference/contract';
import type { InstancePool } from '../fleet';
import type { TrafficShare } from '../workload';
import type { ComponentPlacement, FleetBlueprint, FleetKind, TemplateFleets } from './fleet-blueprint';
import { guardsOf } from './guards';
import { targetPlan } from './scaling-plan';
import { isObject, listOf, Template, type Json, type TemplateOptions, type TemplateResource } from './template';

/**
 * Every fleet of a synthesized CloudFormation template, with the policies, schedules, alarms, limits, tags and guard it is deployed
 * with: what is rehearsed is what is deployed.
 *
 * @throws InputError when the document is no template or one of its fleets contradicts itself.
 */
export function fleetsOfTemplate(document: unknown, options: TemplateOptions): TemplateFleets {
  const template = new Template(document, options);
  const fleets: FleetBlueprint[] = [];
  const skipped: string[] = [];
  for (const target of template.ofType('AWS::ApplicationAutoScaling::ScalableTarget')) {
    if (template.text(target.properties['ServiceNamespace']) !== 'sagemaker') continue;
    const found = blueprint(template, target);
    if (typeof found === 'string') skipped.push(found);
    else fleets.push(found);
  }
  return { fleets, skipped };
}

function blueprint(template: Template, target: TemplateResource): FleetBlueprint | string {
  const resourceId = template.text(target.properties['ResourceId']);
  const scalableDimension = template.text(target.properties['ScalableDimension']);
  if (scalableDimension === 'sagemaker:variant:DesiredProvisionedConcurrency') {
    return `${resourceId}: serverless endpoints run on no GPU and have no instances to count; only fleets of instances are rehearsed`;
  }
  const hosted =
    scalableDimension === 'sagemaker:inference-component:DesiredCopyCount'
      ? hostedComponent(template, resourceId)
      : hostedVariant(template, resourceId);
  if (typeof hosted === 'string') return hosted;
  const { variant, config, component } = hosted;
  const notes: string[] = [];
  const pools = poolsOf(template, variant, resourceId);
  if (pools.length === 0) return `${resourceId}: its variant names no instance type`;
  const asyncConfig = config.properties['AsyncInferenceConfig'];
  const kind: FleetKind =
    component !== undefined ? 'inference-component' : isObject(asyncConfig) ? 'async' : 'real-time';
  const slots = slotsOf(template, config, component, template.text(variant['VariantName']));
  const share = component === undefined ? shareOf(template, config, variant, resourceId) : undefined;
  const strategy = isObject(variant['RoutingConfig']) ? template.text(variant['RoutingConfig']['RoutingStrategy']) : '';
  if (strategy !== '' && strategy !== 'LEAST_OUTSTANDING_REQUESTS' && strategy !== 'RANDOM') {
    notes.push(`routing ${strategy} is rehearsed as LEAST_OUTSTANDING_REQUESTS: traces hold no prompts to route by`);
  }
  const scaling = targetPlan(template, target);
  const guard = guardsOf(template, resourceId);
  const copies =
    component === undefined || !isObject(component.properties['RuntimeConfig'])
      ? undefined
      : template.number(component.properties['RuntimeConfig']['CopyCount'], 'CopyCount');
  const initial = copies ?? template.number(variant['InitialInstanceCount'], 'InitialInstanceCount');
  return {
    resourceId,
    scalableDimension,
    templateName: template.name,
    region: template.region,
    kind,
    pools,
    ...slots,
    ...(share === undefined ? {} : { share }),
    routing: strategy === '' || strategy === 'RANDOM' ? 'RANDOM' : 'LEAST_OUTSTANDING_REQUESTS',
    initialCapacity: initial ?? scaling.plan.minCapacity,
    plan: scaling.plan,
    stepAlarms: scaling.stepAlarms,
    ...(guard === undefined ? {} : { guard }),
    ...(component === undefined ? {} : { placement: placementOf(template, component, variant, pools) }),
    notes: [...notes, ...scaling.notes],
  };
}

interface Hosted {
  readonly config: TemplateResource;
  readonly variant: Json;
  readonly component?: TemplateResource;
}

function hostedVariant(template: Template, resourceId: string): Hosted | string {
  const [, endpointName, variantName] = /^endpoint\/(.+)\/variant\/([^/]+)$/.exec(resourceId) ?? [];
  if (endpointName === undefined || variantName === undefined) {
    return `${resourceId}: this is no resource id of a variant (endpoint/NAME/variant/NAME)`;
  }
  return findVariant(template, resourceId, endpointName, variantName);
}

function hostedComponent(template: Template, resourceId: string): Hosted | string {
  const name = resourceId.replace(/^inference-component\//, '');
  const component = template
    .ofType('AWS::SageMaker::InferenceComponent')
    .find((one) => nameOf(template, one, 'InferenceComponentName') === name);
  if (component === undefined) return `${resourceId}: the template does not declare this inference component`;
  const endpointName = template.text(component.properties['EndpointName']);
  const variantName = template.text(component.properties['VariantName']);
  const hosted = findVariant(template, resourceId, endpointName, variantName);
  return typeof hosted === 'string' ? hosted : { ...hosted, component };
}

function findVariant(
  template: Template,
  resourceId: string,
  endpointName: string,
  variantName: string,
): Hosted | string {
  const endpoint = template
    .ofType('AWS::SageMaker::Endpoint')
    .find((one) => nameOf(template, one, 'EndpointName') === endpointName);
  if (endpoint === undefined) {
    return `${resourceId}: the template does not declare this endpoint, so its instances are not known`;
  }
  const configName = endpoint.properties['EndpointConfigName'];
  const config =
    template.resource(template.referenceOf(configName) ?? '') ??
    template
      .ofType('AWS::SageMaker::EndpointConfig')
      .find((one) => nameOf(template, one, 'EndpointConfigName') === template.text(configName));
  if (config === undefined) return `${resourceId}: the template does not declare the configuration of its endpoint`;
  const variant = listOf(config.properties['ProductionVariants']).find(
    (one) => template.text(one['VariantName']) === variantName,
  );
  return variant === undefined ? `${resourceId}: its endpoint has no variant ${variantName}` : { config, variant };
}

/** The name a resource is known by: the declared one, or the place holder that references to it resolve to. */
function nameOf(template: Template, resource: TemplateResource, property: string): string {
  const declared = resource.properties[property];
  return declared === undefined ? `<${resource.logicalId}>` : template.text(declared);
}

function poolsOf(template: Template, variant: Json, resourceId: string): InstancePool[] {
  const pools = listOf(variant['InstancePools']).map((pool, index) => ({
    instanceType: template.text(pool['InstanceType']),
    priority: template.number(pool['Priority'], `${resourceId}: Priority`) ?? index + 1,
  }));
  if (pools.length > 0) return pools;
  const instanceType = template.text(variant['InstanceType']);
  return instanceType === '' ? [] : [{ instanceType, priority: 1 }];
}

function slotsOf(
  template: Template,
  config: TemplateResource,
  component: TemplateResource | undefined,
  variantName: string,
): Pick<FleetBlueprint, 'slotsPerInstance' | 'slotsFrom'> {
  const tags = [...listOf(component?.properties['Tags']), ...listOf(config.properties['Tags'])];
  const tag = concurrencyTag(tags, ({ Key }) => template.text(Key), variantName);
  if (tag !== undefined) return { slotsPerInstance: slotCount(template, tag['Value']), slotsFrom: 'tag' };
  const asyncConfig = config.properties['AsyncInferenceConfig'];
  const client = isObject(asyncConfig) && isObject(asyncConfig['ClientConfig']) ? asyncConfig['ClientConfig'] : {};
  const declared = client['MaxConcurrentInvocationsPerInstance'];
  if (declared !== undefined)
    return { slotsPerInstance: slotCount(template, declared), slotsFrom: 'async-configuration' };
  return { slotsPerInstance: DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, slotsFrom: 'default' };
}

/** The share of a variant beside others: its weight among theirs (API reference: ProductionVariant, InitialVariantWeight). */
function shareOf(
  template: Template,
  config: TemplateResource,
  variant: Json,
  resourceId: string,
): TrafficShare | undefined {
  const variants = listOf(config.properties['ProductionVariants']);
  if (variants.length < 2) return undefined;
  const weights = variants.map((one) => {
    const weight = template.number(one['InitialVariantWeight'], `${resourceId}: InitialVariantWeight`) ?? 1;
    if (weight >= 0) return weight;
    throw new InputError(`${template.name}: ${resourceId}: InitialVariantWeight (${weight}) must be 0 or more`);
  });
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const index = variants.indexOf(variant);
  const before = weights.slice(0, index).reduce((all, weight) => all + weight, 0);
  if (sum === 0)
    throw new InputError(`${template.name}: ${resourceId}: the weights of all variants are 0; set one above 0`);
  return { from: before / sum, to: (before + weights[index]!) / sum };
}

function slotCount(template: Template, value: unknown): number {
  const slots = template.number(value, MAX_CONCURRENCY_TAG) ?? NaN;
  if (Number.isInteger(slots) && slots >= 1) return slots;
  throw new InputError(
    `${template.name}: the concurrency of one instance (${template.text(value)}) must be a whole number of at least 1`,
  );
}

/** How many copies share an instance: what the accelerators allow. */
function placementOf(
  template: Template,
  component: TemplateResource,
  variant: Json,
  pools: readonly InstancePool[],
): ComponentPlacement {
  const specification = component.properties['Specification'];
  const needs =
    isObject(specification) && isObject(specification['ComputeResourceRequirements'])
      ? specification['ComputeResourceRequirements']
      : {};
  const devices = template.number(needs['NumberOfAcceleratorDevicesRequired'], 'NumberOfAcceleratorDevicesRequired');
  const present = findInstanceType(pools[0]!.instanceType)?.accelerator?.count ?? 1;
  const managed = isObject(variant['ManagedInstanceScaling']) ? variant['ManagedInstanceScaling'] : {};
  return {
    copiesPerInstance: devices === undefined || devices <= 0 ? 1 : Math.max(1, Math.floor(present / devices)),
    minInstances: template.number(managed['MinInstanceCount'], 'MinInstanceCount') ?? 0,
    maxInstances: template.number(managed['MaxInstanceCount'], 'MaxInstanceCount') ?? Infinity,
  };
}
