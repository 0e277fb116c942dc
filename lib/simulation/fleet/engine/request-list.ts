import type { RequestBlock, RequestSource } from '../../traffic/request-source';

/** Requests in order of time, with their service times; moments are seconds from the trace's start. */
export interface RequestList {
  readonly at: Float64Array<ArrayBuffer>;
  readonly service: Float64Array<ArrayBuffer>;
}

const BLOCK = 4096;

/** Returns the index of the first request at or after a moment. */
export function firstFrom(at: Float64Array, seconds: number): number {
  let low = 0;
  let high = at.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at[middle] < seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Source of a part of a list, without a copy. */
export function listSource({ at, service }: RequestList, from = 0, to = at.length): RequestSource {
  let next = from;
  return {
    next(block: RequestBlock): boolean {
      const until = Math.min(to, next + BLOCK);
      block.at = at.subarray(next, until);
      block.service = service.subarray(next, until);
      block.length = until - next;
      next = until;
      return block.length > 0;
    },
  };
}
