import { HOSTING_NAMESPACES } from '../../catalog/metrics';
import type { ProofModel } from '../model';
import type { Resource } from '../template-reader';

/** Alarms on hosting, and alarms that scale it. */
export function hostingAlarms(model: ProofModel): Resource[] {
  const watched = model.metrics.flatMap(({ resource, namespace }) =>
    HOSTING_NAMESPACES.includes(namespace ?? '') ? [resource] : [],
  );
  const scaling = model.targets.flatMap(({ policies }) => policies.flatMap(({ alarms }) => alarms));
  return [...new Set([...watched, ...scaling])].filter(({ type }) => type === 'AWS::CloudWatch::Alarm');
}
