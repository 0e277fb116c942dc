import { rehearse, type RehearsalOptions } from '../../lib/simulation/simulator';
import type { FleetBlueprint } from '../../lib/simulation/template';
import {
  estimate,
  figuresOf,
  type Candidate,
  type Demand,
  type Estimate,
  type EstimateOptions,
  type Figures,
} from '../../lib/simulation/tuning';
import type { Workload } from '../../lib/simulation/workload';

/** A part of a tuning that one thread does by itself. */
export type TuneTask =
  | { readonly kind: 'estimate'; readonly candidates: readonly Candidate[]; readonly options: EstimateOptions }
  | { readonly kind: 'rehearse'; readonly blueprint: FleetBlueprint; readonly options: RehearsalOptions };

/** What comes of a task: an estimate for each candidate, or the figures of the rehearsal. */
export type TuneAnswer = readonly Estimate[] | Figures;

/** Does one task: plain data in, plain data out. */
export function work(task: TuneTask, traffic: Workload, demand: Demand): TuneAnswer {
  switch (task.kind) {
    case 'estimate':
      return task.candidates.map((candidate) => estimate(candidate, demand, task.options));
    case 'rehearse':
      return figuresOf(rehearse(task.blueprint, traffic, task.options));
  }
}
