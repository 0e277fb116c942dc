import type { Json } from '../core/parse';
import { objectsOf, textOf } from './reading';

/** Lists in responses, and the parts that they make with a variant or a component. */
const LISTS: readonly (readonly [member: string, part: string])[] = [
  ['ScalableTargets', 'scalable-targets'],
  ['ScalingPolicies', 'scaling-policies'],
  ['ScheduledActions', 'scheduled-actions'],
  ['ScalingActivities', 'scaling-activities'],
  ['MetricAlarms', 'alarms'],
  ['MetricDataResults', 'metrics'],
];

/**
 * Returns the name of the part that a saved response is, by its content; `request` for the note about what was asked, and undefined for
 * anything else. Lists belong to the variant or component in the name of their file (`metrics.variant.main.json`); without one they may
 * concern any (`metrics.json`).
 */
export function savedPart(file: string, document: Json): string | undefined {
  if (document['periodSeconds'] !== undefined && document['endpointName'] !== undefined) return 'request';
  if (Array.isArray(document['InferenceComponents'])) return 'inference-components.json';
  const component = textOf(document['InferenceComponentName']);
  if (component !== undefined) return `inference-component.${component}.json`;
  // A description of an endpoint has the name of its configuration too.
  if (textOf(document['EndpointName']) !== undefined) return 'endpoint.json';
  if (textOf(document['EndpointConfigName']) !== undefined) return 'endpoint-config.json';
  const ownName = file.replace(/\.(json|txt|ya?ml|log|out)$/i, '');
  if (Array.isArray(document['Tags'])) {
    return /^inference-component-tags\./.test(ownName) ? `${ownName}.json` : 'endpoint-config-tags.json';
  }
  const list = LISTS.find(([member]) => Array.isArray(document[member]));
  if (list === undefined) return undefined;
  const subject = /\.(variant|component)\.([A-Za-z0-9-]+)$/.exec(ownName);
  return subject === null ? `${list[1]}.json` : `${list[1]}.${subject[1]}.${subject[2]}.json`;
}

/** Joins two responses of the same call: pages that were saved one by one. Undefined where they are no lists. */
export function joinedParts(one: Json, other: Json): Json | undefined {
  const member = [...LISTS.map(([name]) => name), 'InferenceComponents'].find((name) => Array.isArray(one[name]));
  if (member === undefined || !Array.isArray(other[member])) return undefined;
  return { ...one, [member]: [...objectsOf(one[member]), ...objectsOf(other[member])] };
}
