import type { PolicyMetric, ScalingPolicy, TargetTrackingPolicy } from '../../scaling/decide/plan';
import type { FleetBlueprint } from '../template';

/** What a candidate's policy follows: concurrency each 10 seconds or each minute, or invocations each minute. */
export type CandidateMetric = 'concurrency-10s' | 'concurrency-60s' | 'invocations';

/** One set of policy settings. */
export interface Candidate {
  readonly metric: CandidateMetric;
  /** The target as a share of what an instance can do, above 0 and at most 1. */
  readonly safetyFactor: number;
  readonly scaleOutCooldownSeconds: number;
  readonly scaleInCooldownSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** What of a fleet turns shares into targets. */
export interface CandidateFleet {
  readonly slotsPerInstance: number;
  /** Mean seconds that a request keeps its slot. */
  readonly meanServiceSeconds: number;
}

/** The policy's target in its metric's unit: concurrent requests of an instance, or its invocations in a minute. */
export function targetOf({ metric, safetyFactor }: Candidate, fleet: CandidateFleet): number {
  if (metric !== 'invocations') return rounded(fleet.slotsPerInstance * safetyFactor, 4);
  const perMinute = (fleet.slotsPerInstance / Math.max(1e-3, fleet.meanServiceSeconds)) * 60 * safetyFactor;
  return rounded(perMinute, perMinute < 10 ? 3 : 1);
}

/** The policy as the construct declares it. */
export function policyOf(
  candidate: Candidate,
  fleet: CandidateFleet,
  blueprint: Pick<FleetBlueprint, 'resourceId' | 'kind'>,
): TargetTrackingPolicy {
  return {
    kind: 'target-tracking',
    policyName: candidate.metric === 'invocations' ? 'invocations' : 'concurrency',
    metric: metricOf(candidate.metric, blueprint),
    targetValue: targetOf(candidate, fleet),
    scaleOutCooldownSeconds: candidate.scaleOutCooldownSeconds,
    scaleInCooldownSeconds: candidate.scaleInCooldownSeconds,
    disableScaleIn: false,
  };
}

/** The fleet with a candidate's policy and limits in place of its own; schedules, guard and all else stay. */
export function candidateBlueprint(
  blueprint: FleetBlueprint,
  candidate: Candidate,
  meanServiceSeconds: number,
): FleetBlueprint {
  const { minCapacity, maxCapacity } = candidate;
  const fleet = { slotsPerInstance: blueprint.slotsPerInstance, meanServiceSeconds };
  return {
    ...blueprint,
    plan: { ...blueprint.plan, minCapacity, maxCapacity, policies: [policyOf(candidate, fleet, blueprint)] },
    stepAlarms: [],
  };
}

/** The settings that a fleet has today; undefined where they are no single policy of the kinds that are searched. */
export function candidateToday(blueprint: FleetBlueprint, meanServiceSeconds: number): Candidate | undefined {
  const { plan, slotsPerInstance } = blueprint;
  const [policy, ...others] = plan.policies;
  if (policy?.kind !== 'target-tracking' || others.length > 0 || policy.disableScaleIn === true) return undefined;
  const metric = metricKind(policy);
  if (metric === undefined) return undefined;
  const whole = targetOf(
    { ...NEUTRAL, metric, minCapacity: plan.minCapacity, maxCapacity: plan.maxCapacity },
    { slotsPerInstance, meanServiceSeconds },
  );
  const safetyFactor = rounded(policy.targetValue / whole, 6);
  if (!(safetyFactor > 0 && safetyFactor <= 1)) return undefined;
  return {
    metric,
    safetyFactor,
    scaleOutCooldownSeconds: policy.scaleOutCooldownSeconds ?? 300,
    scaleInCooldownSeconds: policy.scaleInCooldownSeconds ?? 300,
    minCapacity: plan.minCapacity,
    maxCapacity: plan.maxCapacity,
  };
}

const NEUTRAL = { safetyFactor: 1, scaleOutCooldownSeconds: 0, scaleInCooldownSeconds: 0 } as const;

function metricKind({ metric }: Extract<ScalingPolicy, { kind: 'target-tracking' }>): CandidateMetric | undefined {
  if (metric?.kind === 'predefined') {
    if (/ConcurrentRequestsPer.*HighResolution$/.test(metric.predefinedMetricType)) return 'concurrency-10s';
    return /InvocationsPer(Instance|Copy)$/.test(metric.predefinedMetricType) ? 'invocations' : undefined;
  }
  const known = metric?.kind === 'custom' && metric.statistic === 'Maximum';
  return known && /^ConcurrentRequestsPer(Model|Copy)$/.test(metric.metricName) ? 'concurrency-60s' : undefined;
}

function metricOf(
  metric: CandidateMetric,
  { resourceId, kind }: Pick<FleetBlueprint, 'resourceId' | 'kind'>,
): PolicyMetric {
  const component = kind === 'inference-component';
  switch (metric) {
    case 'concurrency-10s':
      return predefined(
        component
          ? 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution'
          : 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
      );
    case 'invocations':
      return predefined(
        component ? 'SageMakerInferenceComponentInvocationsPerCopy' : 'SageMakerVariantInvocationsPerInstance',
      );
    case 'concurrency-60s':
      return {
        kind: 'custom',
        namespace: 'AWS/SageMaker',
        metricName: component ? 'ConcurrentRequestsPerCopy' : 'ConcurrentRequestsPerModel',
        dimensions: dimensionsOf(resourceId),
        statistic: 'Maximum',
      };
  }
}

function predefined(predefinedMetricType: string): PolicyMetric {
  return { kind: 'predefined', predefinedMetricType };
}

function dimensionsOf(resourceId: string): { readonly [name: string]: string } {
  const [, endpoint, variant] = /^endpoint\/(.+)\/variant\/([^/]+)$/.exec(resourceId) ?? [];
  if (endpoint !== undefined && variant !== undefined) return { EndpointName: endpoint, VariantName: variant };
  return { InferenceComponentName: resourceId.replace(/^inference-component\//, '') };
}

/** A number with so many decimals at most. */
export function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}
