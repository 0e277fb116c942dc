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
  reasonsOf,
  type RedriveReport,
} from '../../lib/ingestion/decide/redrive';

const NOW = 1_800_000_000;
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

test.each([
  ['claimed', CLAIM_SECONDS + 59, 'in-progress'],
  ['claimed', CLAIM_SECONDS + 60, 'look'],
  ['claimed', WEEK - 60, 'look'],
  ['claimed', WEEK - 59, 'lost'],
] as const)('a record that was %s %d s ago: %s', (state, ago, expected) => {
  const step = decideClaim({ state, at: NOW - ago }, NOW, WEEK);
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

test.each([
  { since: 0, dryRun: true, recordsPerSecond: 1000, seconds: 1 },
  { dryRun: false, recordsPerSecond: 0.5, seconds: 900 },
  {
    since: NOW,
    dryRun: false,
    recordsPerSecond: 20,
    cursor: { shardId: 'shardId-0', letter: '', batch: 'b', records: 0, heldKeys: ['', 'k'] },
  },
])('an event is read with every member it has: %j', (event) => {
  expect(parseRedriveRequest(event)).toEqual(event);
});

test.each([
  [{ since: -1 }, /the event: since is -1.*seconds since 1970/],
  [{ seconds: 0.9 }, /the event: seconds is 0\.9.*a number of seconds from 1 to 900/],
  [{ seconds: 901 }, /the event: seconds is 901.*a number of seconds from 1 to 900/],
  [{ recordsPerSecond: 0 }, /recordsPerSecond is 0.*a number above 0, at most 1000/],
  [{ recordsPerSecond: 1001 }, /recordsPerSecond is 1001.*a number above 0, at most 1000/],
])('an event of %j is refused', (event, message) => {
  expect(() => parseRedriveRequest(event)).toThrow(message);
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
  expect(merged.named).toEqual([...REPORT.named, ...REPORT.named]);
  expect(Object.keys(merged)).not.toContain('next');
  expect(mergeReports(last, REPORT).next).toEqual(REPORT.next);
  // What was redriven before, or has its answer, is not left.
  expect(leftRecords(merged)).toBe(7);
});

test('a report names the first twenty skipped records', () => {
  const named = Array.from({ length: 15 }, (_, index) => ({ object: `${index}.json`, reason: 'lost' as const }));
  const merged = mergeReports(
    { ...REPORT, named },
    { ...REPORT, named: [{ object: 'last', reason: 'lost' }, ...named] },
  );
  expect(merged.named.map(({ object }) => object)).toEqual([
    ...named.map(({ object }) => object),
    'last',
    ...['0.json', '1.json', '2.json', '3.json'],
  ]);
});

test('reasons are counted in their order, those that did not occur left out', () => {
  expect(reasonsOf({ lost: 2, redriven: 1, throttled: 0 })).toEqual([
    ['redriven', 1],
    ['lost', 2],
  ]);
});

test('a report is read with and without details and a place to go on', () => {
  const { next: _next, ...ended } = REPORT;
  const detailed = { ...ended, named: [{ object: 'a.json', reason: 'unreadable', detail: 'no JSON' }] };
  expect(parseRedriveReport(JSON.stringify(detailed))).toEqual(detailed);
  expect(() => parseRedriveReport('[]')).toThrow('the report of the redrive function');
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
  expect(() => parseFailedBatch('7')).toThrow(/the failed batch.*an object/);
});

test.each(['eventSourceARN', 'eventID', 'sequenceNumber', 'partitionKey', 'data', 'approximateArrivalTimestamp'])(
  'a record of a failed batch without its %s is refused by name',
  (member) => {
    const { [member]: _left, ...kinesis } = {
      sequenceNumber: '1',
      partitionKey: 'k',
      data: '',
      approximateArrivalTimestamp: 1,
    } as Record<string, unknown>;
    const { [member]: _other, ...record } = { eventSourceARN: 'arn', eventID: 'e', kinesis } as Record<string, unknown>;
    const text = JSON.stringify({
      KinesisBatchInfo: { streamArn: 'arn:aws:kinesis:eu-west-1:1:stream/s' },
      timestamp: '2026-01-05T00:00:00Z',
      payload: JSON.stringify({ Records: [record] }),
    });
    expect(() => parseFailedBatch(text)).toThrow(new RegExp(`Records\\[0\\]\\.(kinesis\\.)?${member} is missing`));
  },
);

test('the position of a dead letter is in its key', () => {
  expect(positionOfDeadLetter('dead-letters/s/shardId-0/0049.json')).toBe('0049');
  expect(positionOfDeadLetter('dead-letters/s/shardId-0/0049.000001.json')).toBe('0049.000001');
  expect(positionOfDeadLetter('dead-letters/s/shardId-0/notes.json')).toBeUndefined();
  expect(positionOfDeadLetter('dead-letters/s/0049.json.tmp')).toBeUndefined();
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

test('--since may be as early as 1970, and as late as now', () => {
  expect(parseSince('0', NOW)).toBe(0);
  expect(parseSince('0s', NOW)).toBe(NOW);
});

test.each(['2099-01-01', '1800000001'])('--since %p is still to come, and refused', (text) => {
  expect(() => parseSince(text, NOW)).toThrow(`--since is '${text}', which is still to come; write a time in the past`);
});

test.each(['yesterday', '', '-1', '999999d', '6 h', '1e99', 'in 6h', '6hours', 'at 2026-01-05', '2026-1-5x'])(
  '--since %p is refused with the forms it has',
  (text) => {
    expect(() => parseSince(text, NOW)).toThrow(/--since is .*2026-01-05T00:00:00Z.*6h or 2d/);
  },
);
