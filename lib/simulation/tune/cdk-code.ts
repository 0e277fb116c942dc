import type { FleetBlueprint } from '../blueprint';
import { isQuietPolicy, targetOf, type Candidate } from './candidate';

/**
 * Code of the construct that declares a candidate, to paste into a stack that has the fleet as `endpoint`.
 *
 * @param meanServiceSeconds turns a target ratio into invocations per minute
 */
export function cdkCode(blueprint: FleetBlueprint, candidate: Candidate, meanServiceSeconds: number): string {
  const { minCapacity, maxCapacity } = candidate;
  return [
    "import { Duration } from 'aws-cdk-lib';",
    "import { scaling } from 'tidegate';",
    '',
    "const fleet = new scaling.FleetScaling(this, 'Scaling', {",
    '  fleet: endpoint,',
    `  minCapacity: ${minCapacity},`,
    `  maxCapacity: ${maxCapacity},`,
    // The construct adds the policy by itself, and the code declares the fleet that was rehearsed.
    ...(blueprint.plan.policies.some(isQuietPolicy) ? [] : ['  scaleInWithoutRequests: false,']),
    '});',
    ...policyLines(blueprint, candidate, meanServiceSeconds),
  ].join('\n');
}

function policyLines(
  { slotsPerInstance, slotsFrom }: FleetBlueprint,
  candidate: Candidate,
  meanServiceSeconds: number,
): string[] {
  const target = targetOf(candidate, { slotsPerInstance, meanServiceSeconds });
  const cooldowns = [
    `  scaleOutCooldown: Duration.seconds(${candidate.scaleOutCooldownSeconds}),`,
    `  scaleInCooldown: Duration.seconds(${candidate.scaleInCooldownSeconds}),`,
    '});',
  ];
  if (candidate.metric === 'invocations') {
    return ["fleet.scaleOnInvocations('invocations', {", `  targetPerInstancePerMinute: ${target},`, ...cooldowns];
  }
  const targetLine =
    slotsFrom === 'tag'
      ? `  targetRatio: ${candidate.targetRatio}, // ${target} of ${slotsPerInstance} concurrent requests`
      : `  targetPerInstance: ${target},`;
  return [
    "fleet.scaleOnConcurrency('concurrency', {",
    targetLine,
    `  highResolution: ${candidate.metric === 'concurrency-10s'},`,
    ...cooldowns,
  ];
}
