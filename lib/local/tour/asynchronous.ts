import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { InvokeEndpointAsyncCommand } from '@aws-sdk/client-sagemaker-runtime';
import { inParallel } from '../load/results-reader';
import { endpointOf, instancesOf, until, type Facts, type Stage } from './act';
import { requestBody } from './live-load';

/** Requests of forty seconds that keep one instance busy for longer than a second one needs to come. */
const BURST = 240;
const BURST_TOKENS = 2000;
/** Calls to the engine at once. */
const AT_ONCE = 8;

/** The asynchronous endpoint: down to no instance, woken by one request, out under a burst, and down again; every request is answered. */
export async function asynchronousAct(stage: Stage): Promise<Facts> {
  const { platform, outputs } = stage;
  const name = outputs.AsyncEndpointName;
  await until(stage, 'the asynchronous endpoint is at zero', 3600, () => instancesOf(stage, name) === 0);

  const wokenAt = platform.clock.now();
  const waking = await send(stage, 'waking');
  await until(stage, 'the request that woke it is answered', 1800, () => isAnswered(stage, waking));
  const wakeSeconds = Math.round(platform.clock.now() - wokenAt);

  const expected: string[] = [];
  const ids = Array.from({ length: BURST }, (_, index) => `burst-${index}`);
  await inParallel(ids, AT_ONCE, async (id) => void expected.push(await send(stage, id, BURST_TOKENS)));
  let peak = 0;
  await until(stage, 'the burst is answered', 3600, () => {
    peak = Math.max(peak, instancesOf(stage, name));
    return endpointOf(stage, name).queue!.processed === BURST + 1;
  });
  if (peak < 2) throw new Error(`the burst of ${BURST} requests was answered by one instance`);
  stage.note('every answer is in the bucket');
  await inParallel(expected, AT_ONCE, async (uri) => {
    await until(stage, `the answer ${uri}`, 600, () => isAnswered(stage, uri));
  });
  await until(stage, 'it is at zero again', 3600, () => instancesOf(stage, name) === 0);
  return { requests: BURST + 1, answered: BURST + 1, wokeInSeconds: wakeSeconds, peakInstances: peak, endedAt: 0 };
}

/** Puts a request into the bucket and hands it over; resolves with where the answer will be. */
async function send({ aws, outputs, platform }: Stage, id: string, tokens?: number): Promise<string> {
  const { AsyncBucketName: Bucket, AsyncRequestPrefix } = outputs;
  const Key = `${AsyncRequestPrefix}${id}.json`;
  await aws.s3.send(new PutObjectCommand({ Bucket, Key, Body: requestBody(id, platform.clock.now(), tokens) }));
  const { OutputLocation } = await aws.sageMakerRuntime.send(
    new InvokeEndpointAsyncCommand({
      EndpointName: outputs.AsyncEndpointName,
      InputLocation: `s3://${Bucket}/${Key}`,
      ContentType: 'application/json',
    }),
  );
  return OutputLocation!;
}

async function isAnswered({ aws }: Stage, uri: string): Promise<boolean> {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri)!;
  try {
    await aws.s3.send(new HeadObjectCommand({ Bucket, Key }));
    return true;
  } catch (error) {
    if ((error as { name?: string }).name === 'NotFound') return false;
    throw error;
  }
}
