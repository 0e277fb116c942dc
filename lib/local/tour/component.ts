import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { RESULTS_PREFIX } from '../../ingestion/contract';
import { InvokeConnection } from '../load/direct-sender';
import { pause } from '../repeat';
import type { ComponentSnapshot } from '../sidecar/snapshot';
import { endpointOf, instancesOf, until, type Facts, type Stage } from './act';
import { LiveLoad, requestBody } from './live-load';

const TIMEOUT_MS = 30_000;
/** Real milliseconds between two looks at the results. */
const RESULT_LOOK_MS = 100;

/**
 * A model on a shared endpoint: copies and instances out under traffic, both to zero without, and woken by a request
 * that waits in the stream before it.
 */
export async function componentAct(stage: Stage): Promise<Facts> {
  const { aws, platform, outputs, signal } = stage;
  const name = outputs.SharedEndpointName;
  const connection = new InvokeConnection(platform.invokeUrl, name, TIMEOUT_MS, outputs.ComponentName);
  const component = (): ComponentSnapshot =>
    endpointOf(stage, name).components.find((one) => one.name === outputs.ComponentName)!;
  const copies = (): number => component().inServiceCopies;
  try {
    const load = new LiveLoad('component', platform.clock, (body) => connection.invoke(body), signal);
    load.setCallers(14);
    await until(stage, 'the component has two copies', 3600, () => copies() >= 2);
    const [peakCopies, peakInstances] = [copies(), instancesOf(stage, name)];
    await load.stop();
    if (load.failures.length > 0) throw new Error(`${load.failures.length} of ${load.sent} requests failed`);
    await until(stage, 'the component is at zero copies', 3600, () => copies() === 0);
    await until(stage, 'its endpoint is at zero instances', 3600, () => instancesOf(stage, name) === 0);

    const startedAt = platform.clock.now();
    const refusedBefore = component().invocations.rejected;
    await aws.kinesis.send(
      new PutRecordCommand({
        StreamName: outputs.StreamName,
        PartitionKey: 'waking',
        Data: Buffer.from(requestBody('waking', startedAt)),
      }),
    );
    await until(stage, 'the request that woke it is answered', 1800, async () => {
      await pause(RESULT_LOOK_MS, signal);
      const { KeyCount = 0 } = await aws.s3.send(
        new ListObjectsV2Command({ Bucket: outputs.ResultsBucketName, Prefix: RESULTS_PREFIX }),
      );
      return KeyCount > 0;
    });
    const wokeInSeconds = Math.round(platform.clock.now() - startedAt);
    const refusals = component().invocations.rejected - refusedBefore;
    return {
      requests: load.sent + 1,
      answered: load.answered + 1,
      peakCopies,
      peakInstances,
      wokeInSeconds,
      triesRefusedMeanwhile: refusals,
    };
  } finally {
    connection.close();
  }
}
