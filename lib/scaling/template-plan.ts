import { InputError } from '../core/errors';
import type { FleetPlan, PolicyMetric, ScalingPolicy, ScheduledAction } from './decide/plan';

/** A scalable target of a template, with the plan that its policies and schedules make up. */
export interface TemplateFleet {
  readonly targetLogicalId: string;
  /** Literal where the template names the endpoint literally, otherwise with `<LogicalId.Attribute>` in its place. */
  readonly resourceId: string;
  readonly plan: FleetPlan;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: Json;
}

interface Json {
  readonly [name: string]: unknown;
}

/**
 * The plan of a synthesized template's scalable target, so that what is rehearsed is what is deployed.
 *
 * @param targetLogicalId needed only where the template has several targets
 */
export function planFromTemplate(template: unknown, targetLogicalId?: string): FleetPlan {
  const fleets = fleetsFromTemplate(template);
  const ids = fleets.map((fleet) => fleet.targetLogicalId).join(', ');
  if (targetLogicalId !== undefined) {
    const found = fleets.find((fleet) => fleet.targetLogicalId === targetLogicalId);
    if (found === undefined)
      throw new InputError(`the template has no scalable target '${targetLogicalId}'; it has: ${ids || 'none'}`);
    return found.plan;
  }
  const [only] = fleets;
  if (only === undefined) throw new InputError('the template has no AWS::ApplicationAutoScaling::ScalableTarget');
  if (fleets.length > 1)
    throw new InputError(`the template has ${fleets.length} scalable targets (${ids}); name one of them`);
  return only.plan;
}

/** Every scalable target of a synthesized template. */
export function fleetsFromTemplate(template: unknown): TemplateFleet[] {
  const resources = ((template as { Resources?: unknown } | null)?.Resources ?? {}) as {
    readonly [id: string]: Resource;
  };
  return Object.entries(resources)
    .filter(([, resource]) => resource.Type === 'AWS::ApplicationAutoScaling::ScalableTarget')
    .map(([targetLogicalId, target]) => {
      const properties = target.Properties ?? {};
      return {
        targetLogicalId,
        resourceId: flatten(properties['ResourceId'], resources),
        plan: {
          minCapacity: Number(properties['MinCapacity']),
          maxCapacity: Number(properties['MaxCapacity']),
          policies: policiesOf(targetLogicalId, resources),
          schedules: list(properties['ScheduledActions']).map(scheduleOf),
          ...suspensionOf(properties['SuspendedState']),
        },
      };
    });
}

function policiesOf(targetLogicalId: string, resources: { readonly [id: string]: Resource }): ScalingPolicy[] {
  return Object.entries(resources)
    .filter(([, resource]) => resource.Type === 'AWS::ApplicationAutoScaling::ScalingPolicy')
    .filter(
      ([, resource]) => (resource.Properties?.['ScalingTargetId'] as Json | undefined)?.['Ref'] === targetLogicalId,
    )
    .map(([logicalId, resource]) => policyOf(logicalId, resource.Properties ?? {}, resources));
}

function policyOf(logicalId: string, properties: Json, resources: { readonly [id: string]: Resource }): ScalingPolicy {
  const policyName = String(properties['PolicyName']);
  const tracking = properties['TargetTrackingScalingPolicyConfiguration'] as Json | undefined;
  if (tracking !== undefined) {
    return {
      kind: 'target-tracking',
      policyName,
      metric: metricOf(tracking, resources),
      targetValue: Number(tracking['TargetValue']),
      ...optional('scaleOutCooldownSeconds', tracking['ScaleOutCooldown']),
      ...optional('scaleInCooldownSeconds', tracking['ScaleInCooldown']),
      disableScaleIn: tracking['DisableScaleIn'] === true,
    };
  }
  const step = (properties['StepScalingPolicyConfiguration'] ?? {}) as Json;
  return {
    kind: 'step',
    policyName,
    adjustmentType: String(step['AdjustmentType']) as 'ChangeInCapacity',
    steps: list(step['StepAdjustments']).map((adjustment) => ({
      ...optional('lowerBound', adjustment['MetricIntervalLowerBound']),
      ...optional('upperBound', adjustment['MetricIntervalUpperBound']),
      adjustment: Number(adjustment['ScalingAdjustment']),
    })),
    ...optional('threshold', thresholdOf(logicalId, resources)),
    ...optional('cooldownSeconds', step['Cooldown']),
    ...optional('minAdjustmentMagnitude', step['MinAdjustmentMagnitude']),
    ...(step['MetricAggregationType'] === undefined
      ? {}
      : { metricAggregationType: String(step['MetricAggregationType']) as 'Average' }),
  };
}

