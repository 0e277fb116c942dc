import type { EndpointAnswer } from '../../../lambda/clients/endpoint-runtime';
import type { BatchCounts } from '../../../lambda/stream-consumer/consumer';
import { createHandler, type StreamConsumerDependencies } from '../../../lambda/stream-consumer/handler';
import { createLogger } from '../../../lambda/support/logger';
import { RetryableError } from '../../../lib/core/errors';
import { formatInferenceRequest } from '../../../lib/ingestion/contract';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import { MemoryStore } from './memory-store';
import { kinesisEvent, type PutRecord, sequenceNumber } from './poller-model';
import { VirtualTime } from './virtual-time';

export function requestRecord(index: number, key: string, id = `r-${index}`): PutRecord {
  const request = { id, key, contextTokens: 100 + index, generatedTokens: 20, sentAt: 1_700_000_000 };
  return { sequenceNumber: sequenceNumber(index), partitionKey: key, payload: formatInferenceRequest(request) };
}

/** Id in a payload; the whole payload as text where it has none. */
export function idOf(payload: Uint8Array): string {
  const text = Buffer.from(payload).toString();
  try {
    return (JSON.parse(text) as { id?: string }).id ?? text;
  } catch {
    return text;
  }
}

/** Sources of the fields of test records: the id in the payload, and the partition key. */
export const recordFields = { id: parseRecordField('$.id'), key: parseRecordField('partition-key') };

/** Behaviour of a test's endpoint for a request: its duration, its response, and an error in place of one. */
export type Behaviour = (
  id: string,
  attempt: number,
) => { readonly milliseconds?: number; readonly error?: Error; readonly answer?: Partial<EndpointAnswer> };

/** Consumer with simulated dependencies, in virtual time. */
export function rehearsal(
  behaviour: Behaviour,
  overrides: Partial<
    Pick<
      StreamConsumerDependencies,
      'reader' | 'concurrency' | 'spill' | 'maxModelFailures' | 'random' | 'publish' | 'recordFields' | 'maxRecordBytes'
    >
  > = {},
) {
  const time = new VirtualTime();
  const store = new MemoryStore();
  const logLines: { level: string; message: string; [field: string]: unknown }[] = [];
  const sent: string[] = [];
  const payloads: Uint8Array[] = [];
  const attempts = new Map<string, number>();
  const published: BatchCounts[] = [];
  let inFlight = 0;
  let peakInFlight = 0;
  const dependencies: StreamConsumerDependencies = {
    endpoint: {
      async invoke(body, signal) {
        const id = idOf(body);
        sent.push(id);
        payloads.push(body);
        const attempt = (attempts.get(id) ?? 0) + 1;
        attempts.set(id, attempt);
        const { milliseconds = 100, error, answer } = behaviour(id, attempt);
        peakInFlight = Math.max(peakInFlight, ++inFlight);
        await time.sleep(milliseconds, signal);
        inFlight--;
        if (signal?.aborted) throw new RetryableError('aborted');
        if (error !== undefined) throw error;
        const text = JSON.stringify({
          id,
          generated_tokens: 20,
          service_seconds: milliseconds / 1000,
          queue_seconds: 0,
        });
        return { status: 200, body: Buffer.from(text), contentType: 'application/json', variant: 'main', ...answer };
      },
    },
    results: store,
    clock: time.clock,
    sleep: time.sleep,
    random: () => 0.5,
    logger: createLogger((line) => logLines.push(JSON.parse(line) as (typeof logLines)[number])),
    concurrency: 64,
    maxModelFailures: 3,
    recordFields,
    maxRecordBytes: 1024 * 1024,
    publish: (_streamName, counts) => {
      published.push(counts);
      return Promise.resolve();
    },
    ...overrides,
  };
  return {
    time,
    store,
    sent,
    payloads,
    logLines,
    published,
    peakInFlight: () => peakInFlight,
    dependencies,
    /** New execution environment, without state. */
    environment: () => createHandler(dependencies),
  };
}

/** One environment of a consumer that blames a record for its fifth failure, with two minutes for each delivery. */
export function deliveringConsumer(behaviour: Behaviour) {
  const made = rehearsal(behaviour, { maxModelFailures: 5 });
  const handler = made.environment();
  const startedAt = made.time.clock.now();
  return {
    ...made,
    seconds: (): number => made.time.clock.now() - startedAt,
    deliver: (records: readonly PutRecord[]) =>
      made.time.until(handler(kinesisEvent(records), made.time.context(120_000))),
  };
}
