import { scheduleCost } from './schedule-search';

/** Traffic and fleet of an improvement, for a queue that is carried from second to second. */
export interface QueueFlow {
  readonly arrivals: Float64Array;
  /** Requests in slots at each second if none ever waited; one value more than arrivals. */
  readonly occupancy: Float64Array;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  readonly sloWaitSeconds: number;
  readonly provisioningSeconds: number;
  readonly drainSeconds: number;
  readonly minCapacity: number;
  readonly minutes: number;
  readonly maxInstances: number;
}

/** Lengths in minutes of the intervals that are moved by one instance. */
const INTERVAL_MINUTES = [1, 2, 4, 8, 16, 32];
const MAX_PASSES = 2;

/**
 * Moves intervals of a schedule up and down by one instance while cost + price × misses falls; changes the schedule in place.
 */
export function improveSchedule(instances: Int16Array, flow: QueueFlow, price: number): void {
  const { minutes } = flow;
  const queue = new QueueModel(flow);
  queue.evaluate(instances);
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    let moved = 0;
    for (const length of INTERVAL_MINUTES) {
      for (let minute = 0; minute + length <= minutes; minute++) {
        if (tryMove(instances, minute, length, -1, flow, queue, price)) moved++;
        else if (tryMove(instances, minute, length, 1, flow, queue, price)) moved++;
      }
    }
    if (moved < minutes / 2000) break;
  }
}

function tryMove(
  instances: Int16Array,
  from: number,
  length: number,
  by: number,
  flow: QueueFlow,
  queue: QueueModel,
  price: number,
): boolean {
  const to = from + length;
  for (let minute = from; minute < to; minute++) {
    const moved = instances[minute] + by;
    if (moved < flow.minCapacity || moved > flow.maxInstances) return false;
  }
  const before = scheduleCost(instances, flow, from, to + 1);
  for (let minute = from; minute < to; minute++) instances[minute] += by;
  const saved = before - scheduleCost(instances, flow, from, to + 1);
  // More instances never miss more, fewer never less: most moves are decided without the queue.
  if (by > 0 ? saved + price * queue.missesBetween(from, to) > 1e-9 : saved > 1e-9) {
    if (queue.accept(instances, from, to, saved, price)) return true;
  }
  for (let minute = from; minute < to; minute++) instances[minute] -= by;
  return false;
}

/**
 * Queue of a pooled fleet: requests end at the rate of a fleet without waits while slots suffice, and at the mean rate of busy slots
 * otherwise. Keeps the state at the beginning of each minute and its misses, so that a changed interval is evaluated only until the queue
 * is as before the change.
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

  public evaluate(instances: Int16Array): void {
    this.begins[0] = this.flow.occupancy[0];
    for (let minute = 0; minute < this.flow.minutes; minute++) {
      this.begins[minute + 1] = this.minute(minute, instances[minute], this.begins[minute]);
      this.misses[minute] = this.missed;
    }
  }

  /** Misses of the minutes and of the ten after them: an upper bound of the misses that more instances avoid. */
  public missesBetween(from: number, to: number): number {
    let sum = 0;
    for (let minute = from; minute < Math.min(this.flow.minutes, to + 10); minute++) sum += this.misses[minute];
    return sum;
  }

  /** Accepts a changed interval if its saving exceeds the price of the misses that it adds. */
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
    const waitLimit = full * sloWaitSeconds;
    let present = begin;
    let missed = 0;
    const from = minute * 60;
    for (let second = from; second < from + 60; second++) {
      const arrived = arrivals[second];
      const before = occupancy[second];
      const ended =
        present > slots ? full : before > 0 ? ((arrived - occupancy[second + 1] + before) * present) / before : 0;
      present += arrived - ended;
      if (present < 0) present = 0;
      if (present - slots > waitLimit) missed += arrived;
    }
    this.missed = missed;
    return present;
  }
}
