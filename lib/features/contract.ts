/** Key prefix of the feature table in the features bucket: Parquet by day and hour. */
export const FEATURE_TABLE_PREFIX = 'table/';

/** Key prefix of the measurements of the table's rows as JSON lines, the input of training. */
export const TRAINING_EXPORT_PREFIX = 'training/';

/** Key prefix of the rows that the job sets aside, with reasons. */
export const QUARANTINE_PREFIX = 'quarantine/';

/** Input of an execution that computes the whole table again from every object that is landed. */
export const REBUILD_INPUT = 'rebuild';
