import {
  adjustedFrom,
  applyCooldowns,
  ARRIVAL_TIMEOUT_SECONDS,
  countedFrom,
  refreshMemory,
} from '../../../lib/scaling/decide/cooldowns';
import type { CountedScaleOut, ScalingMemory } from '../../../lib/scaling/decide/memory';
import type { FleetObservation } from '../../../lib/scaling/decide/observation';
import type { Proposal } from '../../../lib/scaling/decide/proposal';

/** A scale-out from 4 to 6 at second 100, with a cooldown of 300 s. */
const out: CountedScaleOut = { policyName: 'track', atSeconds: 100, from: 4, to: 6, cooldownSeconds: 300 };
const into = { policyName: 'track', atSeconds: 100, from: 6, to: 4, cooldownSeconds: 300 };

function seen(atSeconds: number, desiredCapacity: number, inServiceCapacity?: number): FleetObservation {
  return { atSeconds, desiredCapacity, signals: {}, ...(inServiceCapacity !== undefined && { inServiceCapacity }) };
}

describe('the memory of a scale-out', () => {
  const outs = (observation: FleetObservation, ...scaleOuts: CountedScaleOut[]) =>
    refreshMemory({ scaleOuts: scaleOuts.length === 0 ? [out] : scaleOuts }, observation).scaleOuts;

  test('is completed once the capacity is in service', () => {
    expect(outs(seen(150, 6, 5))).toEqual([out]);
    expect(outs(seen(150, 6, 6))).toEqual([{ ...out, completedAtSeconds: 150 }]);
    expect(outs(seen(150, 6))).toEqual([{ ...out, completedAtSeconds: 150 }]);
    // Somebody has lowered the desired capacity since: what is left of it has arrived.
    expect(outs(seen(150, 5, 5))).toEqual([{ ...out, completedAtSeconds: 150 }]);
  });

  test('is completed after an hour, whatever is in service', () => {
    expect(outs(seen(100 + ARRIVAL_TIMEOUT_SECONDS - 1, 6, 4))).toEqual([out]);
    expect(outs(seen(100 + ARRIVAL_TIMEOUT_SECONDS, 6, 4))[0]!.completedAtSeconds).toBe(3700);
  });

  test('is kept until its cooldown has passed since it was completed', () => {
    const completed = { ...out, completedAtSeconds: 150 };
    expect(outs(seen(449, 6, 6), completed)).toEqual([completed]);
    expect(outs(seen(450, 6, 6), completed)).toEqual([]);
  });

  test('is forgotten once the desired capacity is back where it began', () => {
    expect(outs(seen(150, 5, 4))).toEqual([out]);
    expect(outs(seen(150, 4, 4))).toEqual([]);
    expect(outs(seen(150, 3, 3))).toEqual([]);
  });
});

test('the memory of a scale-in is kept until its cooldown has passed, beside everything else', () => {
  const memory: ScalingMemory = { scaleOuts: [], scaleIn: into, schedulesAppliedUntil: 7 };
  expect(refreshMemory(memory, seen(399, 4))).toEqual(memory);
  expect(refreshMemory(memory, seen(400, 4))).toEqual({ scaleOuts: [], schedulesAppliedUntil: 7 });
});

test('counts from before the scale-outs, for target tracking at most what is in service', () => {
  const memory = { scaleOuts: [{ ...out, from: 5 }, out] };
  expect(countedFrom({ scaleOuts: [] }, seen(150, 6, 5))).toBe(5);
  expect(countedFrom(memory, seen(150, 6, 6))).toBe(4);
  expect(countedFrom(memory, seen(150, 6, 3))).toBe(3);
  expect(adjustedFrom(memory, seen(150, 6, 3))).toBe(4);
  expect(adjustedFrom({ scaleOuts: [] }, seen(150, 6, 3))).toBe(6);
});

describe('a proposal', () => {
  const proposal = (direction: Proposal['direction'], capacity: number): Proposal => ({
    policyName: 'track',
    kind: 'target-tracking',
    direction,
    capacity,
    cooldownSeconds: 300,
    mustAgreeToScaleIn: true,
    reason: '',
  });
  const applied = (one: Proposal | undefined, memory: ScalingMemory, atSeconds = 150) => {
    const { capacity, step } = applyCooldowns(one, 5, memory, atSeconds);
    expect(step).toMatchObject({ stage: 'cooldowns', from: 5, to: capacity });
    return [capacity, step.reason];
  };
  const idle: ScalingMemory = { scaleOuts: [] };

  test.each<[string, Proposal | undefined, ScalingMemory, number, string]>([
    ['that is none changes nothing', undefined, idle, 5, 'no proposal to check'],
    ['to scale out passes', proposal('out', 6), idle, 6, 'no scale-out is in progress or in cooldown'],
    [
      'to scale out to what is there already is blocked',
      proposal('out', 5),
      idle,
      5,
      '5 is not larger than 5: enough capacity is already starting',
    ],
    [
      'to scale out ends the cooldown of a scale-in',
      proposal('out', 6),
      { ...idle, scaleIn: into },
      6,
      'a scale-out ends the scale-in cooldown that began with 6 to 4',
    ],
    [
      'to scale out further passes while another one is in progress',
      proposal('out', 7),
      { scaleOuts: [out] },
      7,
      'the scale-out from 4 to 6 by track is in progress, and 7 is larger, so 2 more are added',
    ],
    [
      'to scale out no further is blocked while another one is in cooldown',
      proposal('out', 5),
      { scaleOuts: [out, { ...out, to: 5, completedAtSeconds: 120.5 }] },
      5,
      // 120.5 + 300 - 150 = 270.5
      'the scale-out from 4 to 5 by track is in cooldown for 271 s more of 300 s, and 5 is not larger than 5',
    ],
    ['to scale in passes', proposal('in', 3), { scaleOuts: [out] }, 3, 'no scale-in is in cooldown'],
    [
      'to scale in is blocked while another one is in cooldown',
      proposal('in', 3),
      { ...idle, scaleIn: into },
      5,
      'the scale-in from 6 to 4 by track is in cooldown for 250 s more of 300 s',
    ],
  ])('%s', (_, one, memory, capacity, reason) => {
    expect(applied(one, memory)).toEqual([capacity, reason]);
  });
});
