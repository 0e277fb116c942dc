import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { RESULTS_PREFIX } from '../../ingestion/contract';
import { InvokeConnection } from '../deploy/invoke';
import { pause } from '../../emulator/repeat';
import type { ComponentSnapshot } from '../../emulator/snapshot';
import { endpointOf, instancesOf, until, type TourContext, type TourResults } from './context';
import { ClosedLoopLoad, requestBody } from './closed-loop-load';

const TIMEOUT_MS = 30_000;
/** Interval at which the results are listed, real milliseconds. */
const RESULTS_INTERVAL_MS = 100;

/**
 * Scales an inference component on a shared endpoint: copies and instances out under traffic, both to zero without traffic, and from
 * zero by a request that waits in the stream.
 */
export async function componentStep(context: TourContext): Promise<TourResults> {
  const { aws, platform, outputs, signal } = context;
  const name = outputs.SharedEndpointName;
  const connection = new InvokeConnection(platform.invokeUrl, name, TIMEOUT_MS, outputs.ComponentName);
  const component = (): ComponentSnapshot =>
    endpointOf(context, name).components.find((one) => one.name === outputs.ComponentName)!;
  const copies = (): number => component().inServiceCopies;
  try {
    const load = new ClosedLoopLoad('component', platform.clock, (body) => connection.invoke(body), signal);
    load.setCallers(14);
    await until(context, 'the component has two copies', 3600, () => copies() >= 2);
    const [peakCopies, peakInstances] = [copies(), instancesOf(context, name)];
    await load.stop();
    if (load.failures.length > 0) throw new Error(`${load.failures.length} of ${load.sent} requests failed`);
    await until(context, 'the component has no copy', 3600, () => copies() === 0);
    await until(context, 'its endpoint has no instance', 3600, () => instancesOf(context, name) === 0);

    const startedAt = platform.clock.now();
    const rejectedBefore = component().invocations.rejected;
    await aws.kinesis.send(
      new PutRecordCommand({
        StreamName: outputs.StreamName,
        PartitionKey: 'first',
        Data: Buffer.from(requestBody('first', startedAt)),
      }),
    );
    await until(context, 'the first request has a result', 1800, async () => {
      await pause(RESULTS_INTERVAL_MS, signal);
      const { KeyCount = 0 } = await aws.s3.send(
        new ListObjectsV2Command({ Bucket: outputs.ResultsBucketName, Prefix: RESULTS_PREFIX }),
      );
      return KeyCount > 0;
    });
    const scaledFromZeroInSeconds = Math.round(platform.clock.now() - startedAt);
    const rejectedAttempts = component().invocations.rejected - rejectedBefore;
    return {
      requests: load.sent + 1,
      answered: load.answered + 1,
      peakCopies,
      peakInstances,
      scaledFromZeroInSeconds,
      rejectedAttempts,
    };
  } finally {
    connection.close();
  }
}
