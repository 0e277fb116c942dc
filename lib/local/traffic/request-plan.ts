import type { InferenceRequest } from '../../ingestion/contract';
import { Random } from '../../simulation/random';
import { DEFAULT_SERVICE_PROFILE, serviceSeconds } from '../../simulation/traffic/service-profile';
import type { Workload } from '../../simulation/traffic';

/** Path of a request into the platform. */
export type Channel = 'stream' | 'direct';

/** Request with the time to send it. */
export interface PlannedRequest {
  /** Seconds since the first request. */
  readonly atSeconds: number;
  /** Sequential number from 0, from which the id is made. */
  readonly index: number;
  readonly channel: Channel;
  readonly request: InferenceRequest;
  /** Time that an instance takes for it. */
  readonly serviceSeconds: number;
}

/** Stream record that no consumer can parse. */
export interface MalformedRecord {
  readonly atSeconds: number;
  readonly key: string;
  readonly payload: string;
}

const USERS = 256;

/** Id of a request by its number. */
export const requestId = (index: number): string => `r-${String(index).padStart(6, '0')}`;

/** Number of a request by its id; undefined for another id. */
export function requestIndex(id: string): number | undefined {
  const match = /^r-(\d{6,15})$/.exec(id);
  return match === null ? undefined : Number(match[1]);
}

/** Gives the requests of a workload ids, keys and channels; a seeded random half goes through the stream. */
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

/** One malformed record of each kind, spread over the run, to show that none blocks the shard. */
export function planMalformedRecords(durationSeconds: number): readonly MalformedRecord[] {
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

/** Minute with the highest demand. */
export interface Peak {
  readonly atSeconds: number;
  /** Mean concurrency that the requests of that minute require. */
  readonly concurrency: number;
  /** Number of requests in the plan. */
  readonly requests: number;
}

/** Finds the peak and the size of a plan. */
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
