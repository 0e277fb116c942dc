import { firstFrom, type RequestList } from '../../fleet/engine/request-list';
import { undisturbedOccupancy } from '../../fleet/pooled/occupancy';
import type { Trial } from '../trial';
import { EndHeap } from './end-heap';

/** Returns the slots in use in each second of a trial's window if no request ever waited: the maximum, or what is in use at its end. */
export function occupiedSlots(trial: Trial): Float64Array {
  const { requests, fromSeconds, toSeconds } = trial;
  if (requests === undefined) return undisturbedOccupancy(trial).subarray(1);
  const { at, service } = requests;
  const peaks = new Float64Array(toSeconds - fromSeconds);
  const ends = new EndHeap(at.length);
  let index = 0;
  const first = firstFrom(at, fromSeconds);
  for (; index < first; index++) {
    if (at[index] + service[index] > fromSeconds) ends.add(at[index] + service[index]);
  }
  for (let second = 0; second < peaks.length; second++) {
    const end = fromSeconds + second + 1;
    while (ends.first() <= end - 1) ends.replaceFirst(Infinity);
    peaks[second] = ends.size;
    for (; index < at.length && at[index] < end; index++) {
      while (ends.first() <= at[index]) ends.replaceFirst(Infinity);
      ends.add(at[index] + service[index]);
      if (ends.size > peaks[second]) peaks[second] = ends.size;
    }
  }
  return peaks;
}

/** Slots in use at the start of a window and at the end of each of its seconds if no request ever waited. */
export function occupancyOf(
  { at, service }: RequestList,
  { fromSeconds, toSeconds }: Pick<Trial, 'fromSeconds' | 'toSeconds'>,
): Float64Array {
  const seconds = toSeconds - fromSeconds;
  // Changes of the number, by the first second at whose start they are there.
  const changes = new Float64Array(seconds + 2);
  const place = (moment: number): number => Math.min(seconds + 1, Math.max(0, Math.ceil(moment - fromSeconds)));
  for (let index = 0; index < at.length; index++) {
    changes[place(at[index])]++;
    changes[place(at[index] + service[index])]--;
  }
  const occupancy = new Float64Array(seconds + 1);
  let present = 0;
  for (let second = 0; second <= seconds; second++) {
    present += changes[second];
    occupancy[second] = present;
  }
  return occupancy;
}

/** Maximum of many values; 0 without any. */
export function maximumIn(values: Float64Array): number {
  let maximum = 0;
  for (const value of values) if (value > maximum) maximum = value;
  return maximum;
}
