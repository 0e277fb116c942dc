import { Command, Option } from 'commander';
import * as path from 'node:path';
import { isInstalledPackage } from '../../lib/emulator/state-directory';
import { InputError } from '../../lib/core/errors';
import { MODEL_SERVERS, MODEL_SERVER_NAMES, type ModelServerName } from '../../lib/emulator/model-server/model-servers';
import {
  DEFAULT_OUT_DIRECTORY,
  DEFAULT_PAGE_PORT,
  DEFAULT_SEED,
  DEFAULT_SPEED,
  TOUR_SPEED,
  INGEST_SOURCES,
  type IngestSource,
  type LocalRunOptions,
} from '../../lib/local/options';
import type { RunReport } from '../../lib/local/report/run-report';
import type { TerminalOutput } from '../../lib/local/report/terminal';
import type { TourName, TourOptions, TourReport } from '../../lib/local/tour/tour';
import { DEFAULT_STAGE } from '../../lib/platform/contract';
import { DEFAULT_QUIET_METRICS, type QuietMetrics } from '../../lib/simulation/aws/sagemaker-metrics';
import { withExamples, type Example } from '../examples';
import { endpointFlag, numberFlag, quietMetricsOption, stageFlag, wholeNumberFlag } from '../flags';

/** Surroundings of `tidegate local`. */
export interface LocalSurroundings {
  readonly projectDirectory: string;
  readonly stdout: TerminalOutput;
  readonly signal: AbortSignal;
  readonly runLocal: (
    options: LocalRunOptions,
    surroundings: { readonly output: TerminalOutput; readonly signal: AbortSignal },
  ) => Promise<RunReport>;
  readonly runTour: (
    options: TourOptions,
    surroundings: { readonly output: TerminalOutput; readonly signal: AbortSignal },
  ) => Promise<TourReport>;
  /** Receives 0, or 1 when the run reports a failure. */
  readonly onExitCode: (code: 0 | 1) => void;
}

/** Default stage of a tour. */
const TOUR_STAGE = 'dev';

interface LocalFlags {
  readonly trace?: string;
  readonly tour?: TourName;
  readonly speed?: number;
  readonly seed: number;
  readonly budget?: number;
  readonly chaos: boolean;
  readonly quietMetrics?: QuietMetrics;
  readonly keep: boolean;
  readonly server?: ModelServerName;
  readonly model?: string;
  readonly modelName?: string;
  readonly payload?: string;
  readonly ingest: IngestSource;
  readonly endpoint?: string;
  readonly stage: string;
  readonly out: string;
  readonly duration?: number;
  readonly port: number;
  readonly page: boolean;
  readonly assembly?: string;
}

const EXAMPLES: readonly Example[] = [
  ['tidegate local', 'the platform on this machine, under its own traffic'],
  ['tidegate local --trace traffic.csv --speed 30', 'under recorded traffic, two seconds for a minute'],
  ['tidegate local --budget 2.50', 'with a budget that is too small'],
  ['tidegate local --model model.tar.gz', 'with a model of your own behind it'],
  ['tidegate local --tour endpoints', 'one endpoint of every kind'],
  ['tidegate local --tour learning', 'a model that learns from its traffic'],
];

