/**
 * Timers in order of time: a binary heap in parallel arrays, so that setting one creates no object. Timers of the same moment are in the
 * order in which they were set.
 */
export class TimerQueue<Subject> {
  private readonly times: number[] = [];
  private readonly orders: number[] = [];
  private readonly subjects: Subject[] = [];
  private nextOrder = 0;

  public get size(): number {
    return this.times.length;
  }

  /** Moment of the first timer; Infinity if there is none. */
  public get firstAt(): number {
    return this.times.length === 0 ? Infinity : this.times[0];
  }

  /** Subject of the first timer; undefined if there is none. */
  public get first(): Subject | undefined {
    return this.subjects[0];
  }

  /** Sets a timer. */
  public push(at: number, subject: Subject): void {
    const { times, orders, subjects } = this;
    const order = this.nextOrder++;
    let index = times.length;
    times.push(at);
    orders.push(order);
    subjects.push(subject);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (times[parent] <= at) break;
      times[index] = times[parent];
      orders[index] = orders[parent];
      subjects[index] = subjects[parent];
      index = parent;
    }
    times[index] = at;
    orders[index] = order;
    subjects[index] = subject;
  }

  /** Removes the first timer and returns its subject; undefined if there is none. */
  public pop(): Subject | undefined {
    const { times, orders, subjects } = this;
    const first = subjects[0];
    const at = times.pop();
    const order = orders.pop();
    const subject = subjects.pop();
    const length = times.length;
    if (length === 0 || at === undefined || order === undefined) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      const right = child + 1;
      if (
        right < length &&
        (times[right] < times[child] || (times[right] === times[child] && orders[right] < orders[child]))
      ) {
        child = right;
      }
      if (at < times[child] || (at === times[child] && order < orders[child])) break;
      times[index] = times[child];
      orders[index] = orders[child];
      subjects[index] = subjects[child];
      index = child;
    }
    times[index] = at;
    orders[index] = order;
    subjects[index] = subject as Subject;
    return first;
  }
}

/** First-in, first-out queue in a ring that grows, without garbage. */
export class Fifo<Item> {
  private ring: (Item | undefined)[] = new Array<Item | undefined>(16);
  private head = 0;
  private count = 0;

  public get length(): number {
    return this.count;
  }

  /** Oldest item; undefined if empty. */
  public get first(): Item | undefined {
    return this.count === 0 ? undefined : this.ring[this.head];
  }

  public push(item: Item): void {
    if (this.count === this.ring.length) this.grow();
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = item;
    this.count++;
  }

  public shift(): Item | undefined {
    if (this.count === 0) return undefined;
    const item = this.ring[this.head];
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.count--;
    return item;
  }

  private grow(): void {
    const larger = new Array<Item | undefined>(this.ring.length * 2);
    for (let index = 0; index < this.count; index++) {
      larger[index] = this.ring[(this.head + index) & (this.ring.length - 1)];
    }
    this.ring = larger;
    this.head = 0;
  }
}
