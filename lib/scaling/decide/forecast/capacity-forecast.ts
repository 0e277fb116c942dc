import { parseValue, type JsonNode } from '../../../core/parse';
import { ChangePhases, PHASES, type ChangePhasesState } from './change-phases';
import { DemandQuantile, type DemandQuantileState } from './demand-quantile';
import { Minutes, type MinutesState } from './minutes';
import { PARTS, ShadowFleet, MAX_SCALE_IN_RATIO, type ShadowFleetState } from './shadow-fleet';

/** Settings of the fleet for the forecast. */
export interface ForecastSettings {
  /** Concurrent requests that an instance serves. */
  readonly slotsPerInstance: number;
  /** Mean time that a request occupies a slot. */
  readonly serviceSeconds: number;
  /** Time from the launch of an instance until it serves. */
  readonly provisioningSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** Decision of the forecast. */
export interface ForecastDecision {
  /** Minimum number of instances. */
  readonly capacity: number;
  /** `reactive` if the naive forecast is significantly better on this endpoint: the declared minimum then applies. */
  readonly mode: 'forecast' | 'reactive';
  readonly explanation: string;
  /** Forecast of the 90th percentile of requests per second, ten minutes ahead. */
  readonly predictedRequestsPerSecond: number;
  /** Mean pinball losses at 0.9, ten minutes ahead, in requests per second. */
  readonly score: { readonly forecast: number; readonly naive: number };
}

/** State of the forecast between runs: plain JSON of some kilobytes. */
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

/** Candidates for the ratio of expected demand to capacity. */
const UTILIZATIONS = [
  0.7, 0.76, 0.8, 0.83, 0.86, 0.88, 0.9, 0.92, 0.94, 0.955, 0.97, 0.98, 0.99, 1, 1.01, 1.02, 1.03, 1.045, 1.06, 1.08,
];

/** Maximum ratio of late requests of a candidate: stricter than the objective of 1 %, as the model ignores the seconds within a part and slow starts. */
const MAX_MISSED_RATIO = 0.0078;
/** Decay of the sums per minute: a half-life of two days. */
const DECAY = Math.pow(0.5, 1 / (2 * 1440));
/** Weight of the prior, in minutes of traffic. */
const PRIOR_MINUTES = 60;

/** Returns the prior ratio of late requests at a utilization: 0.6 % at 0.9, growing e-fold every 0.035, at most 2 %. */
function priorMissedRatio(utilization: number): number {
  return Math.min(0.02, 0.006 * Math.exp((utilization - 0.9) / 0.035));
}

/**
 * Forecasts the instances that a fleet will need by the time they can be in service.
 *
 * Capacity follows the highest of the last twelve minutes, raised by its bursts and by the recent jumps of demand. The utilization
 * is learned: candidates are simulated on the actual traffic, and the cheapest one that meets the objective is used. Where demand changes
 * only at certain minutes of the hour, capacity is lower in between.
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
    // The state of a fleet with other settings does not apply.
    const kept = state?.settings === settingsKey(settings) ? state : undefined;
    this.minutes = new Minutes(kept?.minutes);
    this.phases = new ChangePhases(kept?.phases);
    this.quantile = new DemandQuantile(kept?.quantile);
    this.fleets = UTILIZATIONS.map((_utilization, index) => new ShadowFleet(settings, kept?.fleets[index]));
    this.last = kept?.lastMinute ?? undefined;
    this.capacity = kept?.capacity ?? 0;
    this.requests = kept?.requests ?? 0;
  }

  /** Returns the newest observed minute, in minutes since 1970; undefined before the first. */
  public lastMinute(): number | undefined {
    return this.last;
  }

  /**
   * Adds a minute of traffic, in order. A minute without a datapoint changes nothing.
   *
   * @param minute minutes since 1970
   * @param requests number of requests; undefined if there is no datapoint
   * @param parts requests in each 10 seconds, where known
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

    const simulated = known ?? new Array<number>(PARTS).fill(requests / PARTS);
    this.requests = this.requests * DECAY + requests;
    const wanted = this.expectedDemand() / slotsPerInstance;
    for (const [index, utilization] of UTILIZATIONS.entries()) {
      const fleet = this.fleets[index];
      fleet.simulate(minute, simulated, DECAY);
      fleet.setDesired(minute, wanted / utilization);
    }
  }

  /** Decides the minimum number of instances. */
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
    const utilization = this.bestUtilization();
    const demand = this.expectedDemand();
    const wanted = Math.ceil(demand / slotsPerInstance / utilization - 1e-9);
    const bounded = Math.min(maxCapacity, Math.max(minCapacity, wanted));
    if (bounded > this.capacity || bounded < this.capacity * MAX_SCALE_IN_RATIO) this.capacity = bounded;
    const why =
      demand < this.minutes.heldDemand()
        ? 'no change is due before an instance could start'
        : `the highest of 12 minutes, its bursts, and jumps of ${text(100 * this.minutes.jump)} %`;
    const explanation =
      `${text(this.minutes.last)} concurrent requests now, ${text(demand)} expected (${why}), at ${slotsPerInstance} an ` +
      `instance and ${text(100 * utilization)} % use: ${this.capacity} instances`;
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

