import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import { FastRandom } from '../fast-random';
import { RequestBlock, type RequestSource } from '../workload/request-source';
import { checkFleetOptions, type CapacityState, type InstancePool, type RoutingStrategy } from './fleet-options';
import { EngineRoster, type EngineEvent } from './engine-roster';
import { HISTOGRAM_BUCKETS, HISTOGRAM_OFFSET, HISTOGRAM_SHIFT, SecondsHistogram } from './seconds-histogram';

/** What a request engine simulates. */
export interface RequestEngineOptions {
  /** The instance types, tried in order of their priority. */
  readonly pools: readonly InstancePool[];
  /** Requests that one instance works on at the same time. */
  readonly slotsPerInstance: number;
  /** Draws the seconds from launch to in service for one instance. */
  readonly provisioning: () => number;
  /** @default 'LEAST_OUTSTANDING_REQUESTS' */
  readonly routing?: RoutingStrategy;
  /**
   * Where requests wait for a slot: in the container of the instance they were sent to (real-time endpoints), or in one queue
   * before all instances (asynchronous endpoints, which hold requests even without an instance).
   *
   * @default 'instance'
   */
  readonly queue?: 'instance' | 'shared';
  /** Requests that may wait in one instance's container; more are refused. @default Infinity */
  readonly queueLimitPerInstance?: number;
  /** Seconds from arrival in which the answer must be there. @default 60 */
  readonly requestTimeoutSeconds?: number;
  /** Seconds between attempts to launch instances that no pool had capacity for. @default 60 */
  readonly capacityRetrySeconds?: number;
  /** A request that waits longer than this for a slot misses its objective. @default 1 */
  readonly sloWaitSeconds?: number;
  /** Seeds random routing. @default 1 */
  readonly seed?: number | string;
  /** When the clock begins. @default 0 */
  readonly startAt?: EpochSeconds;
  /** Expected requests per second; a good guess saves the first adjustment. @default 100 */
  readonly requestsPerSecond?: number;
}

/** What happened to the requests of one span, between two calls of {@link RequestEngine.drain}. */
export interface EngineSpan {
  readonly fromSeconds: EpochSeconds;
  readonly toSeconds: EpochSeconds;
  readonly arrived: number;
  readonly completed: number;
  readonly timedOut: number;
  readonly rejectedWithoutInstance: number;
  readonly rejectedByQueue: number;
  /** Requests that waited longer than the objective, timed out or were refused; each counted once. */
  readonly missed: number;
  /** Each accepted arrival counts 1/N with N instances in service at that moment. */
  readonly invocationsPerInstance: number;
  /** Seconds of service that the arrivals ask for. */
  readonly workArrived: number;
  /** Sum and maximum of seconds from arrival to answer, of requests completed. */
  readonly latencySum: number;
  readonly latencyMaximum: number;
  /** Sum and maximum of seconds in a queue, of requests whose service began. */
  readonly waitSum: number;
  readonly waitMaximum: number;
  /** Requests present (in slots and queues) in the instances in service, mean over the span. */
  readonly meanOutstanding: number;
  /** Slots in use in the instances in service, mean over the span. */
  readonly meanBusy: number;
  /** The fewest and the most requests present in one instance at any moment. */
  readonly lowestOutstanding: number;
  readonly highestOutstanding: number;
  /** Requests waiting at the end of the span. */
  readonly queued: number;
  /** Instances in service at the end of the span. */
  readonly inService: number;
}

/** Requests since the start. `arrived = completed + timedOut + rejected + present`, always. */
export interface EngineTotals {
  readonly arrived: number;
  readonly completed: number;
  readonly timedOut: number;
  readonly rejected: number;
  readonly missed: number;
  /** Requests in queues and, with their callers still waiting, in slots. */
  readonly present: number;
}

const WHEEL_BITS = 18;
const WHEEL = 1 << WHEEL_BITS;
const WHEEL_MASK = WHEEL - 1;
/** The inner loop goes at most so many buckets of the wheel at once, so that a finish seldom lies beyond the wheel. */
const MOST_BUCKETS_AT_ONCE = WHEEL >> 3;
/** A bucket with more entries than this is sorted once instead of searched again and again. */
const SEARCHED_ENTRIES = 24;

/** The callers of these requests have had a time-out; they only keep their slot. */
const ABANDONED = -1;
const NONE = -1;

