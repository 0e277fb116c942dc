import * as http from 'node:http';
import { formatInferenceRequest, type InferenceRequest } from '../../ingestion/contract';
import type { Random } from '../../simulation/random';
import type { LocalClock } from '../clock';

/** What came back from one try. */
export interface InvokeReply {
  readonly statusCode: number;
  readonly body: string;
}

export interface DirectSenderOptions {
  /** One InvokeEndpoint call; throws when the connection fails. */
  readonly invoke: (body: string) => Promise<InvokeReply>;
  readonly clock: LocalClock;
  readonly random: Random;
  /** Ends the tries; what is not through by then stays pending. */
  readonly signal: AbortSignal;
  readonly onAnswer: (request: InferenceRequest) => void;
  /** Called once the tries are used up: the request goes another way, so that nothing is lost. */
  readonly onSpill: (request: InferenceRequest) => void;
  /** Called for an answer that no try can change. */
  readonly onRefused: (request: InferenceRequest, reply: InvokeReply) => void;
}

/** Calls on their way at once; the rest waits its turn here. */
const MOST_IN_FLIGHT = 256;
const MOST_TRIES = 6;
/** Full jitter: a wait between 0 and base x 2^try, local seconds. */
const BASE_BACKOFF_SECONDS = 0.5;
const MOST_BACKOFF_SECONDS = 30;

/** Whether another try may end otherwise: throttling, overload, a model that timed out, a server's own error. */
export function isWorthRetrying({ statusCode, body }: InvokeReply): boolean {
  if (statusCode === 429 || statusCode >= 500) return true;
  if (statusCode === 424) {
    const original = /"OriginalStatusCode"\s*:\s*(\d+)/.exec(body)?.[1];
    return !(original !== undefined && Number(original) >= 400 && Number(original) < 500 && original !== '429');
  }
  return /Throttling|TooManyRequests/i.test(body) && statusCode === 400;
}

/** The share of the traffic that goes to the endpoint without the stream. */
export class DirectSender {
  private readonly waiting: InferenceRequest[] = [];
  private flying = 0;
  private backingOff = 0;
  private retried = 0;
  private spilled = 0;

  public constructor(private readonly options: DirectSenderOptions) {}

  public send(request: InferenceRequest): void {
    if (this.flying < MOST_IN_FLIGHT) void this.carry(request);
    else this.waiting.push(request);
  }

  /** Requests not answered yet. */
  public pending(): number {
    return this.waiting.length + this.flying + this.backingOff;
  }

  public totals(): { readonly retries: number; readonly spilled: number } {
    return { retries: this.retried, spilled: this.spilled };
  }

  private async carry(request: InferenceRequest): Promise<void> {
    const body = formatInferenceRequest(request);
    for (let attempt = 1; ; attempt++) {
      const reply = await this.attempt(body);
      if (reply?.statusCode === 200) {
        this.options.onAnswer(request);
        return;
      }
      if (reply !== undefined && !isWorthRetrying(reply)) {
        this.options.onRefused(request, reply);
        return;
      }
      if (attempt === MOST_TRIES) {
        this.spilled += 1;
        this.options.onSpill(request);
        return;
      }
      this.retried += 1;
      this.backingOff += 1;
      const ceiling = Math.min(MOST_BACKOFF_SECONDS, BASE_BACKOFF_SECONDS * 2 ** attempt);
      await this.options.clock
        .sleep(this.options.random.uniform() * ceiling, this.options.signal)
        .catch(() => undefined);
      if (this.options.signal.aborted) return; // and stays among the pending
      this.backingOff -= 1;
    }
  }

  /** One try; undefined when the connection failed. A waiting request takes the place as soon as it is free. */
  private async attempt(body: string): Promise<InvokeReply | undefined> {
    this.flying += 1;
    try {
      return await this.options.invoke(body);
    } catch {
      return undefined;
    } finally {
      this.flying -= 1;
      const next = this.waiting.shift();
      if (next !== undefined) void this.carry(next);
    }
  }
}

/** InvokeEndpoint over plain HTTP with connections kept open, as a busy client would. */
export class InvokeConnection {
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: MOST_IN_FLIGHT });
  private readonly url: URL;

  public constructor(
    /** Where `/endpoints/NAME/invocations` is served. */
    baseUrl: string,
    endpointName: string,
    private readonly timeoutMs: number,
    /** The inference component, where the endpoint has some. */
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
      request.on('timeout', () => request.destroy(new Error(`no answer within ${this.timeoutMs} ms`)));
      request.on('error', reject);
      request.end(body);
    });
  }

  public close(): void {
    this.agent.destroy();
  }
}
