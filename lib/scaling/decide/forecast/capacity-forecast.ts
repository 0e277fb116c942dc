import { InputError } from '../../../core/errors';
import { ChangePhases, type ChangePhasesState } from './change-phases';
import { DemandQuantile, type DemandQuantileState } from './demand-quantile';
import { Minutes, type MinutesState } from './minutes';
import { PARTS, ShadowFleet, STICKINESS, type ShadowFleetState } from './shadow-fleet';

/** One fleet, as the forecast sees it. */
export interface ForecastSettings {
  /** Requests that an instance serves at once. */
  readonly slotsPerInstance: number;
  /** Mean seconds a request keeps its slot. */
  readonly serviceSeconds: number;
  /** Seconds from a launch until the instance serves. */
  readonly provisioningSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** What the forecast asks for. */
export interface ForecastDecision {
  /** Instances: the minimum to write. */
  readonly capacity: number;
  /** `reactive` when the naive forecast is better on this endpoint, by so much that it matters: the minimum is then the configured one. */
  readonly mode: 'forecast' | 'reactive';
  readonly explanation: string;
  /** The 90th percentile of requests per second in ten minutes. */
  readonly predictedRequestsPerSecond: number;
  /** Mean pinball losses at 0.9, ten minutes ahead, in requests per second. */
  readonly score: { readonly forecast: number; readonly naive: number };
}

/** What the forecast keeps between runs: plain JSON of some kilobytes. */
export interface ForecastState {
  readonly version: 1;
  readonly settings: string;
  readonly lastMinute: number | null;
  readonly capacity: number;
  readonly requests: number;
  readonly minutes: MinutesState;
  readonly phases: ChangePhasesState;
  readonly quantile: DemandQuantileState;
  readonly fleets: readonly ShadowFleetState[];
}

/** The utilisations that are tried out: how tightly capacity may follow what is to be ready for. */
const UTILISATIONS = [
  0.7, 0.76, 0.8, 0.83, 0.86, 0.88, 0.9, 0.92, 0.94, 0.955, 0.97, 0.98, 0.99, 1, 1.01, 1.02, 1.03, 1.045, 1.06, 1.08,
];

/** The objective is 99 % on time; a trial aims higher, for what it does not see: seconds within a part, and slow starts. */
const ALLOWED_MISSES = 0.0078;
/** Experience fades by half in two days. */
const KEEP = Math.pow(0.5, 1 / (2 * 1440));
/** What is believed before anything was seen counts like an hour of traffic. */
const PRIOR_MINUTES = 60;

/** The share of misses believed of a utilisation: 0.6 % at 0.9, growing e-fold every 0.035, and at most 2 %. */
function believedMisses(utilisation: number): number {
  return Math.min(0.02, 0.006 * Math.exp((utilisation - 0.9) / 0.035));
}

/**
 * Forecasts the instances that a fleet will need by the time they could be there.
 *
 * Capacity follows the highest of the last twelve minutes, raised by its bursts and by how far demand lately jumped. How
 * tightly it may follow is learned: fleets that differ in that alone are played over the traffic as it comes, and the cheapest that
 * would have kept its promise is followed. Where demand changes at certain minutes of the hour alone, capacity shrinks between.
 */
export class CapacityForecast {
  private readonly minutes: Minutes;
  private readonly phases: ChangePhases;
  private readonly quantile: DemandQuantile;
  private readonly fleets: readonly ShadowFleet[];
  private last: number | undefined;
  private capacity: number;
  private requests: number;

  public constructor(
    private readonly settings: ForecastSettings,
    state?: ForecastState,
  ) {
    // Another fleet than before: what was played with the old one says nothing of it.
    const kept = state?.settings === settingsKey(settings) ? state : undefined;
    this.minutes = new Minutes(kept?.minutes);
    this.phases = new ChangePhases(kept?.phases);
    this.quantile = new DemandQuantile(kept?.quantile);
    this.fleets = UTILISATIONS.map((_utilisation, index) => new ShadowFleet(settings, kept?.fleets[index]));
    this.last = kept?.lastMinute ?? undefined;
    this.capacity = kept?.capacity ?? 0;
    this.requests = kept?.requests ?? 0;
  }

  /** The newest minute that was observed, in minutes since 1970; undefined before the first. */
  public lastMinute(): number | undefined {
    return this.last;
  }

  /**
   * Takes a minute of traffic; minutes come in order, and one without a datapoint is left as it is: it teaches nothing, and capacity holds.
   *
   * @param minute minutes since 1970
   * @param requests that arrived in it; undefined where there is no datapoint
   * @param parts requests in each 10 seconds of it, where known
   */
  public observe(minute: number, requests: number | undefined, parts?: readonly number[]): void {
    if (this.last !== undefined && minute <= this.last) return;
    this.last = minute;
    if (requests === undefined) return;
    const { serviceSeconds, slotsPerInstance } = this.settings;
    const demand = (requests / 60) * serviceSeconds;
    const known = parts?.length === PARTS ? parts : undefined;
    if (this.minutes.count > 0) this.phases.add(minute, this.minutes.last, demand);
    this.minutes.add(demand, known === undefined ? 1 / Math.sqrt(1 + requests / PARTS) : spreadOf(known));
    this.quantile.add(minute, requests / 60, this.minutes.mean(3) / serviceSeconds);

    const played = known ?? new Array<number>(PARTS).fill(requests / PARTS);
    this.requests = this.requests * KEEP + requests;
    const wanted = this.toBeReadyFor() / slotsPerInstance;
    for (const [index, utilisation] of UTILISATIONS.entries()) {
      const fleet = this.fleets[index];
      fleet.play(minute, played, KEEP);
      fleet.want(minute, wanted / utilisation);
    }
  }