const { floor, max, min } = Math;

const bits = new Float64Array(1);
const words = new Uint32Array(bits.buffer);
bits[0] = 1;
const HIGH_WORD = words[1] === 0x3ff00000 ? 1 : 0;

/**
 * One fleet of instances under hundreds of millions of requests: the same rules as `EndpointFleet`, without an object per request.
 *
 * - Departures lie in a wheel of buckets of time whose width follows the traffic; a bucket is taken in exact order.
 * - Instances are kept sorted by their requests, so that the least loaded is found, loaded and unloaded without a search. Of equally
 *   loaded ones the one that was freed last is taken.
 * - Requests are numbers in columns; what is measured is summed up, and only queued requests cost more than that.
 *
 * Time is given: {@link run} takes requests from a source up to a moment and stops there, so that whoever controls the fleet can look
 * ({@link drain}) and act ({@link setDesired}).
 */
export class RequestEngine {
  public readonly roster: EngineRoster;
  public readonly slots: number;
  /** Seconds from arrival to answer, of all requests completed. */
  public readonly latency = new SecondsHistogram();
  /** Seconds in a queue, of all requests whose service began. */
  public readonly wait = new SecondsHistogram();

  private readonly routing: RoutingStrategy;
  private readonly shared: boolean;
  private readonly queueLimit: number;
  private readonly timeout: number;
  private readonly sloWait: number;
  private readonly random: FastRandom;
  private readonly block = new RequestBlock();
  private cursor = 0;
  private present: EpochSeconds;

  // Instances by place; the roster gives and takes places.
  private level = new Int32Array(64);
  private place = new Int32Array(64);
  private serves = new Uint8Array(64);
  private queueHead = new Int32Array(64).fill(NONE);
  private queueTail = new Int32Array(64).fill(NONE);
  /** Places of the instances in service, fewest requests first. */
  private order = new Int32Array(64);
  private serving = 0;
  /** For each number of requests, where in `order` the instances with at least so many begin. */
  private firstWith = new Int32Array(256);

  // Requests present, by node.
  private nodeFinish = new Float64Array(0);
  private nodeArrived = new Float64Array(0);
  private nodeService = new Float64Array(0);
  private nodePlace = new Int32Array(0);
  private nodeNext = new Int32Array(0);
  private free = NONE;

  // The wheel: buckets of width 1/inverseWidth; `wheelTime` is where bucket `wheelBucket` begins.
  private readonly heads = new Int32Array(WHEEL).fill(NONE);
  private inverseWidth: number;
  private wheelTime: number;
  private wheelBucket = 0;
  private inWheel = 0;
  private readonly far: number[] = [];
  private takenSinceTuning = 0;
  private tunedAt: number;

  // Requests that may time out, in order of arrival: a ring of nodes with the arrival each had.
  private ringNode = new Int32Array(1024);
  private ringArrived = new Float64Array(1024);
  private ringHead = 0;
  private ringCount = 0;
  // The queue before all instances.
  private sharedHead = NONE;
  private sharedTail = NONE;
  private queued = 0;
  private inFlight = 0;

  // Measurements of the present span.
  private spanFrom: EpochSeconds;
  private readonly since = newCounters();
  private readonly before = newCounters();
  /** Requests present and queued in instances in service at the span's start, and the sum over changes of when they happened. */
  private outstanding = 0;
  private outstandingAtStart = 0;
  private outstandingMoments = 0;
  private queuedInService = 0;
  private queuedAtStart = 0;
  private queuedMoments = 0;
  private lowest = 0;
  private highest = 0;
  private invocationsPerInstance = 0;
  private acceptedSinceChange = 0;
  private readonly latencyBuckets: Float64Array;

