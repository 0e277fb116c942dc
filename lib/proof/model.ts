import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../inference/contract';
import type { EndpointKind } from '../catalog/metrics';
import { metricStats, metricUse, trackedMetrics } from './metric-uses';
import type {
  Component,
  Dimension,
  Endpoint,
  MetricUse,
  Policy,
  ProofOptions,
  ProofTemplate,
  Target,
  Variant,
} from './subjects';
import { TemplateReader, type Json, type Resource } from './template-reader';

const VARIANT_ID = /^endpoint\/(.+)\/variant\/([^/]+)$/;
const COMPONENT_ID = /^inference-component\/(.+)$/;

/** Everything of some templates that rules speak of, with references followed from one to another. */
export class ProofModel {
  public readonly endpoints: readonly Endpoint[];
  public readonly components: readonly Component[];
  public readonly targets: readonly Target[];
  /** Policies of SageMaker fleets whose target the templates do not declare. */
  public readonly orphanPolicies: readonly Policy[];
  public readonly metrics: readonly MetricUse[];
  private readonly readers: readonly TemplateReader[];
  private readonly targetsOf: Index<Target>;
  private readonly byType = new Map<string, readonly Resource[]>();
  private readonly variantsOfConfig = new Map<Resource, readonly Variant[]>();

  public constructor(
    templates: readonly ProofTemplate[],
    public readonly options: ProofOptions = {},
  ) {
    const exports = new Map<string, string>();
    this.readers = templates.map(
      ({ document, name, region }, index) =>
        new TemplateReader(document, name, String(index), {
          exportedValue: (one) => exports.get(one),
          region,
          areDefaultsOpen: this.options.areDefaultsOpen === true,
        }),
    );
    // Twice: an export may hand on what another template exported.
    for (let pass = 0; pass < 2; pass++) {
      for (const reader of this.readers) for (const [name, value] of reader.exports()) exports.set(name, value);
    }
    for (const config of this.ofType('AWS::SageMaker::EndpointConfig')) {
      this.variantsOfConfig.set(config, variantsOf(config));
    }
    this.endpoints = this.ofType('AWS::SageMaker::Endpoint').map((resource) => this.endpoint(resource));
    this.components = this.ofType('AWS::SageMaker::InferenceComponent').map((resource) => ({
      resource,
      name: nameOf(resource, 'InferenceComponentName'),
      endpoint: this.endpointNamed(resource.reader.text(resource.properties['EndpointName'])),
      isAdapter: isAdapter(resource),
    }));
    const alarms = alarmsByAction(this.ofType('AWS::CloudWatch::Alarm'));
    const policies = this.ofType('AWS::ApplicationAutoScaling::ScalingPolicy').map((resource) =>
      this.policy(resource, alarms),
    );
    const byTarget = policiesByTarget(policies);
    const taken = new Set<Policy>();
    this.targets = this.ofType('AWS::ApplicationAutoScaling::ScalableTarget').flatMap((resource) => {
      const target = this.target(resource, byTarget);
      for (const policy of target?.policies ?? []) taken.add(policy);
      return target === undefined ? [] : [target];
    });
    this.targetsOf = targetsByScaler(this.targets);
    this.orphanPolicies = policies.filter((policy) => !taken.has(policy));
    this.metrics = [...this.alarmMetrics(), ...policies.flatMap(trackedMetrics)];
  }

  /** The resources of a type in all templates. */
  public ofType(type: string): readonly Resource[] {
    const known = this.byType.get(type);
    if (known !== undefined) return known;
    const found = this.readers.flatMap((reader) => reader.resources.filter((resource) => resource.type === type));
    this.byType.set(type, found);
    return found;
  }

  /** Whether a template declares a resource. */
  public has(template: string, logicalId: string): boolean {
    return this.readers.some(
      ({ name, resources }) => name === template && resources.some((one) => one.logicalId === logicalId),
    );
  }

  /** The endpoint of that name or ARN; upper and lower case are the same to SageMaker. Undefined where several are called so. */
  public endpointNamed(name: string | undefined): Endpoint | undefined {
    if (name === undefined) return undefined;
    const wanted = nameIn(name, 'endpoint');
    const found = this.endpoints.filter((endpoint) => endpoint.name?.toLowerCase() === wanted);
    return found.length === 1 ? found[0] : undefined;
  }

  /** The component of that name. */
  public componentNamed(name: string | undefined): Component | undefined {
    if (name === undefined) return undefined;
    const wanted = nameIn(name, 'inference-component');
    const found = this.components.filter((component) => component.name?.toLowerCase() === wanted);
    return found.length === 1 ? found[0] : undefined;
  }

  /** The model that a configuration names, by reference or by name. */
  public modelNamed({ reader }: Resource, name: unknown): Resource | undefined {
    const referenced = reader.referenced(name);
    if (referenced !== undefined) return referenced.type === 'AWS::SageMaker::Model' ? referenced : undefined;
    const text = reader.text(name);
    if (text === undefined) return undefined;
    const wanted = nameIn(text, 'model');
    return this.ofType('AWS::SageMaker::Model').find((one) => nameOf(one, 'ModelName')?.toLowerCase() === wanted);
  }

