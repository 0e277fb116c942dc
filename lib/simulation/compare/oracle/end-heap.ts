/** Ends of the requests in slots, the next one first. */
export class EndHeap {
  public size = 0;
  private readonly ends: Float64Array;

  public constructor(capacity: number) {
    this.ends = new Float64Array(capacity + 1);
  }

  /** Returns the next end; Infinity without one. */
  public first(): number {
    return this.size === 0 ? Infinity : this.ends[0];
  }

  public add(end: number): void {
    const { ends } = this;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (ends[parent] <= end) break;
      ends[at] = ends[parent];
      at = parent;
    }
    ends[at] = end;
  }

  /** Replaces the next end by another one; Infinity removes it. */
  public replaceFirst(end: number): void {
    const { ends } = this;
    const moved = end === Infinity ? ends[--this.size] : end;
    const { size } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && ends[child + 1] < ends[child]) child++;
      if (ends[child] >= moved) break;
      ends[at] = ends[child];
      at = child;
    }
    ends[at] = moved;
  }
}