  /** @throws InputError naming every option that no fleet can be made of. */
  public constructor(options: RequestEngineOptions) {
    checkFleetOptions(options);
    this.slots = options.slotsPerInstance;
    this.routing = options.routing ?? 'LEAST_OUTSTANDING_REQUESTS';
    this.shared = options.queue === 'shared';
    this.queueLimit = options.queueLimitPerInstance ?? Infinity;
    this.timeout = options.requestTimeoutSeconds ?? 60;
    this.sloWait = options.sloWaitSeconds ?? 1;
    this.random = new FastRandom(`${options.seed ?? 1}/routing`);
    this.present = options.startAt ?? 0;
    this.spanFrom = this.present;
    this.inverseWidth = widthFor(options.requestsPerSecond ?? 100);
    this.wheelTime = Math.floor(this.present * this.inverseWidth) / this.inverseWidth;
    this.tunedAt = this.present;
    this.latencyBuckets = this.latency.buckets;
    this.addNodes(1024);
    this.roster = new EngineRoster({
      pools: options.pools,
      provisioning: options.provisioning,
      capacityRetrySeconds: options.capacityRetrySeconds ?? 60,
      outstanding: (place) => this.level[place],
      enter: (place, at) => this.enter(place, at),
      leave: (place, at) => this.leave(place, at),
    });
  }

  /** The engine's present: the latest moment it was told of. */
  public get now(): EpochSeconds {
    return this.present;
  }

  /** Requests waiting for a slot now. */
  public get waiting(): number {
    return this.queued;
  }

  /** Instances in service now. */
  public get inService(): number {
    return this.serving;
  }

  /** Requests since the start. */
  public get totals(): EngineTotals {
    const { before, since } = this;
    return {
      arrived: before.arrived + since.arrived,
      completed: before.completed + since.completed,
      timedOut: before.timedOut + since.timedOut,
      rejected:
        before.rejectedWithoutInstance + since.rejectedWithoutInstance + before.rejectedByQueue + since.rejectedByQueue,
      missed: before.missed + since.missed,
      present: this.queued + this.inFlight,
    };
  }

  /** Wants a number of instances from now on (absolute); `warm` ones are in service at once. */
  public setDesired(count: number, warm = false): void {
    if (!(Number.isInteger(count) && count >= 0)) {
      throw new InputError(`the desired instance count is ${count}; it must be a whole number of at least 0`);
    }
    this.roster.setDesired(count, this.present, warm);
  }

  /** Says whether a type can be launched from now on. */
  public setCapacity(instanceType: string, state: CapacityState): void {
    this.roster.setCapacity(instanceType, state);
  }

  /** What happened to instances since the last call, in order of time. */
  public takeEvents(): EngineEvent[] {
    return this.roster.takeEvents();
  }

  /**
   * Goes to a moment: takes the source's requests before it and everything that ends up to it. Returns false once the source has no
   * more requests.
   */
  public run(source: RequestSource | undefined, until: EpochSeconds): boolean {
    if (until < this.present) return true;
    let open = source !== undefined;
    for (;;) {
      const step = Math.min(until, this.roster.nextAt, this.wheelTime + MOST_BUCKETS_AT_ONCE / this.inverseWidth);
      for (;;) {
        if (open && this.cursor >= this.block.length) {
          open = source!.next(this.block);
          this.cursor = 0;
        }
        if (this.free === NONE) this.addNodes(this.nodeNext.length * 2);
        if (this.advance(step, open)) break;
      }
      this.present = step;
      this.turnWheel();
      this.tune();
      if (this.roster.nextAt <= step) this.roster.advanceTo(step);
      else if (step >= until) break;
    }
    return open;
  }

  /** What was measured since the last call; the next span begins. */
  public drain(): EngineSpan {
    const { since, spanFrom, present, serving } = this;
    const seconds = present - spanFrom;
    this.closeInvocations();
    const mean = (atStart: number, moments: number, atEnd: number): number =>
      seconds > 0 ? (atEnd * seconds - moments) / seconds : atStart;
    const outstanding = mean(this.outstandingAtStart, this.outstandingMoments, this.outstanding);
    const waiting = mean(this.queuedAtStart, this.queuedMoments, this.queuedInService);
    const span: EngineSpan = {
      fromSeconds: spanFrom,
      toSeconds: present,
      ...since,
      invocationsPerInstance: this.invocationsPerInstance,
      meanOutstanding: Math.max(0, outstanding),
      meanBusy: Math.max(0, outstanding - waiting),
      lowestOutstanding: serving === 0 ? 0 : this.lowest,
      highestOutstanding: this.highest,
      queued: this.queued,
      inService: serving,
    };
    for (const name of COUNTERS) {
      this.before[name] += since[name];
      since[name] = 0;
    }
    this.spanFrom = present;
    this.invocationsPerInstance = 0;
    this.outstandingAtStart = this.outstanding;
    this.outstandingMoments = 0;
    this.queuedAtStart = this.queuedInService;
    this.queuedMoments = 0;
    this.lowest = serving === 0 ? 0 : this.level[this.order[0]];
    this.highest = serving === 0 ? 0 : this.level[this.order[serving - 1]];
    return span;
  }

