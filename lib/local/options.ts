import * as path from 'node:path';
import type { ModelServerName } from '../emulator/model-server/model-servers';
import { DEFAULT_QUIET_METRICS, type QuietMetrics } from '../simulation/aws/sagemaker-metrics';

/** Values of `--ingest`. */
export const INGEST_SOURCES = ['kinesis', 'kafka'] as const;

export type IngestSource = (typeof INGEST_SOURCES)[number];

/** Options of a local run: the flags of the command line, parsed and checked. */
export interface LocalRunOptions {
  /** Project root, which has `cdk.json` and `node_modules`. */
  readonly projectDirectory: string;
  readonly stage: string;
  /** Trace file to replay; null for generated traffic. */
  readonly trace: string | null;
  /** Local seconds per real second. */
  readonly speed: number;
  readonly seed: number;
  /** Budget of the run from its first request on, US dollars; null for the stage's budget. */
  readonly budgetUsd: number | null;
  /** Make the instance type of the first pool unavailable around the peak of the traffic. */
  readonly chaos: boolean;
  /** Datapoints of the metrics of requests while there are none. */
  readonly quietMetrics: QuietMetrics;
  /** Keep everything running after the run, until Ctrl-C. */
  readonly keep: boolean;
  /** Real model server behind the endpoints; null for that of {@link serverOf}. */
  readonly server: ModelServerName | null;
  /** Artifact that the model server serves in place of the small network, a folder or an archive; null for that. */
  readonly model: string | null;
  /** Model of an artifact that has several; null for its only one. */
  readonly modelName: string | null;
  /** File with bodies of requests for the artifact; null to make them from its configuration. */
  readonly payload: string | null;
  /** Way of the requests that do not call the endpoint directly: the Kinesis stream, or a topic of a real Kafka broker. */
  readonly ingest: IngestSource;
  /** URL of an AWS engine that runs already; null starts one. */
  readonly endpoint: string | null;
  /** Folder for the report. */
  readonly outDirectory: string;
  /** Maximum length of the traffic, local seconds; null for the whole trace, or the default of generated traffic. */
  readonly durationSeconds: number | null;
  /** Port of the live page on 127.0.0.1; 0 for any free port, null for no page. */
  readonly pagePort: number | null;
  /** Cloud assembly to deploy; null synthesises the app. */
  readonly assemblyDirectory: string | null;
}

export const DEFAULT_SPEED = 20;
/** Default speed of a tour, local seconds per real second: higher than that of a run, because the steps wait for fleets to scale in. */
export const TOUR_SPEED = 60;
export const DEFAULT_SEED = 1;
export const DEFAULT_OUT_DIRECTORY = path.join('.local', 'report');
export const DEFAULT_PAGE_PORT = 4580;
/** Length of generated traffic, local seconds: with the setup a run at the default speed takes little more than three minutes. */
export const DEFAULT_DURATION_SECONDS = 3000;

/** Model servers that take artifacts; the first is that of a run which names none. */
const ARTIFACT_SERVERS = ['onnx', 'triton'] as const satisfies readonly ModelServerName[];

/** Model server of a run: an artifact has one also where none is named; null for simulated slots only. */
export const serverOf = ({ server, model }: Pick<LocalRunOptions, 'server' | 'model'>): ModelServerName | null =>
  server ?? (model === null ? null : ARTIFACT_SERVERS[0]);

/** Returns one sentence for every combination of options that contradict each other. */
export function checkOptions(options: LocalRunOptions): readonly string[] {
  const problems: string[] = [];
  if (options.endpoint !== null && options.chaos) {
    problems.push('--chaos needs the capacity of our own engine; leave out --endpoint, or --chaos');
  }
  if (options.endpoint !== null && options.quietMetrics !== DEFAULT_QUIET_METRICS) {
    problems.push('--quiet-metrics needs our own engine; leave out --endpoint, or --quiet-metrics');
  }
  if (options.endpoint !== null && options.server !== null) {
    problems.push('--server needs our own engine; leave out --endpoint, or --server');
  }
  const server = serverOf(options);
  if (options.model !== null && !ARTIFACT_SERVERS.some((name) => name === server)) {
    problems.push(
      `--server ${server} serves no artifact; leave out --model, or give --server ${ARTIFACT_SERVERS.join(' or ')}`,
    );
  }
  if (options.model !== null && options.server === null && options.endpoint !== null)
    problems.push('--model needs our own engine; leave out --endpoint, or --model');
  for (const [flag, value] of Object.entries({ '--model-name': options.modelName, '--payload': options.payload })) {
    if (value !== null && options.model === null)
      problems.push(`${flag} goes with --model FOLDER_OR_TAR; add it, or leave out ${flag}`);
  }
  if (options.endpoint !== null && options.ingest === 'kafka') {
    problems.push('--ingest kafka needs our own engine; leave out --endpoint, or --ingest');
  }
  if (options.endpoint !== null && options.keep) {
    problems.push('--keep needs our own engine, and the one of --endpoint keeps running anyway; leave out --keep');
  }
  return problems;
}
