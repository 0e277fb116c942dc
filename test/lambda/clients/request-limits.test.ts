import { createRequestSigner } from '../../../lambda/clients/signed-request';
import { createWebhook } from '../../../lambda/clients/webhook';
import { respond } from '../../../lambda/support/custom-resource';

const URL_OF_STACK = 'https://example.com/response';
const RESPONSE = {
  Status: 'SUCCESS',
  PhysicalResourceId: 'a',
  RequestId: 'b',
  StackId: 'c',
  LogicalResourceId: 'd',
} as const;

beforeEach(() => {
  process.env.AWS_ACCESS_KEY_ID = 'key';
  process.env.AWS_SECRET_ACCESS_KEY = 'secret';
  process.env.AWS_REGION = 'us-east-1';
});
afterEach(() => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION']) delete process.env[name];
  jest.restoreAllMocks();
});

/** Requests of handlers that no client of an AWS service makes. */
test.each<[string, () => Promise<unknown>]>([
  ['a signed request', () => createRequestSigner('us-east-1', undefined).send('kafka', { method: 'GET', path: '/' })],
  ['a response to CloudFormation', () => respond(URL_OF_STACK, RESPONSE)],
  ['a text to a webhook', () => createWebhook().post('https://example.com/hook', 'text')],
])('%s ends in time where nobody responds', async (_, send) => {
  const timeouts = jest.spyOn(AbortSignal, 'timeout');
  const requests = jest.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(new Response('{}')));
  await send();
  expect(requests).toHaveBeenCalledTimes(1);
  expect(requests.mock.calls[0]![1]!.signal).toBe(timeouts.mock.results.at(-1)!.value);
  expect(timeouts.mock.calls.at(-1)![0]).toBeLessThanOrEqual(10_000);
});
