import { INGESTION_ENVIRONMENT as names } from '../../../lib/ingestion/contract';
import type * as entry from '../../../lambda/stream-consumer/index';
import { rehearsal, requestRecord } from './fakes';
import { kinesisEvent } from './poller-model';

const before = process.env[names.readsAhead];
afterAll(() => {
  if (before === undefined) delete process.env[names.readsAhead];
  else process.env[names.readsAhead] = before;
});

test.each([
  ['true', 1],
  ['false', 0],
  ['', 0],
])('the entry point reads shards ahead where its environment says so alone: %j', async (value, expected) => {
  process.env[names.readsAhead] = value;
  const { dependencies, time, store } = rehearsal(() => ({}));
  const after = jest.fn(() => ({ next: () => Promise.resolve({ records: [], isBehind: false, isLast: true }) }));
  let loaded!: typeof entry;
  jest.isolateModules(() => {
    jest.doMock('../../../lambda/stream-consumer/environment', () => ({ consumerDependencies: () => dependencies }));
    jest.doMock('../../../lambda/clients/shard-reader', () => ({ createShardReader: () => ({ after }) }));
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    loaded = require('../../../lambda/stream-consumer/index') as typeof entry;
  });
  const event = kinesisEvent([requestRecord(0, 'a')]);
  expect(await time.until(loaded.handler(event, time.context(60_000)))).toEqual({ batchItemFailures: [] });
  expect(store.resultIds()).toEqual(['r-0']);
  expect(after).toHaveBeenCalledTimes(expected);
});
