import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { InvokeEndpointAsyncCommand } from '@aws-sdk/client-sagemaker-runtime';
import { inParallel } from '../../emulator/repeat';
import { endpointOf, instancesOf, until, type TourContext, type TourResults } from './context';
import { requestBody } from './closed-loop-load';

/** Number of requests of forty seconds each, which keep one instance busy for longer than a second one takes to start. */
const BURST = 240;
const BURST_TOKENS = 2000;
/** Maximum number of concurrent calls to the engine. */
const MAX_PARALLEL_CALLS = 8;

/** Scales the asynchronous endpoint to zero, from zero by one request, out under a burst and to zero again; every request gets a response. */
export async function asynchronousStep(context: TourContext): Promise<TourResults> {
  const { platform, outputs } = context;
  const name = outputs.AsyncEndpointName;
  await until(context, 'the asynchronous endpoint has no instance', 3600, () => instancesOf(context, name) === 0);

  const firstAt = platform.clock.now();
  const first = await send(context, 'first');
  await until(context, 'the first request has a response', 1800, () => exists(context, first));
  const scaledFromZeroInSeconds = Math.round(platform.clock.now() - firstAt);

  const expected: string[] = [];
  const ids = Array.from({ length: BURST }, (_, index) => `burst-${index}`);
  await inParallel(ids, MAX_PARALLEL_CALLS, async (id) => void expected.push(await send(context, id, BURST_TOKENS)));
  let peak = 0;
  await until(context, 'the burst has its responses', 3600, () => {
    peak = Math.max(peak, instancesOf(context, name));
    return endpointOf(context, name).queue!.processed === BURST + 1;
  });
  if (peak < 2) throw new Error(`one instance served the burst of ${BURST} requests`);
  context.note('every response is in the bucket');
  await inParallel(expected, MAX_PARALLEL_CALLS, async (uri) => {
    await until(context, `the response ${uri}`, 600, () => exists(context, uri));
  });
  await until(context, 'the asynchronous endpoint has no instance again', 3600, () => instancesOf(context, name) === 0);
  const requests = BURST + 1;
  return { requests, answered: requests, scaledFromZeroInSeconds, peakInstances: peak, finalInstances: 0 };
}

/** Puts a request into the bucket and invokes the endpoint; returns the URI of the response. */
async function send({ aws, outputs, platform }: TourContext, id: string, tokens?: number): Promise<string> {
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

async function exists({ aws }: TourContext, uri: string): Promise<boolean> {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri)!;
  try {
    await aws.s3.send(new HeadObjectCommand({ Bucket, Key }));
    return true;
  } catch (error) {
    if ((error as { name?: string }).name === 'NotFound') return false;
    throw error;
  }
}
