import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { InvokeEndpointAsyncCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { mockClient } from 'aws-sdk-client-mock';
import { createAsyncEndpointRuntime, createAsyncObjects } from '../../../lambda/clients/async-endpoint';

const runtime = mockClient(SageMakerRuntimeClient);
const s3 = mockClient(S3Client);
beforeEach(() => {
  runtime.reset();
  s3.reset();
});

describe('the asynchronous endpoint', () => {
  const client = createAsyncEndpointRuntime(
    'later',
    { contentType: 'text/csv', accept: 'text/plain', ttlSeconds: 60, timeoutSeconds: 30 },
    new SageMakerRuntimeClient({ region: 'us-east-1' }),
  );
  const request = { inputUri: 's3://films/requests/1', inferenceId: 'abc' };

  test('gets the place of the payload, and tells those of the response and of a failure', async () => {
    runtime
      .on(InvokeEndpointAsyncCommand)
      .resolves({ OutputLocation: 's3://films/answers/1', FailureLocation: 's3://films/failures/1' });
    expect(await client.invoke(request)).toEqual({
      responseUri: 's3://films/answers/1',
      failureUri: 's3://films/failures/1',
    });
    expect(runtime.commandCalls(InvokeEndpointAsyncCommand)[0]!.args[0].input).toEqual({
      EndpointName: 'later',
      InputLocation: 's3://films/requests/1',
      InferenceId: 'abc',
      ContentType: 'text/csv',
      Accept: 'text/plain',
      RequestTTLSeconds: 60,
      InvocationTimeoutSeconds: 30,
    });
  });

  test('may write no failures, but has to write responses', async () => {
    runtime.on(InvokeEndpointAsyncCommand).resolvesOnce({ OutputLocation: 's3://films/answers/1' }).resolves({});
    expect(await client.invoke(request)).toEqual({ responseUri: 's3://films/answers/1', failureUri: null });
    await expect(client.invoke(request)).rejects.toThrow('names no place of its response');
  });
});

describe('what it wrote', () => {
  const objects = createAsyncObjects(new S3Client({ region: 'us-east-1' }));

  test('is read by its place, with its type and time', async () => {
    s3.on(GetObjectCommand, { Bucket: 'films', Key: 'answers/a/1.out' }).resolves({
      Body: { transformToByteArray: () => Promise.resolve(Buffer.from('yes')) } as never,
      ContentType: 'text/plain',
      LastModified: new Date(5_500),
    });
    const found = await objects.read('s3://films/answers/a/1.out');
    expect(found).toEqual({ body: Buffer.from('yes'), contentType: 'text/plain', writtenAt: 5.5 });
  });

  test('may have no time and no body', async () => {
    s3.on(GetObjectCommand).resolves({});
    expect(await objects.read('s3://films/1')).toEqual({ body: new Uint8Array(), writtenAt: undefined });
  });

  test.each([
    ['by its name', { name: 'NoSuchKey' }],
    ['by its status', { name: 'NotFound', $metadata: { httpStatusCode: 404 } }],
  ])('is not there yet: %s', async (_, error) => {
    s3.on(GetObjectCommand).rejects(Object.assign(new Error('missing'), error));
    expect(await objects.read('s3://films/1')).toBeUndefined();
  });

  test('is not taken for missing where it cannot be read', async () => {
    s3.on(GetObjectCommand).rejects(Object.assign(new Error('denied'), { name: 'AccessDenied' }));
    await expect(objects.read('s3://films/1')).rejects.toThrow('denied');
    await expect(objects.read('https://films/1')).rejects.toThrow("'https://films/1' is no place in S3");
  });
});
