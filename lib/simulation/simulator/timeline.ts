import { SecondsHistogram, type EngineSpan } from '../fleet';
import type { TimelinePoint } from './rehearsal';

/** A timeline has at most so many stretches. */
const MOST_STRETCHES = 1440;

interface Stretch {
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

/** What the fleet is at the end of a span. */
export interface FleetState {
  readonly desired: number;
  readonly billed: number;
  readonly maximum: number;
  readonly usd: number;
}

/** Gathers spans into at most 1440 stretches of equal length, whatever the length of the run. */
export class Timeline {
  private readonly made: TimelinePoint[] = [];
  private readonly lengthSeconds: number;
  private readonly waitBefore = new SecondsHistogram();
  private minute = { seconds: 0, work: 0 };
  private open: Stretch | undefined;
  private last: readonly [EngineSpan, FleetState] | undefined;

  /** @param wait every wait since the run's start, as the engine goes on filling it. */
  public constructor(
    private readonly slots: number,
    private readonly wait: SecondsHistogram,
    runSeconds: number,
    spanSeconds: number,
  ) {
    this.lengthSeconds = Math.max(1, Math.ceil(runSeconds / MOST_STRETCHES / spanSeconds)) * spanSeconds;
  }

  public add(span: EngineSpan, state: FleetState): void {
    const seconds = span.toSeconds - span.fromSeconds;
    if (seconds <= 0) return;
    const stretch = (this.open ??= emptyStretch(span.fromSeconds));
    stretch.to = span.toSeconds;
    stretch.arrived += span.arrived;
    stretch.missed += span.missed;
    stretch.dropped += span.timedOut + span.rejectedByQueue + span.rejectedWithoutInstance;
    stretch.work += span.workArrived;
    stretch.slotSeconds += span.inService * this.slots * seconds;
    stretch.busySeconds += span.meanBusy * seconds;
    stretch.queued = Math.max(stretch.queued, span.queued);
    stretch.longestWait = Math.max(stretch.longestWait, span.waitMaximum);
    const { minute } = this;
    minute.seconds += seconds;
    minute.work += span.workArrived;
    if (minute.seconds >= 60 - 1e-9) {
      stretch.peakDemand = Math.max(stretch.peakDemand, minute.work / minute.seconds);
      this.minute = { seconds: 0, work: 0 };
    }
    if (stretch.to - stretch.from >= this.lengthSeconds - 1e-9) this.close(span, state);
    else this.last = [span, state];
  }

  public points(): readonly TimelinePoint[] {
    if (this.open !== undefined && this.last !== undefined) this.close(...this.last);
    return this.made;
  }

  private close(span: EngineSpan, state: FleetState): void {
    const stretch = this.open!;
    this.open = undefined;
    const seconds = stretch.to - stretch.from;
    const [p50, p95, p99] = this.wait.quantilesSince(this.waitBefore, [0.5, 0.95, 0.99]);
    const percent = (count: number): number =>
      stretch.arrived === 0 ? 0 : round(Math.min(100, (100 * count) / stretch.arrived), 3);
    this.made.push({
      second: round((stretch.from + stretch.to) / 2, 1),
      requestsPerSecond: round(stretch.arrived / seconds, 3),
      demand: round(stretch.work / seconds, 2),
      peakDemand: round(Math.max(stretch.peakDemand, stretch.work / seconds), 2),
      slots: round(stretch.slotSeconds / seconds, 1),
      busySlots: round(stretch.busySeconds / seconds, 2),
      queued: stretch.queued,
      missedPercent: percent(stretch.missed),
      droppedPercent: percent(stretch.dropped),
      waitSeconds: { p50: round(p50!, 3), p95: round(p95!, 3), p99: round(p99!, 3) },
      longestWaitSeconds: round(stretch.longestWait, 3),
      desired: state.desired,
      inService: span.inService,
      billed: state.billed,
      maximum: state.maximum,
      usd: round(state.usd, 4),
    });
  }
}

function emptyStretch(from: number): Stretch {
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

export function round(value: number, digits: number): number {
  const factor = Math.pow(10, digits);
  return Math.round(value * factor) / factor;
}