  /**
   * The inner loop: arrivals before `limit`, ends and time-outs up to it. Returns false when it needs more requests or more room
   * before it can go on.
   */
  private advance(limit: number, open: boolean): boolean {
    const { block, slots, heads, timeout, shared, latencyBuckets } = this;
    const { at, service, length } = block;
    const { level, place, order, serves, queueHead, firstWith } = this;
    const { nodeFinish, nodeArrived, nodePlace, nodeNext } = this;
    const { inverseWidth, wheelTime, wheelBucket, serving, spanFrom } = this;
    const leastLoaded = this.routing === 'LEAST_OUTSTANDING_REQUESTS';
    const mostLevels = firstWith.length - 2;
    const beyond = WHEEL - 1;
    const lastDuration = HISTOGRAM_BUCKETS - 1;
    const durationOffset = HISTOGRAM_OFFSET;
    const durationShift = HISTOGRAM_SHIFT;
    let { cursor, free, inWheel, inFlight, outstanding, outstandingMoments, highest, lowest } = this;
    let bucket = floor((this.present - wheelTime) * inverseWidth);
    let arrived = 0;
    let completed = 0;
    let latencySum = 0;
    let workArrived = 0;
    let latencyMaximum = this.since.latencyMaximum;
    let accepted = 0;
    let startedAtOnce = 0;
    let taken = 0;
    let done = false;
    let deadline = this.firstDeadline();
    let sortedSlot = NONE;

    for (;;) {
      const isArrival = cursor < length && at[cursor] < limit;
      if (!isArrival && open && cursor >= length) break;
      let target = isArrival ? at[cursor] : limit;
      const expires = deadline <= target;
      if (expires) target = deadline;

      // Ends up to the target, in order of time.
      const lastBucket = floor((target - wheelTime) * inverseWidth);
      if (inWheel === 0) bucket = lastBucket;
      for (;;) {
        const slot = (wheelBucket + bucket) & WHEEL_MASK;
        let node = heads[slot];
        if (node === NONE) {
          if (bucket >= lastBucket) break;
          bucket++;
          continue;
        }
        // The first of the bucket: the list is searched, which is short.
        let previous = NONE;
        let finish = nodeFinish[node];
        if (nodeNext[node] !== NONE && slot !== sortedSlot) {
          let searched = 0;
          let before = node;
          for (let other = nodeNext[node]; other !== NONE; other = nodeNext[other]) {
            if (nodeFinish[other] < finish) {
              finish = nodeFinish[other];
              previous = before;
              node = other;
            }
            before = other;
            searched++;
          }
          if (searched > SEARCHED_ENTRIES) {
            this.sortBucket(slot);
            sortedSlot = slot;
            node = heads[slot];
            previous = NONE;
            finish = nodeFinish[node];
          }
        }
        if (finish > target) {
          if (bucket >= lastBucket) break;
          bucket++;
          continue;
        }
        if (previous === NONE) heads[slot] = nodeNext[node];
        else nodeNext[previous] = nodeNext[node];
        inWheel--;
        taken++;

        const came = nodeArrived[node];
        if (came !== ABANDONED) {
          const latency = finish - came;
          completed++;
          inFlight--;
          latencySum += latency;
          if (latency > latencyMaximum) latencyMaximum = latency;
          bits[0] = latency;
          const index = (words[HIGH_WORD] >>> durationShift) - durationOffset;
          latencyBuckets[index < 0 ? 0 : index < lastDuration ? index : lastDuration]++;
        }
        const instance = nodePlace[node];
        nodeNext[node] = free;
        free = node;
        nodeArrived[node] = ABANDONED;
        const load = level[instance];
        const isServing = serves[instance] === 1;
        const hasNext = shared ? isServing && this.sharedHead !== NONE : queueHead[instance] !== NONE;
        if (!shared || !hasNext) {
          level[instance] = load - 1;
          if (isServing) {
            const first = firstWith[load];
            const here = place[instance];
            const moved = order[first];
            order[here] = moved;
            place[moved] = here;
            order[first] = instance;
            place[instance] = first;
            firstWith[load] = first + 1;
            outstanding--;
            outstandingMoments -= finish - spanFrom;
            if (load - 1 < lowest) lowest = load - 1;
          } else if (load === 1) {
            this.roster.emptied(instance, finish);
          }
        }
        if (!hasNext) continue;
        // The slot goes to the next in the queue.
        const next = shared ? this.takeShared(finish) : this.takeQueued(instance, finish);
        nodePlace[next] = instance;
        const end = finish + this.nodeService[next];
        nodeFinish[next] = end;
        inFlight++;
        const ahead = floor((end - wheelTime) * inverseWidth);
        if (ahead < beyond) {
          const home = (wheelBucket + ahead) & WHEEL_MASK;
          if (home === sortedSlot) sortedSlot = NONE;
          nodeNext[next] = heads[home];
          heads[home] = next;
          inWheel++;
        } else {
          this.far.push(next);
        }
      }

      if (expires) {
        // What is inside the loop's variables must be seen by the slow path, and the other way round.
        this.inFlight = inFlight;
        this.outstanding = outstanding;
        this.outstandingMoments = outstandingMoments;
        this.lowest = lowest;
        this.free = free;
        this.expire(deadline);
        ({ inFlight, outstanding, outstandingMoments, lowest, free } = this);
        deadline = this.firstDeadline();
        continue;
      }
      if (!isArrival) {
        done = true;
        break;
      }

      // The arrival.
      if (free === NONE) break;
      let load: number;
      let instance: number;
      if (serving === 0) {
        if (!shared) {
          workArrived += service[cursor];
          cursor++;
          arrived++;
          this.since.rejectedWithoutInstance++;
          this.since.missed++;
          continue;
        }
        load = slots;
        instance = 0;
      } else if (leastLoaded) {
        load = level[order[0]];
        const last = firstWith[load + 1] - 1;
        instance = order[last];
      } else {
        instance = order[this.random.integer(serving)];
        load = level[instance];
      }
      if (load >= mostLevels) {
        this.growLevels();
        break;
      }
      const moment = at[cursor];
      const seconds = service[cursor];
      workArrived += seconds;
      if (load < slots) {
        const node = free;
        free = nodeNext[node];
        const end = moment + seconds;
        nodeFinish[node] = end;
        nodeArrived[node] = moment;
        nodePlace[node] = instance;
        const ahead = floor((end - wheelTime) * inverseWidth);
        if (ahead < beyond) {
          const home = (wheelBucket + ahead) & WHEEL_MASK;
          if (home === sortedSlot) sortedSlot = NONE;
          nodeNext[node] = heads[home];
          heads[home] = node;
          inWheel++;
        } else {
          this.far.push(node);
        }
        inFlight++;
        startedAtOnce++;
        if (seconds > timeout) {
          this.nodeService[node] = seconds;
          this.watch(node, moment);
          deadline = this.firstDeadline();
        }
      } else {
        if (!shared && load - slots >= this.queueLimit) {
          cursor++;
          arrived++;
          accepted++;
          this.since.rejectedByQueue++;
          this.since.missed++;
          continue;
        }
        const node = free;
        free = nodeNext[node];
        nodeArrived[node] = moment;
        nodeFinish[node] = Infinity;
        this.nodeService[node] = seconds;
        nodeNext[node] = NONE;
        if (shared) this.putShared(node);
        else this.putQueued(node, instance, moment);
        this.watch(node, moment);
        deadline = this.firstDeadline();
        if (shared) {
          cursor++;
          arrived++;
          accepted++;
          continue;
        }
      }
      cursor++;
      arrived++;
      accepted++;
      const last = firstWith[load + 1] - 1;
      if (!leastLoaded) {
        const here = place[instance];
        const moved = order[last];
        order[here] = moved;
        place[moved] = here;
        order[last] = instance;
        place[instance] = last;
      }
      firstWith[load + 1] = last;
      level[instance] = load + 1;
      outstanding++;
      outstandingMoments += moment - spanFrom;
      if (load + 1 > highest) highest = load + 1;
    }

    this.cursor = cursor;
    this.free = free;
    this.inWheel = inWheel;
    this.inFlight = inFlight;
    this.outstanding = outstanding;
    this.outstandingMoments = outstandingMoments;
    this.lowest = lowest;
    this.highest = highest;
    this.acceptedSinceChange += accepted;
    this.takenSinceTuning += taken;
    this.since.arrived += arrived;
    this.since.completed += completed;
    this.since.workArrived += workArrived;
    this.since.latencySum += latencySum;
    this.since.latencyMaximum = latencyMaximum;
    this.latency.addCounted(completed, latencySum, latencyMaximum);
    this.wait.addZeros(startedAtOnce);
    if (done) this.present = limit;
    else if (cursor > 0) this.present = max(this.present, min(limit, at[cursor - 1]));
    return done;
  }

