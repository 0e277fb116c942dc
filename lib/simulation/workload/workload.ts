import type { EpochSeconds } from '../../core/time';
import type { PackedRequests } from './packed-requests';
import type { TokenLengths } from './token-lengths';

/** One request of a workload. */
export interface WorkloadRequest {
  /** Seconds since the workload's start, ascending, from 0. */
  readonly atSeconds: number;
  /** Tokens of context (prompt) the model reads. */
  readonly contextTokens: number;
  /** Tokens the model writes. */
  readonly generatedTokens: number;
}

/** Counts per step of equal length, as a trace of counts keeps them. */
export interface StepCountColumn {
  readonly kind: 'counts';
  readonly stepSeconds: number;
  /** The steps in use are the first `steps`; the rest is room to grow. */
  readonly counts: Uint32Array;
  readonly steps: number;
}

/** Requests in order of time, as a per-request trace keeps them. */
export interface RequestColumns {
  readonly kind: 'requests';
  /** Their moments are in seconds as the file counts them; the workload's clock begins at `first`. */
  readonly rows: PackedRequests;
  readonly first: number;
  /** False where the trace has timestamps only. */
  readonly hasTokens: boolean;
  /** Token lengths for requests that come without. */
  readonly lengths: TokenLengths;
}

/**
 * Traffic over time: read from a trace or generated.
 *
 * Requests come lazily and in order of time; every call of {@link requests} starts from the beginning again and gives the
 * same requests, so a workload can be replayed under several policies.
 */
export interface Workload {
  /** Where it comes from: a file's name, or `generated`. */
  readonly name: string;
  /** One line for people: the format, the length, the number of requests. */
  readonly description: string;
  /** Seconds from the start to the end of the last step, or to the last request where there are no steps. */
  readonly durationSeconds: number;
  /** The number of requests: exact for traces, the expected number for a generated workload. */
  readonly requestCount: number;
  /** When it happened, where the source says so. */
  readonly startsAt?: EpochSeconds;
  /** Token lengths that are drawn where the trace has none. */
  readonly tokens?: TokenLengths;
  /** The same requests in columns, where they are kept so; `requestSource` reads them many times faster than {@link requests}. */
  readonly columns?: StepCountColumn | RequestColumns;
  /** The requests in order of time. */
  requests(): IterableIterator<WorkloadRequest>;
}

/**
 * The part of a workload from `fromSeconds` (included) to `toSeconds` (excluded), its clock starting at 0 again.
 *
 * `requestCount` is scaled from the whole by the share of time, because the requests are not walked for it.
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
    *requests() {
      for (const request of workload.requests()) {
        if (request.atSeconds < fromSeconds) continue;
        if (request.atSeconds >= toSeconds) return;
        yield { ...request, atSeconds: request.atSeconds - fromSeconds };
      }
    },
  };
}