/** The threshold of the alarm whose action is the policy. */
function thresholdOf(policyLogicalId: string, resources: { readonly [id: string]: Resource }): unknown {
  const alarm = Object.values(resources).find(
    (resource) =>
      resource.Type === 'AWS::CloudWatch::Alarm' &&
      list(resource.Properties?.['AlarmActions']).some((action) => action['Ref'] === policyLogicalId),
  );
  return alarm?.Properties?.['Threshold'];
}

function metricOf(tracking: Json, resources: { readonly [id: string]: Resource }): PolicyMetric {
  const predefined = tracking['PredefinedMetricSpecification'] as Json | undefined;
  if (predefined !== undefined) {
    return { kind: 'predefined', predefinedMetricType: String(predefined['PredefinedMetricType']) };
  }
  const custom = (tracking['CustomizedMetricSpecification'] ?? {}) as Json;
  return {
    kind: 'custom',
    namespace: String(custom['Namespace']),
    metricName: String(custom['MetricName']),
    statistic: String(custom['Statistic']) as 'Average',
    dimensions: Object.fromEntries(
      list(custom['Dimensions']).map((dimension) => [
        String(dimension['Name']),
        flatten(dimension['Value'], resources),
      ]),
    ),
  };
}

function scheduleOf(action: Json): ScheduledAction {
  const limits = (action['ScalableTargetAction'] ?? {}) as Json;
  return {
    scheduledActionName: String(action['ScheduledActionName']),
    schedule: String(action['Schedule']),
    ...(action['Timezone'] === undefined ? {} : { timezone: String(action['Timezone']) }),
    ...optional('minCapacity', limits['MinCapacity']),
    ...optional('maxCapacity', limits['MaxCapacity']),
  };
}

function suspensionOf(state: unknown): Pick<FleetPlan, 'suspended'> {
  if (state === undefined) return {};
  const { DynamicScalingInSuspended, DynamicScalingOutSuspended, ScheduledScalingSuspended } = state as Json;
  return {
    suspended: {
      dynamicScalingInSuspended: DynamicScalingInSuspended === true,
      dynamicScalingOutSuspended: DynamicScalingOutSuspended === true,
      scheduledScalingSuspended: ScheduledScalingSuspended === true,
    },
  };
}

function flatten(value: unknown, resources: { readonly [id: string]: Resource }): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const node = value as Json;
  if (Array.isArray(node['Fn::Join'])) {
    const [delimiter, parts] = node['Fn::Join'] as [string, unknown[]];
    return parts.map((part) => flatten(part, resources)).join(delimiter);
  }
  if (Array.isArray(node['Fn::GetAtt'])) {
    const [id, attribute] = node['Fn::GetAtt'] as [string, string];
    const literal = resources[id]?.Properties?.[attribute];
    return typeof literal === 'string' ? literal : `<${id}.${attribute}>`;
  }
  return `<${String(node['Ref'] ?? JSON.stringify(node))}>`;
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

function optional<Name extends string>(name: Name, value: unknown): { readonly [key in Name]?: number } {
  return value === undefined ? {} : ({ [name]: Number(value) } as { readonly [key in Name]?: number });
}
