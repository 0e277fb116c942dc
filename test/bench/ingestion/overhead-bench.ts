import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { Context, KinesisStreamRecord } from 'aws-lambda';
import type { EndpointAnswer } from '../../../lambda/clients/endpoint-runtime';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import { createLogger } from '../../../lambda/support/logger';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import { MemoryStore } from '../../lambda/stream-consumer/memory-store';
import { kinesisEvent, sequenceNumber } from '../../lambda/stream-consumer/poller-model';

/** Records of an event, as many as the construct asks for. */
const BATCH_SIZE = 1_000;
/** Batches before the measurement, in which the engine compiles what is called often. */
const WARM_UP = 10;

const RESPONSE = Buffer.from(
  '{"model":"chat","choices":[{"message":{"content":"Paris."}}],"usage":{"prompt_tokens":14,"completion_tokens":7}}',
);
const answer: EndpointAnswer = { status: 200, body: RESPONSE, contentType: 'application/json', variant: 'main' };

/** Endpoint that answers at once, so that all the time is that of the handler. */
const endpoint = { invoke: () => Promise.resolve(answer) };

function eventOf(batch: number) {
  const records = Array.from({ length: BATCH_SIZE }, (_, index) => ({
    sequenceNumber: sequenceNumber(batch * BATCH_SIZE + index),
    partitionKey: `user-${index}`,
    payload: JSON.stringify({
      id: `r-${batch}-${index}`,
      model: 'chat',
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      max_tokens: 50,
    }),
  }));
  return kinesisEvent(records);
}

type Event = ReturnType<typeof eventOf>;
type Process = (event: Event) => Promise<{ readonly batchItemFailures: readonly unknown[] }>;

const context = { getRemainingTimeInMillis: () => 120_000 };

/** The consumer of this package: order of keys, result lines, measurements, evidence. */
function consumer(): Process {
  const store = new MemoryStore();
  const field = parseRecordField('$.id');
  const handler = createHandler({
    endpoint,
    results: store,
    clock: { now: () => Date.now() / 1000 },
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        signal?.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      }),
    random: Math.random,
    logger: createLogger(() => undefined),
    concurrency: 64,
    maxModelFailures: 5,
    recordFields: { id: field, key: parseRecordField('partition-key') },
    maxRecordBytes: 1024 * 1024,
    publish: () => Promise.resolve(),
  });
  return async (event) => {
    const result = await handler(event, context);
    store.objects.clear();
    return result;
  };
}

/** The batch processor of Powertools with the least that a handler of its user does: it decodes a record and sends it. No result is written. */
function powertools(): Process {
  const processor = new BatchProcessor(EventType.KinesisDataStreams);
  const handle = async ({ kinesis }: KinesisStreamRecord): Promise<void> => {
    JSON.parse(Buffer.from(kinesis.data, 'base64').toString('utf8'));
    await endpoint.invoke();
  };
  return (event) => processPartialResponse(event, handle, processor, { context: context as Context });
}

/** Prints the time of the handlers for one record, by the processor's clock, as JSON. Argument: batches. */
async function main(): Promise<void> {
  const batches = Number(process.argv[2]);
  const rows = [];
  for (const [name, create] of [
    ['consumer', consumer],
    ['powertools', powertools],
  ] as const) {
    const handler = create();
    for (let batch = 0; batch < WARM_UP; batch++) await handler(eventOf(batch));
    let microseconds = 0;
    let failures = 0;
    for (let batch = WARM_UP; batch < WARM_UP + batches; batch++) {
      const event = eventOf(batch);
      const before = process.cpuUsage();
      const { batchItemFailures } = await handler(event);
      const { user, system } = process.cpuUsage(before);
      microseconds += user + system;
      failures += batchItemFailures.length;
    }
    const perRecord = microseconds / (batches * BATCH_SIZE);
    rows.push({
      handler: name,
      records: batches * BATCH_SIZE,
      failures,
      microsecondsPerRecord: Math.round(perRecord * 10) / 10,
      recordsPerCoreSecond: Math.round(1e6 / perRecord),
    });
  }
  process.stdout.write(JSON.stringify(rows));
}

void main();
