import { DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { pause } from '../../../emulator/repeat';
import type { LearningContext } from './progress';

/** Interval of looks at an execution, real milliseconds. */
const LOOK_MS = 250;

/**
 * Runs an execution to its end and returns its output.
 *
 * @param whileRunning called at every look, until the end
 * @throws Error with the cause of an execution that did not succeed
 */
export async function execute<Output>(
  { aws, signal }: Pick<LearningContext, 'aws' | 'signal'>,
  stateMachineArn: string,
  input: object,
  whileRunning: () => Promise<void> | void = () => undefined,
): Promise<Output> {
  const { executionArn } = await aws.sfn.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
  );
  for (;;) {
    signal.throwIfAborted();
    const { status, output, error, cause } = await aws.sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (status === 'SUCCEEDED') return JSON.parse(output!) as Output;
    if (status !== 'RUNNING') throw new Error(`the execution ended as ${status}: ${error ?? ''} ${cause ?? ''}`.trim());
    await whileRunning();
    await pause(LOOK_MS, signal);
  }
}
