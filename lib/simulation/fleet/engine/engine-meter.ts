import type { EpochSeconds } from '../../../core/time';
import { SecondsHistogram } from '../seconds-histogram';

/** Measurements of one span, between two calls of `RequestEngine.takeSpan`. */
export interface EngineSpan {
  readonly fromSeconds: EpochSeconds;
  readonly toSeconds: EpochSeconds;
  /** Requests that arrived, each counted once. */
  readonly arrived: number;
  /** Further attempts of requests that had arrived before: with `arrived`, the invocations that the service counts. */
  readonly retried: number;
  readonly completed: number;
  /** Attempts that failed. */
  readonly timedOut: number;
  readonly rejectedWithoutInstance: number;
  readonly rejectedByQueue: number;
  /** Those of them after which the request is sent again. */
  readonly timedOutAgain: number;
  readonly rejectedAgain: number;
  /** Requests that waited longer than the objective, timed out or were rejected; each counted once. */
  readonly missed: number;
  /** Sum over the accepted requests of 1/N, with N instances in service at their arrival. */
  readonly invocationsPerInstance: number;
  /** Sum of the service times of the arrivals, in seconds. */
  readonly workArrived: number;
  /** Sum and maximum of the seconds from arrival to response, of completed requests. */
  readonly latencySum: number;
  readonly latencyMaximum: number;
  /** Sum and maximum of the seconds in a queue, of requests whose service began. */
  readonly waitSum: number;
  readonly waitMaximum: number;
  /** Requests present (in slots and queues) in the instances in service, mean over the span. */
  readonly meanOutstanding: number;
  /** Slots in use in the instances in service, mean over the span. */
  readonly meanBusy: number;
  /** Minimum and maximum of the requests present in one instance at any moment. */
  readonly lowestOutstanding: number;
  readonly highestOutstanding: number;
  /** Requests waiting at the end of the span. */
  readonly queued: number;
  /** Seconds for which the first request of a shared queue has waited at the end of the span. */
  readonly longestWaiting: number;
  /** Instances in service at the end of the span. */
  readonly inService: number;
}

/** The same fields, open to the one who fills them. */
export type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** A span without measurements. */
export function newSpan(): Writable<EngineSpan> {
  return {
    fromSeconds: 0,
    toSeconds: 0,
    arrived: 0,
    retried: 0,
    completed: 0,
    timedOut: 0,
    rejectedWithoutInstance: 0,
    rejectedByQueue: 0,
    timedOutAgain: 0,
    rejectedAgain: 0,
    missed: 0,
    invocationsPerInstance: 0,
    workArrived: 0,
    latencySum: 0,
    latencyMaximum: 0,
    waitSum: 0,
    waitMaximum: 0,
    meanOutstanding: 0,
    meanBusy: 0,
    lowestOutstanding: 0,
    highestOutstanding: 0,
    queued: 0,
    longestWaiting: 0,
    inService: 0,
  };
}

/** Requests since the start, each counted once. `arrived = completed + timedOut + rejected + spilled + present`, always. */
export interface EngineTotals {
  readonly arrived: number;
  readonly completed: number;
  readonly timedOut: number;
  readonly rejected: number;
  /** Requests that left the shared queue for another endpoint. */
  readonly spilled: number;
  readonly missed: number;
  /** Requests in queues and, with their callers still waiting, in slots; and those between two attempts. */
  readonly present: number;
}

/** Retries since the start, and the work for callers who had given up. */
export interface RetryTotals {
  /** Attempts beyond the first of each request. */
  readonly attempts: number;
  /** Requests that one of them answered. */
  readonly answered: number;
  /** Retries that the quota forbade. */
  readonly withoutQuota: number;
  /** Seconds of service, in all slots together, for callers that had given up. */
  readonly abandonedSeconds: number;
}

/** Fields of a span that the meter counts; the others describe the fleet. */
interface Counters {
  arrived: number;
  retried: number;
  completed: number;
  timedOut: number;
  rejectedWithoutInstance: number;
  rejectedByQueue: number;
  timedOutAgain: number;
  rejectedAgain: number;
  /** Requests answered by a later attempt than the first. */
  answeredAgain: number;
  /** Retries that the quota forbade. */
  withoutQuota: number;
  /** Seconds of service for callers that had given up. */
  abandonedSeconds: number;
  /** Requests that left the shared queue for another endpoint, and their seconds of service. */
  spilled: number;
  spilledSeconds: number;
  missed: number;
  workArrived: number;
  latencySum: number;
  latencyMaximum: number;
  waitSum: number;
  waitMaximum: number;
}

