import { Command } from 'commander';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { writeWholeFile } from '../../lib/files/write-file';
import { openWorkload } from '../../lib/traffic-file/open-workload';
import {
  COMPARISON_DEFAULTS,
  comparePolicies,
  comparisonHtml,
  comparisonText,
  timelineCsv,
  type PolicyRun,
} from '../../lib/simulation/compare';
import type { AbandonedWork } from '../../lib/simulation/fleet';
import { withExamples, type Example } from '../examples';
import {
  abandonedWorkOption,
  numberFlag,
  takesTraceUnits,
  timezoneFlag,
  type TraceUnitFlags,
  traceUnits,
} from '../flags';
import { onlyInspectedFleet } from '../input/inspected-folder';
import { reportOptions, usedFiles } from '../input/report-origin';
import { withTraceFile } from '../input/trace-file';
import { markdownOfComparison } from '../output/compare-formats';
import { colouredComparison } from '../output/result-colours';
import {
  checkResultFlags,
  checkWritable,
  takesResultFlags,
  writeResult,
  type ResultFlags,
} from '../output/result-output';
import { barWhile, progressBar } from './progress-bar';
import type { CommandSurroundings } from './surroundings';

interface CompareFlags extends ResultFlags, TraceUnitFlags {
  readonly trace?: string;
  readonly fleet?: string;
  readonly from: number;
  readonly to?: number;
  readonly slots: number;
  readonly serviceMean: number;
  readonly sloWait: number;
  readonly provisioning: number;
  readonly seeds: number;
  readonly abandonedWork?: AbandonedWork;
  readonly timeline?: string;
  readonly timezone?: string;
  readonly report?: string;
}

const EXAMPLES: readonly Example[] = [
  ['tidegate compare --trace traffic.csv', 'every policy on all of the traffic'],
  [
    'tidegate compare --trace traffic.csv --from 3600 --slots 8 --service-mean 0.6 --seeds 1',
    'from the second hour on, with the forecast trained on the first',
  ],
];

/**
 * `tidegate compare`: plays every policy, this package's forecast, a clairvoyant and a lower bound over a window of a trace.
 *
 * The table or the JSON goes to stdout, progress to stderr; bad input is thrown as an InputError.
 */
export function compareCommand(surroundings: Omit<CommandSurroundings, 'onExitCode'>): Command {
  const defaults = COMPARISON_DEFAULTS;
  const { stderr } = surroundings;
  const command = withExamples(new Command('compare'), EXAMPLES)
    .argument('[inspection]', 'folder of tidegate inspect, with traffic, service times and concurrency')
    .option(
      '--trace <file>',
      'traffic: requests (CSV, parquet, JSON Lines), client windows, counts per step or a CloudWatch export; - for stdin',
    )
    .option('--fleet <name>', 'fleet of the inspection whose resource id contains this')
    .option('--from <seconds>', 'start of the window; only forecasters see earlier traffic', numberFlag('--from'), 0)
    .option('--to <seconds>', "end of the window (default: the trace's end)", numberFlag('--to'))
    .option('--slots <n>', 'concurrent requests of an instance', numberFlag('--slots'), defaults.slotsPerInstance)
    .option(
      '--service-mean <seconds>',
      'mean seconds that a request occupies its slot',
      numberFlag('--service-mean'),
      defaults.serviceMeanSeconds,
    )
    .option(
      '--slo-wait <seconds>',
      'maximum wait of a request that is on time',
      numberFlag('--slo-wait'),
      defaults.sloWaitSeconds,
    )
    .option(
      '--provisioning <seconds>',
      'median start-up of an instance',
      numberFlag('--provisioning'),
      defaults.provisioningSeconds,
    )
    .option('--seeds <n>', 'number of seeds to play; the worst is shown', numberFlag('--seeds'), defaults.seeds)
    .addOption(abandonedWorkOption())
    .option('--timeline <dir>', 'also write POLICY-SEED.csv with every change of the fleet')
    .option('--timezone <zone>', "zone of the times shown (default: that of the trace's dates, else UTC)", timezoneFlag)
    .option('--report <file>', 'write one HTML file with the table, costs against requests on time, and timelines')
    .allowExcessArguments(false);
  return takesResultFlags(takesTraceUnits(command), ['text', 'json', 'markdown']).action(
    async (folder: string | undefined, given: CompareFlags, self: Command) => {
      const flags = withTraceFile(withInspected(folder, given, self), []);
      checkResultFlags(flags);
      if (flags.report !== undefined) checkWritable('--report', flags.report);
      const workload = await openWorkload({ trace: flags.trace, seed: 1, ...traceUnits(flags) });
      for (const note of workload.notes ?? []) stderr.write(`tidegate: ${note}\n`);
      const bar = progressBar(stderr, 'compare');
      const { timeline, report } = flags;
      const runs: PolicyRun[] = [];
      let demand: readonly number[] = [];
      if (timeline !== undefined) makeFolder(timeline);
      const comparison = barWhile(bar, () =>
        comparePolicies(
          workload,
          {
            ...defaults,
            fromSeconds: flags.from,
            toSeconds: flags.to ?? Math.floor(workload.durationSeconds),
            slotsPerInstance: flags.slots,
            serviceMeanSeconds: flags.serviceMean,
            sloWaitSeconds: flags.sloWait,
            provisioningSeconds: flags.provisioning,
            seeds: flags.seeds,
            abandonedWork: flags.abandonedWork ?? defaults.abandonedWork,
          },
          {
            progress: ({ done, of, activity }) => bar.show(done / of, activity),
            run: (run) => {
              if (timeline !== undefined) writeTimeline(timeline, run);
              if (report !== undefined && run.seed === 1) runs.push(run);
            },
            ...(report !== undefined && { demand: (instances) => (demand = instances) }),
          },
          flags.timezone,
        ),
      );
      writeResult(flags, surroundings, {
        text: (colours) => colouredComparison(comparisonText(comparison), colours),
        json: () => `${JSON.stringify(comparison, null, 2)}\n`,
        markdown: () => markdownOfComparison(comparison),
      });
      if (report !== undefined) {
        const options = await reportOptions(self, usedFiles(flags));
        writeWholeFile(report, comparisonHtml(comparison, { runs, demand }, options));
        stderr.write(`tidegate: the report is in ${report}\n`);
      }
    },
  );
}

/** Flags with what an inspection has in place of those that are not given. */
function withInspected(
  folder: string | undefined,
  flags: CompareFlags,
  command: Command,
): CompareFlags & { readonly trace: string } {
  const { trace } = flags;
  if (folder === undefined) {
    if (trace !== undefined) return { ...flags, trace };
    throw new InputError('--trace is missing; give the traffic, or a folder that tidegate inspect wrote');
  }
  const inspected = onlyInspectedFleet(folder, flags.fleet);
  const { fleet } = inspected;
  const isGiven = (name: string): boolean => command.getOptionValueSource(name) !== 'default';
  return {
    ...flags,
    trace: trace ?? path.join(inspected.folder, fleet.trace!),
    ...(!isGiven('slots') && { slots: fleet.slotsPerInstance }),
    ...(!isGiven('serviceMean') && fleet.service !== null && { serviceMean: fleet.service.meanSeconds }),
  };
}

function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new InputError(
      `--timeline is '${folder}', where no folder can be created (${(error as NodeJS.ErrnoException).code}); name another`,
    );
  }
}

function writeTimeline(folder: string, run: PolicyRun): void {
  writeWholeFile(path.join(folder, `${run.policy}-${run.seed}.csv`), timelineCsv(run));
}
