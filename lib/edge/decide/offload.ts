/** Requests of devices in a period, as their metrics count them. */
export interface EdgeCounts {
  /** Requests that the devices received. */
  readonly requests: number;
  /** Requests that the cloud endpoint was asked, then or later. */
  readonly askedCloud: number;
}

/** Share of requests that devices answer by themselves, and the numbers it follows from. */
export interface EdgeOffload {
  /** 0 to 1. */
  readonly share: number;
  readonly requests: number;
  readonly answeredAtEdge: number;
}

/**
 * Decides the share of the requests that stay at the edge: all but those that the cloud endpoint was asked. Without requests nothing stays, so that
 * a fleet is never sized below its demand because of devices that measured nothing.
 */
export function decideEdgeOffload(counts: readonly EdgeCounts[]): EdgeOffload {
  const requests = counts.reduce((sum, one) => sum + one.requests, 0);
  const asked = counts.reduce((sum, one) => sum + Math.min(one.askedCloud, one.requests), 0);
  const answeredAtEdge = requests - asked;
  return { share: requests === 0 ? 0 : answeredAtEdge / requests, requests, answeredAtEdge };
}

/** Salt of the choice, so that it agrees with no other one by the number of a request. */
const GOLDEN = 0.618_033_988_749_894_9;

/**
 * Decides whether a request of a trace stays at the edge: of any run of consecutive requests the share, spread evenly, the same with every call.
 *
 * @param index number of the request in the trace, from 0
 * @param share share of requests that stay at the edge, 0 to 1
 */
export function staysAtEdge(index: number, share: number): boolean {
  // The fractional parts of multiples of the golden ratio fill the interval evenly (H. Weyl, 1916).
  return ((index + 1) * GOLDEN) % 1 < share;
}