  /** Returns the concurrent requests to expect before an instance that is launched now would serve. */
  private expectedDemand(): number {
    const lead = Math.round(this.settings.provisioningSeconds / 60);
    const held = this.minutes.heldDemand();
    const since = this.phases.calmSince(this.last! + 1, lead);
    return since === undefined ? held : Math.min(held, this.minutes.calmDemand(since));
  }

  /** Returns the utilization of the cheapest candidate that meets the objective; the lowest if none does. */
  private bestUtilization(): number {
    const priorRequests = (PRIOR_MINUTES * this.minutes.mean(180) * 60) / this.settings.serviceSeconds;
    let best = UTILIZATIONS[0];
    let cost = Infinity;
    for (const [index, utilization] of UTILIZATIONS.entries()) {
      const fleet = this.fleets[index];
      const missed = fleet.missed + priorMissedRatio(utilization) * priorRequests;
      const missedRatio = missed / Math.max(1e-9, this.requests + priorRequests);
      if (missedRatio <= MAX_MISSED_RATIO && fleet.cost < cost) {
        best = utilization;
        cost = fleet.cost;
      }
    }
    return best;
  }
}

/**
 * Parses a state.
 *
 * @throws InputError that lists every problem
 */
export function parseForecastState(json: unknown): ForecastState {
  return parseValue('state of the forecast', json, (root): ForecastState => {
    const version = root.at('version').number('1', (value) => value === 1) as 1;
    return {
      version,
      settings: root.at('settings').text(),
      lastMinute: root.at('lastMinute').optional((minute) => minute.count()) ?? null,
      capacity: root.at('capacity').count(),
      requests: amount(root.at('requests')),
      minutes: parseMinutes(root.at('minutes')),
      phases: parseChangePhases(root.at('phases')),
      quantile: parseDemandQuantile(root.at('quantile')),
      fleets: list(root.at('fleets'), parseShadowFleet, UTILIZATIONS.length),
    };
  });
}

function parseMinutes(minutes: JsonNode): MinutesState {
  const means = list(minutes.at('means'), amount);
  return {
    means,
    spreads: list(minutes.at('spreads'), amount, means.length),
    jumps: list(minutes.at('jumps'), amount),
  };
}

function parseChangePhases(phases: JsonNode): ChangePhasesState {
  return {
    moves: list(phases.at('moves'), amount, PHASES),
    visits: list(phases.at('visits'), amount, PHASES),
    changes: phases.at('changes').optional((changes) => list(changes, (change) => change.flag(), PHASES)) ?? null,
  };
}

function parseDemandQuantile(quantile: JsonNode): DemandQuantileState {
  const losses = quantile.at('losses');
  const rate = losses.at('rate').optional(amount);
  return {
    recent: list(quantile.at('recent'), (one) => one.optional(amount) ?? null),
    open: list(quantile.at('open'), (forecast) => ({
      minute: forecast.at('minute').count(),
      level: amount(forecast.at('level')),
      margin: amount(forecast.at('margin')),
      naive: forecast.at('naive').optional(amount) ?? null,
    })),
    margin: amount(quantile.at('margin')),
    losses: {
      forecast: amount(losses.at('forecast')),
      naive: amount(losses.at('naive')),
      ...(rate === undefined ? {} : { rate }),
      weight: amount(losses.at('weight')),
      scored: losses.at('scored').count(),
    },
  };
}

function parseShadowFleet(fleet: JsonNode): ShadowFleetState {
  return {
    desired: fleet.at('desired').count(),
    serving: fleet.at('serving').count(),
    launches: list(fleet.at('launches'), (launch) => ({
      at: amount(launch.at('at')),
      count: launch.at('count').count(),
    })),
    queue: amount(fleet.at('queue')),
    cost: amount(fleet.at('cost')),
    missed: amount(fleet.at('missed')),
  };
}

function amount(node: JsonNode): number {
  return node.number('a number of at least 0', (value) => value >= 0);
}

/** Reads a list, of a certain length where one is given. */
function list<T>(node: JsonNode, read: (item: JsonNode) => T, length?: number): T[] {
  const items = node.items();
  if (length !== undefined && items.length !== length) node.number(`a list of ${length}`, () => false);
  return items.map(read);
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
