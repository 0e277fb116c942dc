import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  classifyInvocationError,
  RequestFailedError,
  createEndpointRuntime,
  EndpointBusyError,
} from '../../../lambda/clients/endpoint-runtime';
import { PermanentError, RetryableError } from '../../../lib/core/errors';

const serviceError = (name: string, status: number, more: object = {}) =>
  Object.assign(new Error(`${name} happened`), { name, $metadata: { httpStatusCode: status }, ...more });

describe('an error of InvokeEndpoint', () => {
  test.each([
    ['throttling passes', serviceError('ThrottlingException', 400), EndpointBusyError],
    ['a model that is not ready passes', serviceError('ModelNotReadyException', 429), RetryableError],
    ['a service out of order passes', serviceError('ServiceUnavailable', 503), RetryableError],
    ['an internal failure passes', serviceError('InternalFailure', 500), RetryableError],
    ['a broken dependency passes', serviceError('InternalDependencyException', 530), RetryableError],
    ['a lost connection passes', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }), RetryableError],
    ['a busy container passes', serviceError('ModelError', 424, { OriginalStatusCode: 503 }), EndpointBusyError],
    [
      'a model that does not answer in time',
      serviceError('ModelError', 424, { OriginalStatusCode: 0 }),
      RequestFailedError,
    ],
    ['a model that breaks may pass', serviceError('ModelError', 424, { OriginalStatusCode: 500 }), RequestFailedError],
    ['a request the model refuses', serviceError('ModelError', 424, { OriginalStatusCode: 422 }), RequestFailedError],
    ['a request the service refuses', serviceError('ValidationError', 400), RequestFailedError],
    ['a refused permission', serviceError('AccessDeniedException', 400), PermanentError],
    ['a refused signature', serviceError('IncompleteSignature', 403), PermanentError],
    ['a caller without credentials', serviceError('MissingAuthenticationToken', 401), PermanentError],
    ...['AccessDenied', 'UnrecognizedClientException', 'ExpiredTokenException', 'InvalidSignatureException'].map(
      (name): [string, Error, typeof PermanentError] => [`${name}`, serviceError(name, 400), PermanentError],
    ),
    ...[408, 425, 502, 504].map((OriginalStatusCode): [string, Error, typeof RetryableError] => [
      `a container that is busy (${OriginalStatusCode})`,
      serviceError('ModelError', 424, { OriginalStatusCode }),
      RetryableError,
    ]),
    ['a container without a place', serviceError('ModelError', 424, { OriginalStatusCode: 429 }), EndpointBusyError],
    ['a service without a place', serviceError('Other', 429), EndpointBusyError],
    ['a service that is late', serviceError('Other', 408), RetryableError],
    ['a redirection', serviceError('Other', 307), RetryableError],
  ])('%s', (_, error, expected) => {
    const classified = classifyInvocationError(error);
    expect(classified.constructor).toBe(expected);
    expect(classified.cause).toBe(error);
  });

  test.each(['Endpoint chat of account 123456789012 not found.', 'The inference component has no capacity'])(
    'is no fault of the record when it says: %s',
    (message) => {
      const error = Object.assign(new Error(message), { name: 'ValidationError', $metadata: { httpStatusCode: 400 } });
      expect(classifyInvocationError(error).constructor).toBe(RetryableError);
    },
  );
});

test.each<[unknown, string]>([
  [serviceError('ValidationError', 400), 'ValidationError: ValidationError happened'],
  [
    serviceError('ModelError', 424, { OriginalMessage: 'too long', OriginalStatusCode: 422 }),
    'the model returned 422: too long',
  ],
  [serviceError('ModelError', 424), 'the model returned 500: ModelError happened'],
  [{ name: 'ModelError' }, 'the model returned 500: no message'],
  ['socket hang up', 'Error: socket hang up'],
])('the error of an invocation says what SageMaker said (%#)', (thrown, message) => {
  expect(classifyInvocationError(thrown).message).toBe(message);
});

test('errors of invocations can be told apart by their names', () => {
  expect(new RequestFailedError('x', 500).name).toBe('RequestFailedError');
  expect(new EndpointBusyError('x').name).toBe('EndpointBusyError');
});

describe('the client of the endpoint', () => {
  let server: http.Server;
  let answer: { status: number; body: string; headers?: { [name: string]: string } };
  const requests: { url?: string; body: string; component?: unknown; types?: unknown[] }[] = [];

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const { headers } = request;
        requests.push({
          url: request.url,
          body: Buffer.concat(parts).toString('latin1'),
          component: headers['x-amzn-sagemaker-inference-component'],
          types: [headers['content-type'], headers.accept],
        });
        response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers }).end(answer.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const runtime = (componentName?: string) =>
    createEndpointRuntime('chat', {
      maxConnections: 2,
      componentName,
      contentType: 'application/jsonlines',
      accept: 'text/csv',
      client: {
        endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      },
    });

  test('sends the bytes unchanged, with their media type, and returns the response with what tells where it came from', async () => {
    answer = {
      status: 200,
      body: '{"id":"r-1"}',
      headers: { 'x-amzn-invoked-production-variant': 'main', 'content-type': 'text/csv' },
    };
    const { body, ...rest } = await runtime().invoke(Buffer.from([0, 255, 10, 137]));
    expect(Buffer.from(body).toString()).toBe('{"id":"r-1"}');
    expect(rest).toEqual({ status: 200, contentType: 'text/csv', variant: 'main' });
    expect(requests.at(-1)).toEqual({
      url: '/endpoints/chat/invocations',
      body: '\u0000\u00ff\n\u0089',
      types: ['application/jsonlines', 'text/csv'],
    });
  });

  test('names the inference component where there is one', async () => {
    answer = { status: 200, body: '{}' };
    await runtime('small').invoke(Buffer.from('{}'));
    expect(requests.at(-1)).toMatchObject({ url: '/endpoints/chat/invocations', component: 'small' });
  });

  test('tries again where a component is at zero copies', async () => {
    const body = JSON.stringify({ Message: 'Inference component small has no capacity to process this request' });
    answer = { status: 400, body, headers: { 'x-amzn-errortype': 'ValidationError' } };
    await expect(runtime('small').invoke(Buffer.from('{}'))).rejects.toThrow(RetryableError);
  });

  test('leaves repeating to the caller', async () => {
    answer = { status: 503, body: '{"Message":"busy"}', headers: { 'x-amzn-errortype': 'ServiceUnavailable' } };
    const before = requests.length;
    await expect(runtime().invoke(Buffer.from('{}'))).rejects.toThrow(RetryableError);
    expect(requests.length - before).toBe(1);
  });

  test("reads the model's own status from a model error", async () => {
    const body = JSON.stringify({ Message: 'failed', OriginalStatusCode: 422, OriginalMessage: 'prompt too long' });
    answer = { status: 424, body, headers: { 'x-amzn-errortype': 'ModelError' } };
    await expect(runtime().invoke(Buffer.from('{}'))).rejects.toThrow('the model returned 422: prompt too long');
  });
});
