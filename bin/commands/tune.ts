import { Command } from 'commander';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CACHED_PROVISIONING } from '../../lib/catalog/provisioning-times';
import { InputError } from '../../lib/core/errors';
import { openWorkload } from '../../lib/local/load/open-workload';
import { DEFAULT_SERVICE_PROFILE } from '../../lib/simulation/service-profile';
import type { ServiceTimes } from '../../lib/simulation/service-times';
import type { Provisioning } from '../../lib/simulation/simulator';
import { fleetPrices } from '../../lib/simulation/simulator/billing';
import type { FleetBlueprint } from '../../lib/simulation/template';
import type { TrafficShare } from '../../lib/simulation/workload';
import {
  checkLeastCapacity,
  demandOf,
  tuneFleet,
  tuningText,
  untunable,
  type Demand,
  type Tuning,
  type TuningSettings,
} from '../../lib/simulation/tuning';
import { progressBar } from './progress-bar';
import { readServiceProfile } from './service-profile-file';
import type { CommandSurroundings } from './simulate';
import { number, price, provisioning, whole } from './simulate-flags';
import { readFleets, trafficNote } from './template-fleets';
import { TuneThreads, tuneCrew } from './tune-crew';

/** Where the command writes, and the bundled worker it starts threads from. */
export interface TuneSurroundings extends CommandSurroundings {
  /** @default the worker beside the bundled command line; where there is none, everything is done in the main thread */
  readonly workerFile?: string;
}

interface TuneFlags {
  readonly template: string[];
  readonly trace: string;
  readonly fleet?: string;
  readonly profile?: string;
  readonly serviceMean?: number;
  readonly provisioning?: Provisioning;
  readonly slo: number;
  readonly sloWait: number;
  readonly timeout: number;
  readonly candidates: number;
  readonly minCapacity: number;
  readonly seed: number;
  readonly price?: { readonly [instanceType: string]: number };
  readonly region?: string;
  readonly workers?: number;
  readonly json?: true;
}

const MOST_WORKERS = 16;
/** More than so many threads are not taken unasked: each holds the trace in memory. */
const USUAL_WORKERS = 4;

/**
 * `tidegate tune`: searches the cheapest policy that keeps the objective for each fleet of synthesized templates.
 *
 * Progress goes to stderr, the result to stdout. The exit code is 0, or 1 when for a fleet neither its own policy nor any candidate keeps
 * the objective; bad input is thrown as an InputError (the command line exits with 2).
 */
export function tuneCommand(surroundings: TuneSurroundings): Command {
  return new Command('tune')
    .description('search the cheapest scaling policy that keeps the objective, and print the construct to paste')
    .requiredOption('--template <files...>', 'synthesized templates, such as cdk.out/*.template.json')
    .requiredOption('--trace <file>', 'traffic: requests, counts per step or a CloudWatch export; plain or gzipped')
    .option('--fleet <name>', 'only the fleet whose resource id contains this')
    .option('--profile <file>', 'service times as JSON: token speeds, a distribution or measured seconds')
    .option(
      '--service-mean <seconds>',
      'lognormal service times with this mean, in place of --profile',
      number('--service-mean', 0.001, 86_400),
    )
    .option(
      '--provisioning <seconds>',
      'median start-up of an instance, or a comma-separated list of measured ones (default: 258)',
      provisioning,
    )
    .option('--slo <percent>', 'share of requests to serve well', number('--slo', 50, 99.999), 99)
    .option(
      '--slo-wait <seconds>',
      'a request is served well when it waits at most so long',
      number('--slo-wait', 0, 3600),
      1,
    )
    .option('--timeout <seconds>', 'seconds in which an answer must be there', number('--timeout', 0.001, 604_800), 60)
    .option('--candidates <n>', 'how many settings to try', whole('--candidates', 1, 100_000), 500)
    .option('--min-capacity <n>', 'recommend no smaller minimum', whole('--min-capacity', 1, 100_000), 1)
    .option('--seed <n>', 'seed of everything random', whole('--seed', 0, 2 ** 32 - 1), 1)
    .option('--price <type=usd...>', 'USD per instance-hour, where the dated table has none or another', price)
    .option('--region <name>', 'region of templates that do not name theirs (default: us-east-1)')
    .option(
      '--workers <n>',
      'threads that compute; the result is the same for any number (default: a thread for each processor, up to 4)',
      whole('--workers', 0, MOST_WORKERS),
    )
    .option('--json', 'print the whole result as JSON')
    .allowExcessArguments(false)
    .action(async (flags: TuneFlags) => {
      surroundings.onExitCode(await tune(flags, surroundings));
    });
}

