import type { EngineSpan } from '../fleet';
import type { TimelinePoint } from './rehearsal';

/** Above this many stretches every two become one. */
const MOST_STRETCHES = 1440;

interface Stretch {
  from: number;
  to: number;
  arrived: number;
  missed: number;
  work: number;
  slotSeconds: number;
  busySeconds: number;
  queued: number;
  longestWait: number;
  desired: number;
  inService: number;
  billed: number;
  maximum: number;
  usd: number;
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
  private stretches: Stretch[] = [];
  private open: Stretch | undefined;
  private lengthSeconds: number;

  public constructor(
    private readonly slots: number,
    expectedSeconds: number,
  ) {
    this.lengthSeconds = Math.max(10, Math.ceil(expectedSeconds / MOST_STRETCHES / 10) * 10);
  }

  public add(span: EngineSpan, state: FleetState): void {
    const seconds = span.toSeconds - span.fromSeconds;
    const stretch = (this.open ??= emptyStretch(span.fromSeconds));
    stretch.to = span.toSeconds;
    stretch.arrived += span.arrived;
    stretch.missed += span.missed;
    stretch.work += span.workArrived;
    stretch.slotSeconds += span.inService * this.slots * seconds;
    stretch.busySeconds += span.meanBusy * seconds;
    stretch.queued = Math.max(stretch.queued, span.queued);
    stretch.longestWait = Math.max(stretch.longestWait, span.waitMaximum);
    stretch.inService = span.inService;
    stretch.desired = state.desired;
    stretch.billed = state.billed;
    stretch.maximum = state.maximum;
    stretch.usd = state.usd;
    if (stretch.to - stretch.from >= this.lengthSeconds - 1e-9) this.close();
  }

  public points(): TimelinePoint[] {
    this.close();
    return this.stretches
      .filter(({ from, to }) => to > from)
      .map((stretch) => {
        const seconds = stretch.to - stretch.from;
        return {
          second: round((stretch.from + stretch.to) / 2, 1),
          requestsPerSecond: round(stretch.arrived / seconds, 3),
          demand: round(stretch.work / seconds, 2),
          slots: round(stretch.slotSeconds / seconds, 1),
          busySlots: round(stretch.busySeconds / seconds, 2),
          queued: stretch.queued,
          missedPercent: stretch.arrived === 0 ? 0 : round((100 * stretch.missed) / stretch.arrived, 3),
          longestWaitSeconds: round(stretch.longestWait, 3),
          desired: stretch.desired,
          inService: stretch.inService,
          billed: stretch.billed,
          maximum: stretch.maximum,
          usd: round(stretch.usd, 4),
        };
      });
  }

  private close(): void {
    if (this.open === undefined) return;
    this.stretches.push(this.open);
    this.open = undefined;
    if (this.stretches.length <= MOST_STRETCHES) return;
    const joined: Stretch[] = [];
    for (let index = 0; index < this.stretches.length; index += 2) {
      const [first, second] = [this.stretches[index]!, this.stretches[index + 1]];
      joined.push(second === undefined ? first : join(first, second));
    }
    this.stretches = joined;
    this.lengthSeconds *= 2;
  }
}

function emptyStretch(from: number): Stretch {
  return {
    from,
    to: from,
    arrived: 0,
    missed: 0,
    work: 0,
    slotSeconds: 0,
    busySeconds: 0,
    queued: 0,
    longestWait: 0,
    desired: 0,
    inService: 0,
    billed: 0,
    maximum: 0,
    usd: 0,
  };
}

function join(a: Stretch, b: Stretch): Stretch {
  return {
    ...b,
    from: a.from,
    arrived: a.arrived + b.arrived,
    missed: a.missed + b.missed,
    work: a.work + b.work,
    slotSeconds: a.slotSeconds + b.slotSeconds,
    busySeconds: a.busySeconds + b.busySeconds,
    queued: Math.max(a.queued, b.queued),
    longestWait: Math.max(a.longestWait, b.longestWait),
  };
}

export function round(value: number, digits: number): number {
  const factor = Math.pow(10, digits);
  return Math.round(value * factor) / factor;
}
