import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { FastRandom } from '../../random';
import type { RequestSource } from '../../traffic/request-source';
import { checkFleetOptions, type CapacityState, type EndpointFleetOptions } from '../fleet-options';
import type { SecondsHistogram } from '../seconds-histogram';
import { Callers, checkCallerRetries, type CallerRetries } from './callers';
import { DepartureWheel } from './departure-wheel';
import { EngineLoop } from './engine-loop';
import {
  EngineMeter,
  newSpan,
  type EngineSpan,
  type EngineTotals,
  type RetryTotals,
  type Writable,
} from './engine-meter';
import { EngineRoster, type EngineEvent } from './engine-roster';
import { InstanceOrder } from './instance-order';
import { ABANDONED, NONE, RequestTable } from './request-table';
import { TimeOuts } from './time-outs';
import { SHARED_LINE, WaitingLines } from './waiting-lines';

/** Treatment of the work of requests whose callers have given up. */
export type AbandonedWork = 'served' | 'dropped';

/** Settings of a request engine. */
export interface RequestEngineOptions extends Omit<EndpointFleetOptions, 'random'> {
  /**
   * Queue in which requests wait for a slot: in the container of the instance they were sent to (real-time endpoints), or one queue
   * before all instances (asynchronous endpoints, which hold requests even without an instance).
   *
   * @default 'instance'
   */
  readonly queue?: 'instance' | 'shared';
  /** Maximum number of requests in slots at once; the rest waits in the shared queue. @default Infinity */
  readonly maxInFlight?: number;
  /** Wait after which a request leaves the shared queue for another endpoint, in place of a time-out. @default - none does */
  readonly spillAfterSeconds?: number;
  /** Called with each request that leaves in this way, in order of time. */
  readonly onSpill?: (at: EpochSeconds, serviceSeconds: number) => void;
  /** Maximum wait for a slot within the objective. @default 1 */
  readonly sloWaitSeconds?: number;
  /**
   * Time that `requestTimeoutSeconds` limits: from arrival to response, or the wait for a slot alone.
   *
   * @default 'response'
   */
  readonly timeOutOf?: 'response' | 'wait';
  /**
   * Work of requests that time out in the queue of an instance: their container does it after all
   * (`served`), or notices that the connection is closed and leaves it (`dropped`). A shared queue always leaves it.
   *
   * @default 'dropped'
   */
  readonly abandonedWork?: AbandonedWork;
  /** Further attempts of callers whose requests fail. @default - none */
  readonly retries?: CallerRetries;
  /**
   * True if callers try again after a rejection for lack of an instance: a variant answers with 503, which SDKs retry; a component without a copy
   * with 400, which they do not.
   *
   * @default true
   */
  readonly retriesWithoutInstance?: boolean;
  /** Seeds random routing and the pauses before retries. @default 1 */
  readonly seed?: number | string;
  /** Expected requests per second; a good estimate saves the first adjustment. @default 100 */
  readonly requestsPerSecond?: number;
}

/**
 * One fleet of instances under hundreds of millions of requests: the same rules as `EndpointFleet`, without an object per request.
 *
 * - Requests are rows in columns ({@link RequestTable}). Measurements are sums ({@link EngineMeter}); only requests that wait
 *   ({@link WaitingLines}) or may time out ({@link TimeOuts}) cost more.
 * - Ends of service are in a timing wheel ({@link DepartureWheel}), instances are sorted by their requests ({@link InstanceOrder}), and
 *   {@link EngineLoop} moves requests from one to the other.
 * - {@link EngineRoster} launches, drains and bills the instances.
 *
 * The caller gives the time: {@link run} takes requests from a source up to a moment and stops, so that a control loop can measure
 * ({@link takeSpan}) and act ({@link setDesired}).
 */
export class RequestEngine {
  public readonly roster: EngineRoster;
  public readonly slots: number;
  /** Seconds from arrival to response, of all completed requests. */
  public readonly latency: SecondsHistogram;
  /** Seconds in a queue, of all requests whose service began, and of those that {@link countWaiting} found. */
  public readonly wait: SecondsHistogram;

  private readonly table: RequestTable;
  private readonly instances: InstanceOrder;
  private readonly wheel: DepartureWheel;
  private readonly lines: WaitingLines;
  private readonly meter: EngineMeter;
  private readonly callers: Callers;
  private readonly loop: EngineLoop;
  private maxInFlight: number;
  private spanFrom: EpochSeconds;