async function tune(flags: TuneFlags, { stdout, stderr, workerFile }: TuneSurroundings): Promise<0 | 1> {
  // What can be refused is refused before anything that takes long.
  const settings = settingsOf(flags);
  const { fleets, notes } = tunableFleets(flags);
  for (const fleet of fleets) {
    checkLeastCapacity(fleet, settings.leastCapacity);
    checkPrices(fleet, flags.price);
  }
  const { trace, seed, price: pricesPerHourUsd } = flags;
  const { service, requestTimeoutSeconds, sloPercent, sloWaitSeconds } = settings;
  const traffic = await openWorkload({ trace, seed, durationSeconds: null });
  const bar = progressBar(stderr, 'tune');
  const threads = new TuneThreads(traffic, flags.workers ?? usualWorkers(), workerFile ?? bundledWorker(), {
    trace,
    seed,
  });
  try {
    const walk = (share: TrafficShare | undefined): Demand => {
      const demand = demandOf(traffic, {
        service,
        seed,
        requestTimeoutSeconds,
        ...(share !== undefined && { share }),
        onProgress: (done) => bar.show(done, 'walking through the trace'),
      });
      threads.share(demand);
      return demand;
    };
    const crew = tuneCrew(threads, {
      seed,
      service,
      provisioning: settings.provisioning,
      sloWaitSeconds,
      sloPercent,
      requestTimeoutSeconds,
      ...(pricesPerHourUsd !== undefined && { pricesPerHourUsd }),
    });
    const tunings: Tuning[] = [];
    let walked: { readonly share: TrafficShare | undefined; readonly demand: Demand } | undefined;
    for (const fleet of fleets) {
      const { share } = fleet;
      if (walked === undefined || walked.share?.from !== share?.from || walked.share?.to !== share?.to) {
        walked = { share, demand: walk(share) };
      }
      const { demand } = walked;
      const tell = (share: number, doing: string): void => bar.show(share, `${fleet.resourceId}: ${doing}`);
      tunings.push(await tuneFleet(fleet, traffic, demand, settings, crew, tell));
    }
    bar.end();
    for (const note of notes) stderr.write(`tidegate: ${note}\n`);
    stderr.write(trafficNote(fleets));
    stdout.write(
      flags.json === true ? `${JSON.stringify({ tunings }, null, 2)}\n` : `${tunings.map(tuningText).join('\n\n')}\n`,
    );
    return tunings.some(({ verdict }) => verdict === 'none-keeps') ? 1 : 0;
  } finally {
    await threads.end();
  }
}

function settingsOf(flags: TuneFlags): TuningSettings {
  return {
    seed: flags.seed,
    sloPercent: flags.slo,
    sloWaitSeconds: flags.sloWait,
    service: serviceOf(flags),
    provisioning: flags.provisioning ?? { kind: 'lognormal', ...CACHED_PROVISIONING },
    requestTimeoutSeconds: flags.timeout,
    candidates: flags.candidates,
    leastCapacity: flags.minCapacity,
  };
}

function serviceOf({ profile, serviceMean }: TuneFlags): ServiceTimes {
  if (profile !== undefined && serviceMean !== undefined) {
    throw new InputError(
      `--profile is '${profile}' and --service-mean is ${serviceMean}; both say how long requests take, so leave one out`,
    );
  }
  if (profile !== undefined) return readServiceProfile(profile);
  if (serviceMean === undefined) return { kind: 'tokens', profile: DEFAULT_SERVICE_PROFILE };
  return { kind: 'distribution', distribution: 'lognormal', meanSeconds: serviceMean, coefficientOfVariation: 1 };
}

/** The fleets that can be tuned; one that is asked for and cannot is refused. */
function tunableFleets(flags: TuneFlags): {
  readonly fleets: readonly FleetBlueprint[];
  readonly notes: readonly string[];
} {
  const { fleets, notes } = readFleets(flags);
  const refused = fleets.flatMap((fleet) => untunable(fleet) ?? []);
  const tunable = fleets.filter((fleet) => untunable(fleet) === undefined);
  if (tunable.length === 0) throw new InputError(refused.join('\n'));
  return { fleets: tunable, notes: [...notes, ...refused.map((reason) => `not tuned: ${reason}`)] };
}

/** Names the flag where a price is missing. */
function checkPrices(fleet: FleetBlueprint, given: TuneFlags['price']): void {
  try {
    fleetPrices(fleet, given);
  } catch (error) {
    if (!(error instanceof InputError && error.message.includes('price override'))) throw error;
    const flags = fleet.pools.map(({ instanceType }) => `${instanceType}=USD`);
    throw new InputError(`${error.message}\nhere: --price ${flags.join(' ')}`);
  }
}

function usualWorkers(): number {
  return Math.min(USUAL_WORKERS, os.availableParallelism());
}

/** The worker beside the bundled command line; undefined where the sources themselves run. */
function bundledWorker(): string | undefined {
  const file = path.join(__dirname, 'tune-worker.cjs');
  return fs.existsSync(file) ? file : undefined;
}
