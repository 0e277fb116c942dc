/**
 * Records whose outcomes this execution environment has written, with all that follows from them. Lambda delivers records that were read ahead
 * later again: in the same environment nothing is read or sent for them. Where the memory ends, the results tell it.
 */
export class DoneRecords {
  private readonly shards = new Map<string, Set<string>>();

  public constructor(private readonly maxRecords = 200_000) {}

  public has(shardId: string, position: string): boolean {
    return this.shards.get(shardId)?.has(position) ?? false;
  }

  public add(shardId: string, position: string): void {
    let done = this.shards.get(shardId);
    if (done === undefined) this.shards.set(shardId, (done = new Set()));
    if (done.size < this.maxRecords) done.add(position);
  }

  /** Forgets the records before a position: Lambda does not go back behind it. */
  public forgetBefore(shardId: string, position: string): void {
    const done = this.shards.get(shardId);
    if (done === undefined) return;
    for (const one of done) if (one < position) done.delete(one);
  }
}
