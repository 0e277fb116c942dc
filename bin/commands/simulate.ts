import { Command } from 'commander';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { openWorkload } from '../../lib/local/load/open-workload';
import { htmlReport, summaryText } from '../../lib/simulation/report';
import {
  advise,
  crossedThresholds,
  hindsight,
  rehearse,
  thresholdValueText,
  type CapacityFailure,
  type FailureThreshold,
  type Provisioning,
  type Rehearsal,
  type RehearsalOptions,
} from '../../lib/simulation/simulator';
import type { FleetBlueprint } from '../../lib/simulation/template';
import type { Workload } from '../../lib/simulation/workload';
import { progressBar } from './progress-bar';
import { capacityFailure, failIf, moment, number, price, provisioning, whole } from './simulate-flags';
import { readServiceProfile } from './service-profile-file';
import { readFleets, trafficNote } from './template-fleets';

/** Where a command writes and how it tells its exit code. */
export interface CommandSurroundings {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  /** Told 0 or 1 when the command has done its work; bad input is thrown as an InputError instead. */
  readonly onExitCode: (code: 0 | 1) => void;
}

const OWN_PROCESS: CommandSurroundings = {
  stdout: process.stdout,
  stderr: process.stderr,
  onExitCode: (code) => {
    process.exitCode = code;
  },
};

interface SimulateFlags {
  readonly template: string[];
  readonly trace: string;
  readonly profile?: string;
  readonly provisioning?: Provisioning;
  readonly seed: number;
  readonly fleet?: string;
  readonly from?: number;
  readonly to?: number;
  readonly start?: number;
  readonly startInstances?: number;
  readonly sloWait?: number;
  readonly slo?: number;
  readonly timeout?: number;
  readonly queueLimit?: number;
  readonly price?: { readonly [instanceType: string]: number };
  readonly capacityFailure?: CapacityFailure[];
  readonly region?: string;
  readonly report?: string;
  readonly json?: true;
  readonly failIf?: FailureThreshold[];
  readonly advice: boolean;
}

/** Beyond so many requests a change is not rehearsed for advice: it would take longer than the rehearsal itself is worth. */
const MOST_REQUESTS_FOR_ADVICE = 20_000_000;

/**
 * `tidegate simulate`: rehearses the fleets of synthesized templates under recorded traffic.
 *
 * Progress goes to stderr, the result to stdout. The exit code is 0, or 1 when a `--fail-if` threshold is crossed; bad input is thrown as
 * an InputError (the command line exits with 2).
 */
export function simulateCommand(surroundings: CommandSurroundings = OWN_PROCESS): Command {
  return new Command('simulate')
    .description(
      'rehearse the fleets of synthesized templates under recorded traffic: latency, drops, dollars, what to change',
    )
    .requiredOption('--template <files...>', 'templates, JSON or YAML, such as cdk.out/*.template.json')
    .requiredOption(
      '--trace <file>',
      'traffic: requests (CSV, parquet, JSON Lines), client windows, counts per step or a CloudWatch export',
    )
    .option('--profile <file>', 'service times as JSON: token speeds, a distribution or measured seconds')
    .option(
      '--provisioning <seconds>',
      'median start-up of an instance, or a comma-separated list of measured ones (default: 258)',
      provisioning,
    )
    .option('--seed <n>', 'seed of everything random', whole('--seed', 0, 2 ** 32 - 1), 1)
    .option('--fleet <name>', 'only the fleet whose resource id contains this')
    .option('--from <seconds>', 'begin so far into the trace', number('--from', 0, 1e9))
    .option('--to <seconds>', 'end so far into the trace', number('--to', 1, 1e9))
    .option(
      '--start <time>',
      'when the run begins, for schedules and the budget (default: when the traffic was recorded)',
      moment,
    )
    .option(
      '--start-instances <n>',
      'instances in service at the start (default: what the first minutes ask for)',
      whole('--start-instances', 0, 100_000),
    )
    .option(
      '--slo-wait <seconds>',
      'a request is served well when it waits at most so long (default: 1)',
      number('--slo-wait', 0, 86_400),
    )
    .option(
      '--slo <percent>',
      'share of requests to serve well; advice aims at it (default: 99)',
      number('--slo', 0, 100),
    )
    .option(
      '--timeout <seconds>',
      'seconds in which an answer must be there (default: 60; asynchronous fleets: 21600)',
      number('--timeout', 0.001, 604_800),
    )
    .option(
      '--queue-limit <n>',
      'requests that may wait in one instance (default: no limit)',
      whole('--queue-limit', 0, 1e9),
    )
    .option('--price <type=usd...>', 'USD per instance-hour, where the dated table has none or another', price)
    .option(
      '--capacity-failure <type:from-to...>',
      'an instance type that cannot be launched from second to second',
      capacityFailure,
    )
    .option('--region <name>', 'region of templates that do not name theirs (default: us-east-1)')
    .option('--report <file>', 'write one HTML file with charts, decisions and reasons')
    .option('--json', 'print the whole result as JSON')
    .option(
      '--fail-if <threshold...>',
      'exit with 1 when crossed: slo<99, cost>1200/month, wait-p99>1, drops>0.1',
      failIf,
    )
    .option('--no-advice', 'do not rehearse changes to recommend')
    .allowExcessArguments(false)
    .action(async (flags: SimulateFlags) => {
      surroundings.onExitCode(await simulate(flags, surroundings));
    });
}