/** Counters of requests, since the start of the span and since the start of the run. */
export class EngineMeter {
  /** Counters of the current span; the engine's loop counts into them. */
  public readonly since = newCounters();
  /** Seconds from arrival to response, of all completed requests. */
  public readonly latency = new SecondsHistogram();
  /** Seconds in a queue, of all requests whose service began. */
  public readonly wait = new SecondsHistogram();
  /** Arrivals accepted since the number of instances in service last changed. */
  public accepted = 0;

  private readonly before = newCounters();
  /** Sum over the accepted requests of the span of 1/N, as far as {@link closeInvocations} has added them. */
  public invocationsPerInstance = 0;

  /** @param sloWait maximum wait within the objective, in seconds. */
  public constructor(public readonly sloWait: number) {}

  /** Requests missed since the start of the run. */
  public get missed(): number {
    return this.before.missed + this.since.missed;
  }

  /** Adds the wait of a request whose service begins. */
  public addWait(seconds: number): void {
    const { since } = this;
    this.wait.add(seconds);
    since.waitSum += seconds;
    if (seconds > since.waitMaximum) since.waitMaximum = seconds;
    if (seconds > this.sloWait) since.missed++;
  }

  /** Adds the wait of a request whose service begins after its first attempt failed. */
  public addWaitAgain(seconds: number, isLate: boolean): void {
    const { missed } = this.since;
    this.addWait(seconds);
    if (isLate) this.since.missed = missed;
  }

  /** Adds the invocations per instance so far; called before the number of instances in service changes or a span ends. */
  public closeInvocations(serving: number): void {
    if (serving > 0) this.invocationsPerInstance += this.accepted / serving;
    this.accepted = 0;
  }

  /** Starts the next span: the counters of this one are added to those of the run. */
  public startSpan(): void {
    const { since, before } = this;
    // Names that are written out are many times as fast as those of a list.
    before.arrived += since.arrived;
    before.retried += since.retried;
    before.completed += since.completed;
    before.timedOut += since.timedOut;
    before.rejectedWithoutInstance += since.rejectedWithoutInstance;
    before.rejectedByQueue += since.rejectedByQueue;
    before.timedOutAgain += since.timedOutAgain;
    before.rejectedAgain += since.rejectedAgain;
    before.answeredAgain += since.answeredAgain;
    before.withoutQuota += since.withoutQuota;
    before.abandonedSeconds += since.abandonedSeconds;
    before.spilled += since.spilled;
    before.spilledSeconds += since.spilledSeconds;
    before.missed += since.missed;
    since.arrived = 0;
    since.retried = 0;
    since.completed = 0;
    since.timedOut = 0;
    since.rejectedWithoutInstance = 0;
    since.rejectedByQueue = 0;
    since.timedOutAgain = 0;
    since.rejectedAgain = 0;
    since.answeredAgain = 0;
    since.withoutQuota = 0;
    since.abandonedSeconds = 0;
    since.spilled = 0;
    since.spilledSeconds = 0;
    since.missed = 0;
    since.workArrived = 0;
    since.latencySum = 0;
    since.latencyMaximum = 0;
    since.waitSum = 0;
    since.waitMaximum = 0;
    this.invocationsPerInstance = 0;
  }

  /** Returns the counters since the start of the run. */
  public totals(): Omit<EngineTotals, 'present'> {
    const sum = (name: keyof Counters): number => this.before[name] + this.since[name];
    return {
      arrived: sum('arrived'),
      completed: sum('completed'),
      timedOut: sum('timedOut') - sum('timedOutAgain'),
      rejected: sum('rejectedWithoutInstance') + sum('rejectedByQueue') - sum('rejectedAgain'),
      spilled: sum('spilled'),
      missed: sum('missed'),
    };
  }

  /** Requests completed since the start of the run. */
  public get completed(): number {
    return this.before.completed + this.since.completed;
  }

  /** Seconds of service of the requests that left the shared queue for another endpoint. */
  public get spilledSeconds(): number {
    return this.before.spilledSeconds + this.since.spilledSeconds;
  }

  /** Returns the retries since the start of the run. */
  public retries(): RetryTotals {
    const sum = (name: keyof Counters): number => this.before[name] + this.since[name];
    return {
      attempts: sum('retried'),
      answered: sum('answeredAgain'),
      withoutQuota: sum('withoutQuota'),
      abandonedSeconds: sum('abandonedSeconds'),
    };
  }
}

function newCounters(): Counters {
  return {
    arrived: 0,
    retried: 0,
    completed: 0,
    timedOut: 0,
    rejectedWithoutInstance: 0,
    rejectedByQueue: 0,
    timedOutAgain: 0,
    rejectedAgain: 0,
    answeredAgain: 0,
    withoutQuota: 0,
    abandonedSeconds: 0,
    spilled: 0,
    spilledSeconds: 0,
    missed: 0,
    workArrived: 0,
    latencySum: 0,
    latencyMaximum: 0,
    waitSum: 0,
    waitMaximum: 0,
  };
}
