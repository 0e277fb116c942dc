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

/** Maximum body of InvokeEndpoint: 25 MB (SageMaker hosting FAQ); other requests are far smaller. */
const MAX_BODY_BYTES = 25 * 1024 * 1024;

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
  /** Requests that were received and have no reply yet. */
  openRequests(): number;
  close(): Promise<void>;
}

/** Starts an HTTP server on the loopback interface; every request gets a reply, and no request ends the server. */
export async function listen(options: {
  /** 0 picks a free one. */
  readonly port: number;
  readonly handler: HttpHandler;
  /** Turns anything thrown into the reply. */
  readonly onError: (error: unknown, request: HttpRequest | undefined) => HttpReply;
}): Promise<ListeningServer> {
  let open = 0;
  const server = http.createServer({ keepAliveTimeout: 30_000 }, (incoming, outgoing) => {
    open++;
    void replyTo(incoming, options)
      .finally(() => open--)
      .then((reply) => send(outgoing, reply))
      .catch(() => outgoing.destroy());
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
    openRequests: () => open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function replyTo(
  incoming: http.IncomingMessage,
  { handler, onError }: Pick<Parameters<typeof listen>[0], 'handler' | 'onError'>,
): Promise<HttpReply> {
  let request: HttpRequest | undefined;
  try {
    request = {
      method: incoming.method ?? 'GET',
      path: (incoming.url ?? '/').split('?')[0]!,
      headers: incoming.headers,
      body: await readBody(incoming),
    };
    return await handler(request);
  } catch (error) {
    return onError(error, request);
  }
}

async function send(outgoing: http.ServerResponse, reply: HttpReply): Promise<void> {
  if (outgoing.destroyed) return;
  if (typeof reply.body !== 'string') return sendParts(outgoing, reply, reply.body);
  outgoing.writeHead(reply.statusCode, { ...reply.headers, 'content-length': Buffer.byteLength(reply.body) });
  outgoing.end(reply.body);
}

/** Sends the parts of a body as they come; the rest is discarded when the caller closes the connection. */
async function sendParts(
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

/** Reads a body by events: an asynchronous iterator takes a tenth of the time of a small request. */
function readBody(incoming: http.IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      // The rest is read and dropped.
      else reject(new ServiceError('ValidationError', `the request body is larger than ${MAX_BODY_BYTES} bytes`, 413));
    });
    incoming.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    incoming.on('error', reject);
    incoming.on('close', () => {
      if (!incoming.complete) reject(new Error('the connection was closed within a request'));
    });
  });
}
