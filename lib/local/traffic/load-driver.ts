import { formatInferenceRequest, type InferenceRequest } from '../../ingestion/contract';
import type { EpochSeconds } from '../../core/time';
import type { LocalClock } from '../../emulator/clock';
import type { DirectSender } from './direct-sender';
import type { Outcomes } from './outcomes';
import type { MalformedRecord, PlannedRequest } from './request-plan';
import type { StreamSender } from './stream-sender';

export interface LoadDriverOptions {
  readonly clock: LocalClock;
  /** Local time of second 0. */
  readonly anchor: EpochSeconds;
  readonly requests: Iterator<PlannedRequest>;
  readonly malformed: readonly MalformedRecord[];
  readonly direct: Pick<DirectSender, 'send' | 'pending'>;
  readonly stream: Pick<StreamSender, 'send' | 'pending'>;
  readonly outcomes: Outcomes;
}

const TICK_MS = 10;
/** Window of the mean demand, local seconds. */
const DEMAND_WINDOW_SECONDS = 60;

/** Sends the planned requests at their times, independent of the responses (open loop). */
export class LoadDriver {
  private recent: { readonly at: number; readonly serviceSeconds: number }[] = [];
  private malformed: MalformedRecord[];
  private sentUntil = 0;

  public constructor(private readonly options: LoadDriverOptions) {
    this.malformed = [...options.malformed];
  }

  /** Resolves after every request is handed to a sender, or rejects if the signal aborts. */
  public async run(signal: AbortSignal): Promise<void> {
    const { clock, anchor, requests } = this.options;
    for (let next = requests.next(); !next.done; next = requests.next()) {
      const due = anchor + next.value.atSeconds;
      while (clock.now() < due) {
        this.sendMalformed(clock.now() - anchor);
        await clock.sleepUntil(Math.min(due, clock.now() + (TICK_MS / 1000) * clock.speed), signal);
      }
      signal.throwIfAborted();
      this.send(next.value);
    }
    this.sendMalformed(Number.POSITIVE_INFINITY);
  }

  /** Returns the demand of the last minute. */
  public demand(second: number): { readonly requestsPerSecond: number; readonly concurrency: number } {
    this.recent = this.recent.filter(({ at }) => at > second - DEMAND_WINDOW_SECONDS);
    const window = Math.max(1, Math.min(DEMAND_WINDOW_SECONDS, second));
    return {
      requestsPerSecond: this.recent.length / window,
      concurrency: this.recent.reduce((sum, one) => sum + one.serviceSeconds, 0) / window,
    };
  }

  /** Number of requests that neither the stream nor the endpoint has accepted. */
  public pending(): number {
    return this.options.direct.pending() + this.options.stream.pending();
  }

  /** Local seconds of the traffic that are sent. */
  public sentSeconds(): number {
    return this.sentUntil;
  }

  private send({ atSeconds, index, channel, request, serviceSeconds }: PlannedRequest): void {
    const { clock, direct, outcomes } = this.options;
    const sent: InferenceRequest = { ...request, sentAt: clock.now() };
    this.sentUntil = atSeconds;
    this.recent.push({ at: atSeconds, serviceSeconds });
    outcomes.addSent(index, clock.now());
    if (channel === 'direct') direct.send(sent);
    else this.sendToStream(sent);
  }

  /** Puts a request into the stream; also the fallback for requests that the endpoint did not accept. */
  public sendToStream(request: InferenceRequest): void {
    this.options.stream.send({ key: request.key, payload: formatInferenceRequest(request), onStored: () => undefined });
  }

  private sendMalformed(second: number): void {
    while (this.malformed.length > 0 && this.malformed[0]!.atSeconds <= second) {
      const { key, payload } = this.malformed.shift()!;
      this.options.stream.send({
        key,
        payload,
        onStored: (sequenceNumber) => this.options.outcomes.addMalformed(sequenceNumber),
      });
    }
  }
}
