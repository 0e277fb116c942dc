import type { InferenceRequest } from '../../ingestion/contract';
import { Random } from '../../simulation/random';
import { DEFAULT_SERVICE_PROFILE, serviceSeconds } from '../../simulation/service-profile';
import type { Workload } from '../../simulation/workload';

/** How a request reaches the platform. */
export type Channel = 'stream' | 'direct';

/** A request to be sent at a moment of the run. */
export interface PlannedRequest {
  /** Seconds from the first request. */
  readonly atSeconds: number;
  /** Counts up from 0; the request's id follows from it. */
  readonly index: number;
  readonly channel: Channel;
  readonly request: InferenceRequest;
  /** How long an instance works on it. */
  readonly serviceSeconds: number;
}

/** A stream record that no consumer can read. */
export interface PlannedPoison {
  readonly atSeconds: number;
  readonly key: string;
  readonly payload: string;
}

const USERS = 256;

/** The id of a request, and back. */
export const requestId = (index: number): string => `r-${String(index).padStart(6, '0')}`;

export function requestIndex(id: string): number | undefined {
  const match = /^r-(\d{6,15})$/.exec(id);
  return match === null ? undefined : Number(match[1]);
}

/** The requests of a workload with id, key and channel: half of them through the stream, by a seeded choice. */
export function* planRequests(workload: Workload, seed: number): IterableIterator<PlannedRequest> {
  const random = new Random(seed).fork('load');
  let index = 0;
  for (const { atSeconds, contextTokens, generatedTokens } of workload.requests()) {
    const channel = random.uniform() < 0.5 ? 'stream' : 'direct';
    const key = `user-${Math.floor(random.uniform() * USERS)}`;
    yield {
      atSeconds,
      index,
      channel,
      request: { id: requestId(index), key, contextTokens, generatedTokens },
      serviceSeconds: serviceSeconds(DEFAULT_SERVICE_PROFILE, { contextTokens, generatedTokens }),
    };
    index += 1;
  }
}

/** Records of every kind of brokenness, spread over the run, to show that one of them holds nothing up. */
export function planPoison(durationSeconds: number): readonly PlannedPoison[] {
  const payloads = [
    'not JSON at all',
    '{"id": "p-1", "key": "user-1"',
    '{"key": "user-2", "context_tokens": 10, "generated_tokens": 5}',
    '{"id": "p-3", "key": "user-3", "context_tokens": -10, "generated_tokens": 5}',
    '{"id": "p-4", "key": "user-4", "context_tokens": 1e999, "generated_tokens": 5}',
  ];
  return payloads.map((payload, index) => ({
    atSeconds: (durationSeconds * (index + 0.5)) / payloads.length,
    key: `user-${index}`,
    payload,
  }));
}

/** When the traffic asks for most, on a grid of minutes. */
export interface Peak {
  readonly atSeconds: number;
  /** Concurrent requests asked for in that minute. */
  readonly concurrency: number;
  /** Requests in the whole plan. */
  readonly requests: number;
}

/** Walks a plan once to find its peak and its size. */
export function findPeak(requests: Iterable<PlannedRequest>): Peak {
  let peak = { atSeconds: 0, concurrency: 0 };
  let minute = 0;
  let work = 0;
  let count = 0;
  const close = (): void => {
    if (work / 60 > peak.concurrency) peak = { atSeconds: minute * 60, concurrency: work / 60 };
    work = 0;
  };
  for (const request of requests) {
    const at = Math.floor(request.atSeconds / 60);
    if (at !== minute) {
      close();
      minute = at;
    }
    work += request.serviceSeconds;
    count += 1;
  }
  close();
  return { ...peak, requests: count };
}
