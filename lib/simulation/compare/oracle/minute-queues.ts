import { firstFrom, type RequestList } from '../../fleet/engine/request-list';
import { EndHeap } from './end-heap';

/** Requests, and the fleet whose queues are played minute by minute. */
export interface MinuteQueuesOptions {
  readonly requests: RequestList;
  /** Start of the first minute, in seconds from the trace's start. */
  readonly fromSeconds: number;
  readonly minutes: number;
  readonly slotsPerInstance: number;
  readonly sloWaitSeconds: number;
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Maximum number of minutes before each minute that are played with it. */
  readonly earlierMinutes: number;
}

/** Ratio of late requests from which fewer instances are not played: they count as no better. */
const HOPELESS_RATIO = 0.5;
/** Maximum wait, as in every fleet of a comparison. */
const TIME_OUT_SECONDS = 60;

/** Requests that are played for one minute: those of the minutes before it too, with the ends of the ones in slots when they begin. */
interface Stretch {
  readonly first: number;
  /** First request of the minute itself. */
  readonly counted: number;
  readonly last: number;
  readonly ends: readonly number[];
  readonly minuteEnd: number;
}

/**
 * Returns the late requests of each minute with each number of instances, if that number was not higher in the last 0, 1, … minutes:
 * `misses[before][minute * (maxInstances + 1) + instances]`.
 *
 * These minutes are played, request by request, from the best beginning that any schedule can have: free slots, or at the window's start
 * earlier requests that began when they arrived. Requests start in order of arrival in any free slot. Fewer instances in the minutes
 * before would start no request earlier: no schedule has fewer late requests, as far as instances with queues of their own do not better
 * than one queue. A request counts as late if the minute ends after it is.
 */
export function minuteQueues(options: MinuteQueuesOptions): Float32Array[] {
  const { requests, fromSeconds, minutes, minInstances, maxInstances, earlierMinutes } = options;
  const { at, service } = requests;
  const width = maxInstances + 1;
  const misses = Array.from({ length: earlierMinutes + 1 }, () => new Float32Array(minutes * width));
  const firstOf = Int32Array.from({ length: minutes + 1 }, (_, minute) => firstFrom(at, fromSeconds + minute * 60));
  const atStart: number[] = [];
  for (let index = 0; index < firstOf[0]; index++) {
    if (at[index] + service[index] > fromSeconds) atStart.push(at[index] + service[index]);
  }
  atStart.sort((a, b) => a - b);
  for (let minute = 0; minute < minutes; minute++) {
    const [counted, last] = [firstOf[minute], firstOf[minute + 1]];
    for (let before = 0; before <= earlierMinutes; before++) {
      const stretch: Stretch = {
        first: firstOf[Math.max(0, minute - before)],
        counted,
        last,
        ends: minute - before > 0 || before === 0 ? [] : atStart,
        minuteEnd: fromSeconds + (minute + 1) * 60,
      };
      let late = 0;
      for (let n = Math.min(maxInstances, neededInstances(stretch, options)) - 1; n >= minInstances; n--) {
        if (n === 0) late = last - counted;
        else if (late < HOPELESS_RATIO * (last - counted)) late = Math.max(late, lateRequests(stretch, n, options));
        misses[before][minute * width + n] = late;
      }
    }
  }
  return misses;
}

/** Instances with which no request waits. */
function neededInstances(
  { first, last, ends }: Stretch,
  { requests: { at, service }, slotsPerInstance, minInstances }: MinuteQueuesOptions,
): number {
  const heap = new EndHeap(ends.length + last - first);
  for (const end of ends) heap.add(end);
  let peak = heap.size;
  for (let index = first; index < last; index++) {
    while (heap.first() <= at[index]) heap.replaceFirst(Infinity);
    heap.add(at[index] + service[index]);
    peak = Math.max(peak, heap.size);
  }
  return Math.max(minInstances, Math.ceil(peak / slotsPerInstance));
}

function lateRequests(
  { first, counted, last, ends, minuteEnd }: Stretch,
  instances: number,
  { requests: { at, service }, slotsPerInstance, sloWaitSeconds }: MinuteQueuesOptions,
): number {
  const slots = instances * slotsPerInstance;
  const heap = new EndHeap(slots);
  for (let index = 0; index < Math.min(slots, ends.length); index++) heap.add(ends[index]);
  let late = 0;
  for (let index = first; index < last; index++) {
    const arrived = at[index];
    if (heap.size < slots && !(heap.first() <= arrived)) {
      heap.add(arrived + service[index]);
      continue;
    }
    const start = Math.max(arrived, heap.first());
    // A request that waits for a minute gives up.
    const isLate = start > arrived + sloWaitSeconds && arrived + sloWaitSeconds < minuteEnd;
    if (isLate && index >= counted) late++;
    if (start > arrived + TIME_OUT_SECONDS) continue;
    heap.replaceFirst(start + service[index]);
  }
  return late;
}
