import type { FleetBlueprint } from '../template';
import { targetOf, type Candidate } from './candidate';

/**
 * The construct that declares a candidate, to paste into a stack that has the fleet as `endpoint`.
 *
 * @param meanServiceSeconds turns a share into invocations a minute
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
    return ['fleet.scaleOnInvocations({', `  targetPerInstancePerMinute: ${target},`, ...cooldowns];
  }
  const share =
    slotsFrom === 'tag'
      ? `  safetyFactor: ${candidate.safetyFactor}, // ${target} of ${slotsPerInstance} concurrent requests`
      : `  targetPerInstance: ${target},`;
  return [
    'fleet.scaleOnConcurrency({',
    share,
    `  highResolution: ${candidate.metric === 'concurrency-10s'},`,
    ...cooldowns,
  ];
}
