import { SecondsHistogram, type EngineSpan } from '../fleet';
import { round } from '../number-text';
import type { TimelinePoint } from './rehearsal';

/** Maximum number of intervals in a timeline. */
const MAX_INTERVALS = 1440;

interface Interval {
  readonly from: number;
  to: number;
  arrived: number;
  missed: number;
  dropped: number;
  work: number;
  slotSeconds: number;
  busySeconds: number;
  queued: number;
  longestWait: number;
  peakDemand: number;
}

/** The fleet at the end of a span. */
export interface FleetSnapshot {
  readonly desired: number;
  readonly billed: number;
  readonly maximum: number;
}

/** Gathers spans into at most 1440 intervals of equal length, whatever the length of the run. */
export class TimelineBuilder {
  private readonly closed: TimelinePoint[] = [];
  private readonly lengthSeconds: number;
  private readonly waitBefore = new SecondsHistogram();
  private minute = { seconds: 0, work: 0 };
  private open: Interval | undefined;

  /**
   * @param wait histogram of all waits since the start of the run; the engine keeps filling it
   * @param spentUsd returns the spend from the start of the run to a second of it
   */
  public constructor(
    private readonly slots: number,
    private readonly wait: SecondsHistogram,
    private readonly spentUsd: (second: number) => number,
    private readonly runSeconds: number,
    spanSeconds: number,
  ) {
    this.lengthSeconds = Math.max(1, Math.ceil(runSeconds / MAX_INTERVALS / spanSeconds)) * spanSeconds;
  }

  public add(span: EngineSpan, state: FleetSnapshot): void {
    const seconds = span.toSeconds - span.fromSeconds;
    if (seconds <= 0) return;
    const interval = (this.open ??= emptyInterval(span.fromSeconds));
    interval.to = span.toSeconds;
    interval.arrived += span.arrived;
    interval.missed += span.missed;
    interval.dropped +=
      span.timedOut + span.rejectedByQueue + span.rejectedWithoutInstance - span.timedOutAgain - span.rejectedAgain;
    interval.work += span.workArrived;
    interval.slotSeconds += span.inService * this.slots * seconds;
    interval.busySeconds += span.meanBusy * seconds;
    interval.queued = Math.max(interval.queued, span.queued);
    interval.longestWait = Math.max(interval.longestWait, span.waitMaximum);
    const { minute } = this;
    minute.seconds += seconds;
    minute.work += span.workArrived;
    if (minute.seconds >= 60 - 1e-9) {
      interval.peakDemand = Math.max(interval.peakDemand, minute.work / minute.seconds);
      this.minute = { seconds: 0, work: 0 };
    }
    const isFull = interval.to - interval.from >= this.lengthSeconds - 1e-9;
    if (isFull || span.toSeconds >= this.runSeconds) this.close(span, state);
  }

  /** Points of the intervals so far; the last one ends with the run. */
  public points(): readonly TimelinePoint[] {
    return this.closed;
  }

  private close(span: EngineSpan, state: FleetSnapshot): void {
    const interval = this.open!;
    this.open = undefined;
    const seconds = interval.to - interval.from;
    const [p50, p95, p99] = this.wait.quantilesSince(this.waitBefore, [0.5, 0.95, 0.99]);
    const percent = (count: number): number =>
      interval.arrived === 0 ? 0 : round(Math.min(100, (100 * count) / interval.arrived), 3);
    this.closed.push({
      second: round((interval.from + interval.to) / 2, 1),
      requestsPerSecond: round(interval.arrived / seconds, 3),
      demand: round(interval.work / seconds, 2),
      peakDemand: round(Math.max(interval.peakDemand, interval.work / seconds), 2),
      slots: round(interval.slotSeconds / seconds, 1),
      busySlots: round(interval.busySeconds / seconds, 2),
      queued: interval.queued,
      missedPercent: percent(interval.missed),
      droppedPercent: percent(interval.dropped),
      waitSeconds: { p50: round(p50!, 3), p95: round(p95!, 3), p99: round(p99!, 3) },
      longestWaitSeconds: round(interval.longestWait, 3),
      desired: state.desired,
      inService: span.inService,
      billed: state.billed,
      maximum: state.maximum,
      usd: round(this.spentUsd(span.toSeconds), 4),
    });
  }
}

function emptyInterval(from: number): Interval {
  return {
    from,
    to: from,
    arrived: 0,
    missed: 0,
    dropped: 0,
    work: 0,
    slotSeconds: 0,
    busySeconds: 0,
    queued: 0,
    longestWait: 0,
    peakDemand: 0,
  };
}