  /** @throws InputError naming every invalid option. */
  public constructor(options: RequestEngineOptions) {
    checkFleetOptions(options);
    if (options.retries !== undefined) checkCallerRetries(options.retries);
    const { startAt = 0, routing = 'LEAST_OUTSTANDING_REQUESTS' } = options;
    const table = new RequestTable();
    const instances = new InstanceOrder(startAt);
    const wheel = new DepartureWheel(table, startAt, options.requestsPerSecond ?? 100);
    const lines = new WaitingLines(table, instances, options.queue === 'shared', startAt);
    const meter = new EngineMeter(options.sloWaitSeconds ?? 1);
    const roster = new EngineRoster({
      pools: options.pools,
      provisioning: options.provisioning,
      capacityRetrySeconds: options.capacityRetrySeconds ?? 60,
      outstanding: (instance) => instances.load[instance],
      callers: (instance) => instances.load[instance] - instances.abandoned[instance],
      vacate: (instance, at) => this.vacate(instance, at),
      enter: (instance, at) => this.enter(instance, at),
      leave: (instance, at) => this.leave(instance, at),
    });
    const slots = options.slotsPerInstance;
    const callers = new Callers(
      options.retries ?? { mode: 'none' },
      options.seed ?? 1,
      table,
      meter,
      options.retriesWithoutInstance ?? true,
      options.onSpill,
    );
    const loop = new EngineLoop({
      startAt,
      slots,
      queueLimit: options.queueLimitPerInstance ?? Infinity,
      maxInFlight: options.queue === 'shared' ? (options.maxInFlight ?? Infinity) : Infinity,
      random: routing === 'RANDOM' ? new FastRandom(`${options.seed ?? 1}/routing`) : undefined,
      table,
      instances,
      wheel,
      lines,
      timeOuts: new TimeOuts(
        options.spillAfterSeconds ?? options.requestTimeoutSeconds ?? 60,
        options.timeOutOf === 'wait' || options.spillAfterSeconds !== undefined,
        options.spillAfterSeconds !== undefined,
        options.abandonedWork === 'served',
        table,
        instances,
        lines,
        callers,
        meter.sloWait,
        (instance, at) => this.giveUp(instance, at),
      ),
      callers,
      meter,
      roster,
      vacate: (instance, at) => this.vacate(instance, at),
    });

    this.roster = roster;
    this.slots = slots;
    this.maxInFlight = options.queue === 'shared' ? (options.maxInFlight ?? Infinity) : Infinity;
    this.latency = meter.latency;
    this.wait = meter.wait;
    this.table = table;
    this.instances = instances;
    this.wheel = wheel;
    this.lines = lines;
    this.meter = meter;
    this.callers = callers;
    this.loop = loop;
    this.spanFrom = startAt;
  }

  /** Current time of the engine: the latest moment given. */
  public get now(): EpochSeconds {
    return this.loop.present;
  }

  /** Number of requests that wait for a slot. */
  public get waiting(): number {
    return this.lines.length;
  }

  /** Number of those whose callers still wait. */
  public get waitingCallers(): number {
    return this.lines.length - this.lines.abandoned;
  }

  /** Number of instances in service. */
  public get inService(): number {
    return this.instances.serving;
  }

  /** Requests since the start. */
  public get totals(): EngineTotals {
    const { lines, loop, callers } = this;
    return { ...this.meter.totals(), present: lines.length - lines.abandoned + loop.inFlight + callers.pausing };
  }

  /** Retries since the start, and work for callers that had given up. */
  public get retries(): RetryTotals {
    return this.meter.retries();
  }

  /** Seconds of service of the requests that left the shared queue for another endpoint. */
  public get spilledSeconds(): number {
    return this.meter.spilledSeconds;
  }

  /** Requests since the start that waited longer than the objective, timed out or were rejected. */
  public get missed(): number {
    return this.meter.missed;
  }

  /** Returns the mean of the requests present since the last call or span; cheaper than {@link takeSpan}, whose mean begins again. */
  public takeMeanOutstanding(): number {
    const { outstanding } = this.instances;
    const mean = outstanding.meanUntil(this.now);
    outstanding.restart(this.now);
    return Math.max(0, mean);
  }

  /** Sets the desired number of instances (absolute); `warm` ones are in service at once. */
  public setDesired(count: number, warm = false): void {
    if (!(Number.isInteger(count) && count >= 0)) {
      throw new InputError(`the desired instance count is ${count}; it must be a whole number of at least 0`);
    }
    this.roster.setDesired(count, this.now, warm);
  }

  /** Sets the maximum number of requests in slots, of a shared queue; those in slots stay in them. */
  public setMaxInFlight(count: number): void {
    if (!this.lines.shared) return;
    this.maxInFlight = count;
    this.loop.maxInFlight = count;
    this.startWaiting(this.now);
  }

  /** Sets the capacity of an instance type, for launches from now on. */
  public setCapacity(instanceType: string, state: CapacityState): void {
    this.roster.setCapacity(instanceType, state);
  }

  /** Returns the events of instances since the last call, in order of time. */
  public takeEvents(): readonly EngineEvent[] {
    return this.roster.takeEvents();
  }

  /**
   * Advances to a moment: takes the source's requests before it and everything that ends up to it. Returns false if the source has no more
   * requests.
   */
  public run(source: RequestSource | undefined, until: EpochSeconds): boolean {
    const { roster, wheel, loop } = this;
    if (until < loop.present) return true;
    let open = source !== undefined;
    for (;;) {
      const step = Math.min(until, roster.nextAt, wheel.reach);
      open = loop.run(open ? source : undefined, step);
      wheel.turnTo(step);
      this.startWaiting(step);
      if (roster.nextAt <= step) roster.advanceTo(step);
      else if (step >= until) return open;
    }
  }

