/** State of one record at the end of an invocation of the stream consumer. */
export type RecordOutcome<Answer> =
  | { readonly kind: 'succeeded'; readonly answer: Answer }
  /** No retry can help: the record becomes a dead letter. */
  | { readonly kind: 'rejected'; readonly error: string; readonly status: number | null }
  /** The asynchronous endpoint has the record, and its outcome is written when it comes. */
  | { readonly kind: 'spilled' }
  /** An earlier delivery has written the record's outcome, or spilled the record. */
  | { readonly kind: 'written' }
  /** To be retried: the time ran out, or an earlier record failed. */
  | { readonly kind: 'pending'; readonly error: string };

/**
 * Returns the index of the first record that is pending or was never started, the number of records when all are done. Later outcomes are
 * not written, because Lambda delivers every record from the checkpoint on again.
 *
 * @param outcomes one for each record of the batch, in order; undefined for a record that was not started
 */
export function decideCheckpoint(outcomes: readonly (RecordOutcome<unknown> | undefined)[]): number {
  const first = outcomes.findIndex((outcome) => outcome === undefined || outcome.kind === 'pending');
  return first === -1 ? outcomes.length : first;
}
