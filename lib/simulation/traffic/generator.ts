import { throwProblems } from '../../core/errors';
import { SECONDS_PER_DAY } from '../../core/time';
import { Random } from '../random';
import { checkTokenLengths, DEFAULT_TOKEN_LENGTHS, drawTokens, type TokenLengths } from './token-lengths';
import type { Workload, WorkloadRequest } from './workload';

/** Sudden rise on top of the day curve, as after an announcement. */
export interface LaunchSpike {
  /** Start of the spike, as a share of the window (0 to 1). @default 0.25 */
  readonly startShare?: number;
  /** Requests per second added at the peak; 0 for no spike. @default 4 */
  readonly requestsPerSecond?: number;
  /** Seconds from start to peak, linear. @default 60 */
  readonly riseSeconds?: number;
  /** Seconds after the peak in which the spike falls to 1/e. @default 240 */
  readonly decaySeconds?: number;
}

/** Settings of generated traffic. Every field has a default. */
export interface GeneratorOptions {
  /** Seed; equal options and seed give equal requests. @default 1 */
  readonly seed?: number | string;
  /** Length of the window in seconds. @default 3600 */
  readonly durationSeconds?: number;
  /** Requests per second at the minimum of the day (02:00). @default 1 */
  readonly lowRequestsPerSecond?: number;
  /** Requests per second at the maximum of the day (14:00), without the spike. @default 6 */
  readonly highRequestsPerSecond?: number;
  /** Length of the day curve in seconds. @default the window, so that it has the minimum and the maximum of a day */
  readonly daySeconds?: number;
  /** Hour of the day (0 to 24) at the start of the window. @default 6 */
  readonly startHour?: number;
  /** Spike. @default a spike with its default fields */
  readonly spike?: LaunchSpike;
  /** Coefficient of variation of the gaps between requests: 1 is Poisson, more is burstier (gamma). @default 1 */
  readonly burstiness?: number;
  /** Token lengths. @default DEFAULT_TOKEN_LENGTHS */
  readonly tokens?: TokenLengths;
}

interface Settings {
  readonly seed: number | string;
  readonly durationSeconds: number;
  readonly low: number;
  readonly high: number;
  readonly daySeconds: number;
  readonly startHour: number;
  readonly spikeStart: number;
  readonly spikeHeight: number;
  readonly spikeRise: number;
  readonly spikeDecay: number;
  readonly burstiness: number;
  readonly tokens: TokenLengths;
}

function readSettings(options: GeneratorOptions): Settings {
  const durationSeconds = options.durationSeconds ?? 3600;
  const low = options.lowRequestsPerSecond ?? 1;
  const settings: Settings = {
    seed: options.seed ?? 1,
    durationSeconds,
    low,
    high: options.highRequestsPerSecond ?? Math.max(6, low),
    daySeconds: options.daySeconds ?? durationSeconds,
    startHour: options.startHour ?? 6,
    spikeStart: (options.spike?.startShare ?? 0.25) * durationSeconds,
    spikeHeight: options.spike?.requestsPerSecond ?? 4,
    spikeRise: options.spike?.riseSeconds ?? 60,
    spikeDecay: options.spike?.decaySeconds ?? 240,
    burstiness: options.burstiness ?? 1,
    tokens: options.tokens ?? DEFAULT_TOKEN_LENGTHS,
  };
  check(settings, options);
  return settings;
}

