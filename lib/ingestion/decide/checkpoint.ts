import type { InferenceResult } from '../contract';

/** State of one record at the end of an invocation of the stream consumer. */
export type RecordOutcome =
  | { readonly kind: 'succeeded'; readonly result: InferenceResult }
  /** No retry can help: the record becomes a dead letter. */
  | { readonly kind: 'rejected'; readonly error: string }
  /** To be retried: the time ran out, or an earlier record failed. */
  | { readonly kind: 'pending'; readonly error: string };

/** Checkpoint of a batch, with the results and rejections of the records before it. */
export interface CheckpointDecision {
  /** Index of the first record to retry; the number of records when all are done. */
  readonly checkpoint: number;
  readonly results: readonly InferenceResult[];
  readonly rejected: readonly { readonly index: number; readonly error: string }[];
}

/**
 * Sets the checkpoint at the first record that is pending or was never started. Later outcomes are not part of the decision, because
 * Lambda delivers every record from the checkpoint on again.
 *
 * @param outcomes one for each record of the batch, in order; undefined for a record that was not started
 */
export function decideCheckpoint(outcomes: readonly (RecordOutcome | undefined)[]): CheckpointDecision {
  const first = outcomes.findIndex((outcome) => outcome === undefined || outcome.kind === 'pending');
  const checkpoint = first === -1 ? outcomes.length : first;
  const done = outcomes.slice(0, checkpoint);
  return {
    checkpoint,
    results: done.flatMap((outcome) => (outcome?.kind === 'succeeded' ? [outcome.result] : [])),
    rejected: done.flatMap((outcome, index) => (outcome?.kind === 'rejected' ? [{ index, error: outcome.error }] : [])),
  };
}