  /**
   * Returns the measurements since the last call and starts the next span.
   *
   * @param span is overwritten and returned, so that frequent callers create no objects
   */
  public takeSpan(span: Writable<EngineSpan> = newSpan()): EngineSpan {
    const { instances, lines, meter, now } = this;
    const { outstanding, serving } = instances;
    meter.closeInvocations(serving);
    const { since } = meter;
    const meanOutstanding = outstanding.meanUntil(now);
    span.fromSeconds = this.spanFrom;
    span.toSeconds = now;
    span.arrived = since.arrived;
    span.retried = since.retried;
    span.completed = since.completed;
    span.timedOut = since.timedOut;
    span.rejectedWithoutInstance = since.rejectedWithoutInstance;
    span.rejectedByQueue = since.rejectedByQueue;
    span.timedOutAgain = since.timedOutAgain;
    span.rejectedAgain = since.rejectedAgain;
    span.missed = since.missed;
    span.workArrived = since.workArrived;
    span.latencySum = since.latencySum;
    span.latencyMaximum = since.latencyMaximum;
    span.waitSum = since.waitSum;
    span.waitMaximum = since.waitMaximum;
    span.invocationsPerInstance = meter.invocationsPerInstance;
    span.meanOutstanding = Math.max(0, meanOutstanding);
    span.meanBusy = Math.max(0, meanOutstanding - lines.inService.meanUntil(now));
    span.lowestOutstanding = serving === 0 ? 0 : instances.lowest;
    span.highestOutstanding = instances.highest;
    span.queued = lines.length;
    span.longestWaiting = this.longestWaiting();
    span.inService = serving;
    this.spanFrom = now;
    meter.startSpan();
    instances.restart(now);
    lines.inService.restart(now);
    return span;
  }

  /**
   * Counts the requests that still wait, with their waits so far; those beyond the objective are missed. For the end of a run: what comes
   * afterwards is not known, and a request without an answer is not served well.
   */
  public countWaiting(): void {
    const { lines, callers, table, now } = this;
    for (const head of lines.heads) {
      for (let row = head; row !== NONE; row = table.next[row]) {
        if (table.arrived[row] !== ABANDONED) callers.started(row, now);
      }
    }
    callers.countPauses(now);
  }

  /** Puts an instance into service; requests in the shared queue go to it. */
  private enter(instance: number, at: EpochSeconds): void {
    const { instances, lines, meter } = this;
    meter.closeInvocations(instances.serving);
    instances.enter(instance);
    lines.enter(instance);
    while (this.mayStart() && instances.load[instance] < this.slots) this.start(instance, at);
  }

  /**
   * Gives the free slots to requests in the shared queue: under a limit of requests in slots, instances that drain give places back while other
   * instances have free slots.
   */
  private startWaiting(at: EpochSeconds): void {
    const { instances } = this;
    if (this.maxInFlight === Infinity) return;
    while (this.mayStart() && instances.serving > 0 && instances.load[instances.order[0]] < this.slots)
      this.start(instances.order[0], at);
  }

  private mayStart(): boolean {
    const { lines } = this;
    return lines.shared && lines.heads[SHARED_LINE] !== NONE && this.loop.inFlight < this.maxInFlight;
  }

  /** Starts the first request of the shared queue in an instance. */
  private start(instance: number, at: EpochSeconds): void {
    const { instances, lines, callers, table } = this;
    const row = lines.take(instance, at);
    callers.started(row, at);
    instances.raise(instance, at);
    table.instance[row] = instance;
    table.finish[row] = at + table.service[row];
    this.loop.inFlight++;
    this.wheel.put(row);
  }

  /** Seconds for which the first request of the shared queue has waited, 0 without one. */
  private longestWaiting(): number {
    const { lines, table, now } = this;
    const first = lines.shared ? lines.heads[SHARED_LINE] : NONE;
    return first === NONE ? 0 : Math.max(0, now - table.arrived[first]);
  }

  /** Notes that a caller of a released instance has given up. */
  private giveUp(instance: number, at: EpochSeconds): void {
    const { instances, roster } = this;
    if (!roster.isBilled(instance)) return;
    roster.drains.givenUp++;
    if (instances.load[instance] === instances.abandoned[instance]) this.vacate(instance, at);
  }

  /** Ends a released instance that no caller waits for, with the work that its container still had. */
  private vacate(instance: number, at: EpochSeconds): void {
    const { instances, lines, table, roster } = this;
    while (!lines.shared && lines.heads[instance] !== NONE) {
      table.release(lines.take(instance, at));
      lines.abandoned--;
      instances.load[instance]--;
      instances.abandoned[instance]--;
    }
    roster.vacated(instance, at);
  }

  /** Takes an instance out of service; it finishes the requests that callers wait for. */
  private leave(instance: number, at: EpochSeconds): void {
    const { instances, lines, meter } = this;
    meter.closeInvocations(instances.serving);
    instances.leave(instance, at);
    lines.leave(Math.max(0, instances.load[instance] - this.slots), at);
  }
}
