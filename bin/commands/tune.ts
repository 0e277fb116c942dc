import { Command } from 'commander';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CACHED_PROVISIONING } from '../../lib/catalog/provisioning-times';
import { InputError } from '../../lib/core/errors';
import { writeWholeFile } from '../../lib/files/write-file';
import { openWorkload } from '../../lib/traffic-file/open-workload';
import { checkRequestCount } from '../../lib/simulation/rehearse/options';
import { DEFAULT_SERVICE_PROFILE } from '../../lib/simulation/traffic/service-profile';
import type { ServiceTimes } from '../../lib/simulation/traffic/service-times';
import type { Provisioning } from '../../lib/simulation/fleet';
import { fleetPrices } from '../../lib/simulation/rehearse/billing';
import type { FleetBlueprint } from '../../lib/simulation/blueprint';
import type { TrafficShare } from '../../lib/simulation/traffic';
import type { ParameterValues } from '../../lib/template';
import {
  checkMinCapacityFloor,
  demandOf,
  tuneFleet,
  tuningHtml,
  tuningText,
  untunableReason,
  type Demand,
  type Tuning,
  type TuningSettings,
} from '../../lib/simulation/tune';
import { progressBar } from './progress-bar';
import {
  givenTemplates,
  numberFlag,
  parameterFlag,
  priceOption,
  pricesOption,
  provisioningFlag,
  regionFlag,
  takesTemplates,
  timezoneFlag,
  wholeNumberFlag,
  takesTraceUnits,
  type TraceUnitFlags,
  traceUnits,
} from '../flags';
import { withExamples, type Example } from '../examples';
import { agreementNotes } from '../input/agreement-file';
import { readFleets, trafficNote, type FleetFlags } from '../input/fleet-selection';
import { withInputs, type FleetInputs, type FleetWithInputs } from '../input/inspected-folder';
import { withTraceFile } from '../input/trace-file';
import { givenPrices, namingPriceFlag } from '../input/prices';
import { reportOptions, usedFiles } from '../input/report-origin';
import {
  assumedServiceNotes,
  checkServiceFlags,
  givenService,
  serviceMeanOption,
  type ServiceFlags,
} from '../input/service-flags';
import { colouredTuning } from '../output/result-colours';
import {
  checkResultFlags,
  checkWritable,
  takesResultFlags,
  writeResult,
  type ResultFlags,
} from '../output/result-output';
import { junitOfTunings, markdownOfTunings } from '../output/tune-formats';
import type { CommandSurroundings } from './surroundings';
import { pooledExecutor, TuneWorkerPool } from './tune-pool';

/** Surroundings of `tidegate tune`. */
export interface TuneSurroundings extends CommandSurroundings {
  /** Bundled worker. @default - the one beside the bundled command line; without it, the main thread computes everything */
  readonly workerFile?: string;
}

interface TuneFlags extends ResultFlags, ServiceFlags, TraceUnitFlags {
  readonly template?: string[];
  readonly trace?: string;
  readonly fleet?: string;
  readonly provisioning?: Provisioning;
  readonly slo: number;
  readonly sloWait: number;
  readonly timeout: number;
  readonly candidates: number;
  readonly minCapacity: number;
  readonly seed: number;
  readonly price?: { readonly [instanceType: string]: number };
  readonly prices?: string;
  readonly region?: string;
  readonly parameter?: ParameterValues;
  readonly workers?: number;
  readonly timezone?: string;
  readonly report?: string;
}

const MAX_WORKERS = 16;
/** Maximum number of threads unless more are given: each holds the trace in memory. */
const MAX_DEFAULT_WORKERS = 4;

const EXAMPLES: readonly Example[] = [
  ['tidegate tune cdk.out --trace traffic.csv --slo 99', 'the cheapest policies that serve 99 % of requests well'],
  [
    'tidegate tune cdk.out --trace traffic.csv --fleet chat --service-mean 2 --candidates 50',
    'one fleet, with requests of 2 s, in a short search',
  ],
];

/**
 * `tidegate tune`: searches the cheapest policy that keeps the objective for each fleet of synthesized templates.
 *
 * Progress goes to stderr, the result to stdout. The exit code is 0, or 1 when for a fleet neither its own policy nor any candidate keeps
 * the objective; bad input is thrown as an InputError (the command line exits with 2).
 */
