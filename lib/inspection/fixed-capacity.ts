import { SAGEMAKER_SERVICE_NAMESPACE } from '../catalog/scalable-resource';
import { isObject, type Json } from '../core/parse';
import type { Inspection } from './contract';

/**
 * Template in which fleets that nothing scales have limits at their present capacity, which is how they run: what rehearses fleets finds
 * them by their scalable targets.
 */
export function withFixedCapacity(document: unknown, { fleets }: Inspection): unknown {
  if (!isObject(document) || !isObject(document['Resources'])) return document;
  const fixed = fleets
    .filter(({ scaling, currentCapacity }) => scaling === 'none' && currentCapacity !== null && currentCapacity > 0)
    .map(({ resourceId, scalableDimension, currentCapacity }, index): [string, Json] => [
      `FixedCapacity${index === 0 ? '' : index + 1}`,
      {
        Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
        Properties: {
          ServiceNamespace: SAGEMAKER_SERVICE_NAMESPACE,
          ResourceId: resourceId,
          ScalableDimension: scalableDimension,
          MinCapacity: currentCapacity,
          MaxCapacity: currentCapacity,
        },
      },
    ]);
  if (fixed.length === 0) return document;
  return { ...document, Resources: { ...document['Resources'], ...Object.fromEntries(fixed) } };
}
