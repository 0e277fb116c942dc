import type { EpochSeconds } from '../../../core/time';
import type { FastRandom } from '../../random';
import { RequestBlock, type RequestSource } from '../../traffic/request-source';
import { HISTOGRAM_BUCKETS, HISTOGRAM_OFFSET, HISTOGRAM_SHIFT } from '../seconds-histogram';
import type { Callers, Pause } from './callers';
import type { DepartureWheel } from './departure-wheel';
import type { EngineMeter } from './engine-meter';
import type { EngineRoster } from './engine-roster';
import type { InstanceOrder } from './instance-order';
import { ABANDONED, NONE, type RequestTable } from './request-table';
import type { TimeOuts } from './time-outs';
import { SHARED_LINE, type WaitingLines } from './waiting-lines';

/** Parts that the loop reads and counts into. */
export interface EngineLoopOptions {
  readonly startAt: EpochSeconds;
  readonly slots: number;
  /** Maximum number of requests that wait in one instance. */
  readonly queueLimit: number;
  /** Maximum number of requests in slots; Infinity for queues of the instances. */
  readonly maxInFlight: number;
  /** Chooses instances at random; undefined for the least loaded one. */
  readonly random: FastRandom | undefined;
  readonly table: RequestTable;
  readonly instances: InstanceOrder;
  readonly wheel: DepartureWheel;
  readonly lines: WaitingLines;
  readonly timeOuts: TimeOuts;
  readonly callers: Callers;
  readonly meter: EngineMeter;
  readonly roster: EngineRoster;
  /** Called when no caller waits any more for an instance that was released. */
  readonly vacate: (instance: number, at: EpochSeconds) => void;
}

/** Maximum length of a bucket that is searched; longer ones are sorted once. */
const SEARCHED_ENTRIES = 24;

const { floor, max, min } = Math;

const bits = new Float64Array(1);
const words = new Uint32Array(bits.buffer);
bits[0] = 1;
const HIGH_WORD = words[1] === 0x3ff00000 ? 1 : 0;

/**
 * Events of requests in order of time: arrival, start or queueing, end, time-out.
 *
 * A rehearsal spends most of its time in {@link advance}. It is one function for speed, with the methods of the instances, the wheel and the
 * histogram written out: everything needed for a request is in local variables, and no object is created.
 */
export class EngineLoop {
  /** Current time. */
  public present: EpochSeconds;
  /** Requests in slots whose callers still wait. */
  public inFlight = 0;
  /** Maximum number of requests in slots; Infinity for queues of the instances. */
  public maxInFlight: number;

  private readonly block = new RequestBlock();
  private cursor = 0;

  public constructor(private readonly options: EngineLoopOptions) {
    this.present = options.startAt;
    this.maxInFlight = options.maxInFlight;
  }

  /** Advances to a moment within the wheel's reach. Returns false if the source has no more requests. */
  public run(source: RequestSource | undefined, until: EpochSeconds): boolean {
    const { table } = this.options;
    let open = source !== undefined;
    for (;;) {
      if (open && this.cursor >= this.block.length) {
        open = source!.next(this.block);
        this.cursor = 0;
      }
      if (table.free === NONE) table.grow();
      if (this.advance(until, open)) return open;
    }
  }

