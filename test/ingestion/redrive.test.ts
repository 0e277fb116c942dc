import { InputError } from '../../lib/core/errors';
import {
  CLAIM_SECONDS,
  decideClaim,
  formatRedriveMarker,
  leftRecords,
  mergeReports,
  parseFailedBatch,
  parseRedriveMarker,
  parseRedriveReport,
  parseRedriveRequest,
  parseSince,
  positionOfDeadLetter,
  type RedriveReport,
} from '../../lib/ingestion/decide/redrive';

const NOW = 1_700_000_000;
const WEEK = 7 * 86_400;

test.each([
  ['claims a record without a marker', undefined, 'claim'],
  ['claims a record that was given up', { state: 'released', at: NOW - 1 }, 'claim'],
  ['leaves a record that was put', { state: 'sent', at: NOW - 3 * WEEK }, 'redriven'],
  ['leaves a record of a claim that may be worked on', { state: 'claimed', at: NOW - CLAIM_SECONDS }, 'in-progress'],
  ['looks in the stream after the longest time of a function', { state: 'claimed', at: NOW - 961 }, 'look'],
  ['does not guess behind the retention of the stream', { state: 'claimed', at: NOW - WEEK }, 'lost'],
] as const)('the decision on a claim %s', (_name, marker, expected) => {
  const step = decideClaim(marker, NOW, WEEK);
  expect(step.kind === 'skip' ? step.reason : step.kind).toBe(expected);
});

test('the look into the stream covers the whole time in which the claim may have been used', () => {
  const at = NOW - 5000;
  expect(decideClaim({ state: 'claimed', at }, NOW, WEEK)).toEqual({ kind: 'look', from: at - 60, to: at + 960 });
});

test('an event without members redrives everything at the default rate', () => {
  for (const event of [undefined, null, {}])
    expect(parseRedriveRequest(event)).toEqual({ dryRun: false, recordsPerSecond: 20 });
});

test('an event names what is wrong with it', () => {
  const read = (): unknown =>
    parseRedriveRequest({ since: 'yesterday', recordsPerSecond: 0, seconds: 1e6, dryRun: 'no', cursor: { letter: 1 } });
  expect(read).toThrow(InputError);
  expect(read).toThrow(
    /since is "yesterday".*seconds since 1970[^]*1 to 900[^]*cursor\.letter[^]*dryRun is "no"[^]*at most 1000/,
  );
});

const REPORT: RedriveReport = {
  streamName: 'requests',
  dryRun: false,
  found: 10,
  redriven: 6,
  skipped: { redriven: 1, answered: 1, lost: 2 },
  named: [{ object: 'dead-letters/a.json', reason: 'lost' }],
  next: { shardId: 'shardId-000000000000', letter: 'l', batch: '', records: 3, heldKeys: ['k', ''] },
};

test('a report reads back as it was returned', () => {
  expect(parseRedriveReport(JSON.stringify(REPORT))).toEqual(REPORT);
  expect(() => parseRedriveReport('{"streamName":"s","skipped":{"lost":-1},"named":[{"reason":"mood"}]}')).toThrow(
    /skipped\.lost is -1[^]*'redriven'/,
  );
});

test('two parts of a redrive add up, and end where the second ends', () => {
  const { next: _next, ...last } = REPORT;
  const merged = mergeReports(REPORT, { ...last, skipped: { lost: 1, throttled: 4 } });
  expect(merged).toMatchObject({
    found: 20,
    redriven: 12,
    skipped: { redriven: 1, answered: 1, lost: 3, throttled: 4 },
  });
  expect(merged.next).toBeUndefined();
  // What was redriven before, or has its answer, is not left.
  expect(leftRecords(merged)).toBe(7);
});

test('a marker reads back as it was written, and a broken one names its key', () => {
  const marker = { state: 'sent', at: NOW, source: 'dead-letters/a.json', shardId: 's', sequenceNumber: '1' } as const;
  expect(parseRedriveMarker(formatRedriveMarker(marker), 'redriven/a')).toEqual(marker);
  expect(() => parseRedriveMarker('{"state":"gone"}', 'redriven/a.0.json')).toThrow(
    /the marker redriven\/a\.0\.json[^]*state is "gone"/,
  );
});

test('a failed batch without its payload, or with another one, is refused by name', () => {
  const info = {
    KinesisBatchInfo: { streamArn: 'arn:aws:kinesis:us-east-1:1:stream/s' },
    timestamp: '2026-01-05T00:00:00Z',
  };
  expect(() => parseFailedBatch(JSON.stringify(info))).toThrow(/payload is missing/);
  expect(() => parseFailedBatch(JSON.stringify({ ...info, payload: '{"Records":[{"kinesis":1}]}' }))).toThrow(
    /payload of the failed batch[^]*Records\[0\]\.eventID is missing/,
  );
  const batch = parseFailedBatch(JSON.stringify({ ...info, payload: '{"Records":[]}' }));
  expect(batch).toEqual({ streamName: 's', failedAt: Date.parse('2026-01-05') / 1000, event: { Records: [] } });
});

test('the position of a dead letter is in its key', () => {
  expect(positionOfDeadLetter('dead-letters/s/shardId-0/0049.json')).toBe('0049');
  expect(positionOfDeadLetter('dead-letters/s/shardId-0/0049.000001.json')).toBe('0049.000001');
  expect(positionOfDeadLetter('dead-letters/s/shardId-0/notes.json')).toBeUndefined();
});

test.each([
  ['6h', NOW - 21_600],
  ['90m', NOW - 5400],
  ['2d', NOW - 172_800],
  ['1699999999', 1_699_999_999],
  ['2026-01-05T00:00:00Z', Date.parse('2026-01-05') / 1000],
])('--since %s is a time', (text, at) => {
  expect(parseSince(text, NOW)).toBe(at);
});

test.each(['yesterday', '', '-1', '999999d', '6 h', '1e99'])('--since %p is refused with the forms it has', (text) => {
  expect(() => parseSince(text, NOW)).toThrow(/--since is .*2026-01-05T00:00:00Z.*6h or 2d/);
});
