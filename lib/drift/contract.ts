/** Dimension of the metrics: the name of the monitor. */
export const MONITOR_DIMENSION = 'DriftMonitor';

/** Number of rows that were compared in an evaluation: 0 where there were none, or too few. */
export const EVALUATED_ROWS_METRIC = 'EvaluatedRows';

/** Number of columns that drifted. There is no datapoint for an hour without a comparison. */
export const DRIFTED_COLUMNS_METRIC = 'DriftedColumns';

/** Largest population stability index of a column over its limit. There is no datapoint for an hour without a comparison. */
export const DRIFT_SCORE_METRIC = 'DriftScore';

/** Statuses of an evaluation, as its report and the output of its execution have them. */
export const DRIFT_STATUS = {
  noData: 'no-data',
  tooFewRows: 'too-few-rows',
  baselined: 'baselined',
  stable: 'stable',
  drifted: 'drifted',
} as const;

/** Key of the baseline in the reports bucket. */
export const BASELINE_KEY = 'baseline/baseline.json';

/** Key prefix of the reports: one for each execution, below its hour. */
export const REPORTS_PREFIX = 'reports/';