export function tuneCommand(surroundings: TuneSurroundings): Command {
  const command = withExamples(takesTemplates(new Command('tune')), EXAMPLES)
    .option(
      '--trace <file>',
      'traffic: requests, counts per step or a CloudWatch export; plain or gzipped; - for stdin (default: that of the inspection)',
    )
    .option('--fleet <name>', 'only the fleet whose resource id contains this')
    .option(
      '--profile <file>',
      'service times as JSON: token speeds, a distribution or measured seconds (default: those of the inspection)',
    )
    .addOption(serviceMeanOption())
    .option(
      '--provisioning <seconds>',
      'median start-up of an instance, or a comma-separated list of measured ones (default: 258)',
      provisioningFlag,
    )
    .option('--slo <percent>', 'percentage of requests to serve well', numberFlag('--slo', 50, 99.999), 99)
    .option(
      '--slo-wait <seconds>',
      'maximum wait of a request that is served well',
      numberFlag('--slo-wait', 0, 3600),
      1,
    )
    .option('--timeout <seconds>', 'maximum time to the response', numberFlag('--timeout', 0.001, 604_800), 60)
    .option('--candidates <n>', 'number of settings to try', wholeNumberFlag('--candidates', 1, 100_000), 500)
    .option('--min-capacity <n>', 'smallest minimum to recommend', wholeNumberFlag('--min-capacity', 1, 100_000), 1)
    .option('--seed <n>', 'seed of everything random', wholeNumberFlag('--seed', 0, 2 ** 32 - 1), 1)
    .addOption(pricesOption())
    .addOption(priceOption())
    .option(
      '--region <name>',
      'region of the templates (default: that of their cloud assembly, else us-east-1)',
      regionFlag,
    )
    .option(
      '--parameter <name=value...>',
      'values of CloudFormation parameters (default: their defaults)',
      parameterFlag,
    )
    .option(
      '--workers <n>',
      'threads that compute; the result is the same for any number (default: a thread for each processor, up to 4)',
      wholeNumberFlag('--workers', 0, MAX_WORKERS),
    )
    .option('--timezone <zone>', "zone of the times shown (default: that of the trace's dates, else UTC)", timezoneFlag)
    .option('--report <file>', 'write one HTML file with the result, the candidates and the construct to paste');
  return takesResultFlags(takesTraceUnits(command), ['text', 'json', 'junit', 'markdown']).action(
    async (templates: string[], flags: TuneFlags, self: Command) => {
      const template = givenTemplates(templates, flags);
      surroundings.onExitCode(await tune(template, withTraceFile(flags, template), self, surroundings));
    },
  );
}

async function tune(
  template: readonly string[],
  flags: TuneFlags,
  command: Command,
  surroundings: TuneSurroundings,
): Promise<0 | 1> {
  // Bad input is refused before anything that takes long.
  checkServiceFlags(flags);
  checkResultFlags(flags);
  if (flags.report !== undefined) checkWritable('--report', flags.report);
  const { stderr } = surroundings;
  const { fleets, notes } = tunableFleets({ ...flags, template });
  const given = withInputs(fleets, template, flags);
  for (const fleet of fleets) {
    checkMinCapacityFloor(fleet, flags.minCapacity);
    namingPriceFlag(() => fleetPrices(fleet, givenPrices(flags, fleet.region)));
  }
  for (const { inputs } of given) serviceOf(flags, inputs);
  const regions = [...new Set(fleets.map(({ region }) => region))];
  if (flags.prices !== undefined && regions.length > 1)
    throw new InputError(
      `--prices has the prices of one region, and the fleets are in ${regions.join(', ')}; choose with --fleet`,
    );
  const tunings: Tuning[] = [];
  for (const group of byInputs(given)) tunings.push(...(await tuneGroup(group, flags, regions[0]!, surroundings)));
  for (const note of [...notes, ...agreementNotes(template)]) stderr.write(`tidegate: ${note}\n`);
  stderr.write(trafficNote(given.filter(({ inputs }) => !inputs.isOwnTrace).map(({ fleet }) => fleet)));
  writeResult(flags, surroundings, {
    text: (colours) => `${colouredTuning(tunings.map(tuningText).join('\n\n'), colours)}\n`,
    json: () => `${JSON.stringify({ tunings }, null, 2)}\n`,
    junit: () => junitOfTunings(tunings),
    markdown: () => markdownOfTunings(tunings),
  });
  if (flags.report !== undefined) {
    const files = usedFiles({ ...flags, template, inputs: given.map(({ inputs }) => inputs) });
    writeWholeFile(flags.report, tuningHtml(tunings, await reportOptions(command, files)));
    stderr.write(`tidegate: the report is in ${flags.report}\n`);
  }
  return tunings.some(({ verdict }) => verdict === 'none-keeps') ? 1 : 0;
}