  /** Puts a request at the end of an instance's queue. */
  private putQueued(node: number, instance: number, at: EpochSeconds): void {
    const tail = this.queueTail[instance];
    if (tail === NONE) this.queueHead[instance] = node;
    else this.nodeNext[tail] = node;
    this.queueTail[instance] = node;
    this.nodePlace[node] = instance;
    this.queued++;
    this.queuedInService++;
    this.queuedMoments += at - this.spanFrom;
  }

  /** Takes the first request out of an instance's queue, because it is served or has waited too long. */
  private removeQueued(instance: number, at: EpochSeconds): number {
    const node = this.queueHead[instance];
    const next = this.nodeNext[node];
    this.queueHead[instance] = next;
    if (next === NONE) this.queueTail[instance] = NONE;
    this.queued--;
    if (this.serves[instance] === 1) {
      this.queuedInService--;
      this.queuedMoments -= at - this.spanFrom;
    }
    return node;
  }

  private takeQueued(instance: number, at: EpochSeconds): number {
    const node = this.removeQueued(instance, at);
    this.measureWait(at - this.nodeArrived[node]);
    return node;
  }

  private putShared(node: number): void {
    if (this.sharedTail === NONE) this.sharedHead = node;
    else this.nodeNext[this.sharedTail] = node;
    this.sharedTail = node;
    this.queued++;
  }

