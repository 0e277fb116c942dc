import { SAGEMAKER_NAMESPACE } from '../../catalog/hosting-metrics';
import { parseResourceId, resourceMetricDimensions } from '../../catalog/scalable-resource';
import {
  QUIET_POLICY_NAME,
  type PolicyMetric,
  type ScalingPolicy,
  type TargetTrackingPolicy,
} from '../../scaling/decide/plan';
import type { FleetBlueprint } from '../blueprint';
import { round } from '../number-text';

/** Metric that a candidate's policy tracks: concurrency every 10 seconds or every minute, or invocations every minute. */
export type CandidateMetric = 'concurrency-10s' | 'concurrency-60s' | 'invocations';

/** Settings of one scaling policy. */
export interface Candidate {
  readonly metric: CandidateMetric;
  /** Target relative to the maximum load of an instance, above 0 and at most 1. */
  readonly targetRatio: number;
  readonly scaleOutCooldownSeconds: number;
  readonly scaleInCooldownSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** Properties of a fleet that turn a target ratio into a target. */
export interface CandidateFleet {
  readonly slotsPerInstance: number;
  /** Mean seconds for which a request keeps its slot. */
  readonly meanServiceSeconds: number;
}

/** Target in the unit of the metric: concurrent requests of an instance, or its invocations per minute. */
export function targetOf({ metric, targetRatio }: Candidate, fleet: CandidateFleet): number {
  if (metric !== 'invocations') return round(fleet.slotsPerInstance * targetRatio, 4);
  const perMinute = (fleet.slotsPerInstance / Math.max(1e-3, fleet.meanServiceSeconds)) * 60 * targetRatio;
  return round(perMinute, perMinute < 10 ? 3 : 1);
}

/** Policy of a candidate, as the construct declares it. */
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

/** True for the policy that scales in without requests, which tuning keeps. */
export const isQuietPolicy = ({ policyName }: Pick<ScalingPolicy, 'policyName'>): boolean =>
  policyName === QUIET_POLICY_NAME;

/**
 * A fleet with a candidate's policy and limits in place of its own; schedules, guard, the policy that scales in without requests and
 * everything else stay.
 */
export function candidateBlueprint(
  blueprint: FleetBlueprint,
  candidate: Candidate,
  meanServiceSeconds: number,
): FleetBlueprint {
  const { minCapacity, maxCapacity } = candidate;
  const fleet = { slotsPerInstance: blueprint.slotsPerInstance, meanServiceSeconds };
  return {
    ...blueprint,
    plan: {
      ...blueprint.plan,
      minCapacity,
      maxCapacity,
      policies: [policyOf(candidate, fleet, blueprint), ...blueprint.plan.policies.filter(isQuietPolicy)],
    },
    stepAlarms: blueprint.stepAlarms.filter(isQuietPolicy),
  };
}

/** Present settings of a fleet; undefined unless they are, beside the one without requests, a single policy of a kind that is searched. */
export function candidateToday(blueprint: FleetBlueprint, meanServiceSeconds: number): Candidate | undefined {
  const { plan, slotsPerInstance } = blueprint;
  const [policy, ...others] = plan.policies.filter((one) => !isQuietPolicy(one));
  if (policy?.kind !== 'target-tracking' || others.length > 0 || policy.disableScaleIn === true) return undefined;
  const metric = metricKind(policy);
  if (metric === undefined) return undefined;
  const maximum = targetOf(
    { ...AT_MAXIMUM_LOAD, metric, minCapacity: plan.minCapacity, maxCapacity: plan.maxCapacity },
    { slotsPerInstance, meanServiceSeconds },
  );
  const targetRatio = round(policy.targetValue / maximum, 6);
  if (!(targetRatio > 0 && targetRatio <= 1)) return undefined;
  return {
    metric,
    targetRatio,
    scaleOutCooldownSeconds: policy.scaleOutCooldownSeconds ?? 300,
    scaleInCooldownSeconds: policy.scaleInCooldownSeconds ?? 300,
    minCapacity: plan.minCapacity,
    maxCapacity: plan.maxCapacity,
  };
}

const AT_MAXIMUM_LOAD = { targetRatio: 1, scaleOutCooldownSeconds: 0, scaleInCooldownSeconds: 0 } as const;

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
        namespace: SAGEMAKER_NAMESPACE,
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
  const resource = parseResourceId(resourceId);
  return resourceMetricDimensions(resource ?? { kind: 'inference-component', componentName: resourceId });
}
