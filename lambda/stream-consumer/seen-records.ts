import type { InferenceResult } from '../../lib/ingestion/contract';

const MAX_RECORDS = 20_000;

/**
 * Results of records behind one that is pending. Lambda delivers those records again; in the same execution environment the model is
 * not invoked for them a second time. Beyond the maximum number the oldest results are discarded.
 */
export class SeenRecords {
  private readonly results = new Map<string, InferenceResult>();

  public constructor(private readonly maxRecords: number = MAX_RECORDS) {}

  public get(shardId: string, sequenceNumber: string): InferenceResult | undefined {
    return this.results.get(`${shardId}:${sequenceNumber}`);
  }

  public add(shardId: string, sequenceNumber: string, result: InferenceResult): void {
    this.results.set(`${shardId}:${sequenceNumber}`, result);
    if (this.results.size <= this.maxRecords) return;
    const oldest = this.results.keys().next();
    if (!oldest.done) this.results.delete(oldest.value);
  }

  public delete(shardId: string, sequenceNumber: string): void {
    this.results.delete(`${shardId}:${sequenceNumber}`);
  }
}