  private removeShared(): number {
    const node = this.sharedHead;
    this.sharedHead = this.nodeNext[node];
    if (this.sharedHead === NONE) this.sharedTail = NONE;
    this.queued--;
    return node;
  }

  private takeShared(at: EpochSeconds): number {
    const node = this.removeShared();
    this.measureWait(at - this.nodeArrived[node]);
    return node;
  }

  private measureWait(seconds: number): void {
    const { since } = this;
    this.wait.add(seconds);
    since.waitSum += seconds;
    if (seconds > since.waitMaximum) since.waitMaximum = seconds;
    if (seconds > this.sloWait) since.missed++;
  }

  /** Notes a request that may time out. */
  private watch(node: number, arrived: EpochSeconds): void {
    if (this.timeout === Infinity) return;
    if (this.ringCount === this.ringNode.length) this.growRing();
    const at = (this.ringHead + this.ringCount) & (this.ringNode.length - 1);
    this.ringNode[at] = node;
    this.ringArrived[at] = arrived;
    this.ringCount++;
  }

  /** When the first request times out; those that have ended meanwhile are forgotten. Infinity when none can. */
  private firstDeadline(): EpochSeconds {
    while (this.ringCount > 0) {
      const { ringHead } = this;
      const arrived = this.ringArrived[ringHead];
      if (this.nodeArrived[this.ringNode[ringHead]] === arrived) return arrived + this.timeout;
      this.ringHead = (ringHead + 1) & (this.ringNode.length - 1);
      this.ringCount--;
    }
    return Infinity;
  }

  /** Times out the request with the first deadline, unless it has ended meanwhile. */
  private expire(at: EpochSeconds): void {
    if (this.firstDeadline() > at) return;
    const node = this.ringNode[this.ringHead];
    this.ringHead = (this.ringHead + 1) & (this.ringNode.length - 1);
    this.ringCount--;
    const { since } = this;
    since.timedOut++;
    if (this.nodeFinish[node] !== Infinity) {
      const waited = this.nodeFinish[node] - this.nodeService[node] - this.nodeArrived[node];
      if (!(waited > this.sloWait)) since.missed++;
      this.nodeArrived[node] = ABANDONED;
      this.inFlight--;
      return;
    }
    since.missed++;
    if (this.shared) {
      this.removeShared();
    } else {
      // All wait equally long at most, so the one that expires is the oldest of its instance's queue.
      const instance = this.nodePlace[node];
      this.removeQueued(instance, at);
      this.lower(instance, at);
    }
    this.nodeArrived[node] = ABANDONED;
    this.nodeNext[node] = this.free;
    this.free = node;
  }

