import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { InputError } from '../../core/errors';
import { ServiceError } from './service-error';

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpReply {
  readonly statusCode: number;
  readonly headers: { readonly [name: string]: string };
  /** Whole, or in parts as they come. */
  readonly body: string | AsyncIterable<Uint8Array>;
}

export type HttpHandler = (request: HttpRequest) => Promise<HttpReply>;

/** InvokeEndpoint takes at most 25 MB (SageMaker hosting FAQ); nothing else comes near it. */
export const LARGEST_BODY_BYTES = 25 * 1024 * 1024;

export const jsonReply = (
  value: unknown,
  statusCode = 200,
  headers: { readonly [name: string]: string } = {},
): HttpReply => ({
  statusCode,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

export interface ListeningServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** An HTTP server on the loopback interface; whatever a request does, it gets an answer and the server stays up. */
export async function listen(options: {
  /** 0 picks a free one. */
  readonly port: number;
  readonly handler: HttpHandler;
  /** Turns anything thrown into the reply. */
  readonly onError: (error: unknown, request: HttpRequest | undefined) => HttpReply;
}): Promise<ListeningServer> {
  const server = http.createServer({ keepAliveTimeout: 30_000 }, (incoming, outgoing) => {
    void answer(incoming, outgoing, options.handler, options.onError);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new InputError(`port ${options.port} is in use; stop the program that holds it or choose another port`)
          : error,
      ),
    );
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  handler: HttpHandler,
  onError: (error: unknown, request: HttpRequest | undefined) => HttpReply,
): Promise<void> {
  let request: HttpRequest | undefined;
  let reply: HttpReply;
  try {
    request = {
      method: incoming.method ?? 'GET',
      path: (incoming.url ?? '/').split('?')[0]!,
      headers: incoming.headers,
      body: await readBody(incoming),
    };
    reply = await handler(request);
  } catch (error) {
    reply = onError(error, request);
  }
  if (outgoing.destroyed) return;
  if (typeof reply.body !== 'string') {
    await answerInParts(outgoing, reply, reply.body);
    return;
  }
  outgoing.writeHead(reply.statusCode, { ...reply.headers, 'content-length': Buffer.byteLength(reply.body) });
  outgoing.end(reply.body);
}

/** Whoever hangs up gets no more, and the rest is dropped. */
async function answerInParts(
  outgoing: http.ServerResponse,
  reply: HttpReply,
  parts: AsyncIterable<Uint8Array>,
): Promise<void> {
  outgoing.writeHead(reply.statusCode, reply.headers);
  outgoing.flushHeaders();
  try {
    for await (const part of parts) {
      if (outgoing.destroyed) return;
      outgoing.write(part);
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}

async function readBody(incoming: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_BODY_BYTES) {
      incoming.resume();
      throw new ServiceError('ValidationError', `the request body is larger than ${LARGEST_BODY_BYTES} bytes`, 413);
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
