import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { InputError } from '../../core/errors';
import type { Recorder } from '../recorder';
import type { LiveMessage } from '../recording';

export interface LivePage {
  readonly url: string;
  /** Closes all connections and the port. */
  stop(): Promise<void>;
}

export interface LivePageOptions {
  readonly recorder: Recorder;
  /** Bundled page. */
  readonly html: string;
  /** 0 for any free port. */
  readonly port: number;
}

/** Maximum backlog of a connection, bytes. Above it the server closes the connection; the page reconnects and receives the recording again. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Content security policy of the page as a header, with the directive that a `meta` element cannot have. */
function policyOf(html: string): string {
  const own = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? "default-src 'none'";
  return `${own}; frame-ancestors 'none'`;
}

/** Serves the live page on 127.0.0.1: the page itself and one stream of server-sent events. */
export async function startLivePage({ recorder, html, port }: LivePageOptions): Promise<LivePage> {
  const readers = new Set<http.ServerResponse>();
  const policy = policyOf(html);
  let ownHosts: readonly string[] = [];

  const respond = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    // Protects from DNS rebinding: another site's name that resolves to this machine.
    if (!ownHosts.includes(request.headers.host ?? '')) {
      response.writeHead(421, HEADERS).end('wrong host\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { ...HEADERS, Allow: 'GET, HEAD' }).end();
      return;
    }
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/') {
      response
        .writeHead(200, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy })
        .end(request.method === 'HEAD' ? undefined : html);
    } else if (path === '/events' && request.method === 'GET') {
      response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream; charset=utf-8' });
      response.write(`retry: 2000\n\n${eventText({ kind: 'recording', recording: recorder.recording() })}`);
      readers.add(response);
      response.on('close', () => readers.delete(response));
    } else {
      response.writeHead(404, { ...HEADERS, 'Content-Type': 'text/plain' }).end('not found\n');
    }
  };

  const server = http.createServer(respond);
  await listenOnLoopback(server, port);
  const bound = (server.address() as AddressInfo).port;
  ownHosts = [`127.0.0.1:${bound}`, `localhost:${bound}`];
  const stopListening = recorder.listen((message) => {
    const text = eventText(message);
    for (const reader of readers) {
      if (reader.writableLength > MAX_UNSENT_BYTES) reader.destroy();
      else reader.write(text);
    }
  });

  return {
    url: `http://127.0.0.1:${bound}/`,
    stop: () =>
      new Promise((resolve) => {
        stopListening();
        for (const reader of readers) reader.end();
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 200).unref();
      }),
  };
}

function eventText(message: LiveMessage): string {
  return `data: ${JSON.stringify(message)}\n\n`;
}

/** Listens on 127.0.0.1; the error of an unavailable port names the way out. */
function listenOnLoopback(server: http.Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        reject(
          new InputError(
            `port ${port} is in use; stop the process that listens there, or choose another port with --port N`,
          ),
        );
      } else if (error.code === 'EACCES') {
        reject(new InputError(`port ${port} requires more privileges; choose a port above 1023 with --port N`));
      } else {
        reject(error);
      }
    });
    server.listen(port, '127.0.0.1', () => resolve());
  });
}
