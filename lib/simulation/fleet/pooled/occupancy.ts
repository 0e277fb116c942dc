import { AggregatedFleet, type AggregatedFleetOptions } from './aggregated-fleet';

/** Requests in slots at the start of a window and at the end of each of its seconds, with unlimited capacity. */
export function undisturbedOccupancy(options: AggregatedFleetOptions): Float64Array {
  const fleet = new AggregatedFleet(options);
  const seconds = options.toSeconds - options.fromSeconds;
  fleet.begin(1e7);
  const occupancy = new Float64Array(seconds + 1);
  occupancy[0] = fleet.occupied;
  for (let second = 0; second < seconds; second++) {
    fleet.step();
    occupancy[second + 1] = fleet.occupied;
  }
  return occupancy;
}
