import { DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { AwsClients } from '../../../lib/local/deploy/aws';
import type { LocalPlatform } from '../../../lib/local/deploy/local-platform';
import type { PlatformOutputs } from '../../../lib/local/deploy/stack-outputs';
import { Recorder } from '../../../lib/local/recorder';
import type { RunHeader } from '../../../lib/local/recording';
import { trainDuringTraffic } from '../../../lib/local/traffic/training';

/** A run whose results a test sets; `starts` has the number of result lines at each start of the execution. */
class Run {
  public rows = 0;
  public drained = false;
  public readonly starts: number[] = [];

  public train(): Promise<unknown> {
    const sfn = {
      send: async (command: unknown): Promise<unknown> => {
        if (command instanceof StartExecutionCommand) {
          this.starts.push(this.rows);
          return { executionArn: 'arn' };
        }
        expect(command).toBeInstanceOf(DescribeExecutionCommand);
        return { status: 'SUCCEEDED', output: '{"S3ModelArtifacts":"s3://models/model.tar.gz"}' };
      },
    };
    return trainDuringTraffic({
      platform: {
        clock: { now: () => 100, sleepUntil: async () => undefined },
        trainingJobs: () => [],
      } as unknown as LocalPlatform,
      aws: { sfn } as unknown as AwsClients,
      outputs: { TrainingStateMachineArn: 'machine' } as PlatformOutputs,
      recorder: new Recorder({} as RunHeader, [{ id: 'training', title: 'Training' }]),
      anchor: 0,
      trafficSeconds: 100,
      results: { resultObjects: () => 1, resultRows: () => this.rows },
      drained: () => this.drained,
      signal: new AbortController().signal,
    });
  }
}

const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500));

test('training waits until the traffic has left enough results, however slow the machine is', async () => {
  const run = new Run();
  run.rows = 59;
  const trained = run.train();
  await aWhile();
  expect(run.starts).toEqual([]);
  run.rows = 60;
  await expect(trained).resolves.toMatchObject({ status: 'SUCCEEDED', modelArtifact: 's3://models/model.tar.gz' });
  expect(run.starts).toEqual([60]);
});

test('training starts on what there is when no further result will come', async () => {
  const run = new Run();
  run.rows = 17;
  const trained = run.train();
  await aWhile();
  expect(run.starts).toEqual([]);
  run.drained = true;
  await trained;
  expect(run.starts).toEqual([17]);
});
