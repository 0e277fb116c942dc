/** Accuracy on the rows of one slice. */
export interface SliceAccuracy {
  readonly rows: number;
  /** 0 to 1. */
  readonly accuracy: number;
}

/** Measures of one model on the frozen set and on the target type. */
export interface Measured {
  /** Share of right answers, 0 to 1. */
  readonly accuracy: number;
  /** Accuracy by slice, for example `label=cat`. */
  readonly slices: { readonly [slice: string]: SliceAccuracy };
  readonly bytes: number;
  readonly latencyP50Seconds: number;
  readonly latencyP95Seconds: number;
  /** Requests of an instance a second at `maxConcurrency`. */
  readonly requestsPerSecond: number;
  /** Concurrent requests beyond which an instance serves no more a second. */
  readonly maxConcurrency: number;
  /** Generated tokens of an instance a second at `maxConcurrency`; of language models whose server counts them. */
  readonly tokensPerSecond?: number | undefined;
  /** Undefined without a price of the instance type. */
  readonly costPer1000Usd: number | undefined;
  /** Largest time of the rows that it has learned, epoch seconds. */
  readonly dataWatermark: number | undefined;
}

/** Evaluation of a candidate beside the live model. */
export interface EvaluationReport {
  /** Rows of the frozen set. */
  readonly rows: number;
  readonly live: Measured;
  readonly candidate: Measured;
}

/** Slice on which a candidate loses most beside the live model; undefined without slices of both. */
export function worstSlice(
  { live, candidate }: EvaluationReport,
  minRows: number,
): { readonly slice: string; readonly loss: number } | undefined {
  let worst: { readonly slice: string; readonly loss: number } | undefined;
  for (const [slice, before] of Object.entries(live.slices)) {
    const after = candidate.slices[slice];
    if (after === undefined || before.rows < minRows) continue;
    const loss = before.accuracy - after.accuracy;
    if (worst === undefined || loss > worst.loss) worst = { slice, loss };
  }
  return worst;
}
