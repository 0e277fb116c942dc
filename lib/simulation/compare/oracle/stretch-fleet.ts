import type { RequestList } from '../../fleet/engine/request-list';

/** Requests that are played for one minute, and the fleet that serves them. */
export interface Stretch {
  readonly first: number;
  readonly last: number;
  /** Ends of the requests in slots when the stretch begins, the next one first. */
  readonly ends: readonly number[];
  /** Start and end of the minute: a request counts in the minute in which it becomes late. */
  readonly minuteFrom: number;
  readonly minuteTo: number;
  /** Instances when the stretch begins, and from the beginning of each later minute on, up to that of the last one. */
  readonly instances: readonly number[];
}

/** Maximum wait, as in every fleet of a comparison. */
const TIME_OUT_SECONDS = 60;
const NONE = -1;

/**
 * Plays short stretches of requests by the rules of the `RequestEngine`, without measurements: a request goes to the instance with
 * the fewest ones, of equally loaded ones to that which was freed last, and waits there; a released instance, that with the fewest, completes what it
 * has.
 */
export class StretchFleet {
  /** Seconds for which the instances released at the beginning of the last minute still worked, together. */
  public drainedSeconds = 0;
  private readonly nextInLine: Int32Array;
  private load = new Int32Array(0);
  private heads = new Int32Array(0);
  private tails = new Int32Array(0);
  private order = new Int32Array(0);
  private position = new Int32Array(0);
  private firstWith = new Int32Array(64);
  private serving = 0;
  private ends = new Float64Array(64);
  private owners = new Int32Array(64);
  private size = 0;
  private late = 0;
  private lateFrom = 0;
  private lateTo = 0;

  public constructor(
    private readonly requests: RequestList,
    private readonly slots: number,
    private readonly sloWaitSeconds: number,
  ) {
    this.nextInLine = new Int32Array(requests.at.length);
  }

  /** Returns the requests that become late in the minute of a stretch. */
  public play(stretch: Stretch): number {
    const { first, last, ends, minuteFrom, minuteTo, instances } = stretch;
    const before = instances[0];
    const { at, service } = this.requests;
    this.begin(before);
    this.late = 0;
    this.lateFrom = minuteFrom - this.sloWaitSeconds;
    this.lateTo = minuteTo - this.sloWaitSeconds;
    for (let index = 0; index < Math.min(before * this.slots, ends.length); index++)
      this.start(this.order[0], ends[index]);
    this.drainedSeconds = 0;
    let minute = 1;
    let boundary = instances.length > 1 ? minuteFrom - 60 * (instances.length - 2) : Infinity;
    for (let index = first; index < last; index++) {
      const arrived = at[index];
      while (boundary <= arrived) {
        this.pass(boundary, instances[minute]);
        minute++;
        boundary = minute < instances.length ? boundary + 60 : Infinity;
      }
      this.endUntil(arrived);
      const instance = this.order[0];
      if (this.load[instance] < this.slots) this.start(instance, arrived + service[index]);
      else this.wait(instance, index);
    }
    for (; minute < instances.length; minute++, boundary += 60) this.pass(boundary, instances[minute]);
    this.endUntil(minuteTo);
    for (const head of this.heads.subarray(0, before)) {
      for (let index = head; index !== NONE; index = this.nextInLine[index]) this.count(index);
    }
    return this.late;
  }

  /** Passes the beginning of a minute, which may release instances. */
  private pass(boundary: number, instances: number): void {
    this.drainedSeconds = 0;
    if (instances === this.serving) return;
    this.endUntil(boundary);
    this.release(this.serving - instances, boundary);
  }

  private begin(instances: number): void {
    if (instances > this.load.length) {
      this.load = new Int32Array(instances);
      this.heads = new Int32Array(instances);
      this.tails = new Int32Array(instances);
      this.order = new Int32Array(instances);
      this.position = new Int32Array(instances);
    }
    for (let index = 0; index < instances; index++) {
      this.load[index] = 0;
      this.heads[index] = NONE;
      this.order[index] = index;
      this.position[index] = index;
    }
    this.firstWith.fill(instances);
    this.firstWith[0] = 0;
    this.serving = instances;
    this.size = 0;
  }

