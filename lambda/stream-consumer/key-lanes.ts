/** Item that waits, with its number in the order of arrival. */
interface Waiting<T> {
  readonly item: T;
  readonly number: number;
}

interface Lane<T> {
  readonly items: Waiting<T>[];
  isBusy: boolean;
  hasEnded: boolean;
}

/** Places for jobs, which several {@link KeyLanes} share. */
export class RequestSlots {
  private used = 0;
  private readonly waiting = new Set<() => void>();
  /** Jobs that gave their place back for a time. */
  private readonly returning = new Set<() => void>();

  /** @param limit number of places now; call {@link wake} when it has grown */
  public constructor(private readonly limit: () => number) {}

  /** Takes a place; false where none is free. */
  public take(): boolean {
    if (this.used >= this.limit()) return false;
    this.used += 1;
    return true;
  }

  /** Gives a place back and wakes all that registered. */
  public release(): void {
    this.used -= 1;
    this.wake();
  }

  /**
   * Gives a place back for the time of a pause, and takes one again before jobs that did not start yet; beyond the limit, where none is free when
   * the signal aborts.
   */
  public async leaveFor(pause: () => Promise<void>, signal: AbortSignal): Promise<void> {
    this.release();
    try {
      await pause();
    } finally {
      await this.takeAgain(signal);
    }
  }

  private takeAgain(signal: AbortSignal): Promise<void> {
    if (this.take()) return Promise.resolve();
    return new Promise((resolve) => {
      const taken = (): void => {
        signal.removeEventListener('abort', force);
        resolve();
      };
      const force = (): void => {
        this.returning.delete(taken);
        this.used += 1;
        resolve();
      };
      if (signal.aborted) return force();
      this.returning.add(taken);
      signal.addEventListener('abort', force, { once: true });
    });
  }

  /** Wakes all that wait, to take what places there are. */
  public wake(): void {
    for (const taken of this.returning) {
      if (!this.take()) return;
      this.returning.delete(taken);
      taken();
    }
    for (const wake of this.waiting) wake();
  }

  /** Calls a function whenever a place is given back, until the returned function is called. */
  public onRelease(wake: () => void): () => void {
    this.waiting.add(wake);
    return () => this.waiting.delete(wake);
  }
}

/**
 * Runs a job for every item, as far as `slots` has places: items of one key sequentially in the order of arrival, items of different keys in
 * parallel, the earliest item first. A job that returns `false` ends its key: later items of the key are not started. One that returns `again` is
 * run again when its key has a place.
 */
export class KeyLanes<T> {
  private readonly lanes = new Map<string, Lane<T>>();
  /** Lanes that can start, the earliest item first. */
  private readonly ready: Lane<T>[] = [];
  private readonly unregister: () => void;
  private arrivals = 0;
  private hasStopped = false;
  private running = 0;
  private waitingItems = 0;
  private waitingSize = 0;
  private failure: { readonly error: unknown } | undefined;

  public constructor(
    private readonly options: {
      readonly slots: RequestSlots;
      readonly keyOf: (item: T) => string;
      readonly sizeOf: (item: T) => number;
      /** Called when a job has ended. */
      readonly onEnd: () => void;
    },
    private readonly job: (item: T, isInSlot: boolean) => Promise<boolean | 'again'>,
  ) {
    this.unregister = options.slots.onRelease(() => this.start());
  }

  /** Number of jobs that run. */
  public get inFlight(): number {
    return this.running;
  }

  /** Number of items that wait and can still be started. */
  public get waiting(): number {
    return this.hasStopped ? 0 : this.waitingItems;
  }

  /** Size of the items that wait. */
  public get waitingBytes(): number {
    return this.waitingSize;
  }

  /** Number of items that wait for a place alone, and not for an earlier item of their key. */
  public get startable(): number {
    return this.hasStopped ? 0 : this.ready.length;
  }

  /** Earliest item that waits for a place alone. */
  public get earliest(): T | undefined {
    return this.hasStopped ? undefined : this.ready[0]?.items[0]?.item;
  }

  /** Starts the items, in places of their own, that wait for a place alone and that are chosen. */
  public startElsewhere(places: RequestSlots, isChosen: (item: T) => boolean): void {
    const chosen = this.hasStopped ? [] : this.ready.filter(({ items }) => isChosen(items[0]!.item));
    for (const lane of chosen) {
      if (!places.take()) return;
      this.ready.splice(this.ready.indexOf(lane), 1);
      this.startLane(lane, places);
    }
  }

  /** First error of a job; undefined without one. No job is started after it. */
  public get error(): { readonly error: unknown } | undefined {
    return this.failure;
  }

  public add(items: readonly T[]): void {
    for (const item of items) {
      const key = this.options.keyOf(item);
      let lane = this.lanes.get(key);
      if (lane === undefined) this.lanes.set(key, (lane = { items: [], isBusy: false, hasEnded: false }));
      if (lane.hasEnded) continue;
      lane.items.push({ item, number: this.arrivals++ });
      this.waitingItems += 1;
      this.waitingSize += this.options.sizeOf(item);
      if (!lane.isBusy && lane.items.length === 1) this.putBack(lane);
    }
    this.start();
  }

  /** Starts no further job. */
  public stop(): void {
    this.hasStopped = true;
  }

  /** Starts no further job and leaves its places to others; jobs that run go on. */
  public close(): void {
    this.stop();
    this.unregister();
  }

  private start(): void {
    while (!this.hasStopped && this.ready.length > 0 && this.options.slots.take()) {
      this.startLane(this.ready.shift()!, this.options.slots);
    }
  }

  private startLane(lane: Lane<T>, places: RequestSlots): void {
    const first = lane.items.shift()!;
    this.discount(first.item);
    lane.isBusy = true;
    this.running += 1;
    void this.run(lane, first, places);
  }

  private async run(lane: Lane<T>, first: Waiting<T>, places: RequestSlots): Promise<void> {
    const { item } = first;
    let continues: boolean | 'again' = false;
    try {
      continues = await this.job(item, places === this.options.slots);
    } catch (error) {
      this.failure ??= { error };
      this.hasStopped = true;
    }
    this.running -= 1;
    lane.isBusy = false;
    if (continues === 'again' && !this.hasStopped) {
      lane.items.unshift(first);
      this.waitingItems += 1;
      this.waitingSize += this.options.sizeOf(item);
      this.putBack(lane);
    } else if (continues !== true) {
      lane.hasEnded = true;
      for (const left of lane.items.splice(0)) this.discount(left.item);
    } else if (lane.items.length > 0) this.putBack(lane);
    else this.lanes.delete(this.options.keyOf(item));
    places.release();
    // The release of another place starts none here.
    if (places !== this.options.slots) this.start();
    this.options.onEnd();
  }

  private discount(item: T): void {
    this.waitingItems -= 1;
    this.waitingSize -= this.options.sizeOf(item);
  }

  private putBack(lane: Lane<T>): void {
    const { ready } = this;
    const { number } = lane.items[0]!;
    let low = 0;
    let high = ready.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ready[middle]!.items[0]!.number < number) low = middle + 1;
      else high = middle;
    }
    ready.splice(low, 0, lane);
  }
}
