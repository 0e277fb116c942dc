import type { FleetBlueprint } from '../blueprint';
import type { Workload } from '../traffic';
import { resolveSetup, type RehearsalOptions } from './options';
import type { Rehearsal } from './rehearsal';
import { RehearsalLoop } from './rehearsal-loop';
import { rehearsalOf } from './result';

/**
 * Predicts a fleet's behaviour under some traffic, request by request: its exact policies, schedules, alarms, limits and guard run
 * through CloudWatch and Application Auto Scaling, delays included. {@link RehearsalLoop} is the loop.
 *
 * Pure and deterministic: the same blueprint, traffic and options give the same result to the last byte.
 *
 * @throws InputError when AWS would refuse the plan, a price is not known, or an option cannot be rehearsed.
 */
export function rehearse(blueprint: FleetBlueprint, traffic: Workload, options: RehearsalOptions = {}): Rehearsal {
  const loop = new RehearsalLoop(resolveSetup(blueprint, traffic, options));
  loop.run();
  return rehearsalOf(loop);
}
