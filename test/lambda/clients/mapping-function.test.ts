import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { createMappingFunction, MappingFunctionError } from '../../../lambda/clients/mapping-function';
import { PermanentError, RetryableError } from '../../../lib/core/errors';

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:shape';
const lambda = mockClient(LambdaClient);
const mapping = createMappingFunction(ARN, { maxConnections: 2 });
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) as never;

const map = (body: Uint8Array | string) => mapping.map(Buffer.from(body), 'application/json');

beforeEach(() => lambda.reset());

describe('a mapping function', () => {
  test('gets a text and returns another', async () => {
    lambda.on(InvokeCommand).resolves({ Payload: bytes({ body: 'é' }) });
    expect(Buffer.from(await map('{"a":1}')).toString()).toBe('é');
    const { FunctionName, Payload } = lambda.commandCalls(InvokeCommand)[0]!.args[0].input;
    expect(FunctionName).toBe(ARN);
    expect(JSON.parse(Buffer.from(Payload as Uint8Array).toString())).toEqual({
      body: '{"a":1}',
      isBase64Encoded: false,
      contentType: 'application/json',
    });
  });

  test('gets and returns bytes that are no text in base64', async () => {
    lambda.on(InvokeCommand).resolves({ Payload: bytes({ body: '/wA=', isBase64Encoded: true }) });
    expect([...(await map(Buffer.from([0xff, 0x01])))]).toEqual([0xff, 0x00]);
    const { Payload } = lambda.commandCalls(InvokeCommand)[0]!.args[0].input;
    expect(JSON.parse(Buffer.from(Payload as Uint8Array).toString())).toMatchObject({
      body: '/wE=',
      isBase64Encoded: true,
    });
  });

  test.each([
    [
      { FunctionError: 'Unhandled', Payload: bytes({ errorType: 'KeyError', errorMessage: "'prompt'" }) },
      "KeyError: 'prompt'",
    ],
    [
      {
        FunctionError: 'Unhandled',
        Payload: bytes({ errorType: '', errorMessage: 'Task timed out after 3.00 seconds' }),
      },
      /^Task timed out/,
    ],
    [{ FunctionError: 'Unhandled', Payload: bytes('') }, 'Unhandled'],
    [{ FunctionError: 'Unhandled' }, 'Unhandled'],
    [{ Payload: bytes('null') }, 'it returned no { "body"'],
    [{ Payload: bytes({ body: 1 }) }, 'it returned no { "body"'],
    [{ Payload: bytes({ body: '', isBase64Encoded: 'no' }) }, 'it returned no { "body"'],
  ])('%# that fails on a payload tells its reason', async (output, reason) => {
    lambda.on(InvokeCommand).resolves(output);
    await expect(map('x')).rejects.toThrow(MappingFunctionError);
    await expect(map('x')).rejects.toThrow(reason);
  });

  test.each([
    ['AccessDeniedException', PermanentError],
    ['TooManyRequestsException', RetryableError],
    ['ResourceNotFoundException', RetryableError],
    ['TimeoutError', RetryableError],
  ])('that cannot be invoked (%s) is no fault of the payload', async (name, kind) => {
    const cause = Object.assign(new Error('no'), { name });
    lambda.on(InvokeCommand).rejects(cause);
    await expect(map('x')).rejects.toThrow(kind);
    await expect(map('x')).rejects.toMatchObject({ message: `${name}: no`, cause });
  });

  test('is invoked once: whether it is invoked again is up to the caller', async () => {
    lambda.restore();
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(503, { connection: 'close' }).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = {
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
    const once = createMappingFunction(ARN, { maxConnections: 2, client });
    await expect(once.map(Buffer.from('x'), 'text/plain')).rejects.toThrow(RetryableError);
    expect(requests).toBe(1);
    await new Promise((resolve) => server.close(resolve));
  });
});
