import { createHandler, type StreamConsumerDependencies } from '../../../lambda/stream-consumer/handler';
import type { ObjectStore } from '../../../lambda/clients/object-store';
import { createLogger } from '../../../lambda/support/logger';
import {
  formatInferenceResponse,
  formatInferenceRequest,
  parseInferenceRequest,
} from '../../../lib/ingestion/contract';
import { type PutRecord, sequenceNumber } from './poller-model';
import { VirtualTime } from './virtual-time';

export function requestRecord(index: number, key: string, id = `r-${index}`): PutRecord {
  const request = { id, key, contextTokens: 100 + index, generatedTokens: 20, sentAt: 1_700_000_000 };
  return { sequenceNumber: sequenceNumber(index), partitionKey: key, payload: formatInferenceRequest(request) };
}

export class MemoryStore implements ObjectStore {
  public readonly objects = new Map<string, string>();
  /** Called before each write; throws to let the write fail. */
  public beforePut: (key: string) => void = () => undefined;

  public put(key: string, body: string): Promise<void> {
    return Promise.resolve().then(() => {
      this.beforePut(key);
      this.objects.set(key, body);
    });
  }

  public keysBelow(prefix: string): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** The ids of all result lines, in order of object name, repetitions included. */
  public resultIds(): string[] {
    return this.keysBelow('results/').flatMap((key) =>
      this.objects
        .get(key)!
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    );
  }
}

/** Behaviour of a test's endpoint for a request: its duration, and an error in place of a response. */
export type Behaviour = (id: string, attempt: number) => { readonly milliseconds?: number; readonly error?: Error };

/** Consumer with simulated dependencies, in virtual time. */
export function rehearsal(
  behaviour: Behaviour,
  overrides: Partial<
    Pick<StreamConsumerDependencies, 'concurrency' | 'maxModelFailures' | 'random' | 'countDeadLetters'>
  > = {},
) {
  const time = new VirtualTime();
  const store = new MemoryStore();
  const logLines: { level: string; message: string; [field: string]: unknown }[] = [];
  const sent: string[] = [];
  const attempts = new Map<string, number>();
  let inFlight = 0;
  let peakInFlight = 0;
  let deadLettersCounted = 0;
  const dependencies: StreamConsumerDependencies = {
    endpoint: {
      async invoke(body, signal) {
        const { id, generatedTokens } = parseInferenceRequest(body);
        sent.push(id);
        const attempt = (attempts.get(id) ?? 0) + 1;
        attempts.set(id, attempt);
        const { milliseconds = 100, error } = behaviour(id, attempt);
        peakInFlight = Math.max(peakInFlight, ++inFlight);
        await time.sleep(milliseconds, signal);
        inFlight--;
        signal?.throwIfAborted();
        if (error !== undefined) throw error;
        return formatInferenceResponse(id, { generatedTokens, serviceSeconds: milliseconds / 1000, queueSeconds: 0 });
      },
    },
    results: store,
    clock: time.clock,
    sleep: time.sleep,
    random: () => 0.5,
    logger: createLogger((line) => logLines.push(JSON.parse(line) as (typeof logLines)[number])),
    concurrency: 64,
    maxModelFailures: 3,
    countDeadLetters: (_streamName, count) => {
      deadLettersCounted += count;
      return Promise.resolve();
    },
    ...overrides,
  };
  return {
    time,
    store,
    sent,
    logLines,
    peakInFlight: () => peakInFlight,
    deadLettersCounted: () => deadLettersCounted,
    /** New execution environment, without state. */
    environment: () => createHandler(dependencies),
  };
}
