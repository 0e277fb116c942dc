import type { EpochSeconds } from '../../../core/time';
import { SecondsHistogram } from '../seconds-histogram';

/** What happened to the requests of one span, between two calls of `RequestEngine.drain`. */
export interface EngineSpan {
  readonly fromSeconds: EpochSeconds;
  readonly toSeconds: EpochSeconds;
  readonly arrived: number;
  readonly completed: number;
  readonly timedOut: number;
  readonly rejectedWithoutInstance: number;
  readonly rejectedByQueue: number;
  /** Requests that waited longer than the objective, timed out or were refused; each counted once. */
  readonly missed: number;
  /** Each accepted arrival counts 1/N with N instances in service at that moment. */
  readonly invocationsPerInstance: number;
  /** Seconds of service that the arrivals ask for. */
  readonly workArrived: number;
  /** Sum and maximum of seconds from arrival to answer, of requests completed. */
  readonly latencySum: number;
  readonly latencyMaximum: number;
  /** Sum and maximum of seconds in a queue, of requests whose service began. */
  readonly waitSum: number;
  readonly waitMaximum: number;
  /** Requests present (in slots and queues) in the instances in service, mean over the span. */
  readonly meanOutstanding: number;
  /** Slots in use in the instances in service, mean over the span. */
  readonly meanBusy: number;
  /** The fewest and the most requests present in one instance at any moment. */
  readonly lowestOutstanding: number;
  readonly highestOutstanding: number;
  /** Requests waiting at the end of the span. */
  readonly queued: number;
  /** Instances in service at the end of the span. */
  readonly inService: number;
}

/** Requests since the start. `arrived = completed + timedOut + rejected + present`, always. */
export interface EngineTotals {
  readonly arrived: number;
  readonly completed: number;
  readonly timedOut: number;
  readonly rejected: number;
  readonly missed: number;
  /** Requests in queues and, with their callers still waiting, in slots. */
  readonly present: number;
}

/** The fields of a span that the meter sums up; the others are read off the fleet. */
const COUNTERS = [
  'arrived',
  'completed',
  'timedOut',
  'rejectedWithoutInstance',
  'rejectedByQueue',
  'missed',
  'workArrived',
  'latencySum',
  'latencyMaximum',
  'waitSum',
  'waitMaximum',
] as const;

type Counters = { [name in (typeof COUNTERS)[number]]: number };

/** Counts what happens to requests: since the span began, and since the start. */
export class EngineMeter {
  /** Since the span began; the engine's loop counts into it. */
  public readonly since = newCounters();
  /** Seconds from arrival to answer, of all requests completed. */
  public readonly latency = new SecondsHistogram();
  /** Seconds in a queue, of all requests whose service began. */
  public readonly wait = new SecondsHistogram();
  /** Arrivals accepted since instances in service came or went. */
  public accepted = 0;

  private readonly before = newCounters();
  private invocationsPerInstance = 0;

  /** @param sloWait a request that waits longer misses its objective, seconds. */
  public constructor(public readonly sloWait: number) {}

  /** A request has waited so long, and its service begins. */
  public addWait(seconds: number): void {
    const { since } = this;
    this.wait.add(seconds);
    since.waitSum += seconds;
    if (seconds > since.waitMaximum) since.waitMaximum = seconds;
    if (seconds > this.sloWait) since.missed++;
  }

  /** The number of instances in service is about to change, or is to be read. */
  public closeInvocations(serving: number): void {
    if (serving > 0) this.invocationsPerInstance += this.accepted / serving;
    this.accepted = 0;
  }

  /** What was counted since the span began; the next one begins. */
  public drain(): Counters & { readonly invocationsPerInstance: number } {
    const { since, before, invocationsPerInstance } = this;
    const counted = { ...since, invocationsPerInstance };
    for (const name of COUNTERS) {
      before[name] += since[name];
      since[name] = 0;
    }
    this.invocationsPerInstance = 0;
    return counted;
  }

  /** What was counted since the start. */
  public totals(): Omit<EngineTotals, 'present'> {
    const { before, since } = this;
    return {
      arrived: before.arrived + since.arrived,
      completed: before.completed + since.completed,
      timedOut: before.timedOut + since.timedOut,
      rejected:
        before.rejectedWithoutInstance + since.rejectedWithoutInstance + before.rejectedByQueue + since.rejectedByQueue,
      missed: before.missed + since.missed,
    };
  }
}

function newCounters(): Counters {
  return {
    arrived: 0,
    completed: 0,
    timedOut: 0,
    rejectedWithoutInstance: 0,
    rejectedByQueue: 0,
    missed: 0,
    workArrived: 0,
    latencySum: 0,
    latencyMaximum: 0,
    waitSum: 0,
    waitMaximum: 0,
  };
}
