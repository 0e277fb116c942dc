import { Command } from 'commander';
import { InputError } from '../../lib/core/errors';
import { writeWholeFile } from '../../lib/files/write-file';
import { hindsight } from '../../lib/simulation/compare';
import type { Provisioning } from '../../lib/simulation/fleet';
import { openWorkload } from '../../lib/traffic-file/open-workload';
import {
  advise,
  crossedThresholds,
  rehearsalHtml,
  rehearsalText,
  rehearse,
  rehearseWhile,
  thresholdValueText,
  type CapacityFailure,
  type FailureThreshold,
  type Rehearsal,
  type RehearsalBounds,
  type RehearsalOptions,
} from '../../lib/simulation/rehearse';
import type { QuietMetrics } from '../../lib/simulation/aws/sagemaker-metrics';
import type { FleetBlueprint } from '../../lib/simulation/blueprint';
import type { AbandonedWork } from '../../lib/simulation/fleet';
import type { Workload } from '../../lib/simulation/traffic';
import type { ParameterValues } from '../../lib/template';
import {
  abandonedWorkOption,
  capacityFailureFlag,
  failIfFlag,
  givenRetries,
  givenTemplates,
  numberFlag,
  parameterFlag,
  priceOption,
  pricesOption,
  provisioningFlag,
  quietMetricsOption,
  regionFlag,
  type RetryFlags,
  startFlag,
  takesRetries,
  takesTemplates,
  takesTraceUnits,
  timezoneFlag,
  type TraceUnitFlags,
  traceUnits,
  wholeNumberFlag,
} from '../flags';
import { withExamples, type Example } from '../examples';
import { agreementNotes } from '../input/agreement-file';
import { readEdgeOffload } from '../input/edge-offload';
import { readFleets, trafficNote } from '../input/fleet-selection';
import { withInputs } from '../input/inspected-folder';
import { withTraceFile } from '../input/trace-file';
import { givenPrices, namingPriceFlag } from '../input/prices';
import { barWhile, progressBar } from './progress-bar';
import { reportOptions, usedFiles } from '../input/report-origin';
import {
  assumedServiceNotes,
  checkServiceFlags,
  givenService,
  serviceMeanOption,
  type ServiceFlags,
} from '../input/service-flags';
import { colouredRehearsal } from '../output/result-colours';
import {
  checkResultFlags,
  checkWritable,
  takesResultFlags,
  writeResult,
  type ResultFlags,
} from '../output/result-output';
import { junitOfRehearsals, markdownOfRehearsals } from '../output/simulate-formats';
import type { CommandSurroundings } from './surroundings';

interface SimulateFlags extends ResultFlags, ServiceFlags, TraceUnitFlags, RetryFlags {
  readonly template?: string[];
  readonly trace?: string;
  readonly provisioning?: Provisioning;
  readonly seed: number;
  readonly fleet?: string;
  readonly from?: number;
  readonly to?: number;
  readonly start?: number;
  readonly timezone?: string;
  readonly startInstances?: number;
  readonly sloWait?: number;
  readonly slo?: number;
  readonly timeout?: number;
  readonly queueLimit?: number;
  readonly abandonedWork?: AbandonedWork;
  readonly edgeOffload?: number;
  readonly quietMetrics?: QuietMetrics;
  readonly price?: { readonly [instanceType: string]: number };
  readonly prices?: string;
  readonly capacityFailure?: CapacityFailure[];
  readonly region?: string;
  readonly parameter?: ParameterValues;
  readonly report?: string;
  readonly failIf?: FailureThreshold[];
  readonly advice: boolean;
}

/** Maximum number of requests up to which recommended changes are rehearsed; beyond, that would take too long. */
const MAX_REQUESTS_FOR_ADVICE = 20_000_000;

const EXAMPLES: readonly Example[] = [
  ['tidegate simulate cdk.out --trace traffic.csv', 'what recorded traffic does to the fleets of an app'],
  [
    "tidegate simulate cdk.out --trace traffic.csv --no-advice --fail-if 'slo<99' 'cost>1200/month'",
    'a check that fails in continuous integration',
  ],
  ['tidegate simulate cdk.out --trace traffic.csv --format markdown', 'a comment for a pull request'],
  [
    'tidegate simulate cdk.out --trace traffic.csv --profile service.json --report rehearsal.html',
    'measured service times, and a report with charts',
  ],
];

/**
 * `tidegate simulate`: rehearses the fleets of synthesized templates under recorded traffic.
 *
 * Progress goes to stderr, the result to stdout. The exit code is 0, or 1 when a `--fail-if` threshold is crossed; bad input is thrown as
 * an InputError (the command line exits with 2).
 */
