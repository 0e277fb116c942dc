import type { EpochSeconds } from '../../core/time';

/** Slots of the endpoint at a moment. */
export interface SlotsAt {
  readonly at: EpochSeconds;
  /** Free slots of the instances in service; 0 while requests wait for one. */
  readonly free: number;
}

/** Request that went through the stream and was answered. */
export interface StreamedRequest {
  readonly sentAt: EpochSeconds;
  /** Time at which it left the stream for the endpoint. */
  readonly leftAt: EpochSeconds;
  /** Time that the stream added, seconds. */
  readonly addedSeconds: number;
}

/**
 * Returns what the stream added to the requests that were sent once the fleet had caught up: from the moment on at which there was a free slot for
 * every record that waited in the stream, until no slot was free. A consumer that falls behind while slots are free is in these times.
 *
 * @param slots observations, the earliest first
 */
export function addedOnceCaughtUp(slots: readonly SlotsAt[], requests: readonly StreamedRequest[]): readonly number[] {
  const bySent = [...requests].sort((a, b) => a.sentAt - b.sentAt);
  const left = Float64Array.from(requests, ({ leftAt }) => leftAt).sort();
  const added: number[] = [];
  let sentCount = 0;
  let leftCount = 0;
  let hasCaughtUp = false;
  for (const [index, { at, free }] of slots.entries()) {
    while (sentCount < bySent.length && bySent[sentCount]!.sentAt <= at) sentCount++;
    while (leftCount < left.length && left[leftCount]! <= at) leftCount++;
    hasCaughtUp = free > 0 && (hasCaughtUp || sentCount - leftCount <= free);
    if (!hasCaughtUp) continue;
    const until = slots[index + 1]?.at ?? Infinity;
    for (let next = sentCount; next < bySent.length && bySent[next]!.sentAt <= until; next++)
      added.push(bySent[next]!.addedSeconds);
  }
  return added;
}
