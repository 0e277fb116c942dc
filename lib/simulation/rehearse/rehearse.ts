import type { FleetBlueprint } from '../blueprint';
import type { Workload } from '../traffic';
import { resolveSetup, type RehearsalOptions } from './options';
import type { Rehearsal } from './rehearsal';
import { RehearsalLoop, type RehearsalBounds } from './rehearsal-loop';
import { rehearseSpill } from './rehearsed-spill';
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
  loop.run(() => true);
  return rehearsalOf(loop, rehearseSpill(loop));
}

/**
 * The same, as long as the run may still lead to a result of interest; undefined once it cannot.
 *
 * @param mayMatter asked every ten minutes of the run with bounds of its result
 */
export function rehearseWhile(
  blueprint: FleetBlueprint,
  traffic: Workload,
  options: RehearsalOptions,
  mayMatter: (bounds: RehearsalBounds) => boolean,
): Rehearsal | undefined {
  const loop = new RehearsalLoop(resolveSetup(blueprint, traffic, options));
  return loop.run(mayMatter) ? rehearsalOf(loop, rehearseSpill(loop)) : undefined;
}