  private start(instance: number, end: number): void {
    this.raise(instance);
    this.put(end, instance);
  }

  private wait(instance: number, index: number): void {
    this.raise(instance);
    this.nextInLine[index] = NONE;
    if (this.heads[instance] === NONE) this.heads[instance] = index;
    else this.nextInLine[this.tails[instance]] = index;
    this.tails[instance] = index;
  }

  private count(index: number): void {
    const arrived = this.requests.at[index];
    if (arrived >= this.lateFrom && arrived < this.lateTo) this.late++;
  }

  private endUntil(moment: number): void {
    const { ends, owners, requests, heads } = this;
    while (this.size > 0 && ends[0] <= moment) {
      const end = ends[0];
      const instance = owners[0];
      this.lower(instance);
      let index = heads[instance];
      // A request that has waited for a minute has given up.
      while (index !== NONE && end - requests.at[index] > TIME_OUT_SECONDS) {
        this.count(index);
        this.lower(instance);
        index = this.nextInLine[index];
      }
      if (index === NONE) {
        heads[instance] = NONE;
        this.replaceFirst(Infinity, 0);
        continue;
      }
      heads[instance] = this.nextInLine[index];
      if (end - requests.at[index] > this.sloWaitSeconds) this.count(index);
      this.replaceFirst(end + requests.service[index], instance);
    }
  }

  /** Releases the least loaded instances. */
  private release(count: number, moment: number): void {
    const { order, position, load, firstWith } = this;
    for (let released = 0; released < count; released++) {
      const instance = order[0];
      order.copyWithin(0, 1, this.serving);
      this.serving--;
      for (let index = 0; index < this.serving; index++) position[order[index]] = index;
      for (let more = load[instance] + 1; more < firstWith.length; more++) firstWith[more]--;
      position[instance] = NONE;
      let end = moment;
      for (let index = 0; index < this.size; index++) {
        if (this.owners[index] === instance && this.ends[index] > end) end = this.ends[index];
      }
      this.drainedSeconds += end - moment;
    }
  }

  private raise(instance: number): void {
    const more = this.load[instance] + 1;
    if (more >= this.firstWith.length - 1) {
      const longer = new Int32Array(this.firstWith.length * 2).fill(this.serving);
      longer.set(this.firstWith);
      this.firstWith = longer;
    }
    const last = this.firstWith[more] - 1;
    this.swap(instance, last);
    this.firstWith[more] = last;
    this.load[instance] = more;
  }

  private lower(instance: number): void {
    const load = this.load[instance]--;
    if (this.position[instance] === NONE) return;
    const first = this.firstWith[load];
    this.swap(instance, first);
    this.firstWith[load] = first + 1;
  }

  private swap(instance: number, to: number): void {
    const here = this.position[instance];
    const moved = this.order[to];
    this.order[here] = moved;
    this.position[moved] = here;
    this.order[to] = instance;
    this.position[instance] = to;
  }

  private put(end: number, instance: number): void {
    if (this.size === this.ends.length) {
      const ends = new Float64Array(this.size * 2);
      ends.set(this.ends);
      this.ends = ends;
      const owners = new Int32Array(this.size * 2);
      owners.set(this.owners);
      this.owners = owners;
    }
    const { ends, owners } = this;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (ends[parent] <= end) break;
      ends[at] = ends[parent];
      owners[at] = owners[parent];
      at = parent;
    }
    ends[at] = end;
    owners[at] = instance;
  }

  /** Replaces the next end by another one; Infinity removes it. */
  private replaceFirst(end: number, instance: number): void {
    const { ends, owners } = this;
    let moved = end;
    let owner = instance;
    if (end === Infinity) {
      this.size--;
      moved = ends[this.size];
      owner = owners[this.size];
    }
    const { size } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && ends[child + 1] < ends[child]) child++;
      if (ends[child] >= moved) break;
      ends[at] = ends[child];
      owners[at] = owners[child];
      at = child;
    }
    ends[at] = moved;
    owners[at] = owner;
  }
}
