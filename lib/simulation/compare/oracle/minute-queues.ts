import { firstFrom, type RequestList } from '../../fleet/engine/request-list';
import { EndHeap } from './end-heap';
import { FleetHistories, type HistoryLimits } from './fleet-history';
import { StretchFleet } from './stretch-fleet';

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
  /** Past that is played with each minute. */
  readonly history: HistoryLimits;
  /** Number of times that each minute is played, each from another request on: the best counts. */
  readonly plays: number;
}

/** Tables of {@link minuteQueues}, by `minute * (maxInstances + 1) + instances`. */
export interface MinuteQueues {
  /** Requests that become late, by state of the past. */
  readonly misses: readonly Float32Array[];
  /** Seconds for which one more instance works after its release at the beginning of a minute, by the number released before it and those that stay. */
  readonly drains: readonly Float32Array[];
}

/** Ratio of late requests from which fewer instances are not played: they count as no better. */
const HOPELESS_RATIO = 0.3;

/**
 * Returns the requests that become late in each minute with each number of instances and each past.
 *
 * A minute is played with the minutes before it that the past remembers, from the best beginning that a schedule can have: free slots, or
 * at the window's start earlier requests that began when they arrived. As equally loaded instances are chosen by chance, it is
 * played several times, and the fewest late requests count.
 */
export function minuteQueues(options: MinuteQueuesOptions): MinuteQueues {
  const { requests, fromSeconds, minutes, minInstances, maxInstances, history, sloWaitSeconds, plays } = options;
  const { at, service } = requests;
  const width = maxInstances + 1;
  const histories = new FleetHistories(history);
  const misses = histories.all.map(() => new Float32Array(minutes * width));
  // A fleet that had some more instances until the minute began.
  const releases = history.levels.slice(1);
  const worked = releases.map(() => new Float32Array(minutes * width));
  const releaseOf = new Map(
    releases.map((released, index) => [histories.index(Array(history.minutes).fill(released)), index]),
  );
  // A past with fewer instances in one of its minutes, whose late requests are no fewer.
  const poorer = poorerPasts(histories);
  const fleet = new StretchFleet(requests, options.slotsPerInstance, sloWaitSeconds);
  const firstOf = Int32Array.from({ length: minutes + 1 }, (_, minute) => firstFrom(at, fromSeconds + minute * 60));
  const atStart: number[] = [];
  for (let index = 0; index < firstOf[0]; index++) {
    if (at[index] + service[index] > fromSeconds) atStart.push(at[index] + service[index]);
  }
  atStart.sort((a, b) => a - b);
  for (let minute = 0; minute < minutes; minute++) {
    const begin = fromSeconds + minute * 60;
    const last = firstOf[minute + 1];
    const isStart = minute <= history.minutes;
    const needed = neededInstances(
      firstOf[Math.max(0, minute - history.minutes)],
      last,
      isStart ? atStart : [],
      options,
    );
    const count = last - firstOf[minute];
    const row = minute * width;
    histories.all.forEach((past, state) => {
      // Minutes from which the past has a limit; free slots before them.
      const limited = past.findIndex((more) => more === Infinity);
      const earlier = Math.min(minute, limited < 0 ? past.length : limited);
      const first = firstOf[minute - earlier];
      const ends = minute - earlier > 0 || limited >= 0 ? [] : atStart;
      const more = past.slice(0, earlier).reverse();
      const release = releaseOf.get(state);
      const drained = release === undefined ? undefined : worked[release];
      const table = misses[state];
      let late = 0;
      for (let n = Math.min(maxInstances, drained === undefined ? needed - 1 : needed + 1); n >= minInstances; n--) {
        const isZero = drained === undefined && poorer[state].some((other) => misses[other][row + n] === 0);
        if (n === 0) late = count;
        else if (isZero) late = 0;
        else if (late < HOPELESS_RATIO * count || late === 0) {
          let fewest = Infinity;
          for (let play = 0; play < plays && (fewest > 0 || drained !== undefined); play++) {
            const lates = fleet.play({
              first: Math.min(first + play, firstOf[minute]),
              last,
              ends,
              minuteFrom: begin,
              minuteTo: begin + 60,
              instances: [...more.map((released) => n + released), n],
            });
            if (lates < fewest) fewest = lates;
            if (drained !== undefined) {
              const { drainedSeconds } = fleet;
              drained[row + n] = play === 0 ? drainedSeconds : Math.min(drained[row + n], drainedSeconds);
            }
          }
          late = fewest;
        }
        table[row + n] = late;
      }
    });
  }
  return { misses, drains: drainIncrements(worked, options) };
}

/** Other states of each one, equal but for one element that is the next lower level. */
function poorerPasts({ all }: FleetHistories): number[][] {
  return all.map((past) =>
    all.flatMap((other, index) => {
      const fewer = other.filter((more, minute) => more < past[minute]).length;
      return fewer === 1 && other.every((more, minute) => more <= past[minute]) ? [index] : [];
    }),
  );
}

/** Differences of the work that several released instances still have, between the played numbers along a straight line. */
function drainIncrements(
  worked: readonly Float32Array[],
  { history, minutes, minInstances, maxInstances }: MinuteQueuesOptions,
): Float32Array[] {
  const width = maxInstances + 1;
  const { levels } = history;
  return Array.from({ length: levels[levels.length - 1] }, (_, released) => {
    const level = levels.findIndex((more) => more > released);
    const [upper, lower] = [levels[level], levels[level - 1]];
    const increments = new Float32Array(minutes * width);
    for (let minute = 0; minute < minutes; minute++) {
      for (let n = minInstances; n <= maxInstances; n++) {
        const at = minute * width + n;
        // The same fleet before the release keeps more instances.
        const kept = n + upper - lower;
        const more = worked[level - 1][at];
        const fewer = lower === 0 ? 0 : kept > maxInstances ? more : worked[level - 2][minute * width + kept];
        increments[at] = Math.max(0, more - fewer) / (upper - lower);
      }
    }
    return increments;
  });
}

/** Instances with which no request waits. */
function neededInstances(
  first: number,
  last: number,
  present: readonly number[],
  { requests: { at, service }, slotsPerInstance, minInstances }: MinuteQueuesOptions,
): number {
  const heap = new EndHeap(present.length + last - first);
  for (const end of present) heap.add(end);
  let peak = heap.size;
  for (let index = first; index < last; index++) {
    while (heap.first() <= at[index]) heap.replaceFirst(Infinity);
    heap.add(at[index] + service[index]);
    peak = Math.max(peak, heap.size);
  }
  return Math.max(minInstances, Math.ceil(peak / slotsPerInstance));
}
