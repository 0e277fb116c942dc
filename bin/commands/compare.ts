import { Command } from 'commander';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { openWorkload } from '../../lib/local/load/open-workload';
import {
  COMPARISON_DEFAULTS,
  comparePolicies,
  comparisonText,
  timelineCsv,
  type PolicyRun,
} from '../../lib/simulation/comparison';
import { progressBar } from './progress-bar';

interface CompareSurroundings {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

interface CompareFlags {
  readonly trace: string;
  readonly from: number;
  readonly to?: number;
  readonly slots: number;
  readonly serviceMean: number;
  readonly sloWait: number;
  readonly provisioning: number;
  readonly seeds: number;
  readonly timeline?: string;
  readonly json: boolean;
}

/**
 * `tidegate compare`: plays every policy, this package's forecast, a clairvoyant and a certified bound over a window of a trace.
 *
 * The table or the JSON goes to stdout, progress to stderr; bad input is thrown as an InputError.
 */
export function compareCommand({ stdout, stderr }: CompareSurroundings = process): Command {
  const defaults = COMPARISON_DEFAULTS;
  return new Command('compare')
    .description('play every scaling policy over a window of a trace, beside a clairvoyant and a certified bound')
    .requiredOption(
      '--trace <file>',
      'traffic: requests (CSV, parquet, JSON Lines), client windows, counts per step or a CloudWatch export',
    )
    .option('--from <seconds>', 'where the window begins; only forecasters see what lies before', number('--from'), 0)
    .option('--to <seconds>', "where it ends (default: the trace's end)", number('--to'))
    .option('--slots <n>', 'requests that an instance serves at once', number('--slots'), defaults.slotsPerInstance)
    .option(
      '--service-mean <seconds>',
      'mean seconds that a request keeps its slot',
      number('--service-mean'),
      defaults.serviceMeanSeconds,
    )
    .option(
      '--slo-wait <seconds>',
      'a request is on time when it waits at most so long',
      number('--slo-wait'),
      defaults.sloWaitSeconds,
    )
    .option(
      '--provisioning <seconds>',
      'median start-up of an instance',
      number('--provisioning'),
      defaults.provisioningSeconds,
    )
    .option('--seeds <n>', 'how many seeds to play; the worst is quoted', number('--seeds'), defaults.seeds)
    .option('--timeline <dir>', 'also write POLICY-SEED.csv with every change of the fleet')
    .option('--json', 'print JSON', false)
    .allowExcessArguments(false)
    .action(async (flags: CompareFlags) => {
      const workload = await openWorkload({ trace: flags.trace, seed: 1, durationSeconds: null });
      const bar = progressBar(stderr, 'compare');
      const { timeline } = flags;
      if (timeline !== undefined) makeFolder(timeline);
      const comparison = comparePolicies(
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
        },
        {
          progress: ({ done, of, what }) => bar.show(done / of, what),
          ...(timeline !== undefined && { run: (run) => writeTimeline(timeline, run) }),
        },
      );
      bar.end();
      stdout.write(flags.json ? `${JSON.stringify(comparison, null, 2)}\n` : comparisonText(comparison));
    });
}

function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new InputError(
      `--timeline is '${folder}', where no folder can be made (${(error as NodeJS.ErrnoException).code}); name another`,
    );
  }
}

function writeTimeline(folder: string, run: PolicyRun): void {
  fs.writeFileSync(path.join(folder, `${run.policy}-${run.seed}.csv`), timelineCsv(run));
}

function number(flag: string): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : NaN;
    if (Number.isFinite(value)) return value;
    throw new InputError(`${flag} is '${text}'; it must be a number of at least 0`);
  };
}