async function simulate(flags: SimulateFlags, { stdout, stderr }: CommandSurroundings): Promise<0 | 1> {
  // What can be refused is refused before anything that takes long.
  const options = optionsOf(flags);
  if (flags.report !== undefined) checkReport(flags.report);
  const { fleets, notes } = readFleets(flags);
  const traffic = await openWorkload({ trace: flags.trace, seed: flags.seed, durationSeconds: null });
  const results = fleets.map((fleet) => rehearseFleet(fleet, traffic, options, flags, stderr));

  for (const note of notes) stderr.write(`tidegate: ${note}\n`);
  stderr.write(trafficNote(fleets));
  const crossed = results.flatMap((rehearsal) =>
    (flags.failIf ?? []).flatMap((threshold) =>
      crossedThresholds(rehearsal, [threshold]).map(({ value }) => {
        stderr.write(`tidegate: ${rehearsal.fleet.resourceId} crosses ${thresholdValueText(threshold, value)}\n`);
        return { resourceId: rehearsal.fleet.resourceId, threshold: threshold.text, value };
      }),
    ),
  );
  stdout.write(
    flags.json === true
      ? `${JSON.stringify({ rehearsals: results, crossed }, null, 2)}\n`
      : `${results.map(summaryText).join('\n\n')}\n`,
  );
  if (flags.report !== undefined) {
    fs.writeFileSync(flags.report, htmlReport(results, { sha256Base64 }));
    stderr.write(`tidegate: the report is in ${flags.report}\n`);
  }
  return crossed.length === 0 ? 0 : 1;
}

function sha256Base64(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

function rehearseFleet(
  fleet: FleetBlueprint,
  traffic: Workload,
  options: RehearsalOptions,
  flags: SimulateFlags,
  stderr: CommandSurroundings['stderr'],
): Rehearsal {
  const bar = progressBar(stderr, fleet.resourceId);
  const rehearsal = withPriceFlag(fleet, () => rehearse(fleet, traffic, { ...options, onProgress: bar.show }));
  const again =
    flags.advice && rehearsal.requests.arrived <= MOST_REQUESTS_FOR_ADVICE
      ? (changed: FleetBlueprint) => {
          bar.show(1, 'rehearsing changes');
          return rehearse(changed, traffic, withinLimits(options, changed));
        }
      : undefined;
  const advice = advise(fleet, rehearsal, again);
  const best = flags.advice ? hindsight(fleet, traffic, rehearsal) : undefined;
  bar.end();
  return { ...rehearsal, advice, ...(best !== undefined && { hindsight: best }) };
}

/** Names the flag where a price is missing. */
function withPriceFlag(fleet: FleetBlueprint, run: () => Rehearsal): Rehearsal {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof InputError && error.message.includes('price override'))) throw error;
    const flags = fleet.pools.map(({ instanceType }) => `${instanceType}=USD`);
    throw new InputError(`${error.message}\nhere: --price ${flags.join(' ')}`);
  }
}

/** A change of the limits takes the instances at the start with it. */
function withinLimits(options: RehearsalOptions, { plan }: FleetBlueprint): RehearsalOptions {
  const { startInstances } = options;
  if (startInstances === undefined) return options;
  return { ...options, startInstances: Math.min(plan.maxCapacity, Math.max(plan.minCapacity, startInstances)) };
}

function optionsOf(flags: SimulateFlags): RehearsalOptions {
  const { from, to } = flags;
  if (from !== undefined && to !== undefined && to <= from) {
    throw new InputError(`--to is ${to} and --from is ${from}; the end must come after the begin`);
  }
  return {
    seed: flags.seed,
    ...(flags.profile !== undefined && { service: readServiceProfile(flags.profile) }),
    ...(flags.provisioning !== undefined && { provisioning: flags.provisioning }),
    ...(flags.sloWait !== undefined && { sloWaitSeconds: flags.sloWait }),
    ...(flags.slo !== undefined && { sloPercent: flags.slo }),
    ...(flags.timeout !== undefined && { requestTimeoutSeconds: flags.timeout }),
    ...(flags.queueLimit !== undefined && { queueLimitPerInstance: flags.queueLimit }),
    ...(flags.start !== undefined && { startSeconds: flags.start }),
    ...(flags.startInstances !== undefined && { startInstances: flags.startInstances }),
    ...(flags.price !== undefined && { pricesPerHourUsd: flags.price }),
    ...(flags.capacityFailure !== undefined && { capacityFailures: flags.capacityFailure }),
    ...(from !== undefined && { fromSeconds: from }),
    ...(to !== undefined && { toSeconds: to }),
  };
}

/** Finds out before the rehearsal whether its report can be written. */
function checkReport(file: string): void {
  try {
    const folder = path.dirname(path.resolve(file));
    fs.mkdirSync(folder, { recursive: true });
    if (!fs.existsSync(file)) fs.accessSync(folder, fs.constants.W_OK);
    else fs.closeSync(fs.openSync(file, 'r+'));
  } catch (error) {
    throw new InputError(
      `--report is '${file}', which cannot be written (${(error as NodeJS.ErrnoException).code}); check the path`,
    );
  }
}
