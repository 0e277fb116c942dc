import { decideCheckpoint, type RecordOutcome } from '../../lib/ingestion/decide/checkpoint';

const succeeded = (id: string): RecordOutcome => ({
  kind: 'succeeded',
  result: {
    id,
    key: 'a',
    contextTokens: 100,
    generatedTokens: 20,
    sentAt: null,
    answeredAt: 0,
    serviceSeconds: 1,
    queueSeconds: 0,
  },
});
const rejected: RecordOutcome = { kind: 'rejected', error: 'prompt too long' };
const pending: RecordOutcome = { kind: 'pending', error: 'endpoint busy' };

const decided = (outcomes: readonly (RecordOutcome | undefined)[]) => {
  const { checkpoint, results, rejected: dropped } = decideCheckpoint(outcomes);
  return { checkpoint, results: results.map(({ id }) => id), rejected: dropped.map(({ index }) => index) };
};

describe('the checkpoint of a batch', () => {
  test.each([
    ['an empty batch', [], { checkpoint: 0, results: [], rejected: [] }],
    [
      'is its end when every record is done',
      [succeeded('r-0'), rejected, succeeded('r-2')],
      { checkpoint: 3, results: ['r-0', 'r-2'], rejected: [1] },
    ],
    [
      'is the first pending record, whatever came after it',
      [succeeded('r-0'), pending, succeeded('r-2'), rejected],
      { checkpoint: 1, results: ['r-0'], rejected: [] },
    ],
    [
      'is the first record that was not started',
      [rejected, undefined, pending],
      { checkpoint: 1, results: [], rejected: [0] },
    ],
    [
      'is its begin when the first record is pending',
      [pending, succeeded('r-1')],
      { checkpoint: 0, results: [], rejected: [] },
    ],
  ])('%s', (_, outcomes, expected) => {
    expect(decided(outcomes)).toEqual(expected);
  });

  test('keeps the reason of a rejection', () => {
    expect(decideCheckpoint([rejected]).rejected).toEqual([{ index: 0, error: 'prompt too long' }]);
  });
});