/** `tidegate local`: deploys the platform on this machine and drives traffic through it, or takes a tour of its endpoints. */
export function localCommand({
  projectDirectory,
  stdout,
  signal,
  runLocal,
  runTour,
  onExitCode,
}: LocalSurroundings): Command {
  return withExamples(new Command('local'), EXAMPLES)
    .option('--trace <file>', 'traffic to replay: requests, counts per step or a CloudWatch export; plain or gzipped')
    .addOption(
      new Option(
        '--tour <what>',
        'instead: deploy one endpoint of every kind and see each of them scale (endpoints), or train, compress, try and roll out a model, which ' +
          'needs PyTorch (learning)',
      ).choices(['endpoints', 'learning'] satisfies TourName[]),
    )
    .option(
      '--speed <n>',
      `local seconds per real second, 1 to 120 (default: ${DEFAULT_SPEED}, on a tour ${TOUR_SPEED})`,
      numberFlag('--speed', 1, 120),
    )
    .option('--seed <n>', 'seed of everything random', wholeNumberFlag('--seed', 0, 2 ** 32 - 1), DEFAULT_SEED)
    .option(
      '--budget <usd>',
      'budget from the first request on; shows the cost guard',
      numberFlag('--budget', 0.01, 1_000_000, 'US dollars'),
    )
    .option('--chaos', 'make the first instance type unavailable around the peak', false)
    .addOption(quietMetricsOption())
    .option('--keep', 'keep everything running after the run, until Ctrl-C', false)
    .addOption(
      new Option('--server <name>', `put a real model server behind the endpoints; ${modelServerNeeds()}`).choices(
        MODEL_SERVER_NAMES,
      ),
    )
    .option(
      '--model <folder or tar>',
      'serve this model, as the compression pipeline writes it, under ONNX Runtime or with --server triton: a folder or model.tar.gz in the layout of Triton, or with one ONNX file',
    )
    .option('--model-name <name>', 'with --model: the model that responds, where the artifact has several')
    .option(
      '--payload <file>',
      'with --model: bodies of requests, JSON, one a line; without it they are made from the configuration of the model',
    )
    .addOption(
      new Option(
        '--ingest <source>',
        'way of the requests that are not direct: the stream, or a real Kafka broker, which needs Java 17 and, once, Maven',
      )
        .choices(INGEST_SOURCES)
        .default('kinesis'),
    )
    .option('--endpoint <url>', 'use an AWS engine that already runs', endpointFlag)
    .option('--stage <name>', 'stage to deploy', stageFlag, DEFAULT_STAGE)
    .option('--out <dir>', 'folder of the report', DEFAULT_OUT_DIRECTORY)
    .option(
      '--duration <seconds>',
      'maximum length of the traffic in local seconds',
      numberFlag('--duration', 60, 30 * 86_400, 'local seconds'),
    )
    .option(
      '--port <n>',
      'port of the live page on 127.0.0.1; 0 for any',
      wholeNumberFlag('--port', 0, 65_535),
      DEFAULT_PAGE_PORT,
    )
    .option('--no-page', 'serve no live page')
    .addOption(new Option('--assembly <dir>', 'deploy this cloud assembly instead').hideHelp())
    .allowExcessArguments(false)
    .action(async (flags: LocalFlags, command: Command) => {
      if (flags.tour !== undefined) {
        const report = await runTour(tourOptionsOf(flags, flags.tour, command, projectDirectory), {
          output: stdout,
          signal,
        });
        onExitCode(report.ok ? 0 : 1);
        return;
      }
      const report = await runLocal(optionsOf(flags, projectDirectory), { output: stdout, signal });
      onExitCode(report.ok ? 0 : 1);
    });
}

function modelServerNeeds(): string {
  return MODEL_SERVER_NAMES.map((name) => `${name} needs ${MODEL_SERVERS[name].needs}`).join('; ');
}

/** Flags of a tour; the others concern traffic, which a tour does not have. */
const TOUR_FLAGS: readonly string[] = ['tour', 'speed', 'seed', 'stage', 'out'];

function tourOptionsOf(flags: LocalFlags, tour: TourName, command: Command, projectDirectory: string): TourOptions {
  const foreign = command.options.filter(
    (option) =>
      command.getOptionValueSource(option.attributeName()) === 'cli' && !TOUR_FLAGS.includes(option.attributeName()),
  );
  if (foreign.length > 0) {
    const names = foreign.map(({ long }) => long).join(', ');
    throw new InputError(
      `--tour goes with ${TOUR_FLAGS.slice(1)
        .map((name) => `--${name}`)
        .join(', ')} only; leave out ${names}`,
    );
  }
  return {
    tour,
    projectDirectory,
    stage: command.getOptionValueSource('stage') === 'cli' ? flags.stage : TOUR_STAGE,
    speed: flags.speed ?? TOUR_SPEED,
    seed: flags.seed,
    outDirectory: outDirectoryOf(flags, projectDirectory),
  };
}

/** A path is relative to the working directory, except that the default is in the clone, if the command is a clone's. */
function outDirectoryOf({ out }: LocalFlags, projectDirectory: string): string {
  const isInClone = out === DEFAULT_OUT_DIRECTORY && !isInstalledPackage(projectDirectory);
  return isInClone ? path.join(projectDirectory, out) : path.resolve(out);
}

function optionsOf(flags: LocalFlags, projectDirectory: string): LocalRunOptions {
  return {
    projectDirectory,
    stage: flags.stage,
    trace: flags.trace ?? null,
    speed: flags.speed ?? DEFAULT_SPEED,
    seed: flags.seed,
    budgetUsd: flags.budget ?? null,
    chaos: flags.chaos,
    quietMetrics: flags.quietMetrics ?? DEFAULT_QUIET_METRICS,
    keep: flags.keep,
    server: flags.server ?? null,
    model: flags.model ?? null,
    modelName: flags.modelName ?? null,
    payload: flags.payload ?? null,
    ingest: flags.ingest,
    endpoint: flags.endpoint ?? null,
    outDirectory: outDirectoryOf(flags, projectDirectory),
    durationSeconds: flags.duration ?? null,
    pagePort: flags.page ? flags.port : null,
    assemblyDirectory: flags.assembly === undefined ? null : path.resolve(flags.assembly),
  };
}
