import type { TimedAnswer } from './answers';

const MAX_BYTES = 16 * 1024 * 1024;
/** Memory of an answer beside its body, roughly. */
const OVERHEAD_BYTES = 500;

/**
 * Answers to records behind one that is pending. Lambda delivers those records again; in the same execution environment the model is not
 * invoked for them a second time. Beyond the maximum size the oldest answers are discarded.
 */
export class SeenRecords {
  private readonly answers = new Map<string, TimedAnswer>();
  private bytes = 0;

  public constructor(private readonly maxBytes: number = MAX_BYTES) {}

  public get(shardId: string, position: string): TimedAnswer | undefined {
    return this.answers.get(`${shardId}:${position}`);
  }

  public add(shardId: string, position: string, answer: TimedAnswer): void {
    this.delete(shardId, position);
    this.answers.set(`${shardId}:${position}`, answer);
    this.bytes += sizeOf(answer);
    for (const oldest of this.answers.keys()) {
      if (this.bytes <= this.maxBytes) return;
      this.remove(oldest);
    }
  }

  public delete(shardId: string, position: string): void {
    this.remove(`${shardId}:${position}`);
  }

  private remove(key: string): void {
    const answer = this.answers.get(key);
    if (answer === undefined) return;
    this.answers.delete(key);
    this.bytes -= sizeOf(answer);
  }
}

const sizeOf = ({ answer }: TimedAnswer): number => answer.body.length + OVERHEAD_BYTES;
