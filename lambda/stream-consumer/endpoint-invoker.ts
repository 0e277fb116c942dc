import { RetryableError } from '../../lib/core/errors';
import type { RecordOutcome } from '../../lib/ingestion/decide/checkpoint';
import { decideHang, isRarelySlow, SLOW_REQUEST_SECONDS, TIMED_OUT_SECONDS } from '../../lib/ingestion/decide/hang';
import {
  isRecordToBlame,
  longestWitnessSeconds,
  SLOW_FAILURE_SECONDS,
  type FailuresOfRecord,
} from '../../lib/ingestion/decide/verdict';
import type { EpochSeconds } from '../../lib/core/time';
import {
  EndpointBusyError,
  RequestFailedError,
  type EndpointAnswer,
  type EndpointRuntime,
} from '../clients/endpoint-runtime';
import type { WallClock } from '../support/clock';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';
import type { TimedAnswer } from './answers';
import { backoffMilliseconds } from './backoff';
import type { StreamRecord } from './batch';
import type { EndpointEvidence } from './endpoint-evidence';
import { RequestMappingError } from './mapped-endpoint';

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
  /** Runs the pause before a retry of a record that failed alone, without its place for a request. */
  readonly outOfPlace: (pause: () => Promise<void>) => Promise<void>;
  /** Called when the endpoint refuses a request as busy. */
  readonly onBusy?: () => void;
  readonly maxModelFailures: number;
  /** Maximum size of a payload, bytes. */
  readonly maxRecordBytes: number;
}

/** Minimum time for another attempt. */
const MIN_ATTEMPT_MS = 50;
/** Maximum number of records that have a second request beside their first one, in an execution environment. */
export const MAX_SECOND_REQUESTS = 4;
/** Time between two looks at a record whose response is late. */
const LOOK_EVERY_MS = 1_000;
/** Maximum number of control requests that gather witnesses about one attempt. */
const MAX_ASKED = 25;

/** Request of a record that failed. */
interface Failure {
  readonly error: RetryableError;
  readonly seconds: number;
}

/** Attempt without an answer; `hangs` where the verdict on the record is clear while a request of it is still open. */
interface FailedAttempt {
  readonly failures: readonly [Failure, ...Failure[]];
  readonly hangs: boolean;
}

interface OpenRequest {
  readonly number: number;
  readonly sentAt: EpochSeconds;
  readonly ended: Promise<{ readonly request: OpenRequest; readonly outcome: TimedAnswer | Failure }>;
}

/** Invokes the endpoint for the records of one invocation. */
export class EndpointInvoker {
  private probing: Promise<boolean> | undefined;

  public constructor(private readonly options: EndpointInvokerOptions) {}

