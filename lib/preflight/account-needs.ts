import { isObject, type Json } from '../core/parse';
import { parseShardPlan, SHARD_SCALING_ENVIRONMENT } from '../ingestion/contract';
import {
  applyDefaults,
  stackNameOf,
  TemplateModel,
  type DeclaredEndpoint,
  type DeclaredVariant,
  type Resource,
  type TemplateDocument,
} from '../template';
import type { AccountNeeds, BootstrapNeed, FleetNeed, ImageNeed, TrainingNeed } from './contract';

/** Reads the needs of a deployment from its templates, with the defaults of their parameters. */
export function accountNeeds(templates: readonly TemplateDocument[]): AccountNeeds {
  const unknown: string[] = [];
  const model = new TemplateModel(applyDefaults(templates));
  return {
    fleets: model.endpoints.flatMap((endpoint) => fleetsOf(model, endpoint)),
    training: model.ofType('AWS::StepFunctions::StateMachine').flatMap((machine) => trainingOf(machine, unknown)),
    images: imagesOf(model),
    bootstrap: bootstrapOf(templates),
    reservedConcurrency: sum(
      model
        .ofType('AWS::Lambda::Function')
        .map(({ reader, properties }) => reader.number(properties['ReservedConcurrentExecutions']) ?? 0),
    ),
    streamConcurrency: sum(
      model.ofType('AWS::Lambda::EventSourceMapping').map((mapping) => concurrencyOf(mapping, model)),
    ),
    hasScaling: model.targets.length > 0,
    resourceTypes: [...new Set(templates.flatMap(({ document }) => typesOf(document)))].sort(),
    stackNames: templates.map(stackNameOf),
    unknown,
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

function typesOf(document: unknown): string[] {
  const resources = isObject(document) && isObject(document['Resources']) ? Object.values(document['Resources']) : [];
  return resources.flatMap((resource) =>
    isObject(resource) && typeof resource['Type'] === 'string' ? [resource['Type']] : [],
  );
}

function fleetsOf(model: TemplateModel, endpoint: DeclaredEndpoint): FleetNeed[] {
  const { config, variants, name } = endpoint;
  const title = name ?? endpoint.resource.logicalId;
  const hosting = variants.filter(({ instanceTypes }) => instanceTypes.length > 0);
  const fleets = hosting.map((variant): FleetNeed => {
    const limits = limitsOf(model, variant);
    return {
      fleet: `${title}/${variant.name ?? 'variant'}`,
      instanceTypes: variant.instanceTypes,
      ...limits,
      rolloutExtra: rolloutExtra(endpoint.resource, limits.maximum),
    };
  });
  const shadows = config === undefined ? [] : config.reader.objects(config.properties['ShadowProductionVariants']);
  return [
    ...fleets,
    ...shadows.flatMap((shadow): FleetNeed[] => {
      const { reader } = config!;
      const pools = reader.objects(shadow['InstancePools']).map((pool) => reader.text(pool['InstanceType']));
      const types = [...pools, reader.text(shadow['InstanceType'])].filter((type) => type !== undefined);
      const count = reader.number(shadow['InitialInstanceCount']) ?? null;
      if (types.length === 0) return [];
      return [
        {
          fleet: `${title}/${reader.text(shadow['VariantName']) ?? 'shadow'} (shadow)`,
          instanceTypes: types,
          initial: count,
          minimum: count,
          maximum: count,
          rolloutExtra: rolloutExtra(endpoint.resource, count),
        },
      ];
    }),
  ];
}

function limitsOf(model: TemplateModel, variant: DeclaredVariant): Pick<FleetNeed, 'initial' | 'minimum' | 'maximum'> {
  const { reader } = variant.config;
  const initial = reader.number(variant.properties['InitialInstanceCount']) ?? null;
  const managed = reader.object(variant.properties['ManagedInstanceScaling']);
  if (managed !== undefined) {
    return {
      initial,
      minimum: reader.number(managed['MinInstanceCount']) ?? initial,
      maximum: reader.number(managed['MaxInstanceCount']) ?? null,
    };
  }
  const target = model.targets.find((one) => one.dimension === 'variant' && one.variant === variant);
  if (target === undefined) return { initial, minimum: initial, maximum: initial };
  return { initial, minimum: target.min ?? null, maximum: target.max ?? null };
}

/**
 * Instances that an update runs beside the old ones: a batch of a rolling update; in a blue/green one, which is also the default, a second
 * fleet (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html).
 */
function rolloutExtra({ reader, properties }: Resource, maximum: number | null): number | null {
  if (maximum === null) return null;
  const deployment = reader.object(properties['DeploymentConfig']);
  const rolling = deployment === undefined ? undefined : reader.object(deployment['RollingUpdatePolicy']);
  if (rolling === undefined) return maximum;
  const batch = reader.object(rolling['MaximumBatchSize']);
  const value = batch === undefined ? undefined : reader.number(batch['Value']);
  if (batch === undefined || value === undefined) return null;
  return reader.text(batch['Type']) === 'CAPACITY_PERCENT' ? Math.ceil((maximum * value) / 100) : value;
}

/** Training jobs in the definition of a state machine, wherever they are nested. */
function trainingOf({ reader, properties, logicalId, template }: Resource, unknown: string[]): TrainingNeed[] {
  const text = reader.text(properties['DefinitionString']);
  let definition: unknown;
  try {
    definition = text === undefined ? reader.object(properties['Definition']) : JSON.parse(text);
  } catch {
    definition = undefined;
  }
  if (definition === undefined) {
    unknown.push(
      `${template}: the definition of ${logicalId} is decided by the deployment, so its training jobs are unknown`,
    );
    return [];
  }
  const needs: TrainingNeed[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isObject(value)) return;
    const { ResourceConfig: resources, EnableManagedSpotTraining: spot } = value;
    const groups = isObject(resources) ? [resources, ...asObjects(resources['InstanceGroups'])] : [];
    for (const { InstanceType: instanceType, InstanceCount: instances } of groups) {
      if (typeof instanceType !== 'string') continue;
      const use = spot === true ? 'spot-training' : 'training';
      needs.push({ stateMachine: logicalId, instanceType, instances: Number(instances ?? 1), use });
    }
    Object.values(value).forEach(visit);
  };
  visit(definition);
  return needs;
}

const asObjects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

const ECR_IMAGE =
  /(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([a-z0-9._/-]+)(?::([\w.-]+)|@(sha256:[0-9a-f]{64}))/g;

/** Images in ECR that models and training jobs name. Those of CDK assets are pushed by the deployment itself. */
function imagesOf(model: TemplateModel): ImageNeed[] {
  const texts = [
    ...model.ofType('AWS::SageMaker::Model').flatMap(({ reader, properties }) =>
      [properties['PrimaryContainer'], ...reader.objects(properties['Containers'])].map((container) => {
        const known = reader.object(container);
        return known === undefined ? undefined : reader.text(known['Image']);
      }),
    ),
    ...model
      .ofType('AWS::StepFunctions::StateMachine')
      .map(({ reader, properties }) => reader.text(properties['DefinitionString'])),
  ];
  const images = new Map<string, ImageNeed>();
  for (const text of texts) {
    for (const [uri, account, region, repository, tag, digest] of (text ?? '').matchAll(ECR_IMAGE)) {
      if (/^cdk-[a-z0-9]+-container-assets-/.test(repository!)) continue;
      images.set(uri, { uri, account: account!, region: region!, repository: repository!, tag: tag ?? digest! });
    }
  }
  return [...images.values()];
}

/** Bootstrap version that the rules of CDK templates demand, in a parameter of the Parameter Store. */
function bootstrapOf(templates: readonly TemplateDocument[]): BootstrapNeed | undefined {
  for (const { document } of templates) {
    const parameters = isObject(document) && isObject(document['Parameters']) ? document['Parameters'] : {};
    const parameter = parameters['BootstrapVersion'];
    const parameterName = isObject(parameter) ? parameter['Default'] : undefined;
    const qualifier = /^\/cdk-bootstrap\/([^/]+)\/version$/.exec(
      typeof parameterName === 'string' ? parameterName : '',
    )?.[1];
    if (qualifier === undefined) continue;
    const refused = refusedVersions((document as Json)['Rules']);
    return { parameterName: String(parameterName), qualifier, minimumVersion: Math.max(0, ...refused) + 1 };
  }
  return undefined;
}

/** Versions in the assertions of a template's rules, which it refuses. */
function refusedVersions(rules: unknown): number[] {
  const check = isObject(rules) ? rules['CheckBootstrapVersion'] : undefined;
  return [...JSON.stringify(check ?? '').matchAll(/"(\d+)"/g)].map(([, version]) => Number(version));
}

/** Shards that an on-demand stream begins with (https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html). */
const ON_DEMAND_SHARDS = 4;

/** Maximum number of shards of a stream that a function of ours scales; undefined for another stream. */
function mostShardsOf(stream: Resource, model: TemplateModel): number | undefined {
  for (const { reader, properties } of model.ofType('AWS::Lambda::Function')) {
    const variables = reader.object(reader.object(properties['Environment'])?.['Variables']) ?? {};
    const plan = reader.text(variables[SHARD_SCALING_ENVIRONMENT.plan]);
    if (plan !== undefined && reader.referenced(variables[SHARD_SCALING_ENVIRONMENT.streamName]) === stream)
      return parseShardPlan(plan).maxShards;
  }
  return undefined;
}

/** Maximum number of invocations of a consumer at once. */
function concurrencyOf({ reader, properties }: Resource, model: TemplateModel): number {
  const source = reader.referenced(properties['EventSourceArn']);
  if (source?.type !== 'AWS::Kinesis::Stream') return 0;
  const shards = source.reader.number(source.properties['ShardCount']) ?? ON_DEMAND_SHARDS;
  return (mostShardsOf(source, model) ?? shards) * (reader.number(properties['ParallelizationFactor']) ?? 1);
}
