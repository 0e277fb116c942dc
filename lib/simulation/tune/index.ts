export type { Candidate, CandidateMetric } from './candidate';
export { demandOf, type Demand } from '../fleet/pooled/demand';
export { estimate, type Estimate, type EstimateOptions } from './estimate';
export { figuresOf, type Figures } from './figures';
export { untunableReason } from './model-limits';
export {
  checkMinCapacityFloor,
  tuneFleet,
  type RehearsalTask,
  type TuningExecutor,
  type TuningProgress,
} from './tune-fleet';
export type { TunedPolicy, Tuning, TuningSettings, TuningVerdict } from './tuning';
export { tuningHtml } from './tuning-html';
export { bestTitle, tuningText, verdictText } from './tuning-text';
