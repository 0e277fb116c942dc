/** Resolution at which a search knows the past of a fleet. */
export interface HistoryLimits {
  /** Minutes of the past that are known. */
  readonly minutes: number;
  /** Numbers of instances that have states of their own, from 0 up; others count as the next one, and more than the last as no limit. */
  readonly levels: readonly number[];
}

/** A past that decides nothing. */
export const NO_HISTORY: HistoryLimits = { minutes: 0, levels: [0] };

/**
 * State of a fleet's past: by how many instances the maximum of the last 1, 2, … minutes exceeds the instances of now. Infinity if it has no limit. An
 * element is never less than the one before it.
 */
export type FleetHistory = readonly number[];

/** Index of the state whose past has no more instances than now. */
export const SETTLED = 0;

/** States of the past, and the way from one to another. */
export class FleetHistories {
  public readonly all: readonly FleetHistory[];
  private readonly levels: readonly number[];
  private readonly indices: ReadonlyMap<string, number>;

  public constructor({ minutes, levels }: HistoryLimits) {
    this.levels = [...levels, Infinity];
    this.all = sequences(minutes, this.levels, 0);
    this.indices = new Map(this.all.map((history, index) => [history.join(), index]));
  }

  /** Index of a state; numbers in between count as the next level. */
  public index(history: FleetHistory): number {
    return this.indices.get(history.map((more) => this.levels.find((level) => level >= more)).join())!;
  }

  /** Indices of the states a minute later, with as many instances. */
  public later(): number[] {
    return this.all.map((history) => this.index([0, ...history].slice(0, history.length)));
  }

  /** Indices of the states with some instances fewer (1) or more (-1) from now on. */
  public changed(fewer: number): number[] {
    return this.all.map((history) => this.index(history.map((more) => Math.max(0, more + fewer))));
  }
}

/** Every sequence whose elements do not fall, in the order of their elements. */
function sequences(length: number, levels: readonly number[], from: number): number[][] {
  if (length === 0) return [[]];
  return levels
    .slice(from)
    .flatMap((level, index) => sequences(length - 1, levels, from + index).map((rest) => [level, ...rest]));
}