  /** The targets that an alarm or a policy scales. */
  public scaledBy(resource: Resource): readonly Target[] {
    return this.targetsOf.of(resource);
  }

  /** The variants of a configuration. */
  public variantsOf(config: Resource): readonly Variant[] {
    return this.variantsOfConfig.get(config) ?? [];
  }

  /** Every variant that a template declares. */
  public variants(): Variant[] {
    return [...this.variantsOfConfig.values()].flat();
  }

  private endpoint(resource: Resource): Endpoint {
    const declared = resource.properties['EndpointConfigName'];
    const text = resource.reader.text(declared);
    const config =
      resource.reader.referenced(declared) ??
      this.ofType('AWS::SageMaker::EndpointConfig').find(
        (one) => text !== undefined && nameOf(one, 'EndpointConfigName') === text,
      );
    const variants = config === undefined ? [] : (this.variantsOfConfig.get(config) ?? []);
    const kinds = new Set(variants.map(({ kind }) => kind));
    const hasAllVariants = config?.reader.isCertainList(config.properties['ProductionVariants']) ?? false;
    return {
      resource,
      name: nameOf(resource, 'EndpointName'),
      config,
      kind: kinds.size === 1 && hasAllVariants ? [...kinds][0] : undefined,
      variants,
      hasAllVariants,
      shadowNames: config === undefined ? [] : shadowNamesOf(config),
    };
  }

  private target(resource: Resource, policies: Index<Policy>): Target | undefined {
    const { properties, reader } = resource;
    const scalableDimension = reader.text(properties['ScalableDimension']);
    const serviceNamespace = reader.text(properties['ServiceNamespace']);
    if (serviceNamespace !== 'sagemaker' && scalableDimension?.startsWith('sagemaker:') !== true) return undefined;
    const resourceId = reader.text(properties['ResourceId']);
    const dimension = DIMENSIONS[scalableDimension ?? ''];
    const [, endpointName, variantName] = VARIANT_ID.exec(resourceId ?? '') ?? [];
    const [, componentName] = COMPONENT_ID.exec(resourceId ?? '') ?? [];
    const component = this.componentNamed(componentName);
    const endpoint = component?.endpoint ?? this.endpointNamed(endpointName);
    const variant = endpoint?.variants.find(({ name }) => name !== undefined && name === variantName);
    return {
      resource,
      resourceId,
      scalableDimension,
      dimension,
      min: reader.number(properties['MinCapacity']),
      max: reader.number(properties['MaxCapacity']),
      endpoint,
      variant,
      component,
      kind: dimension === 'component' ? 'inference-component' : (variant?.kind ?? endpoint?.kind),
      policies: policies.of(
        resource,
        reader.text({ Ref: resource.logicalId }),
        registration(resourceId, scalableDimension),
      ),
    };
  }

  private policy(resource: Resource, alarms: Index<Resource>): Policy {
    const { properties, reader } = resource;
    return {
      resource,
      type: reader.text(properties['PolicyType']),
      tracking: reader.object(properties['TargetTrackingScalingPolicyConfiguration']),
      step: reader.object(properties['StepScalingPolicyConfiguration']),
      alarms: alarms.of(resource, reader.text({ Ref: resource.logicalId })),
    };
  }

  private alarmMetrics(): MetricUse[] {
    return this.ofType('AWS::CloudWatch::Alarm').flatMap((resource) => {
      const { properties, reader } = resource;
      const plain = properties['MetricName'];
      if (!reader.isAbsent(plain)) {
        const statistic = reader.text(properties['Statistic']) ?? reader.text(properties['ExtendedStatistic']);
        return [
          metricUse(resource, '', properties, { statistic, period: properties['Period'], unit: properties['Unit'] }),
        ];
      }
      return metricStats(resource, 'Metrics', properties['Metrics']);
    });
  }
}

/** The name itself, or the one at the end of an ARN, in lower case. */
function nameIn(text: string, kind: string): string {
  const lower = text.toLowerCase();
  const prefix = `:${kind}/`;
  return lower.startsWith('arn:') && lower.includes(prefix)
    ? lower.slice(lower.indexOf(prefix) + prefix.length)
    : lower;
}

const DIMENSIONS: { readonly [scalableDimension: string]: Dimension } = {
  'sagemaker:variant:DesiredInstanceCount': 'variant',
  'sagemaker:inference-component:DesiredCopyCount': 'component',
  'sagemaker:variant:DesiredProvisionedConcurrency': 'provisioned-concurrency',
};

/** The name a resource has, or the place holder of the one that it will be given; undefined where it is unknown. */
function nameOf(resource: Resource, property: string): string | undefined {
  return resource.reader.text({ 'Fn::GetAtt': [resource.logicalId, property] });
}

