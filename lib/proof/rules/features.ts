import { findInstanceType } from '../../catalog/instance-types';
import type { RuleViolation } from '../finding';
import type { DeclaredVariant, Resource, TemplateModel } from '../../template';
import { containersOf, modelsOf } from '../rule-support/containers';
import type { ProofRule } from '../rule-support/rule';

/** A setting that certainly is there, with its place. */
interface Setting {
  readonly at: Resource;
  readonly property: string;
  readonly name: string;
}

/** Certain settings of the models of a variant that some kinds of endpoint exclude. */
function settingsOfModels(models: readonly Resource[]): Setting[] {
  return models.flatMap((at) => {
    const { reader, properties } = at;
    const containers = containersOf(at);
    const isMultiModel = containers.some((one) => reader.text(one['Mode']) === 'MultiModel');
    return [
      ...(reader.object(properties['VpcConfig']) === undefined ? [] : [{ at, property: 'VpcConfig', name: 'a VPC' }]),
      ...(!reader.isAbsent(properties['EnableNetworkIsolation']) &&
      reader.flag(properties['EnableNetworkIsolation']) === true
        ? [{ at, property: 'EnableNetworkIsolation', name: 'network isolation' }]
        : []),
      ...(reader.objects(properties['Containers']).length > 1 && reader.isCertainList(properties['Containers'])
        ? [{ at, property: 'Containers', name: 'several containers' }]
        : []),
      ...(isMultiModel ? [{ at, property: 'PrimaryContainer.Mode', name: 'multi-model containers' }] : []),
    ];
  });
}

function* serverless(model: TemplateModel): Iterable<RuleViolation> {
  for (const config of model.ofType('AWS::SageMaker::EndpointConfig')) {
    const { reader, properties } = config;
    const variants = model.variantsOf(config);
    const hosted = variants.filter(({ kind }) => kind === 'serverless');
    // A variant of an asynchronous configuration counts as asynchronous.
    const isServerless = (variant: DeclaredVariant): boolean =>
      reader.object(variant.properties['ServerlessConfig']) !== undefined;
    const first = variants.find(isServerless);
    if (first === undefined) continue;
    const capture = reader.object(properties['DataCaptureConfig']);
    const isCaptured = capture !== undefined && reader.text(capture['EnableCapture']) !== 'false';
    const here = (property: string, name: string): Setting => ({ at: config, property, name });
    const found: Setting[] = [
      ...settingsOfModels(hosted.flatMap((variant) => modelsOf(model, variant))),
      ...(isCaptured ? [here('DataCaptureConfig', 'data capture')] : []),
      ...(reader.object(properties['AsyncInferenceConfig']) === undefined
        ? []
        : [here('AsyncInferenceConfig', 'asynchronous inference')]),
      ...(reader.isCertainList(properties['ProductionVariants']) && variants.length > 1
        ? [here('ProductionVariants', 'several variants')]
        : []),
    ];
    for (const { at, property, name } of found) {
      yield {
        at,
        property,
        message: `serverless endpoints do not support ${name}, so the service rejects ${first.property} of ${config.logicalId}`,
        remedy: `remove ${property.split('.')[0]!}, or serve on instances`,
      };
    }
  }
}

function* shadows(model: TemplateModel): Iterable<RuleViolation> {
  for (const config of model.ofType('AWS::SageMaker::EndpointConfig')) {
    const { reader, properties } = config;
    const tested = reader.objects(properties['ShadowProductionVariants']);
    if (tested.length === 0) continue;
    const variants = model.variantsOf(config);
    const unfit = settingsOfModels(variants.flatMap((variant) => modelsOf(model, variant))).find(({ name }) =>
      /containers/.test(name),
    );
    const isInf1 = variants.some(({ instanceTypes }) =>
      instanceTypes.some((name) => findInstanceType(name)?.family === 'inf1'),
    );
    const kinds = new Set(variants.map(({ kind }) => kind));
    const why = kinds.has('serverless')
      ? 'serverless variants'
      : kinds.has('async')
        ? 'asynchronous inference'
        : isInf1
          ? 'Inf1 instances'
          : unfit?.name;
    if (why === undefined) continue;
    yield {
      at: config,
      property: 'ShadowProductionVariants',
      message: `shadow variants do not go with ${why}, so the service rejects the configuration`,
      remedy: 'remove ShadowProductionVariants',
    };
  }
}

/** Rules about features that exclude each other. */
export const FEATURE_RULES: readonly ProofRule[] = [
  {
    id: 'features-exclude-each-other',
    severity: 'error',
    reason: 'serverless endpoints and shadow tests exclude features that other endpoints have',
    remedy: 'keep one of the two',
    source: 'SageMaker developer guide: serverless inference (feature exclusions); shadow tests, exclusions',
    check: function* (model) {
      yield* serverless(model);
      yield* shadows(model);
    },
  },
];