  /**
   * Handles arrivals before `limit`, ends and time-outs up to it. Returns false if it needs more requests or larger columns to continue.
   */
  private advance(limit: number, open: boolean): boolean {
    const { slots, queueLimit, random, table, instances, wheel, lines, timeOuts, callers, meter } = this.options;
    const { maxInFlight } = this;
    const { at, service, length } = this.block;
    const { load: loads, position, order, serves, firstWith, serving } = instances;
    const { finish: finishes, arrived: arrivals, instance: instanceOf, next, state: states } = table;
    const { abandoned: abandonedIn } = instances;
    const { heads, mask, inverseWidth, time: wheelTime, bucket: wheelBucket } = wheel;
    const { heads: lineHeads, shared } = lines;
    const { longestService } = timeOuts;
    const { since } = meter;
    const spanFrom = instances.outstanding.from;
    const maxLoad = firstWith.length - 2;
    const beyond = mask;
    const latencyBuckets = meter.latency.buckets;
    const lastDuration = HISTOGRAM_BUCKETS - 1;
    const durationOffset = HISTOGRAM_OFFSET;
    const durationShift = HISTOGRAM_SHIFT;
    let { cursor, inFlight } = this;
    let { free } = table;
    let { held } = wheel;
    let { lowest, highest } = instances;
    let { level: outstanding, momentSum } = instances.outstanding;
    let bucket = floor((this.present - wheelTime) * inverseWidth);
    let arrived = 0;
    let completed = 0;
    let latencySum = 0;
    let workArrived = 0;
    let { latencyMaximum } = since;
    let beforeSum = 0;
    let longest = 0;
    let accepted = 0;
    let startedAtOnce = 0;
    let taken = 0;
    let done = false;
    let deadline = timeOuts.first();
    let nextAttempt = callers.nextAt;
    let sortedSlot = NONE;

    for (;;) {
      const isArrival = cursor < length && at[cursor] < limit;
      if (!isArrival && open && cursor >= length) break;
      let target = isArrival ? at[cursor] : limit;
      const again: Pause | undefined = nextAttempt < target ? callers.next : undefined;
      if (again !== undefined) target = nextAttempt;
      const expires = deadline <= target;
      if (expires) target = deadline;

      // Ends up to the target, in order of time.
      const lastBucket = floor((target - wheelTime) * inverseWidth);
      if (held === 0) bucket = lastBucket;
      for (;;) {
        const slot = (wheelBucket + bucket) & mask;
        let row = heads[slot];
        if (row === NONE) {
          if (bucket >= lastBucket) break;
          bucket++;
          continue;
        }
        // The first end of the bucket: the list is short enough to search.
        let previous = NONE;
        let finish = finishes[row];
        if (next[row] !== NONE && slot !== sortedSlot) {
          let searched = 0;
          let before = row;
          for (let other = next[row]; other !== NONE; other = next[other]) {
            if (finishes[other] < finish) {
              finish = finishes[other];
              previous = before;
              row = other;
            }
            before = other;
            searched++;
          }
          if (searched > SEARCHED_ENTRIES) {
            wheel.sort(slot);
            sortedSlot = slot;
            row = heads[slot];
            previous = NONE;
            finish = finishes[row];
          }
        }
        if (finish > target) {
          if (bucket >= lastBucket) break;
          bucket++;
          continue;
        }
        if (previous === NONE) heads[slot] = next[row];
        else next[previous] = next[row];
        held--;
        taken++;

        const arrivedAt = arrivals[row];
        const instance = instanceOf[row];
        if (arrivedAt !== ABANDONED) {
          const latency = finish - arrivedAt;
          completed++;
          inFlight--;
          latencySum += latency;
          if (latency > latencyMaximum) latencyMaximum = latency;
          bits[0] = latency;
          if (states[row] !== 0) {
            // For the caller it began with the first attempt.
            const before = callers.answered(row);
            beforeSum += before;
            longest = max(longest, before + latency);
            bits[0] = before + latency;
          }
          const index = (words[HIGH_WORD] >>> durationShift) - durationOffset;
          latencyBuckets[index < 0 ? 0 : index < lastDuration ? index : lastDuration]++;
        } else {
          abandonedIn[instance]--;
          if (this.options.roster.isBilled(instance)) since.abandonedSeconds += table.service[row];
        }
        next[row] = free;
        free = row;
        arrivals[row] = ABANDONED;
        const load = loads[instance];
        const isServing = serves[instance] === 1;
        // A limit that has become lower is reached as requests end.
        const hasNext = shared
          ? isServing && lineHeads[SHARED_LINE] !== NONE && inFlight < maxInFlight
          : lineHeads[instance] !== NONE;
        if (!shared || !hasNext) {
          loads[instance] = load - 1;
          if (isServing) {
            const first = firstWith[load];
            const here = position[instance];
            const moved = order[first];
            order[here] = moved;
            position[moved] = here;
            order[first] = instance;
            position[instance] = first;
            firstWith[load] = first + 1;
            outstanding--;
            momentSum -= finish - spanFrom;
            if (load - 1 < lowest) lowest = load - 1;
          } else if (load - 1 === abandonedIn[instance]) {
            // No caller waits for this instance any more.
            table.free = free;
            this.options.vacate(instance, finish);
            ({ free } = table);
            continue;
          }
        }
        if (!hasNext) continue;
        // The slot goes to the next request in the queue.
        const following = lines.take(instance, finish);
        if (arrivals[following] === ABANDONED) {
          lines.abandoned--;
        } else {
          callers.started(following, finish);
          inFlight++;
        }
        instanceOf[following] = instance;
        const end = finish + table.service[following];
        finishes[following] = end;
        const ahead = floor((end - wheelTime) * inverseWidth);
        if (ahead < beyond) {
          const home = (wheelBucket + ahead) & mask;
          if (home === sortedSlot) sortedSlot = NONE;
          next[following] = heads[home];
          heads[home] = following;
          held++;
        } else {
          wheel.far.push(following);
        }
      }

      if (expires) {
        // Exchanges the local variables with the objects that the time-out reads and writes.
        instances.outstanding.level = outstanding;
        instances.outstanding.momentSum = momentSum;
        instances.lowest = lowest;
        table.free = free;
        if (timeOuts.expire(deadline, meter.completed + completed)) inFlight--;
        ({ level: outstanding, momentSum } = instances.outstanding);
        ({ lowest } = instances);
        ({ free } = table);
        deadline = timeOuts.first();
        nextAttempt = callers.nextAt;
        continue;
      }
      if (!isArrival && again === undefined) {
        done = true;
        break;
      }

      // Arrival.
      if (free === NONE) break;
      let load: number;
      let instance: number;
      if (serving === 0) {
        if (!shared) {
          if (again === undefined) {
            workArrived += service[cursor];
            arrived++;
            callers.rejected(target, service[cursor++], false, undefined, meter.completed + completed);
          } else {
            callers.take();
            callers.rejected(target, again.service, false, again, meter.completed + completed);
          }
          nextAttempt = callers.nextAt;
          continue;
        }
        load = slots;
        instance = 0;
      } else if (random === undefined) {
        load = loads[order[0]];
        instance = order[firstWith[load + 1] - 1];
      } else {
        instance = order[random.integer(serving)];
        load = loads[instance];
      }
      if (load >= maxLoad) {
        instances.growLoads();
        break;
      }
      const moment = target;
      let seconds: number;
      if (again === undefined) {
        seconds = service[cursor];
        cursor++;
        arrived++;
        workArrived += seconds;
      } else {
        seconds = again.service;
        callers.take();
        nextAttempt = callers.nextAt;
      }
      accepted++;
      if (load >= slots && !shared && load - slots >= queueLimit) {
        callers.rejected(moment, seconds, true, again, meter.completed + completed);
        nextAttempt = callers.nextAt;
        continue;
      }
      const row = free;
      free = next[row];
      if (again !== undefined) callers.mark(row, again);
      arrivals[row] = moment;
      // Under a limit of requests in slots, those that wait come first.
      const isHeld = maxInFlight !== Infinity && (inFlight >= maxInFlight || lineHeads[SHARED_LINE] !== NONE);
      if (load < slots && !isHeld) {
        const end = moment + seconds;
        finishes[row] = end;
        instanceOf[row] = instance;
        const ahead = floor((end - wheelTime) * inverseWidth);
        if (ahead < beyond) {
          const home = (wheelBucket + ahead) & mask;
          if (home === sortedSlot) sortedSlot = NONE;
          next[row] = heads[home];
          heads[home] = row;
          held++;
        } else {
          wheel.far.push(row);
        }
        inFlight++;
        if (again === undefined) startedAtOnce++;
        else callers.started(row, moment);
        if (seconds > longestService) {
          table.service[row] = seconds;
          timeOuts.watch(row, moment);
          deadline = timeOuts.first();
        }
      } else {
        finishes[row] = Infinity;
        table.service[row] = seconds;
        lines.put(row, instance, moment);
        timeOuts.watch(row, moment);
        deadline = timeOuts.first();
        if (shared) continue;
      }
      const last = firstWith[load + 1] - 1;
      if (random !== undefined) {
        const here = position[instance];
        const moved = order[last];
        order[here] = moved;
        position[moved] = here;
        order[last] = instance;
        position[instance] = last;
      }
      firstWith[load + 1] = last;
      loads[instance] = load + 1;
      outstanding++;
      momentSum += moment - spanFrom;
      if (load + 1 > highest) highest = load + 1;
    }

    this.cursor = cursor;
    this.inFlight = inFlight;
    table.free = free;
    wheel.held = held;
    wheel.taken += taken;
    instances.lowest = lowest;
    instances.highest = highest;
    instances.outstanding.level = outstanding;
    instances.outstanding.momentSum = momentSum;
    meter.accepted += accepted;
    since.arrived += arrived;
    since.completed += completed;
    since.workArrived += workArrived;
    since.latencySum += latencySum;
    since.latencyMaximum = latencyMaximum;
    meter.latency.addCounted(completed, latencySum + beforeSum, max(longest, latencyMaximum));
    meter.wait.addZeros(startedAtOnce);
    if (done) this.present = limit;
    else if (cursor > 0) this.present = max(this.present, min(limit, at[cursor - 1]));
    return done;
  }
}
