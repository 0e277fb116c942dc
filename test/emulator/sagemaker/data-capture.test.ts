import { CreateEndpointCommand, CreateEndpointConfigCommand, type DataCaptureConfig } from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { createModel, EmulatedAccount, inStatus } from '../../support/emulated-account';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
  await createModel(account);
});
afterEach(() => account.stop());

interface Copied {
  readonly captureData: { readonly [side: string]: { readonly [member: string]: string } };
  readonly eventMetadata: { readonly [member: string]: string };
}

async function deploy(capture: DataCaptureConfig): Promise<void> {
  const variant = {
    VariantName: 'gpu',
    ModelName: 'model',
    InitialInstanceCount: 1,
    InstanceType: 'ml.g5.xlarge' as const,
  };
  await account.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'captured',
      ProductionVariants: [variant],
      DataCaptureConfig: capture,
    }),
  );
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'captured' }));
  await inStatus(account, 'InService');
}

const send = (body: object, InferenceId?: string) =>
  account.finish(
    account.runtime.send(
      new InvokeEndpointCommand({
        EndpointName: 'chat',
        ContentType: 'application/json',
        Body: JSON.stringify(body),
        InferenceId,
      }),
    ),
  );

const objects = (): { readonly key: string; readonly lines: readonly Copied[] }[] =>
  [...account.engine.objects]
    .filter(([name]) => name.startsWith('copies/'))
    .map(([key, body]) => ({
      key,
      lines: body
        .toString('utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Copied),
    }));

const SETTINGS = {
  InitialSamplingPercentage: 100,
  DestinationS3Uri: 's3://copies/all',
  CaptureOptions: [{ CaptureMode: 'Input' as const }, { CaptureMode: 'Output' as const }],
};

test('requests and responses are copied as lines, by endpoint, variant and hour', async () => {
  await deploy({ ...SETTINGS, CaptureContentTypeHeader: { JsonContentTypes: ['application/json'] } });
  const body = { prompt: 'one two', max_tokens: 2 };
  const response = await send(body, 'request-1');
  await send(body);
  await account.advance(61);
  const [object, ...others] = objects();
  expect(others).toEqual([]);
  expect(object!.key).toMatch(/^copies\/all\/chat\/gpu\/2026\/11\/02\/\d\d\/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl$/);
  expect(object!.lines).toHaveLength(2);
  expect(object!.lines[0]!.captureData).toEqual({
    endpointInput: {
      observedContentType: 'application/json',
      mode: 'INPUT',
      data: JSON.stringify(body),
      encoding: 'JSON',
    },
    endpointOutput: {
      observedContentType: 'application/json',
      mode: 'OUTPUT',
      data: Buffer.from(response.Body).toString('utf8'),
      encoding: 'JSON',
    },
  });
  expect(object!.lines[0]!.eventMetadata).toMatchObject({ inferenceId: 'request-1' });
  expect(new Set(object!.lines.map(({ eventMetadata }) => eventMetadata['eventId'])).size).toBe(2);
});

test('content types that the configuration does not name are copied in base64, and only the chosen sides', async () => {
  await deploy({ ...SETTINGS, CaptureOptions: [{ CaptureMode: 'Input' }] });
  await send({ prompt: 'x' });
  await account.advance(61);
  const [line] = objects()[0]!.lines;
  expect(line!.captureData).not.toHaveProperty('endpointOutput');
  expect(line!.captureData['endpointInput']).toMatchObject({ encoding: 'BASE64' });
  expect(Buffer.from(line!.captureData['endpointInput']!['data']!, 'base64').toString()).toBe('{"prompt":"x"}');
});

test('the share that is copied is the sampling percentage, and nothing when it is off', async () => {
  await deploy({ ...SETTINGS, InitialSamplingPercentage: 25 });
  for (let request = 0; request < 200; request++) await send({ prompt: 'x', max_tokens: 1 });
  await account.advance(61);
  const copies = objects().reduce((sum, { lines }) => sum + lines.length, 0);
  // Four standard deviations of a binomial around a quarter of 200.
  expect(copies).toBeGreaterThan(25);
  expect(copies).toBeLessThan(75);
});

test('a refused request leaves no copy, and a switched-off capture copies nothing', async () => {
  await deploy({ ...SETTINGS, EnableCapture: false });
  await expect(send({ question: '?' })).rejects.toThrow('this body is none of them');
  await send({ prompt: 'x' });
  await account.advance(61);
  expect(objects()).toEqual([]);
});
