import { HOSTING_NAMESPACES } from '../../catalog/hosting-metrics';
import type { Resource, TemplateModel } from '../../template';

/** Alarms on hosting, and alarms that scale it. */
export function hostingAlarms(model: TemplateModel): Resource[] {
  const watched = model.metrics.flatMap(({ resource, namespace }) =>
    HOSTING_NAMESPACES.includes(namespace ?? '') ? [resource] : [],
  );
  const scaling = model.targets.flatMap(({ policies }) => policies.flatMap(({ alarms }) => alarms));
  return [...new Set([...watched, ...scaling])].filter(({ type }) => type === 'AWS::CloudWatch::Alarm');
}
