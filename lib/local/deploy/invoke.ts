import * as http from 'node:http';

/** Reply of one InvokeEndpoint call. */
export interface InvokeReply {
  readonly statusCode: number;
  readonly body: string;
}

/** Maximum number of concurrent calls of one client. */
export const MAX_IN_FLIGHT = 256;

/** Client of InvokeEndpoint over plain HTTP with connections that stay open. */
export class InvokeConnection {
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: MAX_IN_FLIGHT });
  private readonly url: URL;

  public constructor(
    /** Base URL of SageMaker's runtime API. */
    baseUrl: string,
    endpointName: string,
    private readonly timeoutMs: number,
    /** Name of the inference component, for endpoints that have components. */
    private readonly componentName?: string,
  ) {
    this.url = new URL(`/endpoints/${encodeURIComponent(endpointName)}/invocations`, baseUrl);
  }

  public invoke(body: string): Promise<InvokeReply> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        this.url,
        {
          method: 'POST',
          agent: this.agent,
          timeout: this.timeoutMs,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            ...(this.componentName === undefined ? {} : { 'x-amzn-sagemaker-inference-component': this.componentName }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({ statusCode: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
          );
          response.on('error', reject);
        },
      );
      request.on('timeout', () => request.destroy(new Error(`no response within ${this.timeoutMs} ms`)));
      request.on('error', reject);
      request.end(body);
    });
  }

  public close(): void {
    this.agent.destroy();
  }
}
