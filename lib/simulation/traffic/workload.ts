import type { EpochSeconds } from '../../core/time';
import type { PackedRequests } from './packed-requests';
import type { TokenLengths } from './token-lengths';

/** Request of a workload. */
export interface WorkloadRequest {
  /** Seconds since the workload's start, ascending, from 0. */
  readonly atSeconds: number;
  /** Tokens of context (prompt). */
  readonly contextTokens: number;
  /** Tokens that the model generates. */
  readonly generatedTokens: number;
}

/** Requests per step of equal length, as stored of a trace of counts. */
export interface StepCountColumn {
  readonly kind: 'counts';
  readonly stepSeconds: number;
  /** Requests per step; only the first `steps` are in use. */
  readonly counts: Uint32Array;
  readonly steps: number;
}

/** Requests in order of time, as stored of a trace of requests. */
export interface RequestColumns {
  readonly kind: 'requests';
  /** Requests, with moments in seconds as in the file; the workload's clock begins at `first`. */
  readonly rows: PackedRequests;
  readonly first: number;
  /** False if the trace has timestamps only. */
  readonly hasTokens: boolean;
  /** Token lengths of requests without them. */
  readonly lengths: TokenLengths;
}

/**
 * Traffic over time: read from a trace or generated.
 *
 * Requests are generated lazily in order of time; every call of {@link requests} starts from the beginning and returns the same requests, so
 * that a workload can be replayed under several policies.
 */
export interface Workload {
  /** Name of the file, or `generated`. */
  readonly name: string;
  /** Format, duration and number of requests in one line. */
  readonly description: string;
  /** Seconds from the start to the end of the last step, or to the last request without steps. */
  readonly durationSeconds: number;
  /** Number of requests: exact for traces, expected for a generated workload. */
  readonly requestCount: number;
  /** Moment of the first request, if the source has dates. */
  readonly startsAt?: EpochSeconds;
  /** Offset from UTC with which the first date is written. @default 0 */
  readonly utcOffsetSeconds?: number;
  /** Sentences about what was guessed of the file. @default - nothing was */
  readonly notes?: readonly string[];
  /** True if the counts are of invocations as a service publishes them, which contain the retries of callers. @default false */
  readonly countsAttempts?: boolean;
  /** Token lengths drawn where the trace has none. */
  readonly tokens?: TokenLengths;
  /** The same requests in columns, if stored so; `requestSource` reads them many times faster than {@link requests}. */
  readonly columns?: StepCountColumn | RequestColumns;
  /** Returns the requests in order of time. */
  requests(): IterableIterator<WorkloadRequest>;
}

/**
 * Returns the part of a workload from `fromSeconds` (included) to `toSeconds` (excluded), with its clock starting at 0.
 *
 * `requestCount` is scaled by the share of time, without reading the requests.
 */
export function workloadWindow(workload: Workload, fromSeconds: number, toSeconds: number): Workload {
  const end = Math.min(toSeconds, workload.durationSeconds);
  const durationSeconds = Math.max(0, end - fromSeconds);
  const share = workload.durationSeconds > 0 ? durationSeconds / workload.durationSeconds : 1;
  return {
    name: workload.name,
    description: `${workload.description}, seconds ${fromSeconds} to ${end}`,
    durationSeconds,
    requestCount: Math.round(workload.requestCount * share),
    ...(workload.notes !== undefined && { notes: workload.notes }),
    ...(workload.countsAttempts === true && { countsAttempts: true }),
    *requests() {
      for (const request of workload.requests()) {
        if (request.atSeconds < fromSeconds) continue;
        if (request.atSeconds >= toSeconds) return;
        yield { ...request, atSeconds: request.atSeconds - fromSeconds };
      }
    },
  };
}
