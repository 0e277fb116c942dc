import { rehearse, type RehearsalOptions } from '../rehearse';
import type { FleetBlueprint } from '../blueprint';
import { estimate, figuresOf, type Candidate, type Demand, type Estimate, type EstimateOptions, type Figures } from '.';
import type { Workload } from '../traffic';

/** Unit of work of a tuning: one thread computes it without the others. Threads and messages are the caller's business. */
export type TuneTask =
  | { readonly kind: 'estimate'; readonly candidates: readonly Candidate[]; readonly options: EstimateOptions }
  | { readonly kind: 'rehearse'; readonly blueprint: FleetBlueprint; readonly options: RehearsalOptions };

/** Result of a task: an estimate for each candidate, or the figures of the rehearsal. */
export type TuneResult = readonly Estimate[] | Figures;

/** Computes one task. Task and result are plain data, so that they can cross threads. */
export function runTask(task: TuneTask, traffic: Workload, demand: Demand): TuneResult {
  switch (task.kind) {
    case 'estimate':
      return task.candidates.map((candidate) => estimate(candidate, demand, task.options));
    case 'rehearse':
      return figuresOf(rehearse(task.blueprint, traffic, task.options));
  }
}
