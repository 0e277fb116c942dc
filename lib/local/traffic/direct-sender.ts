import { formatInferenceRequest, type InferenceRequest } from '../../ingestion/contract';
import type { Random } from '../../simulation/random';
import { MAX_IN_FLIGHT, type InvokeReply } from '../deploy/invoke';
import type { LocalClock } from '../../emulator/clock';

export interface DirectSenderOptions {
  /** Calls InvokeEndpoint once; rejects if the connection fails. */
  readonly invoke: (body: string) => Promise<InvokeReply>;
  readonly clock: LocalClock;
  readonly random: Random;
  /** Ends the attempts; requests without a response stay pending. */
  readonly signal: AbortSignal;
  readonly onResponse: (request: InferenceRequest, reply: InvokeReply) => void;
  /** Receives a request whose attempts are used up, to send it through the stream. */
  readonly onSpill: (request: InferenceRequest) => void;
  /** Receives a request with an error that a retry cannot change. */
  readonly onRefused: (request: InferenceRequest, reply: InvokeReply) => void;
}

const MAX_ATTEMPTS = 6;
/** Full jitter: delay between 0 and base x 2^attempt, local seconds. */
const BASE_BACKOFF_SECONDS = 0.5;
const MAX_BACKOFF_SECONDS = 30;

/** True if a retry may succeed: throttling, overload, time-out of the model, server errors. */
export function isRetryable({ statusCode, body }: InvokeReply): boolean {
  if (statusCode === 429 || statusCode >= 500) return true;
  if (statusCode === 424) {
    const original = /"OriginalStatusCode"\s*:\s*(\d+)/.exec(body)?.[1];
    return !(original !== undefined && Number(original) >= 400 && Number(original) < 500 && original !== '429');
  }
  return /Throttling|TooManyRequests/i.test(body) && statusCode === 400;
}

/** Sends requests to the endpoint directly, with retries and a maximum number of concurrent calls. */
export class DirectSender {
  private readonly waiting: InferenceRequest[] = [];
  private inFlight = 0;
  private backingOff = 0;
  private retried = 0;
  private spilled = 0;

  public constructor(private readonly options: DirectSenderOptions) {}

  public send(request: InferenceRequest): void {
    if (this.inFlight < MAX_IN_FLIGHT) void this.deliver(request);
    else this.waiting.push(request);
  }

  /** Number of requests without a response. */
  public pending(): number {
    return this.waiting.length + this.inFlight + this.backingOff;
  }

  public totals(): { readonly retries: number; readonly spilled: number } {
    return { retries: this.retried, spilled: this.spilled };
  }

  private async deliver(request: InferenceRequest): Promise<void> {
    const body = formatInferenceRequest(request);
    for (let attempt = 1; ; attempt++) {
      const reply = await this.attempt(body);
      if (reply?.statusCode === 200) {
        this.options.onResponse(request, reply);
        return;
      }
      if (reply !== undefined && !isRetryable(reply)) {
        this.options.onRefused(request, reply);
        return;
      }
      if (attempt === MAX_ATTEMPTS) {
        this.spilled += 1;
        this.options.onSpill(request);
        return;
      }
      this.retried += 1;
      this.backingOff += 1;
      const ceiling = Math.min(MAX_BACKOFF_SECONDS, BASE_BACKOFF_SECONDS * 2 ** attempt);
      await this.options.clock
        .sleep(this.options.random.uniform() * ceiling, this.options.signal)
        .catch(() => undefined);
      if (this.options.signal.aborted) return; // the request stays pending
      this.backingOff -= 1;
    }
  }

  /** Returns the reply of one call, undefined if the connection failed, and starts the next waiting request. */
  private async attempt(body: string): Promise<InvokeReply | undefined> {
    this.inFlight += 1;
    try {
      return await this.options.invoke(body);
    } catch {
      return undefined;
    } finally {
      this.inFlight -= 1;
      const next = this.waiting.shift();
      if (next !== undefined) void this.deliver(next);
    }
  }
}
