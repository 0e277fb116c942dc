import { refusesScaleToZero } from '../../catalog/scale-to-zero-regions';
import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { Component, Variant } from '../subjects';
import type { ProofRule } from './rule';

function* createdEmpty(model: ProofModel): Iterable<Accusation> {
  for (const { resource, isAdapter } of model.components) {
    const { reader, properties } = resource;
    const copies = reader.number(reader.object(properties['RuntimeConfig'])?.['CopyCount']);
    // An adapter has no copies of its own.
    if (isAdapter || copies === undefined || copies >= 1) continue;
    yield {
      at: resource,
      property: 'RuntimeConfig.CopyCount',
      message: `CopyCount is ${copies}, and a component is made with 1 copy or more; zero is for its scalable target`,
    };
  }
}

function* zeroNotInRegion(model: ProofModel): Iterable<Accusation> {
  for (const { config, property, properties } of model.variants()) {
    const { region } = config.reader;
    const refusal = region === undefined ? undefined : refusesScaleToZero(region);
    const managed = config.reader.object(properties['ManagedInstanceScaling']);
    if (refusal === undefined || config.reader.text(managed?.['Status']) === 'DISABLED') continue;
    if (config.reader.number(managed?.['MinInstanceCount']) !== 0) continue;
    yield {
      at: config,
      property: `${property}.ManagedInstanceScaling.MinInstanceCount`,
      message: `MinInstanceCount is 0, which ${region} refused on ${refusal.seenOn} (${refusal.source})`,
    };
  }
  for (const { resource, dimension, min, component } of model.targets) {
    const { region } = resource.reader;
    const refusal = region === undefined ? undefined : refusesScaleToZero(region);
    if (refusal === undefined || dimension !== 'component' || min !== 0 || keepsInstances(component)) continue;
    yield {
      at: resource,
      property: 'MinCapacity',
      message: `MinCapacity is 0, and ${region} refused zero instances on ${refusal.seenOn} (${refusal.source}): the fleet pays for instances without copies, if it is taken at all`,
      // Seen of instances only.
      severity: 'warning',
    };
  }
}

/** Whether the host of a component certainly keeps an instance. */
function keepsInstances(component: Component | undefined): boolean {
  const variants = component?.endpoint?.variants ?? [];
  return variants.length > 0 && variants.every((variant) => (leastInstances(variant) ?? 0) >= 1);
}

function leastInstances({ config, properties }: Variant): number | undefined {
  const managed = config.reader.object(properties['ManagedInstanceScaling']);
  return config.reader.number(managed?.['MinInstanceCount']);
}

/** Inference components as the service takes them. */
export const COMPONENT_RULES: readonly ProofRule[] = [
  {
    id: 'component-created-empty',
    severity: 'error',
    reason: 'the service makes no inference component without a copy',
    remedy: 'set CopyCount to 1 or more, and let a scalable target with MinCapacity 0 take the copies away',
    source: 'https://github.com/stdapi-ai/stdapi.ai/issues/43 (refusal of 2026-08-27)',
    check: createdEmpty,
  },
  {
    id: 'zero-not-in-region',
    severity: 'error',
    reason: 'some regions refuse zero instances behind inference components',
    remedy: 'set it to 1 or more, or deploy to a region that takes 0',
    source: 'https://github.com/stdapi-ai/stdapi.ai/issues/43 (eu-west-3 refuses, us-east-1 accepts, 2026-08-27)',
    check: zeroNotInRegion,
  },
];
