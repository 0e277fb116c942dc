import { IN_WORDS, type Step, type Wording } from '../../core/decision';
import type { EpochSeconds } from '../../core/time';
import type { CountedScaleOut, ScalingMemory } from './memory';
import type { FleetObservation } from './observation';
import type { Proposal } from './proposal';

/**
 * Updates the memory by an observation: marks scale-outs as completed, and removes those whose cooldown has ended or whose capacity
 * was removed externally.
 *
 * A scale-out is completed when the capacity in service reaches it; its cooldown starts then ("after Application Auto Scaling
 * successfully scales out ... it starts to calculate the cooldown time").
 */
export function refreshMemory(memory: ScalingMemory, seen: FleetObservation): ScalingMemory {
  const { scaleIn } = memory;
  const inCooldown = scaleIn !== undefined && remaining(scaleIn.atSeconds, scaleIn.cooldownSeconds, seen.atSeconds) > 0;
  // Most moments have nothing to mark and nothing to remove.
  if (memory.scaleOuts.length === 0 && (scaleIn === undefined || inCooldown)) return memory;
  const scaleOuts = memory.scaleOuts
    .filter((scaleOut) => scaleOut.from < seen.desiredCapacity)
    .map((scaleOut) => arrived(scaleOut, seen))
    .filter((scaleOut) => remaining(scaleOut.completedAtSeconds, scaleOut.cooldownSeconds, seen.atSeconds) > 0);
  const { scaleIn: _before, ...rest } = memory;
  return { ...rest, scaleOuts, ...(inCooldown && { scaleIn }) };
}

/** Maximum time for a scale-out to complete: the maximum of `VariantInstanceProvisionTimeoutInSeconds` (1 hour). */
export const ARRIVAL_TIMEOUT_SECONDS = 3600;

function arrived(scaleOut: CountedScaleOut, seen: FleetObservation): CountedScaleOut {
  if (scaleOut.completedAtSeconds !== undefined) return scaleOut;
  const serving = seen.inServiceCapacity ?? seen.desiredCapacity;
  const there =
    serving >= Math.min(scaleOut.to, seen.desiredCapacity) ||
    seen.atSeconds - scaleOut.atSeconds >= ARRIVAL_TIMEOUT_SECONDS;
  return there ? { ...scaleOut, completedAtSeconds: seen.atSeconds } : scaleOut;
}

/**
 * Returns the capacity before the scale-outs in progress or in cooldown, whose additions "are calculated as part of the desired capacity
 * for the next scale-out"; at most the capacity in service, because the metric covers no more.
 */
export function countedFrom(memory: ScalingMemory, seen: FleetObservation): number {
  return Math.min(adjustedFrom(memory, seen), seen.inServiceCapacity ?? seen.desiredCapacity);
}

/** Returns the same for step policies, which adjust the desired capacity whether it is in service or not. */
export function adjustedFrom(memory: ScalingMemory, seen: FleetObservation): number {
  return memory.scaleOuts.reduce((least, { from }) => Math.min(least, from), seen.desiredCapacity);
}

/**
 * Accepts or blocks a proposal: during a scale-out cooldown only a larger capacity is accepted, during a scale-in cooldown no
 * other scale-in, and a scale-out always ends a scale-in cooldown.
 */
export function applyCooldowns(
  proposal: Proposal | undefined,
  desiredCapacity: number,
  memory: ScalingMemory,
  atSeconds: EpochSeconds,
  words: Wording = IN_WORDS,
): { readonly capacity: number; readonly step: Step } {
  const stage = 'cooldowns';
  const pass = (reason: () => string) => ({
    capacity: proposal!.capacity,
    step: { stage, from: desiredCapacity, to: proposal!.capacity, reason: words(reason) },
  });
  const block = (reason: () => string) => ({
    capacity: desiredCapacity,
    step: { stage, from: desiredCapacity, to: desiredCapacity, reason: words(reason) },
  });
  if (proposal === undefined) return block(() => 'no proposal to check');

  if (proposal.direction === 'out') {
    if (proposal.capacity <= desiredCapacity && memory.scaleOuts.length === 0) {
      return block(
        () => `${proposal.capacity} is not larger than ${desiredCapacity}: enough capacity is already starting`,
      );
    }
    const newest = memory.scaleOuts[memory.scaleOuts.length - 1];
    if (newest === undefined) {
      const { scaleIn } = memory;
      return scaleIn === undefined
        ? pass(() => 'no scale-out is in progress or in cooldown')
        : pass(() => `a scale-out ends the scale-in cooldown that began with ${scaleIn.from} to ${scaleIn.to}`);
    }
    const newestState = (): string =>
      `the scale-out from ${newest.from} to ${newest.to} by ${newest.policyName} ${stateOf(newest, atSeconds)}`;
    return proposal.capacity > desiredCapacity
      ? pass(
          () =>
            `${newestState()}, and ${proposal.capacity} is larger, so ${proposal.capacity - desiredCapacity} more are added`,
        )
      : block(() => `${newestState()}, and ${proposal.capacity} is not larger than ${desiredCapacity}`);
  }

  const { scaleIn } = memory;
  if (scaleIn === undefined) return pass(() => 'no scale-in is in cooldown');
  const left = Math.ceil(remaining(scaleIn.atSeconds, scaleIn.cooldownSeconds, atSeconds));
  return block(
    () =>
      `the scale-in from ${scaleIn.from} to ${scaleIn.to} by ${scaleIn.policyName} is in cooldown for ${left} s more of ${scaleIn.cooldownSeconds} s`,
  );
}

function stateOf(scaleOut: CountedScaleOut, atSeconds: EpochSeconds): string {
  if (scaleOut.completedAtSeconds === undefined) return 'is in progress';
  const left = Math.ceil(remaining(scaleOut.completedAtSeconds, scaleOut.cooldownSeconds, atSeconds));
  return `is in cooldown for ${left} s more of ${scaleOut.cooldownSeconds} s`;
}

function remaining(sinceSeconds: EpochSeconds | undefined, cooldownSeconds: number, atSeconds: EpochSeconds): number {
  return sinceSeconds === undefined ? Infinity : sinceSeconds + cooldownSeconds - atSeconds;
}