function check(settings: Settings, options: GeneratorOptions): void {
  const problems: string[] = [];
  const within = (name: string, value: number, minimum: number, maximum: number): void => {
    if (!(value >= minimum && value <= maximum)) {
      problems.push(`${name} (${value}) must be a number from ${minimum} to ${maximum}`);
    }
  };
  within('durationSeconds', settings.durationSeconds, 1, 366 * SECONDS_PER_DAY);
  within('lowRequestsPerSecond', settings.low, 0, 1e6);
  within('highRequestsPerSecond', settings.high, 0, 1e6);
  within('daySeconds', settings.daySeconds, 1, 366 * SECONDS_PER_DAY);
  within('startHour', settings.startHour, 0, 24);
  within('spike.startShare', options.spike?.startShare ?? 0.25, 0, 1);
  within('spike.requestsPerSecond', settings.spikeHeight, 0, 1e6);
  within('spike.riseSeconds', settings.spikeRise, 1, SECONDS_PER_DAY);
  within('spike.decaySeconds', settings.spikeDecay, 1, SECONDS_PER_DAY);
  within('burstiness', settings.burstiness, 0.1, 10);
  if (settings.low > settings.high) {
    problems.push(
      `lowRequestsPerSecond (${settings.low}) is above highRequestsPerSecond (${settings.high}); lower the first or raise the second`,
    );
  }
  throwProblems('generated workload', problems);
  checkTokenLengths(settings.tokens);
}

/** Returns the requests per second at a moment: a cosine with its maximum at 14:00, plus the spike. */
function rateAt(settings: Settings, atSeconds: number): number {
  const hour = settings.startHour + (atSeconds / settings.daySeconds) * 24;
  const shape = 0.5 * (1 + Math.cos((2 * Math.PI * (hour - 14)) / 24));
  const base = settings.low + (settings.high - settings.low) * shape;
  const sinceSpike = atSeconds - settings.spikeStart;
  if (sinceSpike < 0) return base;
  if (sinceSpike < settings.spikeRise) return base + (settings.spikeHeight * sinceSpike) / settings.spikeRise;
  return base + settings.spikeHeight * Math.exp(-(sinceSpike - settings.spikeRise) / settings.spikeDecay);
}

function* generate(settings: Settings): IterableIterator<WorkloadRequest> {
  const root = new Random(settings.seed);
  const arrivals = root.fork('arrivals');
  const lengths = root.fork('tokens');
  const shape = 1 / (settings.burstiness * settings.burstiness);
  // Gaps of mean 1 on a clock scaled by the rate ("time rescaling"); the rate is constant within a second.
  const gap = (): number => (settings.burstiness === 1 ? arrivals.exponential() : arrivals.gamma(shape, 1 / shape));
  let untilNext = gap();
  for (let second = 0; second < settings.durationSeconds; second++) {
    const length = Math.min(1, settings.durationSeconds - second);
    const rate = rateAt(settings, second + length / 2);
    let within = 0;
    while (untilNext < rate * (length - within)) {
      within += untilNext / rate;
      yield {
        atSeconds: second + within,
        contextTokens: drawTokens(settings.tokens.context, lengths),
        generatedTokens: drawTokens(settings.tokens.generated, lengths),
      };
      untilNext = gap();
    }
    untilNext -= rate * (length - within);
  }
}

/**
 * Generates traffic: a day curve compressed into the window, a launch spike, and lognormal token lengths.
 *
 * The default hour begins at 06:00 of its day with 2.25 requests/s, has its spike at noon (after 15 minutes), its maximum at 14:00 (after 20
 * minutes) and its minimum at 02:00 (after 50 minutes, 1 request/s), so that a fleet has to grow and to shrink.
 *
 * @throws InputError naming every option that is out of range.
 */
export function generateWorkload(options: GeneratorOptions = {}): Workload {
  const settings = readSettings(options);
  let expected = 0;
  for (let second = 0; second < settings.durationSeconds; second++) {
    const length = Math.min(1, settings.durationSeconds - second);
    expected += rateAt(settings, second + length / 2) * length;
  }
  const requestCount = Math.round(expected);
  return {
    name: 'generated',
    description: `generated day curve with launch spike, ${settings.durationSeconds} s, about ${requestCount} requests, seed ${settings.seed}`,
    durationSeconds: settings.durationSeconds,
    requestCount,
    requests: () => generate(settings),
  };
}
