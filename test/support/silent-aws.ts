import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request to the server: the operation of AWS JSON (`SageMaker.DescribeEndpoint`), or the path, and the body. */
export interface AwsRequest {
  readonly operation: string;
  readonly body: { readonly [name: string]: unknown };
}

/** Server on loopback that accepts every request; it answers some, and is silent to the others for ever. */
export interface SilentAws {
  /** Configuration of SDK clients that call the server. */
  readonly configuration: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** Operations that were called, in order. */
  readonly calls: readonly AwsRequest[];
  close(): Promise<void>;
}

/** Starts a server that sends what `answer` returns: text as it is, an object as JSON, and nothing, ever, where it returns undefined. */
export async function startSilentAws(answer: (request: AwsRequest) => object | string | undefined): Promise<SilentAws> {
  const calls: AwsRequest[] = [];
  const sockets = new Set<Socket>();
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const call = { operation: String(request.headers['x-amz-target'] ?? request.url), body: bodyOf(text) };
      calls.push(call);
      const body = answer(call);
      if (body === undefined) return;
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    configuration: {
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    },
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        sockets.forEach((socket) => socket.destroy());
      }),
  };
}

function bodyOf(text: string): { [name: string]: unknown } {
  try {
    return JSON.parse(text) as { [name: string]: unknown };
  } catch {
    return {};
  }
}
