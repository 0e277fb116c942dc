import { isSageMakerTarget, parseResourceId, SCALABLE_DIMENSIONS } from '../catalog/scalable-resource';
import type { Json } from '../core/parse';
import { lookup } from '../core/lookup';
import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../inference/contract';
import type { EndpointKind } from '../catalog/hosting-metrics';
import type {
  DeclaredComponent,
  Dimension,
  DeclaredEndpoint,
  MetricUse,
  DeclaredPolicy,
  DeclaredTarget,
  DeclaredVariant,
} from './declarations';
import { metricStats, metricUse, trackedMetrics } from './metric-uses';
import { TemplateOutputs } from './template-outputs';
import type { TemplateDocument } from './template-document';
import { MACRO_RESOURCE, TemplateReader, type Resource } from './template-reader';

const TARGET = 'AWS::ApplicationAutoScaling::ScalableTarget';

/** Settings of a {@link TemplateModel}. */
export interface TemplateModelOptions {
  /** True if parameters are unknown in spite of their defaults. @default false */
  readonly areDefaultsOpen?: boolean;
}

/** Fleets, alarms and policies of some templates, read as one: references are followed from one template to another. */
export class TemplateModel {
  public readonly endpoints: readonly DeclaredEndpoint[];
  public readonly components: readonly DeclaredComponent[];
  public readonly targets: readonly DeclaredTarget[];
  /** Policies of SageMaker fleets whose target the templates do not declare. */
  public readonly orphanPolicies: readonly DeclaredPolicy[];
  public readonly metrics: readonly MetricUse[];
  private readonly readers: readonly TemplateReader[];
  private readonly targetsOf: Index<DeclaredTarget>;
  private readonly byType: ReadonlyMap<string, readonly Resource[]>;
  private readonly variantsOfConfig = new Map<Resource, readonly DeclaredVariant[]>();
  private readonly configsByName = new Index<Resource>();
  private readonly endpointsByName: Index<DeclaredEndpoint>;
  private readonly componentsByName: Index<DeclaredComponent>;

  /** @throws InputError when a document is not a template */
  public constructor(templates: readonly TemplateDocument[], { areDefaultsOpen = false }: TemplateModelOptions = {}) {
    const readers: TemplateReader[] = [];
    const outputs = new TemplateOutputs<TemplateReader>(readers);
    for (const [index, template] of templates.entries()) {
      readers.push(new TemplateReader(template, { index, outputs, areDefaultsOpen }));
    }
    this.readers = readers;
    this.byType = resourcesByType(readers);
    for (const config of this.ofType('AWS::SageMaker::EndpointConfig')) {
      this.variantsOfConfig.set(config, variantsOf(config));
      this.configsByName.add(nameOf(config, 'EndpointConfigName'), config);
    }
    this.endpoints = this.ofType('AWS::SageMaker::Endpoint').map((resource) => this.endpoint(resource));
    this.endpointsByName = byName(this.endpoints);
    this.components = this.ofType('AWS::SageMaker::InferenceComponent').map((resource) => this.component(resource));
    this.componentsByName = byName(this.components);
    const alarms = alarmsByAction(this.ofType('AWS::CloudWatch::Alarm'));
    const policies = this.ofType('AWS::ApplicationAutoScaling::ScalingPolicy').map((resource) =>
      this.policy(resource, alarms),
    );
    this.targets = this.linkedTargets(policies);
    this.targetsOf = targetsByScaler(this.targets);
    const linked = new Set(this.targets.flatMap((target) => target.policies));
    this.orphanPolicies = policies.filter((policy) => !linked.has(policy));
    this.metrics = [...this.alarmMetrics(), ...policies.flatMap(trackedMetrics)];
  }

  /** Resources of a type in all templates. */
  public ofType(type: string): readonly Resource[] {
    return this.byType.get(type) ?? NO_RESOURCES;
  }

  /** Resources of a declared type that are unknown, because a macro adds properties to them or a loop makes them. */
  public macroResources(type: string): { readonly template: string; readonly logicalId: string }[] {
    const loops = this.readers.flatMap(({ name, macros }) =>
      macros
        .filter(([, body]) => JSON.stringify(body).includes(`"${type}"`))
        .map(([id]) => ({ template: name, logicalId: id })),
    );
    return [...this.ofType(MACRO_RESOURCE).filter(({ declaredType }) => declaredType === type), ...loops];
  }

  /** True if a template declares a resource. */
  public has(template: string, logicalId: string): boolean {
    return this.readers.some((reader) => reader.name === template && reader.resource(logicalId) !== undefined);
  }

  /** True once a value has depended on the default of a parameter: with open defaults it may be another. */
  public get readsDefaults(): boolean {
    return this.readers.some((reader) => reader.readsDefaults);
  }

