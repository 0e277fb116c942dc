import { DescribeExecutionCommand, StartExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn';
import type { EpochSeconds } from '../../core/time';
import { pause } from '../../emulator/repeat';
import type { AccountSnapshot } from '../../emulator/snapshot';
import type { AwsClients } from '../deploy/aws';
import type { LocalPlatform } from '../deploy/local-platform';
import type { PlatformOutputs } from '../deploy/stack-outputs';
import type { Recorder } from '../recorder';
import type { ResultsReader } from './results-reader';

/** Result of the training execution; null where there was none. */
export interface TrainingReport {
  readonly status: string | null;
  readonly modelArtifact: string | null;
  readonly executionArn: string | null;
  /** Reason of a failure. */
  readonly cause: string | null;
}

export const NO_TRAINING: TrainingReport = { status: null, modelArtifact: null, executionArn: null, cause: null };

const POLL_MS = 1000;
/** Share of the traffic after which training starts. */
const START_RATIO = 0.4;
/** Result lines that training waits for: the job needs 20 besides the fifth that it holds out, and a busy machine answers late. */
const MIN_ROWS = 60;
const ROWS_POLL_MS = 200;

/** Starts one execution of the training state machine and waits for its end. */
async function runTraining(options: {
  readonly sfn: Pick<SFNClient, 'send'>;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly signal: AbortSignal;
  /** Jobs that name the model artifact if the output of the execution does not. */
  readonly trainingJobs: () => AccountSnapshot['trainingJobs'];
}): Promise<TrainingReport> {
  const { sfn, stateMachineArn, name, signal } = options;
  const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: '{}' }));
  for (;;) {
    const { status, output, error, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (status !== 'RUNNING') {
      const artifact = findArtifact(output) ?? latestArtifact(options.trainingJobs());
      return {
        status: status ?? 'UNKNOWN',
        modelArtifact: artifact ?? null,
        executionArn: executionArn ?? null,
        cause: status === 'SUCCEEDED' ? null : [error, cause].filter(Boolean).join(': ') || null,
      };
    }
    await pause(POLL_MS, signal);
    signal.throwIfAborted();
  }
}

/** Finds the model artifact in the output of an execution. */
function findArtifact(output: string | undefined): string | undefined {
  if (output === undefined) return undefined;
  let found: string | undefined;
  try {
    JSON.parse(output, (key, value: unknown) => {
      if (/^(S3ModelArtifacts|modelArtifact|ModelDataUrl)$/i.test(key) && typeof value === 'string') found ??= value;
      return value;
    });
  } catch {
    return undefined;
  }
  return found;
}

function latestArtifact(jobs: AccountSnapshot['trainingJobs']): string | undefined {
  return jobs.flatMap(({ modelArtifact }) => (modelArtifact === null ? [] : [modelArtifact])).at(-1);
}

/** Trains once, as soon as the traffic has left enough results, and records the progress. */
export async function trainDuringTraffic(options: {
  readonly platform: LocalPlatform;
  readonly aws: AwsClients;
  readonly outputs: PlatformOutputs;
  readonly recorder: Recorder;
  readonly anchor: EpochSeconds;
  readonly trafficSeconds: number;
  readonly results: Pick<ResultsReader, 'resultObjects' | 'resultRows'>;
  /** True once every request has its outcome: no further result will come. */
  readonly drained: () => boolean;
  readonly signal: AbortSignal;
}): Promise<TrainingReport> {
  const { platform, aws, outputs, recorder, anchor, trafficSeconds, results, drained, signal } = options;
  const { clock } = platform;
  await clock.sleepUntil(anchor + trafficSeconds * START_RATIO, signal);
  while (results.resultRows() < MIN_ROWS && !drained()) {
    await pause(ROWS_POLL_MS, signal);
    signal.throwIfAborted();
  }
  recorder.step('training', 'running', 'execution started');
  recorder.event(
    clock.now() - anchor,
    'training',
    'Training started',
    `on ${results.resultObjects()} objects of answered requests`,
  );
  const report = await runTraining({
    sfn: aws.sfn,
    stateMachineArn: outputs.TrainingStateMachineArn,
    name: `run-${Math.round(anchor)}`,
    signal,
    trainingJobs: () => platform.trainingJobs(),
  });
  const succeeded = report.status === 'SUCCEEDED';
  recorder.step(
    'training',
    succeeded ? 'done' : 'failed',
    succeeded ? (report.modelArtifact?.split('/').at(-1) ?? 'no model') : (report.cause ?? ''),
  );
  recorder.event(
    clock.now() - anchor,
    succeeded ? 'training' : 'problem',
    `Training ${report.status?.toLowerCase()}`,
    report.modelArtifact ?? report.cause ?? '',
  );
  return report;
}