/** Fleets with the same traffic and service times, in their order. */
function byInputs(given: readonly FleetWithInputs[]): FleetWithInputs[][] {
  const groups = new Map<string, FleetWithInputs[]>();
  for (const one of given) {
    const key = JSON.stringify(one.inputs);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

async function tuneGroup(
  group: readonly FleetWithInputs[],
  flags: TuneFlags,
  region: string,
  { stderr, workerFile }: TuneSurroundings,
): Promise<Tuning[]> {
  const { inputs } = group[0]!;
  const { trace } = inputs;
  const { seed } = flags;
  const settings = settingsOf(flags, inputs);
  const pricesPerHourUsd = givenPrices(flags, region);
  const { service, requestTimeoutSeconds, sloPercent, sloWaitSeconds } = settings;
  const units = traceUnits(flags);
  const traffic = await openWorkload({ trace, seed, ...units });
  // The settings that are found are rehearsed, so that too many requests are refused before they are walked through.
  checkRequestCount(traffic, 0, traffic.durationSeconds);
  for (const note of traffic.notes ?? []) stderr.write(`tidegate: ${note}\n`);
  for (const note of assumedServiceNotes(traffic, givenService(flags, inputs))) stderr.write(`tidegate: ${note}\n`);
  const bar = progressBar(stderr, 'tune');
  const threads = new TuneWorkerPool(traffic, flags.workers ?? defaultWorkers(), workerFile ?? bundledWorker(), {
    trace,
    seed,
    ...units,
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
    const executor = pooledExecutor(threads, {
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
    for (const { fleet } of group) {
      const { share } = fleet;
      if (walked === undefined || walked.share?.from !== share?.from || walked.share?.to !== share?.to) {
        walked = { share, demand: walk(share) };
      }
      const { demand } = walked;
      const showProgress = (ratio: number, activity: string): void =>
        bar.show(ratio, `${fleet.resourceId}: ${activity}`);
      tunings.push(await tuneFleet(fleet, traffic, demand, settings, executor, showProgress));
    }
    return tunings;
  } finally {
    bar.end();
    await threads.end();
  }
}

function settingsOf(flags: TuneFlags, inputs: FleetInputs): TuningSettings {
  return {
    seed: flags.seed,
    sloPercent: flags.slo,
    sloWaitSeconds: flags.sloWait,
    service: serviceOf(flags, inputs),
    provisioning: flags.provisioning ?? { kind: 'lognormal', ...CACHED_PROVISIONING },
    requestTimeoutSeconds: flags.timeout,
    candidates: flags.candidates,
    minCapacityFloor: flags.minCapacity,
    ...(flags.timezone !== undefined && { timezone: flags.timezone }),
  };
}

function serviceOf(flags: TuneFlags, inputs: FleetInputs): ServiceTimes {
  return givenService(flags, inputs) ?? { kind: 'tokens', profile: DEFAULT_SERVICE_PROFILE };
}

/** Fleets that can be tuned; an error where none of the selected ones can. */
function tunableFleets(flags: FleetFlags): {
  readonly fleets: readonly FleetBlueprint[];
  readonly notes: readonly string[];
} {
  const { fleets, notes } = readFleets(flags);
  const refused = fleets.flatMap((fleet) => untunableReason(fleet) ?? []);
  const tunable = fleets.filter((fleet) => untunableReason(fleet) === undefined);
  if (tunable.length === 0) throw new InputError(refused.join('\n'));
  return { fleets: tunable, notes: [...notes, ...refused.map((reason) => `not tuned: ${reason}`)] };
}

function defaultWorkers(): number {
  return Math.min(MAX_DEFAULT_WORKERS, os.availableParallelism());
}

/** Worker beside the bundled command line; undefined where the sources themselves run. */
function bundledWorker(): string | undefined {
  const file = path.join(__dirname, 'tune-worker.mjs');
  return fs.existsSync(file) ? file : undefined;
}