  /**
   * Endpoint of a name or ARN; names of SageMaker are case-insensitive. Of several, the one in the template of `user` is meant; undefined
   * where that leaves more than one.
   */
  public endpointNamed(name: string | undefined, user?: Resource): DeclaredEndpoint | undefined {
    return name === undefined ? undefined : nearest(this.endpointsByName.of(nameIn(name, 'endpoint')), user);
  }

  /** Inference component of a name or ARN, as {@link endpointNamed}. */
  public componentNamed(name: string | undefined, user?: Resource): DeclaredComponent | undefined {
    return name === undefined
      ? undefined
      : nearest(this.componentsByName.of(nameIn(name, 'inference-component')), user);
  }

  /** Resource whose generated name or attribute a deploy-time name is; undefined for any other text. */
  public generatedBy(text: string): Resource | undefined {
    const [, index, logicalId] = /^<(\d+) ([A-Za-z0-9]+)(?:\.[^<>]+)?>$/.exec(text) ?? [];
    return logicalId === undefined ? undefined : this.readers[Number(index)]?.resource(logicalId);
  }

  /** Model that a configuration names, by reference or by name. */
  public modelNamed({ reader }: Resource, name: unknown): Resource | undefined {
    const referenced = reader.referenced(name);
    if (referenced !== undefined) return referenced.type === 'AWS::SageMaker::Model' ? referenced : undefined;
    const text = reader.text(name);
    if (text === undefined) return undefined;
    const wanted = nameIn(text, 'model');
    return this.ofType('AWS::SageMaker::Model').find((one) => nameOf(one, 'ModelName')?.toLowerCase() === wanted);
  }

  /** Targets that an alarm or a policy scales. */
  public scaledBy(resource: Resource): readonly DeclaredTarget[] {
    return this.targetsOf.of(resource);
  }

  /** Variants of a configuration. */
  public variantsOf(config: Resource): readonly DeclaredVariant[] {
    return this.variantsOfConfig.get(config) ?? [];
  }

  /** Variants of all templates. */
  public variants(): DeclaredVariant[] {
    return [...this.variantsOfConfig.values()].flat();
  }

  private endpoint(resource: Resource): DeclaredEndpoint {
    const declared = resource.properties['EndpointConfigName'];
    const text = resource.reader.text(declared);
    const named = text === undefined ? [] : this.configsByName.of(text);
    const config =
      resource.reader.referenced(declared) ?? named.find(({ reader }) => reader === resource.reader) ?? named[0];
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

  private component(resource: Resource): DeclaredComponent {
    const { reader, properties } = resource;
    const endpoint = this.endpointNamed(reader.text(properties['EndpointName']), resource);
    const variantName = reader.text(properties['VariantName']);
    const variants = endpoint?.variants ?? [];
    const isOnly =
      reader.isAbsent(properties['VariantName']) && endpoint?.hasAllVariants === true && variants.length === 1;
    return {
      resource,
      name: nameOf(resource, 'InferenceComponentName'),
      endpoint,
      variant: isOnly ? variants[0] : variants.find(({ name }) => name !== undefined && name === variantName),
      isAdapter: isAdapter(resource),
    };
  }

  private linkedTargets(policies: readonly DeclaredPolicy[]): DeclaredTarget[] {
    const targets = this.ofType(TARGET).flatMap((resource) => this.target(resource) ?? []);
    const byRegistration = new Index<DeclaredTarget>();
    for (const target of targets) byRegistration.add(registrationOf(target), target);
    const byTarget = policiesByTarget(policies);
    return targets.map((target): DeclaredTarget => {
      const { resource } = target;
      const referenced = byTarget.of(resource, resource.reader.text({ Ref: resource.logicalId }));
      const named = byTarget
        .of(registrationOf(target))
        .filter((policy) => isOwnPolicy(policy, target, byRegistration.of(registrationOf(target))));
      return { ...target, policies: [...new Set([...referenced, ...named])] };
    });
  }

  /** Target without its policies; undefined for other services. */
  private target(resource: Resource): DeclaredTarget | undefined {
    const { properties, reader } = resource;
    const scalableDimension = reader.text(properties['ScalableDimension']);
    const serviceNamespace = reader.text(properties['ServiceNamespace']);
    if (!isSageMakerTarget(serviceNamespace, scalableDimension)) return undefined;
    const resourceId = reader.text(properties['ResourceId']);
    const dimension = DIMENSIONS[scalableDimension ?? ''];
    const named = parseResourceId(resourceId ?? '');
    const component =
      named?.kind === 'inference-component' ? this.componentNamed(named.componentName, resource) : undefined;
    const endpoint =
      component?.endpoint ?? (named?.kind === 'variant' ? this.endpointNamed(named.endpointName, resource) : undefined);
    const variant = endpoint?.variants.find(
      ({ name }) => name !== undefined && named?.kind === 'variant' && name === named.variantName,
    );
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
      policies: [],
    };
  }