export function simulateCommand(surroundings: CommandSurroundings): Command {
  const command = withExamples(takesTemplates(new Command('simulate')), EXAMPLES)
    .option(
      '--trace <file>',
      'traffic: requests (CSV, parquet, JSON Lines), client windows, counts per step or a CloudWatch export; - for stdin (default: that of the inspection)',
    )
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
    .option('--seed <n>', 'seed of everything random', wholeNumberFlag('--seed', 0, 2 ** 32 - 1), 1)
    .option('--fleet <name>', 'only the fleet whose resource id contains this')
    .option('--from <seconds>', 'start of the window, from the start of the trace', numberFlag('--from', 0, 1e9))
    .option('--to <seconds>', 'end of the window, from the start of the trace', numberFlag('--to', 1, 1e9))
    .option(
      '--start <time>',
      'start of the run, for schedules and the budget (default: the time of the recording)',
      startFlag,
    )
    .option(
      '--timezone <zone>',
      "zone of the times shown, such as Europe/Berlin or +01:00 (default: that of the trace's dates, else UTC)",
      timezoneFlag,
    )
    .option(
      '--start-instances <n>',
      'instances in service at the start (default: the demand of the first minutes)',
      wholeNumberFlag('--start-instances', 0, 100_000),
    )
    .option(
      '--slo-wait <seconds>',
      'maximum wait of a request that is served well (default: 1)',
      numberFlag('--slo-wait', 0, 86_400),
    )
    .option(
      '--slo <percent>',
      'percentage of requests to serve well; the aim of the advice (default: 99)',
      numberFlag('--slo', 0, 100),
    )
    .option(
      '--timeout <seconds>',
      'maximum time to the response (default: 60; asynchronous fleets: 21600)',
      numberFlag('--timeout', 0.001, 604_800),
    )
    .option(
      '--queue-limit <n>',
      'maximum number of requests that wait in one instance (default: no limit)',
      wholeNumberFlag('--queue-limit', 0, 1e9),
    )
    .option(
      '--edge-offload <percent|file>',
      'requests that devices at the edge answer: a percentage, or a file with their metrics messages (default: 0)',
      readEdgeOffload,
    )
    .addOption(abandonedWorkOption())
    .addOption(quietMetricsOption())
    .addOption(pricesOption())
    .addOption(priceOption())
    .option(
      '--capacity-failure <type:from-to...>',
      'an instance type that cannot be launched from second to second',
      capacityFailureFlag,
    )
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
    .option('--report <file>', 'write one HTML file with charts, decisions and reasons')
    .option(
      '--fail-if <threshold...>',
      'exit with 1 when crossed: slo<99, cost>1200/month, wait-p99>1, drops>0.1',
      failIfFlag,
    )
    .option('--no-advice', 'do not rehearse changes to recommend');
  return takesResultFlags(takesTraceUnits(takesRetries(command)), ['text', 'json', 'junit', 'markdown']).action(
    async (templates: string[], flags: SimulateFlags, self: Command) => {
      const template = givenTemplates(templates, flags);
      surroundings.onExitCode(await simulate(template, withTraceFile(flags, template), self, surroundings));
    },
  );
}

async function simulate(
  template: readonly string[],
  flags: SimulateFlags,
  command: Command,
  surroundings: CommandSurroundings,
): Promise<0 | 1> {
  const { stderr } = surroundings;
  // Bad input is refused before anything that takes long.
  const options = optionsOf(flags);
  checkServiceFlags(flags);
  checkResultFlags(flags);
  if (flags.report !== undefined) checkWritable('--report', flags.report);
  const { fleets, notes } = readFleets({ ...flags, template });
  const given = withInputs(fleets, template, flags);
  const results: Rehearsal[] = [];
  const assumed = new Set<string>();
  let opened: { readonly trace: string; readonly traffic: Workload } | undefined;
  for (const { fleet, inputs } of given) {
    const { trace } = inputs;
    if (opened?.trace !== trace)
      opened = { trace, traffic: await openWorkload({ trace, seed: flags.seed, ...traceUnits(flags) }) };
    const service = givenService(flags, inputs);
    for (const note of assumedServiceNotes(opened.traffic, service)) assumed.add(note);
    results.push(
      rehearseFleet(
        withEdge(fleet, flags),
        opened.traffic,
        { ...options, ...(service !== undefined && { service }) },
        flags,
        stderr,
      ),
    );
  }

  for (const note of [...notes, ...assumed, ...agreementNotes(template)]) stderr.write(`tidegate: ${note}\n`);
  stderr.write(trafficNote(given.filter(({ inputs }) => !inputs.isOwnTrace).map(({ fleet }) => fleet)));
  const crossed = results.flatMap((rehearsal) =>
    (flags.failIf ?? []).flatMap((threshold) =>
      crossedThresholds(rehearsal, [threshold]).map(({ value }) => {
        stderr.write(`tidegate: ${rehearsal.fleet.resourceId} crosses ${thresholdValueText(threshold, value)}\n`);
        return { resourceId: rehearsal.fleet.resourceId, threshold: threshold.text, value };
      }),
    ),
  );
  const rehearsed = { rehearsals: results, thresholds: flags.failIf ?? [] };
  writeResult(flags, surroundings, {
    text: (colours) => `${colouredRehearsal(results.map(rehearsalText).join('\n\n'), colours)}\n`,
    json: () => `${JSON.stringify({ rehearsals: results, crossed }, null, 2)}\n`,
    junit: () => junitOfRehearsals(rehearsed),
    markdown: () => markdownOfRehearsals(rehearsed),
  });
  if (flags.report !== undefined) {
    const files = usedFiles({ ...flags, template, inputs: given.map(({ inputs }) => inputs) });
    writeWholeFile(flags.report, rehearsalHtml(results, await reportOptions(command, files)));
    stderr.write(`tidegate: the report is in ${flags.report}\n`);
  }
  return crossed.length === 0 ? 0 : 1;
}

