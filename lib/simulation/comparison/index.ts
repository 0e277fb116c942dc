export {
  comparePolicies,
  COMPARISON_DEFAULTS,
  FORECAST_POLICY,
  type Comparison,
  type ComparisonSettings,
  type PolicyResult,
} from './compare';
export { comparisonText, timelineCsv } from './comparison-text';
export type { PolicyRun } from './evaluation';
