import { formatInferenceRequest, type InferenceRequest } from '../../ingestion/contract';
import type { EpochSeconds } from '../../core/time';
import type { LocalClock } from '../clock';
import type { DirectSender } from './direct-sender';
import type { Outcomes } from './outcomes';
import type { PlannedPoison, PlannedRequest } from './request-plan';
import type { StreamSender } from './stream-sender';

export interface LoadDriverOptions {
  readonly clock: LocalClock;
  /** The local moment of second 0. */
  readonly anchor: EpochSeconds;
  readonly requests: Iterator<PlannedRequest>;
  readonly poison: readonly PlannedPoison[];
  readonly direct: Pick<DirectSender, 'send' | 'pending'>;
  readonly stream: Pick<StreamSender, 'send' | 'pending'>;
  readonly outcomes: Outcomes;
}

const TICK_MS = 10;
/** The window over which the demand is averaged, local seconds. */
const DEMAND_WINDOW_SECONDS = 60;

/** Sends the planned requests when their time has come, whatever the platform does with them (an open loop). */
export class LoadDriver {
  private recent: { readonly at: number; readonly serviceSeconds: number }[] = [];
  private poison: PlannedPoison[];
  private sentUntil = 0;

  public constructor(private readonly options: LoadDriverOptions) {
    this.poison = [...options.poison];
  }

  /** Resolves once everything was handed over, or rejects when the signal aborts. */
  public async run(signal: AbortSignal): Promise<void> {
    const { clock, anchor, requests } = this.options;
    for (let next = requests.next(); !next.done; next = requests.next()) {
      const due = anchor + next.value.atSeconds;
      while (clock.now() < due) {
        this.sendPoison(clock.now() - anchor);
        await clock.sleepUntil(Math.min(due, clock.now() + (TICK_MS / 1000) * clock.speed), signal);
      }
      signal.throwIfAborted();
      this.send(next.value);
    }
    this.sendPoison(Number.POSITIVE_INFINITY);
  }

  /** What the traffic of the last minute asks for. */
  public demand(second: number): { readonly requestsPerSecond: number; readonly concurrency: number } {
    this.recent = this.recent.filter(({ at }) => at > second - DEMAND_WINDOW_SECONDS);
    const window = Math.max(1, Math.min(DEMAND_WINDOW_SECONDS, second));
    return {
      requestsPerSecond: this.recent.length / window,
      concurrency: this.recent.reduce((sum, one) => sum + one.serviceSeconds, 0) / window,
    };
  }

  /** Requests that neither the stream nor the endpoint has taken. */
  public pending(): number {
    return this.options.direct.pending() + this.options.stream.pending();
  }

  /** Local seconds of traffic sent so far. */
  public sentSeconds(): number {
    return this.sentUntil;
  }

  private send({ atSeconds, index, channel, request, serviceSeconds }: PlannedRequest): void {
    const { clock, direct, outcomes } = this.options;
    const sent: InferenceRequest = { ...request, sentAt: clock.now() };
    this.sentUntil = atSeconds;
    this.recent.push({ at: atSeconds, serviceSeconds });
    outcomes.send(index);
    if (channel === 'direct') direct.send(sent);
    else this.sendToStream(sent);
  }

  /** Puts a request into the stream; also the way out for one that the endpoint did not take. */
  public sendToStream(request: InferenceRequest): void {
    this.options.stream.send({ key: request.key, payload: formatInferenceRequest(request), onStored: () => undefined });
  }

  private sendPoison(second: number): void {
    while (this.poison.length > 0 && this.poison[0]!.atSeconds <= second) {
      const { key, payload } = this.poison.shift()!;
      this.options.stream.send({
        key,
        payload,
        onStored: (sequenceNumber) => this.options.outcomes.sendPoison(sequenceNumber),
      });
    }
  }
}
