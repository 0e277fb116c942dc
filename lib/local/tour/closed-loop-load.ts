import { formatInferenceRequest } from '../../ingestion/contract';
import type { LocalClock } from '../../emulator/clock';
import type { InvokeReply } from '../deploy/invoke';
import { pause } from '../../emulator/repeat';

/** Tokens of each request: eight seconds of a slot. */
const CONTEXT_TOKENS = 100;
const GENERATED_TOKENS = 400;
/** Delay of a caller after a failure, real milliseconds. */
const AFTER_FAILURE_MS = 20;

/** Call with another status than 200. */
export interface FailedCall {
  readonly atSeconds: number;
  readonly statusCode: number;
  readonly body: string;
}

/** Closed loop of callers: each sends its next request after the last response, without retries. */
export class ClosedLoopLoad {
  public sent = 0;
  public answered = 0;
  public readonly failures: FailedCall[] = [];
  private callers = 0;
  private running = new Set<Promise<void>>();
  private next = 0;

  public constructor(
    private readonly name: string,
    private readonly clock: LocalClock,
    private readonly invoke: (body: string) => Promise<InvokeReply>,
    private readonly signal: AbortSignal,
  ) {}

  /** Changes the number of concurrent callers. */
  public setCallers(count: number): void {
    this.callers = count;
    while (this.running.size < count && !this.signal.aborted) {
      const caller: Promise<void> = this.call().finally(() => this.running.delete(caller));
      this.running.add(caller);
    }
  }

  /** Stops the callers; resolves after the last response. */
  public async stop(): Promise<void> {
    this.callers = 0;
    await Promise.all(this.running);
  }

  private async call(): Promise<void> {
    while (this.running.size <= this.callers && !this.signal.aborted) {
      this.sent++;
      const reply = await this.invoke(requestBody(`${this.name}-${this.next++}`, this.clock.now())).catch(
        (error: unknown): InvokeReply => ({ statusCode: 0, body: String(error) }),
      );
      if (reply.statusCode === 200) this.answered++;
      else {
        this.failures.push({ atSeconds: this.clock.now(), ...reply });
        await pause(AFTER_FAILURE_MS, this.signal);
      }
    }
  }
}

/** Body of a request; with the default number of tokens it takes eight seconds. */
export function requestBody(id: string, sentAt: number, generatedTokens = GENERATED_TOKENS): string {
  return formatInferenceRequest({
    id,
    key: id,
    contextTokens: CONTEXT_TOKENS,
    generatedTokens,
    sentAt,
  });
}
