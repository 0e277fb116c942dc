import type { RequestSource } from '../../traffic/request-source';
import { SecondFleet, type SecondFleetOptions } from '../pooled/second-fleet';
import type { SecondsHistogram } from '../seconds-histogram';
import { RequestEngine, type AbandonedWork } from './request-engine';
import { listSource, type RequestList } from './request-list';

/** Settings of a fleet of single requests. */
export interface RequestFleetOptions extends SecondFleetOptions {
  /** Requests before the window that may still occupy a slot when it begins, in order of time. */
  readonly earlier: RequestList;
  /** Number of requests of the window. */
  readonly requestCount: number;
  /** Returns the requests of the window from its beginning, at the same seconds as the arrivals. */
  readonly source: () => RequestSource;
  /** Work of requests that time out in a queue. @default 'dropped' */
  readonly abandonedWork?: AbandonedWork;
}

/** Name of the only pool. */
const POOL = 'any';

/** One fleet, scaled second by second, whose requests are played one by one by the {@link RequestEngine}. */
export class RequestFleet extends SecondFleet {
  private readonly engine: RequestEngine;
  private readonly source: RequestSource;
  private readonly end: number;
  /** Requests before the window that the engine has counted. */
  private early = 0;
  private waitingAtEnd = 0;
  private isFinished = false;
  /** Seconds of the first instances before the window: they enter a second earlier. */
  private begun = 0;

  public constructor(private readonly options: RequestFleetOptions) {
    super(options);
    const { fromSeconds, toSeconds, slotsPerInstance, sloWaitSeconds, requestTimeoutSeconds = 60 } = options;
    this.engine = new RequestEngine({
      pools: [{ instanceType: POOL, priority: 1 }],
      slotsPerInstance,
      provisioning: () => 0,
      startAt: fromSeconds - 1,
      sloWaitSeconds,
      requestTimeoutSeconds,
      timeOutOf: 'wait',
      ...(options.abandonedWork !== undefined && { abandonedWork: options.abandonedWork }),
      requestsPerSecond: options.requestCount / (toSeconds - fromSeconds),
    });
    this.source = options.source();
    this.end = toSeconds;
  }

  public get wait(): SecondsHistogram {
    return this.engine.wait;
  }

  public get requests(): { readonly arrived: number; readonly missed: number } {
    const { missed } = this;
    return { arrived: this.engine.totals.arrived - this.early, missed };
  }

  public get missed(): number {
    this.finish();
    return this.engine.missed + this.waitingAtEnd;
  }

  /** Plays to a later second with a number of instances in service from now on, without measurements of each second. */
  public playTo(second: number, instances: number): void {
    this.engine.setDesired(instances, true);
    this.inService = instances;
    this.engine.run(this.source, second);
    this.now = second;
  }

  /** Seconds of instances that served or drained in the window so far. */
  public servedSeconds(): number {
    const { roster } = this.engine;
    return roster.billedSeconds(this.now)[POOL] - this.begun;
  }

  protected get draining(): number {
    return this.engine.roster.draining;
  }

  protected occupy(count: number): void {
    const { engine, options } = this;
    const { earlier, fromSeconds, slotsPerInstance } = options;
    engine.setDesired(count, true);
    this.begun = count;
    const early = { at: [] as number[], service: [] as number[] };
    for (let index = earlier.at.length - 1; index >= 0 && early.at.length < count * slotsPerInstance; index--) {
      const left = earlier.at[index] + earlier.service[index] - fromSeconds;
      if (left <= 0) continue;
      early.at.push(fromSeconds - 0.5);
      early.service.push(left + 0.5);
    }
    engine.run(listSource({ at: Float64Array.from(early.at), service: Float64Array.from(early.service) }), fromSeconds);
    this.early = early.at.length;
    engine.takeSpan();
    engine.wait.clear();
  }

  protected enter(count: number): void {
    this.engine.setDesired(this.inService + count, true);
  }

  protected leave(count: number): void {
    this.engine.setDesired(this.inService - count);
  }

  protected playSecond(): number {
    this.engine.run(this.source, this.now + 1);
    return this.engine.takeMeanOutstanding();
  }

  /** Plays on without arrivals after the window's end, until each of its requests has started in time or not. */
  private finish(): void {
    if (this.isFinished || this.now < this.end) return;
    this.isFinished = true;
    this.engine.run(undefined, this.end + this.options.sloWaitSeconds);
    // Callers who gave up have been counted.
    this.waitingAtEnd = this.engine.waitingCallers;
  }
}