/** The fleet without the requests that devices answer. */
function withEdge(fleet: FleetBlueprint, { edgeOffload }: SimulateFlags): FleetBlueprint {
  return edgeOffload === undefined ? fleet : { ...fleet, edgeOffload };
}

function rehearseFleet(
  fleet: FleetBlueprint,
  traffic: Workload,
  options: RehearsalOptions,
  flags: SimulateFlags,
  stderr: CommandSurroundings['stderr'],
): Rehearsal {
  const bar = progressBar(stderr, fleet.resourceId);
  const pricesPerHourUsd = givenPrices(flags, fleet.region);
  const priced = { ...options, ...(pricesPerHourUsd !== undefined && { pricesPerHourUsd }) };
  return barWhile(bar, () => {
    const rehearsal = namingPriceFlag(() => rehearse(fleet, traffic, { ...priced, onProgress: bar.show }));
    const again =
      flags.advice && rehearsal.requests.arrived <= MAX_REQUESTS_FOR_ADVICE
        ? (changed: FleetBlueprint, mayMatter: (bounds: RehearsalBounds) => boolean) => {
            bar.show(1, 'rehearsing changes');
            return rehearseWhile(changed, traffic, withinLimits(priced, changed), mayMatter);
          }
        : undefined;
    const advice = advise(fleet, rehearsal, again);
    const best = flags.advice ? hindsight(fleet, traffic, rehearsal) : undefined;
    return { ...rehearsal, advice, ...(best !== undefined && { hindsight: best }) };
  });
}

/** Options for a change of the limits: the instances at the start stay within them. */
function withinLimits(options: RehearsalOptions, { plan }: FleetBlueprint): RehearsalOptions {
  const { startInstances } = options;
  if (startInstances === undefined) return options;
  return { ...options, startInstances: Math.min(plan.maxCapacity, Math.max(plan.minCapacity, startInstances)) };
}

function optionsOf(flags: SimulateFlags): RehearsalOptions {
  const { from, to } = flags;
  if (from !== undefined && to !== undefined && to <= from) {
    throw new InputError(`--to is ${to} and --from is ${from}; the end must come after the start`);
  }
  const retries = givenRetries(flags);
  return {
    seed: flags.seed,
    ...(flags.provisioning !== undefined && { provisioning: flags.provisioning }),
    ...(flags.sloWait !== undefined && { sloWaitSeconds: flags.sloWait }),
    ...(flags.slo !== undefined && { sloPercent: flags.slo }),
    ...(flags.timeout !== undefined && { requestTimeoutSeconds: flags.timeout }),
    ...(flags.queueLimit !== undefined && { queueLimitPerInstance: flags.queueLimit }),
    ...(flags.abandonedWork !== undefined && { abandonedWork: flags.abandonedWork }),
    ...(retries !== undefined && { retries }),
    ...(flags.quietMetrics !== undefined && { quietMetrics: flags.quietMetrics }),
    ...(flags.start !== undefined && { startSeconds: flags.start }),
    ...(flags.timezone !== undefined && { timezone: flags.timezone }),
    ...(flags.startInstances !== undefined && { startInstances: flags.startInstances }),
    ...(flags.capacityFailure !== undefined && { capacityFailures: flags.capacityFailure }),
    ...(from !== undefined && { fromSeconds: from }),
    ...(to !== undefined && { toSeconds: to }),
  };
}