function isAdapter({ reader, properties }: Resource): boolean {
  const specification = reader.object(properties['Specification']);
  return specification !== undefined && !reader.isAbsent(specification['BaseInferenceComponentName']);
}

function shadowNamesOf({ reader, properties }: Resource): string[] {
  return reader
    .objects(properties['ShadowProductionVariants'])
    .map((shadow) => reader.text(shadow['VariantName']))
    .filter((name) => name !== undefined);
}

function variantsOf(config: Resource): Variant[] {
  const { reader, properties } = config;
  const asyncConfig = properties['AsyncInferenceConfig'];
  return reader.objects(properties['ProductionVariants']).map((variant, index): Variant => {
    const pools = reader.objects(variant['InstancePools']);
    const types = [variant['InstanceType'], ...pools.map((pool) => pool['InstanceType'])]
      .map((type) => reader.text(type))
      .filter((type) => type !== undefined);
    return {
      config,
      property: `ProductionVariants.${index}`,
      properties: variant,
      name: reader.text(variant['VariantName']),
      kind: kindOf(config, variant, asyncConfig, pools),
      instanceTypes: types,
    };
  });
}

function kindOf(
  { reader }: Resource,
  variant: Json,
  asyncConfig: unknown,
  pools: readonly Json[],
): EndpointKind | undefined {
  if (!reader.isAbsent(asyncConfig)) return reader.object(asyncConfig) === undefined ? undefined : 'async';
  if (!reader.isAbsent(variant['ServerlessConfig'])) {
    return reader.object(variant['ServerlessConfig']) === undefined ? undefined : 'serverless';
  }
  if (!reader.isAbsent(variant['ModelName'])) {
    return reader.text(variant['ModelName']) === undefined ? undefined : 'real-time';
  }
  if (!reader.isCertainList(variant['InstancePools'])) return undefined;
  return pools.some((pool) => !reader.isAbsent(pool['ModelNameOverride'])) ? 'real-time' : 'inference-component';
}

/** Things by the keys under which others name them: a resource, or what its reference comes to. */
class Index<Named> {
  private readonly byKey = new Map<unknown, Set<Named>>();

  public add(key: unknown, named: Named): void {
    if (key === undefined) return;
    const there = this.byKey.get(key);
    if (there === undefined) this.byKey.set(key, new Set([named]));
    else there.add(named);
  }

  public of(...keys: readonly unknown[]): Named[] {
    return [...new Set(keys.flatMap((key) => [...(this.byKey.get(key) ?? [])]))];
  }
}

/** The policies by the target they name. */
function policiesByTarget(policies: readonly Policy[]): Index<Policy> {
  const index = new Index<Policy>();
  for (const policy of policies) {
    const { properties, reader } = policy.resource;
    const reference = properties['ScalingTargetId'];
    if (reader.isAbsent(reference)) {
      index.add(
        registration(reader.text(properties['ResourceId']), reader.text(properties['ScalableDimension'])),
        policy,
      );
    } else {
      index.add(reader.referenced(reference), policy);
      // What `Ref` of a target comes to, for those who write it out: id, dimension and service between bars.
      const written = reader.text(reference);
      const [id, dimension, ...more] = written?.split('|') ?? [];
      index.add(more.length === 1 ? registration(id, dimension) : written, policy);
    }
  }
  return index;
}

/** The targets by their policies and alarms. */
function targetsByScaler(targets: readonly Target[]): Index<Target> {
  const index = new Index<Target>();
  for (const target of targets) {
    for (const { resource, alarms } of target.policies) {
      for (const scaler of [resource, ...alarms]) index.add(scaler, target);
    }
  }
  return index;
}

function registration(resourceId: string | undefined, dimension: string | undefined): string | undefined {
  return resourceId === undefined || dimension === undefined ? undefined : `${resourceId}|${dimension}`;
}

/** The alarms by the resources and ARNs that they run. */
function alarmsByAction(alarms: readonly Resource[]): Index<Resource> {
  const index = new Index<Resource>();
  for (const alarm of alarms) {
    const { properties, reader } = alarm;
    const enabled = properties['ActionsEnabled'];
    if (!reader.isAbsent(enabled) && reader.flag(enabled) === false) continue;
    for (const name of ['AlarmActions', 'OKActions', 'InsufficientDataActions']) {
      const actions = properties[name];
      for (const action of Array.isArray(actions) ? (actions as unknown[]) : [actions]) {
        index.add(reader.referenced(action), alarm);
        index.add(reader.text(action), alarm);
      }
    }
  }
  return index;
}

/** The concurrent requests one replica was tested with, where the templates tell. */
export function testedConcurrency({ component, endpoint, variant }: Target): number | undefined {
  const tagged = component?.resource ?? endpoint?.config;
  if (tagged === undefined) return undefined;
  const tags = tagged.reader.objects(tagged.properties['Tags']);
  const tag = concurrencyTag(tags, ({ Key }) => tagged.reader.text(Key), variant?.name);
  return tag === undefined ? undefined : (tagged.reader.number(tag['Value']) ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE);
}