  /** What to write now. */
  public decide(): ForecastDecision {
    const { minCapacity, maxCapacity, slotsPerInstance } = this.settings;
    const score = this.quantile.score();
    const predictedRequestsPerSecond = this.quantile.predicted;
    if (this.minutes.count === 0) {
      const explanation = 'no traffic has been observed yet';
      return { capacity: minCapacity, mode: 'reactive', explanation, predictedRequestsPerSecond, score };
    }
    if (this.quantile.isWorseThanNaive()) {
      const explanation = `the forecast's loss of ${text(score.forecast)} is above the naive one's, ${text(score.naive)}`;
      return { capacity: minCapacity, mode: 'reactive', explanation, predictedRequestsPerSecond, score };
    }
    const utilisation = this.tightestUtilisation();
    const demand = this.toBeReadyFor();
    const wanted = Math.ceil(demand / slotsPerInstance / utilisation - 1e-9);
    const bounded = Math.min(maxCapacity, Math.max(minCapacity, wanted));
    if (bounded > this.capacity || bounded < this.capacity * STICKINESS) this.capacity = bounded;
    const why =
      demand < this.minutes.heldDemand()
        ? 'no change is due before an instance could start'
        : `the highest of 12 minutes, its bursts, and jumps of ${text(100 * this.minutes.jump)} %`;
    const explanation =
      `${text(this.minutes.last)} concurrent requests now, ${text(demand)} to be ready for (${why}), at ${slotsPerInstance} an ` +
      `instance and ${text(100 * utilisation)} % use: ${this.capacity} instances`;
    return { capacity: this.capacity, mode: 'forecast', explanation, predictedRequestsPerSecond, score };
  }

  public toState(): ForecastState {
    return {
      version: 1,
      settings: settingsKey(this.settings),
      lastMinute: this.last ?? null,
      capacity: this.capacity,
      requests: this.requests,
      minutes: this.minutes.toState(),
      phases: this.phases.toState(),
      quantile: this.quantile.toState(),
      fleets: this.fleets.map((fleet) => fleet.toState()),
    };
  }

  /** Concurrent requests: what may come before an instance that is launched now would serve. */
  private toBeReadyFor(): number {
    const lead = Math.round(this.settings.provisioningSeconds / 60);
    const held = this.minutes.heldDemand();
    const since = this.phases.calmSince(this.last! + 1, lead);
    return since === undefined ? held : Math.min(held, this.minutes.calmDemand(since));
  }

  /** That of the cheapest fleet that would have kept its promise; the lowest when none has. */
  private tightestUtilisation(): number {
    const priorRequests = (PRIOR_MINUTES * this.minutes.mean(180) * 60) / this.settings.serviceSeconds;
    let tightest = UTILISATIONS[0];
    let cost = Infinity;
    for (const [index, utilisation] of UTILISATIONS.entries()) {
      const fleet = this.fleets[index];
      const missed = fleet.missed + believedMisses(utilisation) * priorRequests;
      const share = missed / Math.max(1e-9, this.requests + priorRequests);
      if (share <= ALLOWED_MISSES && fleet.cost < cost) {
        tightest = utilisation;
        cost = fleet.cost;
      }
    }
    return tightest;
  }
}

/**
 * Reads a state back.
 *
 * @throws InputError when it is none
 */
export function parseForecastState(json: unknown): ForecastState {
  const state = json as Partial<ForecastState> | null;
  const numbers = (values: unknown): boolean =>
    Array.isArray(values) && values.every((value) => Number.isFinite(value));
  const ok =
    typeof state === 'object' &&
    state !== null &&
    state.version === 1 &&
    typeof state.settings === 'string' &&
    (state.lastMinute === null || Number.isInteger(state.lastMinute)) &&
    Number.isFinite(state.capacity) &&
    Number.isFinite(state.requests) &&
    numbers(state.minutes?.means) &&
    numbers(state.minutes?.spreads) &&
    numbers(state.minutes?.jumps) &&
    numbers(state.phases?.moves) &&
    numbers(state.phases?.visits) &&
    Array.isArray(state.quantile?.recent) &&
    numbers(state.quantile.recent.filter((rate) => rate !== null)) &&
    Array.isArray(state.fleets) &&
    state.fleets.length === UTILISATIONS.length &&
    state.fleets.every((fleet) =>
      [fleet?.desired, fleet?.serving, fleet?.queue, fleet?.cost, fleet?.missed].every(Number.isFinite),
    );
  if (!ok) {
    throw new InputError(
      'the state is not one of the capacity forecast, version 1; delete it, and the forecast learns anew from the metrics',
    );
  }
  return state as ForecastState;
}

function settingsKey({
  slotsPerInstance,
  serviceSeconds,
  provisioningSeconds,
  minCapacity,
  maxCapacity,
}: ForecastSettings): string {
  return [slotsPerInstance, serviceSeconds, provisioningSeconds, minCapacity, maxCapacity].join('/');
}

function spreadOf(parts: readonly number[]): number {
  const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
  if (mean === 0) return 0;
  const square = parts.reduce((sum, part) => sum + (part - mean) ** 2, 0) / parts.length;
  return Math.min(2, Math.sqrt(square) / mean);
}

function text(value: number): string {
  return String(Number(value.toPrecision(3)));
}
