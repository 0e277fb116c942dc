import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { EngineGate } from '../../lib/emulator/http/engine-gate';
import type { HttpRequest } from '../../lib/emulator/http/server';

const PATH = '/endpoints/chat/invocations';
const ROLE = 'AWS4-HMAC-SHA256 Credential=ASIAROLE/20261201/us-east-1/sagemaker/aws4_request, Signature=1';

const call = (headers: http.IncomingHttpHeaders, path = PATH): HttpRequest => ({
  method: 'POST',
  path,
  headers: { host: 'the-endpoint:8080', ...headers },
  body: Buffer.from('{}'),
});

describe('EngineGate', () => {
  let engine: http.Server;
  let gate: EngineGate;
  let nowMs: number;
  let status: number;
  let seen: http.IncomingMessage[];

  beforeEach(async () => {
    nowMs = 0;
    status = 200;
    seen = [];
    engine = http.createServer((request, response) => {
      seen.push(request);
      // The engine forwards what it allows.
      const forwarded = { ...request.headers, 'x-tidegate-service': 'sagemaker' };
      void (status === 200 ? gate.pass(call(forwarded, request.url)) : Promise.resolve(undefined)).then(() =>
        response.writeHead(status).end('of the engine'),
      );
    });
    await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`;
    gate = new EngineGate({ engineUrl: () => url, nowMs: () => nowMs });
  });

  afterEach(async () => {
    gate.close();
    engine.closeAllConnections();
    await new Promise((resolve) => engine.close(resolve));
  });

  async function textOf(request: HttpRequest): Promise<string | undefined> {
    const reply = await gate.pass(request);
    if (reply === undefined) return undefined;
    const parts: Uint8Array[] = [];
    for await (const part of reply.body as AsyncIterable<Uint8Array>) parts.push(part);
    return `${reply.statusCode} ${Buffer.concat(parts).toString('utf8')}`;
  }

  test('lets a role through whose call the engine allowed within the last second', async () => {
    expect(await textOf(call({ authorization: ROLE }))).toBe('200 of the engine');
    expect(await textOf(call({ authorization: ROLE }))).toBeUndefined();
    expect(seen).toHaveLength(1);
    expect(seen[0]!.headers).toMatchObject({ host: 'the-endpoint:8080', authorization: ROLE, 'content-length': '2' });
  });

  test('asks the engine again after a second, once for all that come meanwhile', async () => {
    await textOf(call({ authorization: ROLE }));
    nowMs = 1_000;
    const [first, second] = await Promise.all([
      textOf(call({ authorization: ROLE })),
      textOf(call({ authorization: ROLE })),
    ]);
    expect([first, second]).toEqual(['200 of the engine', undefined]);
    expect(seen).toHaveLength(2);
  });

  test('sends every call of a role that is denied to the engine', async () => {
    await textOf(call({ authorization: ROLE }));
    nowMs = 1_000;
    status = 403;
    expect(await textOf(call({ authorization: ROLE }))).toBe('403 of the engine');
    expect(await textOf(call({ authorization: ROLE }))).toBe('403 of the engine');
  });

  test('asks for each endpoint and each role alone', async () => {
    await textOf(call({ authorization: ROLE }));
    expect(await textOf(call({ authorization: ROLE }, '/endpoints/other/invocations'))).toBe('200 of the engine');
    expect(await textOf(call({ authorization: ROLE.replace('ASIAROLE', 'ASIAOTHER') }))).toBe('200 of the engine');
  });

  test('lets the root key of a run through, and calls without one', async () => {
    expect(await textOf(call({}))).toBeUndefined();
    expect(await textOf(call({ authorization: ROLE.replace('ASIAROLE', '123456789012') }))).toBeUndefined();
    expect(seen).toEqual([]);
  });
});