  /**
   * Invokes the endpoint for one record; retries failures while there is time and `isWanted()`.
   *
   * A record is rejected when it failed `maxModelFailures` times, or twice in a minute of requests, and after each of these failures the endpoint answered a
   * request that was sent later: another record's, or the control request. A record that hangs is rejected when its first request times out, if a second
   * one is open by then and others are answered. Without such an answer the endpoint is to blame, whatever its status says, and the record
   * stays pending.
   *
   * Throws only errors that no record causes, such as a denied permission.
   *
   * @param leave ends the wait for a turn, after which `isWanted()` decides
   */
  public async invoke(
    record: StreamRecord,
    isWanted: () => boolean,
    leave?: AbortSignal,
  ): Promise<RecordOutcome<TimedAnswer>> {
    const { evidence, maxRecordBytes } = this.options;
    if (record.defect !== undefined) return { kind: 'rejected', error: record.defect, status: null };
    if (record.payload.length > maxRecordBytes) {
      const error = `the payload is ${record.payload.length} bytes; at most ${maxRecordBytes} are allowed (maxRecordSize of the ingestion)`;
      return { kind: 'rejected', error, status: null };
    }
    const place = `${this.options.shardId}:${record.position}`;
    let lastError = 'there was no time to send it';
    for (let attempt = 1; ; attempt++) {
      let endTurn = await evidence.turn(leave);
      if (endTurn === undefined) {
        if (!isWanted()) return { kind: 'pending', error: lastError };
        endTurn = await evidence.turn();
      }
      try {
        if (this.isTimeUp() || !isWanted()) return { kind: 'pending', error: lastError };
        const outcome = await this.attempt(record, place);
        if ('answer' in outcome) {
          evidence.settle(place);
          return { kind: 'succeeded', answer: outcome };
        }
        const { error } = outcome.failures.at(-1)!;
        lastError = error.message;
        if (!outcome.hangs && !(await this.isToBlame(place, outcome.failures, attempt))) continue;
        const { count } = evidence.failuresOf(place);
        evidence.blame(place);
        const times = outcome.hangs ? 'and again without an answer' : `${count} times`;
        const isAnswered = error instanceof RequestFailedError && !(error instanceof RequestMappingError);
        const status = isAnswered ? error.status : null;
        return { kind: 'rejected', error: `${lastError} (${times}, while other requests were answered)`, status };
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

  /**
   * Pauses before a retry. Where many records fail in a row, the control request tells whether the endpoint does: if it is answered, the pause is
   * that of a record alone.
   */
  private async pauseAfter(failures: readonly Failure[], attempt: number): Promise<void> {
    const { evidence, outOfPlace } = this.options;
    const isRefused = failures.every(({ error }) => error instanceof RequestFailedError);
    if (!isRefused) return this.pause(Math.max(attempt, evidence.failuresWhileFailing));
    if (!evidence.isFailing) return outOfPlace(() => this.pause(attempt));
    await this.pause(attempt);
    if (!evidence.isFailing || this.isTimeUp() || (await this.ask())) return;
    await this.pause(evidence.failuresWhileFailing);
  }

  /** Sends a record, and a second time where its response is late while others are quick; returns the first answer, or the failures. */
  private async attempt(record: StreamRecord, place: string): Promise<TimedAnswer | FailedAttempt> {
    const { evidence, clock, sleep, signal } = this.options;
    const since = evidence.lateSince(place) ?? evidence.upcomingSend;
    const failures: Failure[] = [];
    let open = [this.open(record.payload, place)];
    let isSecondSent = false;
    let asked = 0;
    for (;;) {
      const over = new AbortController();
      const age = clock.now() - open[0]!.sentAt;
      const isLate = open.length > 1 || age >= SLOW_REQUEST_SECONDS || evidence.lateSince(place) !== undefined;
      const look = sleep(
        isLate ? LOOK_EVERY_MS : Math.max(LOOK_EVERY_MS, (SLOW_REQUEST_SECONDS - age) * 1000),
        over.signal,
      );
      const ended = await Promise.race([...open.map((request) => request.ended), look.then(() => undefined)]).finally(
        // A reason of its own: the default one is an error with its stack, which costs more than the look.
        () => over.abort('looked'),
      );
      if (ended !== undefined) {
        const { outcome } = ended;
        if ('answer' in outcome) {
          const hasRecovered = ended.request !== open[0] || evidence.lateSince(place) !== undefined;
          if (hasRecovered) evidence.noteRecovery();
          return outcome;
        }
        if (outcome.seconds >= SLOW_FAILURE_SECONDS) evidence.noteLate(place, since);
        failures.push(outcome);
        open = open.filter((request) => request !== ended.request);
      }
      const [first, ...rest] = failures;
      if (open.length === 0) return { failures: [first!, ...rest], hangs: false };
      const now = clock.now();
      const latest = open.at(-1)!;
      const step = decideHang({
        timedOut: timedOut(evidence.failuresOf(place), failures),
        openSeconds: open.map(({ sentAt }) => now - sentAt),
        witnesses: evidence.witnesses(since, place),
        hasAnsweredSinceLatest: evidence.hasAnsweredSince(latest.number + 1, (now - latest.sentAt) / 2),
        othersRecover: evidence.othersRecover,
        maySendAgain: !isSecondSent && evidence.secondRequests < MAX_SECOND_REQUESTS,
      });
      if (step === 'blame' && first !== undefined) return { failures: [first, ...rest], hangs: true };
      const mayAsk = asked < MAX_ASKED && this.probing === undefined && evidence.hasQuickControl;
      if (step === 'ask' && mayAsk && !signal.aborted) {
        asked += 1;
        void this.ask();
      }
      if (step === 'send again' && !signal.aborted) {
        isSecondSent = true;
        const both = [...open, this.open(record.payload, place)];
        open = both;
        evidence.secondRequests += 1;
        void Promise.allSettled(both.map((request) => request.ended)).then(() => (evidence.secondRequests -= 1));
      }
    }
  }

  /** Sends a payload; the outcome is the answer, or an error after which a retry may succeed. */
  private open(payload: Uint8Array, place: string): OpenRequest {
    const { clock, evidence } = this.options;
    const sentAt = clock.now();
    const number = evidence.upcomingSend;
    const take = async (): Promise<TimedAnswer | Failure> => {
      try {
        const answer = await this.send(payload, place);
        const answeredAt = clock.now();
        return { answer, answeredAt, requestSeconds: Math.max(0, answeredAt - sentAt) };
      } catch (error) {
        if (error instanceof RetryableError) return { error, seconds: clock.now() - sentAt };
        throw error;
      }
    };
    const request: OpenRequest = { number, sentAt, ended: take().then((outcome) => ({ request, outcome })) };
    return request;
  }

  private async send(payload: Uint8Array, place?: string): Promise<EndpointAnswer> {
    const { endpoint, evidence, signal, clock } = this.options;
    const number = evidence.nextSend(place);
    const sentAt = clock.now();
    try {
      const answer = await endpoint.invoke(payload, signal);
      evidence.answered(number, payload, clock.now() - sentAt);
      return answer;
    } catch (error) {
      if (signal.aborted) evidence.abandoned(number);
      else evidence.failed(number);
      if (error instanceof EndpointBusyError) this.options.onBusy?.();
      throw error;
    }
  }

  /** Counts the failures of an attempt that others do not share; true if they are the record's fault. */
  private async isToBlame(place: string, failures: readonly Failure[], attempt: number): Promise<boolean> {
    const { evidence, maxModelFailures } = this.options;
    const failedBefore = evidence.upcomingSend;
    await this.pauseAfter(failures, attempt);
    let isToBlame = false;
    for (const { error, seconds } of failures) {
      if (!(error instanceof RequestFailedError) && seconds < TIMED_OUT_SECONDS) continue;
      if (!(await this.hasAnsweredOthers(place, failedBefore, seconds))) continue;
      isToBlame =
        isRecordToBlame(evidence.strike(place, seconds), maxModelFailures, evidence.othersRecover) || isToBlame;
    }
    return isToBlame;
  }

  /**
   * True if the endpoint answered a request that was sent at or after a number, in time to be a witness against one that failed after some
   * seconds, and if requests as slow as that are rare; sends the control request to find out.
   */
  private async hasAnsweredOthers(place: string, since: number, failedSeconds: number): Promise<boolean> {
    const { evidence, pauseSignal } = this.options;
    const within = longestWitnessSeconds(failedSeconds);
    const isKnown = (): boolean =>
      evidence.hasAnsweredSince(since, within) &&
      (failedSeconds < SLOW_FAILURE_SECONDS ||
        isRarelySlow(evidence.witnesses(evidence.lateSince(place) ?? since, place)));
    for (let asked = 0; !isKnown(); asked++) {
      const isOver = failedSeconds < SLOW_FAILURE_SECONDS ? asked > 0 : asked > MAX_ASKED || pauseSignal.aborted;
      if (isOver || this.isTimeUp() || !(await this.ask())) return isKnown();
    }
    return true;
  }

  /** Sends the control request, one at a time; true if it was answered. */
  private async ask(): Promise<boolean> {
    this.probing ??= this.probe().finally(() => (this.probing = undefined));
    return this.probing;
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

/** Returns the time-outs of a record: those that were counted before, and those of an attempt. */
function timedOut(counted: FailuresOfRecord, failures: readonly Failure[]): FailuresOfRecord {
  const own = failures.filter(({ seconds }) => seconds >= TIMED_OUT_SECONDS);
  const before = counted.requestSeconds >= TIMED_OUT_SECONDS ? counted : { count: 0, requestSeconds: 0 };
  return {
    count: before.count + own.length,
    requestSeconds: before.requestSeconds + own.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}
