export type { Candidate, CandidateMetric } from './candidate';
export { demandOf, type Demand } from './demand';
export { estimate, type Estimate, type EstimateOptions } from './estimate';
export { figuresOf, type Figures } from './figures';
export { untunable } from './model-limits';
export {
  checkLeastCapacity,
  tuneFleet,
  type RehearsalTask,
  type TuningCrew,
  type TuningProgress,
  type TuningSettings,
} from './tune-fleet';
export type { Tuning, TuningVerdict } from './tuning';
export { tuningText } from './tuning-text';
