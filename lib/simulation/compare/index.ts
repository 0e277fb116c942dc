export { comparePolicies, FORECAST_POLICY, type Comparison, type PolicyResult } from './compare';
export { COMPARISON_DEFAULTS, type ComparisonSettings } from './comparison-settings';
export { comparisonHtml } from './comparison-html';
export { comparisonText, comparisonWindow, timelineCsv } from './comparison-text';
export type { PolicyRun } from './evaluation';
export { hindsight } from './hindsight';