  private policy(resource: Resource, alarms: Index<Resource>): DeclaredPolicy {
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

const NO_RESOURCES: readonly Resource[] = [];

function resourcesByType(readers: readonly TemplateReader[]): Map<string, Resource[]> {
  const byType = new Map<string, Resource[]>();
  for (const { resources } of readers) {
    for (const resource of resources) {
      const there = byType.get(resource.type);
      if (there === undefined) byType.set(resource.type, [resource]);
      else there.push(resource);
    }
  }
  return byType;
}

/** Lookup by names, in lower case. */
function byName<Named extends { readonly name: string | undefined }>(all: readonly Named[]): Index<Named> {
  const index = new Index<Named>();
  for (const one of all) index.add(one.name?.toLowerCase(), one);
  return index;
}

/** The only one, or the only one in the template of `user`. */
function nearest<Named extends { readonly resource: Resource }>(
  all: readonly Named[],
  user: Resource | undefined,
): Named | undefined {
  if (all.length < 2 || user === undefined) return all.length === 1 ? all[0] : undefined;
  const near = all.filter(({ resource }) => resource.reader === user.reader);
  return near.length === 1 ? near[0] : undefined;
}

/** True if a policy belongs to a target: with several registrations, as of one template for two stages, to the one in its template. */
function isOwnPolicy(
  { resource: { reader } }: DeclaredPolicy,
  target: DeclaredTarget,
  namesakes: readonly DeclaredTarget[],
): boolean {
  return (
    namesakes.length < 2 ||
    reader === target.resource.reader ||
    namesakes.every(({ resource }) => resource.reader !== reader)
  );
}

/** Name, or the name at the end of an ARN, in lower case. */
function nameIn(text: string, kind: string): string {
  const lower = text.toLowerCase();
  const prefix = `:${kind}/`;
  return lower.startsWith('arn:') && lower.includes(prefix)
    ? lower.slice(lower.indexOf(prefix) + prefix.length)
    : lower;
}

const DIMENSIONS: { readonly [scalableDimension: string]: Dimension } = lookup({
  [SCALABLE_DIMENSIONS.instanceCount]: 'variant',
  [SCALABLE_DIMENSIONS.copyCount]: 'component',
  [SCALABLE_DIMENSIONS.provisionedConcurrency]: 'provisioned-concurrency',
});

/** Name of a resource, or the deploy-time name of the generated one; undefined where it is unknown. */
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

function variantsOf(config: Resource): DeclaredVariant[] {
  const { reader, properties } = config;
  const asyncConfig = properties['AsyncInferenceConfig'];
  return reader.objects(properties['ProductionVariants']).map((variant, index): DeclaredVariant => {
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

/** Lookup by the keys under which others name a thing: a resource, or the text of a reference to it. */
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

/** Policies by the target that they name. */
function policiesByTarget(policies: readonly DeclaredPolicy[]): Index<DeclaredPolicy> {
  const index = new Index<DeclaredPolicy>();
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
      // The `Ref` of a target, written out: id, dimension and service between bars.
      const written = reader.text(reference);
      const [id, dimension, ...more] = written?.split('|') ?? [];
      index.add(more.length === 1 ? registration(id, dimension) : written, policy);
    }
  }
  return index;
}

/** Targets by their policies and alarms. */
function targetsByScaler(targets: readonly DeclaredTarget[]): Index<DeclaredTarget> {
  const index = new Index<DeclaredTarget>();
  for (const target of targets) {
    for (const { resource, alarms } of target.policies) {
      for (const scaler of [resource, ...alarms]) index.add(scaler, target);
    }
  }
  return index;
}

function registrationOf({ resourceId, scalableDimension }: DeclaredTarget): string | undefined {
  return registration(resourceId, scalableDimension);
}

function registration(resourceId: string | undefined, dimension: string | undefined): string | undefined {
  return resourceId === undefined || dimension === undefined ? undefined : `${resourceId}|${dimension}`;
}

/** Alarms by the resources and ARNs of their actions. */
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

/** Concurrent requests with which one replica was tested, from its tags; undefined without them. */
export function testedConcurrency({ component, endpoint, variant }: DeclaredTarget): number | undefined {
  const tagged = component?.resource ?? endpoint?.config;
  if (tagged === undefined) return undefined;
  const tags = tagged.reader.objects(tagged.properties['Tags']);
  const tag = concurrencyTag(tags, ({ Key }) => tagged.reader.text(Key), variant?.name);
  return tag === undefined ? undefined : (tagged.reader.number(tag['Value']) ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE);
}
