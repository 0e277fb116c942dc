import {
  DescribeExecutionCommand,
  type ExecutionListItem,
  ListExecutionsCommand,
  SFNClient,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { SECONDS_PER_DAY, type EpochSeconds } from '../../lib/core/time';
import type { GuardedExecutions } from '../../lib/cost/contract';
import type { TrainingJobSeen } from '../../lib/cost/decide/meter';
import { awsClient } from './aws-client';

/** Client of executions that cost something while they run. */
export interface MeteredExecutions {
  /** Returns the executions of a state machine that run, and those that ended after a moment. */
  since(machine: GuardedExecutions, since: EpochSeconds, signal?: AbortSignal): Promise<readonly TrainingJobSeen[]>;
  /** Returns one execution of a state machine; one of a machine that is not among them costs nothing from its end on. */
  describe(
    executionArn: string,
    machines: readonly GuardedExecutions[],
    signal?: AbortSignal,
  ): Promise<TrainingJobSeen>;
  /** Stops an execution, and with it the job that it waits for. */
  stop(executionArn: string, signal?: AbortSignal): Promise<void>;
}

/** Maximum number of executions of a page (https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html). */
const PAGE = 1_000;
const MAX_PAGES = 10;
/** Time that an execution waits and retries, beside its longest running time: those that began before it have ended. */
const WAIT_SECONDS = 2 * SECONDS_PER_DAY;

type Execution = Pick<ExecutionListItem, 'executionArn' | 'startDate' | 'stopDate'>;

/** {@link MeteredExecutions} of Step Functions. */
export function createMeteredExecutions(stepFunctions = awsClient(SFNClient)): MeteredExecutions {
  return {
    async since(machine, since, signal) {
      const { stateMachineArn, maxRuntimeSeconds } = machine;
      const oldest = since - maxRuntimeSeconds - WAIT_SECONDS;
      const seen: TrainingJobSeen[] = [];
      let nextToken: string | undefined;
      // The newest come first.
      for (let page = 0; page < MAX_PAGES; page++) {
        const command = new ListExecutionsCommand({ stateMachineArn, maxResults: PAGE, nextToken });
        const { executions = [], nextToken: next } = await stepFunctions.send(command, { abortSignal: signal });
        for (const execution of executions) {
          const job = jobOf(execution, machine);
          if (job.endedAt === null || job.endedAt >= since) seen.push(job);
        }
        const last = executions.at(-1)?.startDate;
        if (next === undefined || last === undefined || seconds(last) < oldest) break;
        nextToken = next;
      }
      return seen;
    },

    async describe(executionArn, machines, signal) {
      const execution = await stepFunctions.send(new DescribeExecutionCommand({ executionArn }), {
        abortSignal: signal,
      });
      const { stateMachineArn = '' } = execution;
      const machine = machines.find((each) => each.stateMachineArn === stateMachineArn);
      return jobOf(
        { ...execution, executionArn },
        machine ?? { stateMachineArn, maxUsdPerHour: 0, maxRuntimeSeconds: 0 },
      );
    },

    async stop(executionArn, signal) {
      const command = new StopExecutionCommand({
        executionArn,
        error: 'Tidegate.Stopped',
        cause: 'The cost guard stops this execution: its notification says why.',
      });
      await stepFunctions.send(command, { abortSignal: signal });
    },
  };
}

/** Returns an execution as a job that is billed from its start to its end, waits included, up to its longest running time. */
function jobOf({ executionArn, startDate, stopDate }: Execution, machine: GuardedExecutions): TrainingJobSeen {
  const { stateMachineArn, maxRuntimeSeconds } = machine;
  return {
    name: executionArn!,
    instanceType: stateMachineArn,
    instanceCount: 1,
    startedAt: seconds(startDate!),
    endedAt: stopDate === undefined ? null : seconds(stopDate),
    billableSeconds:
      stopDate === undefined ? null : Math.min(maxRuntimeSeconds, seconds(stopDate) - seconds(startDate!)),
    maxRuntimeSeconds,
    isStopping: false,
  };
}

const seconds = (date: Date): EpochSeconds => date.getTime() / 1000;
