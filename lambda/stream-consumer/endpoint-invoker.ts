import { RetryableError } from '../../lib/core/errors';
import type { RecordOutcome } from '../../lib/ingestion/decide/checkpoint';
import { isRecordToBlame, longestWitnessSeconds } from '../../lib/ingestion/decide/verdict';
import { RequestFailedError, type EndpointAnswer, type EndpointRuntime } from '../clients/endpoint-runtime';
import type { WallClock } from '../support/clock';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';
import type { TimedAnswer } from './answers';
import { backoffMilliseconds } from './backoff';
import type { StreamRecord } from './batch';
import type { EndpointEvidence } from './endpoint-evidence';

export interface EndpointInvokerOptions {
  readonly endpoint: EndpointRuntime;
  readonly evidence: EndpointEvidence;
  readonly streamName: string;
  readonly shardId: string;
  readonly clock: WallClock;
  readonly sleep: Sleep;
  readonly logger: Logger;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  /** Returns the milliseconds left for invocations. */
  readonly remainingMs: () => number;
  /** Ends invocations in flight when the time is up. */
  readonly signal: AbortSignal;
  /** Ends the pauses before retries. */
  readonly pauseSignal: AbortSignal;
  readonly maxModelFailures: number;
  /** Maximum size of a payload, bytes. */
  readonly maxRecordBytes: number;
}

/** Minimum time for another attempt. */
const MIN_ATTEMPT_MS = 50;

/** Invokes the endpoint for the records of one invocation. */
export class EndpointInvoker {
  private probing: Promise<boolean> | undefined;

  public constructor(private readonly options: EndpointInvokerOptions) {}

  /**
   * Invokes the endpoint for one record; retries failures while there is time and `isWanted()`.
   *
   * A record is rejected when it failed `maxModelFailures` times, or twice in a minute of requests, and after each of these failures the endpoint answered a
   * request that was sent later: another record's, or the control request. Without such an answer the endpoint is to blame, whatever its status says,
   * and the record stays pending.
   *
   * Throws only errors that no record causes, such as a denied permission.
   */
  public async invoke(record: StreamRecord, isWanted: () => boolean): Promise<RecordOutcome<TimedAnswer>> {
    const { evidence, maxModelFailures, maxRecordBytes } = this.options;
    if (record.defect !== undefined) return { kind: 'rejected', error: record.defect, status: null };
    if (record.payload.length > maxRecordBytes) {
      const error = `the payload is ${record.payload.length} bytes; at most ${maxRecordBytes} are allowed (maxRecordSize of the ingestion)`;
      return { kind: 'rejected', error, status: null };
    }
    const place = `${this.options.shardId}:${record.position}`;
    let lastError = 'there was no time to send it';
    for (let attempt = 1; ; attempt++) {
      const endTurn = await evidence.turn();
      try {
        if (this.isTimeUp() || !isWanted()) return { kind: 'pending', error: lastError };
        const sentAt = this.options.clock.now();
        const outcome = await this.attempt(record);
        if ('answer' in outcome) {
          evidence.settle(place);
          return { kind: 'succeeded', answer: outcome };
        }
        lastError = outcome.message;
        const seconds = this.options.clock.now() - sentAt;
        const failedBefore = evidence.upcomingSend;
        await this.pause(Math.max(attempt, evidence.failuresWhileFailing));
        if (!(outcome instanceof RequestFailedError) || !(await this.hasAnsweredOthers(failedBefore, seconds)))
          continue;
        const failures = evidence.strike(place, seconds);
        if (!isRecordToBlame(failures, maxModelFailures)) continue;
        evidence.settle(place);
        const error = `${lastError} (${failures.count} times, while other requests were answered)`;
        return { kind: 'rejected', error, status: outcome.status };
      } finally {
        endTurn();
      }
    }
  }

  private isTimeUp(): boolean {
    return this.options.signal.aborted || this.options.remainingMs() < MIN_ATTEMPT_MS;
  }

  private pause(attempt: number): Promise<void> {
    const { sleep, random, remainingMs, pauseSignal } = this.options;
    return sleep(Math.min(backoffMilliseconds(attempt, random()), Math.max(0, remainingMs())), pauseSignal);
  }

  /** Returns the answer, or an error after which a retry may succeed. */
  private async attempt(record: StreamRecord): Promise<TimedAnswer | RetryableError> {
    const { clock } = this.options;
    const startedAt = clock.now();
    try {
      const answer = await this.send(record.payload);
      const answeredAt = clock.now();
      return { answer, answeredAt, requestSeconds: Math.max(0, answeredAt - startedAt) };
    } catch (error) {
      if (error instanceof RetryableError) return error;
      throw error;
    }
  }

  private async send(payload: Uint8Array): Promise<EndpointAnswer> {
    const { endpoint, evidence, signal, clock } = this.options;
    const number = evidence.nextSend();
    const sentAt = clock.now();
    try {
      const answer = await endpoint.invoke(payload, signal);
      evidence.answered(number, payload, clock.now() - sentAt);
      return answer;
    } catch (error) {
      if (!signal.aborted) evidence.failed();
      throw error;
    }
  }

  /**
   * True if the endpoint answered a request that was sent at or after a number, in time to be a witness against one that failed after some
   * seconds; sends the control request to find out.
   */
  private async hasAnsweredOthers(since: number, failedSeconds: number): Promise<boolean> {
    const { evidence } = this.options;
    const within = longestWitnessSeconds(failedSeconds);
    if (evidence.hasAnsweredSince(since, within)) return true;
    if (this.isTimeUp()) return false;
    this.probing ??= this.probe().finally(() => (this.probing = undefined));
    await this.probing;
    return evidence.hasAnsweredSince(since, within);
  }

  private async probe(): Promise<boolean> {
    const { evidence, streamName, logger, signal } = this.options;
    try {
      const control = await evidence.controlRequest(streamName, signal);
      if (control === undefined) return false;
      await this.send(control);
      return true;
    } catch (error) {
      logger.warn('the control request failed too', { error });
      return false;
    }
  }
}