  /** One request fewer in an instance. */
  private lower(instance: number, at: EpochSeconds): void {
    const load = this.level[instance];
    this.level[instance] = load - 1;
    if (this.serves[instance] === 0) return;
    const first = this.firstWith[load];
    this.swap(instance, first);
    this.firstWith[load] = first + 1;
    this.outstanding--;
    this.outstandingMoments -= at - this.spanFrom;
    if (load - 1 < this.lowest) this.lowest = load - 1;
  }

  /** One request more in an instance. */
  private raise(instance: number, at: EpochSeconds): void {
    const load = this.level[instance];
    if (load >= this.firstWith.length - 2) this.growLevels();
    const last = this.firstWith[load + 1] - 1;
    this.swap(instance, last);
    this.firstWith[load + 1] = last;
    this.level[instance] = load + 1;
    this.outstanding++;
    this.outstandingMoments += at - this.spanFrom;
    if (load + 1 > this.highest) this.highest = load + 1;
  }

  private swap(instance: number, to: number): void {
    const here = this.place[instance];
    const moved = this.order[to];
    this.order[here] = moved;
    this.place[moved] = here;
    this.order[to] = instance;
    this.place[instance] = to;
  }

  /** An instance begins to take requests; those that wait before all instances go to it. */
  private enter(instance: number, at: EpochSeconds): void {
    this.closeInvocations();
    if (instance >= this.level.length || this.serving === this.order.length) this.growInstances();
    const { order, place, firstWith, serving } = this;
    order.copyWithin(1, 0, serving);
    order[0] = instance;
    this.serving = serving + 1;
    for (let index = 0; index <= serving; index++) place[order[index]] = index;
    for (let load = 1; load < firstWith.length; load++) firstWith[load]++;
    this.level[instance] = 0;
    this.serves[instance] = 1;
    this.queueHead[instance] = NONE;
    this.queueTail[instance] = NONE;
    this.lowest = 0;
    while (this.sharedHead !== NONE && this.level[instance] < this.slots) {
      const node = this.takeShared(at);
      this.raise(instance, at);
      this.nodePlace[node] = instance;
      this.nodeFinish[node] = at + this.nodeService[node];
      this.inFlight++;
      this.putInWheel(node);
    }
  }

  /** An instance takes no more requests; what it has it finishes. */
  private leave(instance: number, at: EpochSeconds): void {
    this.closeInvocations();
    const { order, place, firstWith } = this;
    const load = this.level[instance];
    order.copyWithin(place[instance], place[instance] + 1, this.serving);
    this.serving--;
    for (let index = 0; index < this.serving; index++) place[order[index]] = index;
    for (let higher = load + 1; higher < firstWith.length; higher++) firstWith[higher]--;
    this.serves[instance] = 0;
    const waiting = this.shared ? 0 : Math.max(0, load - this.slots);
    this.outstanding -= load;
    this.outstandingMoments -= load * (at - this.spanFrom);
    this.queuedInService -= waiting;
    this.queuedMoments -= waiting * (at - this.spanFrom);
  }

  private closeInvocations(): void {
    if (this.serving > 0) this.invocationsPerInstance += this.acceptedSinceChange / this.serving;
    this.acceptedSinceChange = 0;
  }

  private putInWheel(node: number): void {
    const ahead = Math.floor((this.nodeFinish[node] - this.wheelTime) * this.inverseWidth);
    if (ahead >= WHEEL - 1) {
      this.far.push(node);
      return;
    }
    const home = (this.wheelBucket + ahead) & WHEEL_MASK;
    this.nodeNext[node] = this.heads[home];
    this.heads[home] = node;
    this.inWheel++;
  }

  /** Lets the wheel begin at the present, and takes in what has come within its reach. */
  private turnWheel(): void {
    const passed = Math.floor((this.present - this.wheelTime) * this.inverseWidth);
    this.wheelTime += passed / this.inverseWidth;
    this.wheelBucket = (this.wheelBucket + passed) & WHEEL_MASK;
    const { far } = this;
    if (far.length === 0) return;
    const nodes = far.splice(0);
    for (const node of nodes) this.putInWheel(node);
  }

