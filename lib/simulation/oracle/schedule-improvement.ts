import { startCost } from './schedule-search';

/** Traffic as the improvement sees it: a queue that is carried from second to second. */
export interface QueueFlow {
  readonly arrivals: Float64Array;
  /** Requests in slots at each second if nobody ever waited; one more than arrivals. */
  readonly occupancy: Float64Array;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  readonly sloWaitSeconds: number;
  readonly provisioningSeconds: number;
  readonly drainSeconds: number;
  readonly minCapacity: number;
  readonly minutes: number;
  readonly most: number;
}

/** Lengths in minutes of the stretches that are moved by one instance. */
const STRETCHES = [1, 2, 4, 8, 16, 32];
const MOST_PASSES = 2;

/**
 * Moves stretches of a schedule up and down by one instance while cost + price × misses falls; changes the schedule in place.
 *
 * @returns the paid instance-seconds
 */
export function improveSchedule(instances: Int16Array, flow: QueueFlow, price: number): number {
  const { minutes } = flow;
  const queue = new QueueModel(flow);
  queue.play(instances);
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    let moved = 0;
    for (const stretch of STRETCHES) {
      for (let minute = 0; minute + stretch <= minutes; minute++) {
        if (tryMove(instances, minute, stretch, -1, flow, queue, price)) moved++;
        else if (tryMove(instances, minute, stretch, 1, flow, queue, price)) moved++;
      }
    }
    if (moved < minutes / 2000) break;
  }
  return scheduleCost(instances, flow, 0, minutes);
}

/** Paid instance-seconds of the minutes [from, to), with the start or release at each one's beginning. */
function scheduleCost(instances: Int16Array, flow: QueueFlow, from: number, to: number): number {
  let cost = 0;
  for (let minute = from; minute < Math.min(to, flow.minutes); minute++) {
    cost += 60 * instances[minute];
    if (minute === 0) continue;
    const more = instances[minute] - instances[minute - 1];
    if (more > 0) cost += more * startCost(minute, flow.provisioningSeconds);
    else cost -= more * flow.drainSeconds;
  }
  return cost;
}

function tryMove(
  instances: Int16Array,
  from: number,
  stretch: number,
  by: number,
  flow: QueueFlow,
  queue: QueueModel,
  price: number,
): boolean {
  const to = from + stretch;
  for (let minute = from; minute < to; minute++) {
    const moved = instances[minute] + by;
    if (moved < flow.minCapacity || moved > flow.most) return false;
  }
  const before = scheduleCost(instances, flow, from, to + 1);
  for (let minute = from; minute < to; minute++) instances[minute] += by;
  const saved = before - scheduleCost(instances, flow, from, to + 1);
  // More instances never miss more, fewer never less: most moves need no look at the queue.
  if (by > 0 ? saved + price * queue.missesBetween(from, to) > 1e-9 : saved > 1e-9) {
    if (queue.accept(instances, from, to, saved, price)) return true;
  }
  for (let minute = from; minute < to; minute++) instances[minute] -= by;
  return false;
}

/**
 * The queue of a pooled fleet: it ends requests at the rate of the undisturbed one while slots suffice, and at the mean rate of busy slots when they
 * do not. Keeps each minute's beginning and misses, so that a changed stretch is played only until the old course is met again.
 */
class QueueModel {
  private readonly begins: Float64Array;
  private readonly misses: Float64Array;
  private readonly newBegins: Float64Array;
  private readonly newMisses: Float64Array;

  public constructor(private readonly flow: QueueFlow) {
    this.begins = new Float64Array(flow.minutes + 1);
    this.misses = new Float64Array(flow.minutes);
    this.newBegins = new Float64Array(flow.minutes + 1);
    this.newMisses = new Float64Array(flow.minutes);
  }

  public play(instances: Int16Array): void {
    this.begins[0] = this.flow.occupancy[0];
    for (let minute = 0; minute < this.flow.minutes; minute++) {
      this.begins[minute + 1] = this.minute(minute, instances[minute], this.begins[minute]);
      this.misses[minute] = this.missed;
    }
  }

  /** Misses of the minutes and of those right after, which more instances could at best avoid. */
  public missesBetween(from: number, to: number): number {
    let sum = 0;
    for (let minute = from; minute < Math.min(this.flow.minutes, to + 10); minute++) sum += this.misses[minute];
    return sum;
  }

  /** Takes a changed stretch over if what it saves is worth more than the misses it adds. */
  public accept(instances: Int16Array, from: number, to: number, saved: number, price: number): boolean {
    const { flow, begins, misses, newBegins, newMisses } = this;
    let present = begins[from];
    let added = 0;
    let minute = from;
    for (; minute < flow.minutes; minute++) {
      if (minute >= to && Math.abs(present - begins[minute]) < 1e-6) break;
      newBegins[minute] = present;
      present = this.minute(minute, instances[minute], present);
      newMisses[minute] = this.missed;
      added += this.missed - misses[minute];
      if (price * added > saved + 1e4 * price) return false;
    }
    if (price * added >= saved - 1e-9) return false;
    for (let taken = from; taken < minute; taken++) {
      begins[taken] = newBegins[taken];
      misses[taken] = newMisses[taken];
    }
    return true;
  }

  private missed = 0;

  private minute(minute: number, instances: number, begin: number): number {
    const { arrivals, occupancy, slotsPerInstance, serviceMeanSeconds, sloWaitSeconds } = this.flow;
    const slots = Math.max(0.5, instances * slotsPerInstance);
    const full = slots / serviceMeanSeconds;
    const bearable = full * sloWaitSeconds;
    let present = begin;
    let missed = 0;
    const from = minute * 60;
    for (let second = from; second < from + 60; second++) {
      const come = arrivals[second];
      const before = occupancy[second];
      const ended =
        present > slots ? full : before > 0 ? ((come - occupancy[second + 1] + before) * present) / before : 0;
      present += come - ended;
      if (present < 0) present = 0;
      if (present - slots > bearable) missed += come;
    }
    this.missed = missed;
    return present;
  }
}
