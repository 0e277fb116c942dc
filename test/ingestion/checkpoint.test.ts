import { decideCheckpoint, type RecordOutcome } from '../../lib/ingestion/decide/checkpoint';

type Outcome = RecordOutcome<string> | undefined;

const succeeded: Outcome = { kind: 'succeeded', answer: 'yes' };
const rejected: Outcome = { kind: 'rejected', error: 'prompt too long', status: 422 };
const written: Outcome = { kind: 'written' };
const pending: Outcome = { kind: 'pending', error: 'endpoint busy' };

describe('the checkpoint of a batch', () => {
  test.each<[string, readonly Outcome[], number]>([
    ['an empty batch', [], 0],
    ['is its end when every record is done', [succeeded, rejected, written, succeeded], 4],
    ['is the first pending record, whatever came after it', [succeeded, pending, succeeded, rejected], 1],
    ['is the first record that was not started', [rejected, undefined, pending], 1],
    ['is its begin when the first record is pending', [pending, succeeded], 0],
  ])('%s', (_, outcomes, expected) => {
    expect(decideCheckpoint(outcomes)).toBe(expected);
  });
});
