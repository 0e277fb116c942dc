import type { InferenceResult } from '../../lib/ingestion/contract';

const CAPACITY = 20_000;

/**
 * Answers that came in behind a record that failed. Lambda sends those records again; where the same environment gets them, the model
 * is spared a second answer. Bounded: the oldest answers go first.
 */
export class AnswerMemory {
  private readonly answers = new Map<string, InferenceResult>();

  public constructor(private readonly capacity: number = CAPACITY) {}

  public recall(shardId: string, sequenceNumber: string): InferenceResult | undefined {
    return this.answers.get(`${shardId}:${sequenceNumber}`);
  }

  public keep(shardId: string, sequenceNumber: string, result: InferenceResult): void {
    this.answers.set(`${shardId}:${sequenceNumber}`, result);
    if (this.answers.size <= this.capacity) return;
    const oldest = this.answers.keys().next();
    if (!oldest.done) this.answers.delete(oldest.value);
  }

  public forget(shardId: string, sequenceNumber: string): void {
    this.answers.delete(`${shardId}:${sequenceNumber}`);
  }
}
