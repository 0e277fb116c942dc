import { setMaxListeners } from 'node:events';
import type { EpochSeconds } from '../../core/time';
import { pause } from '../../emulator/repeat';
import { Random } from '../../simulation/random';
import type { Workload } from '../../simulation/traffic';
import type { AwsClients } from '../deploy/aws';
import type { LocalPlatform } from '../deploy/local-platform';
import type { PlatformOutputs } from '../deploy/stack-outputs';
import { DirectSender } from './direct-sender';
import { LoadDriver } from './load-driver';
import { Outcomes, responseTimesOf } from './outcomes';
import { planMalformedRecords, planRequests } from './request-plan';
import { ResultsReader } from './results-reader';
import { StreamSender } from './stream-sender';
import { TopicSender } from './topic-sender';

export interface LoadOptions {
  readonly workload: Workload;
  readonly seed: number;
  /** Add malformed records to the stream. */
  readonly withMalformedRecords: boolean;
  readonly platform: LocalPlatform;
  readonly aws: AwsClients;
  readonly outputs: PlatformOutputs;
  readonly anchor: EpochSeconds;
  /** Ends the attempts of both senders. */
  readonly signal: AbortSignal;
  readonly onError: (message: string) => void;
}

const MAX_REFUSALS = 5;
/** Draining stops after 40 s (real) without progress, or 90 s in total: longer than the attempts of a record that the endpoint cannot answer. */
const DRAIN_STALLED_MS = 40_000;
const MAX_DRAIN_MS = 90_000;
const DRAIN_POLL_MS = 100;

/** Requests of a run: their plan, both senders, and their outcomes. */
export class Load {
  public readonly outcomes = new Outcomes();
  public readonly driver: LoadDriver;
  public readonly results: ResultsReader;
  /** Errors that no retry can change, the first few. */
  public readonly refusals: string[] = [];
  private readonly direct: DirectSender;
  private readonly stream: StreamSender | TopicSender;
  private readonly connection: ReturnType<LocalPlatform['connect']>;

  public constructor(private readonly options: LoadOptions) {
    const { workload, seed, platform, aws, outputs, anchor, signal, onError } = options;
    const { clock } = platform;
    setMaxListeners(0, signal); // every request that waits for a retry adds a listener
    const random = new Random(seed).fork('retries');
    const { TopicName: topicName } = outputs;
    this.stream =
      topicName === undefined
        ? new StreamSender({ kinesis: aws.kinesis, streamName: outputs.StreamName, clock, random, signal, onError })
        : new TopicSender({ broker: platform.kafkaBroker!, topicName, clock, signal, onError });
    this.connection = platform.connect(outputs.EndpointName);
    this.direct = new DirectSender({
      invoke: this.connection.invoke,
      clock,
      random,
      signal,
      onResponse: ({ id, sentAt = clock.now() }, { body }) => {
        const now = clock.now();
        this.outcomes.addResponse(id, now - sentAt, now, responseTimesOf(body, false));
      },
      onSpill: (request) => this.driver.sendToStream(request),
      onRefused: ({ id }, { statusCode, body }) => {
        if (this.refusals.length < MAX_REFUSALS) {
          this.refusals.push(`${id}: HTTP ${statusCode} ${body.slice(0, 200)}`);
        }
      },
    });
    this.driver = new LoadDriver({
      clock,
      anchor,
      requests: planRequests(workload, seed),
      malformed: options.withMalformedRecords ? planMalformedRecords(workload.durationSeconds) : [],
      direct: this.direct,
      stream: this.stream,
      outcomes: this.outcomes,
    });
    this.results = new ResultsReader({
      s3: aws.s3,
      bucketName: outputs.ResultsBucketName,
      outcomes: this.outcomes,
      now: () => clock.now(),
      since: anchor,
    });
  }

  /** Waits until every request has an outcome, as long as there is progress. */
  public async drain(): Promise<void> {
    const { signal } = this.options;
    const startedMs = performance.now();
    let progressMs = startedMs;
    let unresolved = this.outcomes.unresolved();
    while (this.driver.pending() + unresolved > 0) {
      signal.throwIfAborted();
      await pause(DRAIN_POLL_MS, signal);
      const nowMs = performance.now();
      const now = this.outcomes.unresolved();
      if (now !== unresolved) progressMs = nowMs;
      unresolved = now;
      if (nowMs - progressMs > DRAIN_STALLED_MS || nowMs - startedMs > MAX_DRAIN_MS) break;
    }
    await this.results.poll();
    signal.throwIfAborted();
  }

  /**
   * Reads the last results and returns the number of requests that are still queued.
   *
   * The engine's count includes records of the current batch that may have a result already, so it is an upper bound. A request
   * without an outcome that is not queued is lost, and the sum of the report shows it.
   */
  public async finalQueued(): Promise<number> {
    // The backlog is read before the results, so that a request that gets its result in between counts as answered.
    const backlog = (await this.streamBacklog()) + this.driver.pending();
    await this.results.poll(true);
    return Math.min(this.outcomes.unresolved(), backlog);
  }

  /** Records of the stream, or of the topic in its place, that no consumer has finished; 0 if unknown. */
  public async streamBacklog(): Promise<number> {
    const { platform, outputs } = this.options;
    const { StreamName, TopicName } = outputs;
    return (
      (await (TopicName === undefined ? platform.streamBacklog(StreamName) : platform.topicBacklog(TopicName))) ?? 0
    );
  }

  /** Retries of both senders, and direct requests that went through the stream in the end. */
  public totals(): { readonly retries: number; readonly spilled: number } {
    const { retries, spilled } = this.direct.totals();
    return { retries: retries + this.stream.totals().retries, spilled };
  }

  public async close(): Promise<void> {
    this.connection.close();
    if (this.stream instanceof TopicSender) await this.stream.close();
  }
}
