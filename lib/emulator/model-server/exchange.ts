import * as http from 'node:http';
import { monotonicMs } from '../monotonic';
import { pause } from '../repeat';

const REQUEST_TIMEOUT_MS = 30_000;
const RETRY_MS = 10;

/** Response of a model server. */
export interface Exchange {
  readonly statusCode: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Sends one HTTP request. A request that cannot have reached the server is retried until the time-out: on a socket whose queue is full
 * (EAGAIN), and on a kept connection that the server has closed.
 *
 * @throws Error when there is no response within 30 seconds, or no connection
 */
export async function exchange(options: http.RequestOptions, content = ''): Promise<Exchange> {
  for (const deadline = monotonicMs() + REQUEST_TIMEOUT_MS; ; await pause(RETRY_MS)) {
    try {
      return await exchangeOnce(options, content);
    } catch (error) {
      if (!(error instanceof UnseenRequest) || monotonicMs() > deadline) throw error;
    }
  }
}

/** The request cannot have reached the server. */
class UnseenRequest extends Error {}

function exchangeOnce(options: http.RequestOptions, content: string): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) };
    const request = http.request({ ...options, timeout: REQUEST_TIMEOUT_MS, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          statusCode: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no response within ${REQUEST_TIMEOUT_MS} ms`)));
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isUnseen = error.code === 'EAGAIN' || (error.code === 'ECONNRESET' && request.reusedSocket);
      reject(isUnseen ? new UnseenRequest(error.message, { cause: error }) : error);
    });
    request.end(content);
  });
}