  /** Fits the width of the buckets to the traffic, so that one holds about one end. */
  private tune(): void {
    const seconds = this.present - this.tunedAt;
    if (seconds < 20 || this.takenSinceTuning < 20) return;
    const wanted = widthFor(this.takenSinceTuning / seconds);
    this.takenSinceTuning = 0;
    this.tunedAt = this.present;
    const ratio = wanted / this.inverseWidth;
    if (ratio < 4 && ratio > 0.25) return;
    const nodes: number[] = this.far.splice(0);
    if (this.inWheel > 0) {
      for (let slot = 0; slot < WHEEL; slot++) {
        for (let node = this.heads[slot]; node !== NONE; node = this.nodeNext[node]) nodes.push(node);
        this.heads[slot] = NONE;
      }
    }
    this.inWheel = 0;
    this.inverseWidth = wanted;
    this.wheelTime = Math.floor(this.present * wanted) / wanted;
    for (const node of nodes) this.putInWheel(node);
  }

  private sortBucket(slot: number): void {
    const { heads, nodeNext, nodeFinish } = this;
    const nodes: number[] = [];
    for (let node = heads[slot]; node !== NONE; node = nodeNext[node]) nodes.push(node);
    nodes.sort((a, b) => nodeFinish[a] - nodeFinish[b] || a - b);
    heads[slot] = nodes[0];
    nodes.forEach((node, index) => (nodeNext[node] = nodes[index + 1] ?? NONE));
  }

  private addNodes(size: number): void {
    const present = this.nodeNext.length;
    this.nodeFinish = grown(this.nodeFinish, new Float64Array(size));
    this.nodeArrived = grown(this.nodeArrived, new Float64Array(size).fill(ABANDONED));
    this.nodeService = grown(this.nodeService, new Float64Array(size));
    this.nodePlace = grown(this.nodePlace, new Int32Array(size));
    this.nodeNext = grown(this.nodeNext, new Int32Array(size));
    for (let node = size - 1; node >= present; node--) {
      this.nodeNext[node] = this.free;
      this.free = node;
    }
  }

  private growInstances(): void {
    const size = Math.max(this.roster.places, this.level.length) * 2;
    this.level = grown(this.level, new Int32Array(size));
    this.place = grown(this.place, new Int32Array(size));
    this.serves = grown(this.serves, new Uint8Array(size));
    this.queueHead = grown(this.queueHead, new Int32Array(size).fill(NONE));
    this.queueTail = grown(this.queueTail, new Int32Array(size).fill(NONE));
    this.order = grown(this.order, new Int32Array(size));
  }

  private growLevels(): void {
    this.firstWith = grown(this.firstWith, new Int32Array(this.firstWith.length * 2).fill(this.serving));
  }

  private growRing(): void {
    const { ringNode, ringArrived, ringHead, ringCount } = this;
    const size = ringNode.length * 2;
    this.ringNode = new Int32Array(size);
    this.ringArrived = new Float64Array(size);
    for (let index = 0; index < ringCount; index++) {
      const from = (ringHead + index) & (ringNode.length - 1);
      this.ringNode[index] = ringNode[from];
      this.ringArrived[index] = ringArrived[from];
    }
    this.ringHead = 0;
  }
}

const COUNTERS = [
  'arrived',
  'completed',
  'timedOut',
  'rejectedWithoutInstance',
  'rejectedByQueue',
  'missed',
  'workArrived',
  'latencySum',
  'latencyMaximum',
  'waitSum',
  'waitMaximum',
] as const;

function newCounters(): { [name in (typeof COUNTERS)[number]]: number } {
  return {
    arrived: 0,
    completed: 0,
    timedOut: 0,
    rejectedWithoutInstance: 0,
    rejectedByQueue: 0,
    missed: 0,
    workArrived: 0,
    latencySum: 0,
    latencyMaximum: 0,
    waitSum: 0,
    waitMaximum: 0,
  };
}

/** Buckets per second, a power of two: one end a bucket, and at least a minute on the wheel. */
function widthFor(requestsPerSecond: number): number {
  const exponent = Math.ceil(Math.log2(Math.max(requestsPerSecond, 0.25)));
  return Math.pow(2, Math.min(WHEEL_BITS - 6, exponent));
}

function grown<Column extends Float64Array | Int32Array | Uint8Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
