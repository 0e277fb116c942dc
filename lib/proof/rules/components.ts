import { refusesScaleToZero } from '../../catalog/scale-to-zero-regions';
import type { RuleViolation } from '../finding';
import type { DeclaredComponent, TemplateModel, DeclaredVariant } from '../../template';
import type { ProofRule } from '../rule-support/rule';

function* createdEmpty(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource, isAdapter } of model.components) {
    const { reader, properties } = resource;
    const copies = reader.number(reader.object(properties['RuntimeConfig'])?.['CopyCount']);
    // An adapter has no copies of its own.
    if (isAdapter || copies === undefined || copies >= 1) continue;
    yield {
      at: resource,
      property: 'RuntimeConfig.CopyCount',
      message: `CopyCount is ${copies}, and a component is created with 1 copy or more; only its scalable target goes to zero`,
    };
  }
}

function* zeroNotInRegion(model: TemplateModel): Iterable<RuleViolation> {
  for (const { config, property, properties } of model.variants()) {
    const { region } = config.reader;
    const refusal = region === undefined ? undefined : refusesScaleToZero(region);
    const managed = config.reader.object(properties['ManagedInstanceScaling']);
    if (refusal === undefined || config.reader.text(managed?.['Status']) === 'DISABLED') continue;
    if (config.reader.number(managed?.['MinInstanceCount']) !== 0) continue;
    yield {
      at: config,
      property: `${property}.ManagedInstanceScaling.MinInstanceCount`,
      message: `MinInstanceCount is 0, which ${region} rejected on ${refusal.seenOn} (${refusal.source})`,
    };
  }
  for (const { resource, dimension, min, component } of model.targets) {
    const { region } = resource.reader;
    const refusal = region === undefined ? undefined : refusesScaleToZero(region);
    if (refusal === undefined || dimension !== 'component' || min !== 0 || keepsInstances(component)) continue;
    yield {
      at: resource,
      property: 'MinCapacity',
      message: `MinCapacity is 0, and ${region} rejected zero instances on ${refusal.seenOn} (${refusal.source}): at best the fleet pays for instances without copies`,
      // The rejection was observed for instances only.
      severity: 'warning',
    };
  }
}

/** True if the host of a component certainly keeps an instance. */
function keepsInstances(component: DeclaredComponent | undefined): boolean {
  const variants = component?.endpoint?.variants ?? [];
  return variants.length > 0 && variants.every((variant) => (minInstances(variant) ?? 0) >= 1);
}

function minInstances({ config, properties }: DeclaredVariant): number | undefined {
  const managed = config.reader.object(properties['ManagedInstanceScaling']);
  return config.reader.number(managed?.['MinInstanceCount']);
}

/** Rules about inference components. */
export const COMPONENT_RULES: readonly ProofRule[] = [
  {
    id: 'component-created-empty',
    severity: 'error',
    reason: 'the service does not create an inference component without a copy',
    remedy: 'set CopyCount to 1 or more, and let a scalable target with MinCapacity 0 remove the copies',
    source: 'https://github.com/stdapi-ai/stdapi.ai/issues/43 (refusal of 2026-08-27)',
    check: createdEmpty,
  },
  {
    id: 'zero-not-in-region',
    severity: 'error',
    reason: 'some regions reject zero instances for inference components',
    remedy: 'set it to 1 or more, or deploy to a region that accepts 0',
    source: 'https://github.com/stdapi-ai/stdapi.ai/issues/43 (eu-west-3 refuses, us-east-1 accepts, 2026-08-27)',
    check: zeroNotInRegion,
  },
];
