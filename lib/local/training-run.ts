import { DescribeExecutionCommand, StartExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn';
import { pause } from './repeat';
import type { PlatformSnapshot } from './sidecar/snapshot';

/** What became of the training execution; null where there was none. */
export interface TrainingReport {
  readonly status: string | null;
  readonly modelArtifact: string | null;
  readonly executionArn: string | null;
  /** Why it did not succeed. */
  readonly cause: string | null;
}

export const NO_TRAINING: TrainingReport = { status: null, modelArtifact: null, executionArn: null, cause: null };

const POLL_MS = 1000;

/** Starts one execution of the training state machine and follows it to its end. */
export async function runTraining(options: {
  readonly sfn: Pick<SFNClient, 'send'>;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly signal: AbortSignal;
  /** Where the model is looked for when the execution's output does not tell. */
  readonly trainingJobs: () => PlatformSnapshot['trainingJobs'];
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

/** The model's place in an execution's output, wherever the state machine put it. */
export function findArtifact(output: string | undefined): string | undefined {
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

function latestArtifact(jobs: PlatformSnapshot['trainingJobs']): string | undefined {
  return jobs.flatMap(({ modelArtifact }) => (modelArtifact === null ? [] : [modelArtifact])).at(-1);
}
