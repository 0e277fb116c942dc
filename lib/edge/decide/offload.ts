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

/**
 * Decides the part of the requests that reaches the cloud: of the requests whose random number is in [from, to), the upper end stays at the edge.
 *
 * @param part part of the requests without devices
 * @param offload share that stays at the edge, 0 to 1
 */
export function cloudPart(
  part: { readonly from: number; readonly to: number },
  offload: number,
): { readonly from: number; readonly to: number } {
  return { from: part.from, to: part.to - offload * (part.to - part.from) };
}
