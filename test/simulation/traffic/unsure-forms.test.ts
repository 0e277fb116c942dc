import { parseTrace, type TraceOptions, type Workload } from '../../../lib/simulation/traffic';

function read(lines: readonly string[], options: Partial<TraceOptions> = {}): Promise<Workload> {
  return parseTrace(lines, { name: 'trace', ...options });
}

const table = (header: string, count: number, row: (index: number) => string): string[] => [
  header,
  ...Array.from({ length: count }, (_one, index) => row(index)),
];

const minute = (index: number): string => new Date(Date.UTC(2026, 0, 5) + index * 60_000).toISOString();
const EPOCH = Date.UTC(2026, 0, 5) / 1e3;

describe('numbers that may be dates are refused', () => {
  test.each([
    ['a day', (index: number) => `202601${String(index + 1).padStart(2, '0')}`],
    ['a minute', (index: number) => `2026010510${String(index).padStart(2, '0')}`],
    ['a second', (index: number) => `202601051000${String(index).padStart(2, '0')}`],
  ])('%s without separators', async (_what, moment) => {
    const lines = table('time,requests', 20, (index) => `${moment(index)},5`);
    await expect(read(lines)).rejects.toThrow(/^trace:2: .*may be a date or a number; write dates like.*--time-unit/);
    if (moment(0).length === 8) expect((await read(lines, { timeUnit: 's' })).requestCount).toBe(100);
  });

  test.each([
    ['of counts', table('time,requests', 30, (index) => `${(46_027 + index / 1440).toFixed(6)},5`)],
    ['of requests', table('timestamp', 30, (index) => (46_027 + index / 1440).toFixed(6))],
  ])('days of a spreadsheet in a table %s', async (_what, lines) => {
    await expect(read(lines)).rejects.toThrow(/^trace:2: .*days as a spreadsheet counts them; .*--time-unit s$/);
    expect((await read(lines, { timeUnit: 's' })).durationSeconds).toBeLessThan(1);
  });

  test.each([
    ['a table of dates', table('timestamp', 3, (index) => `2526-01-05T00:00:0${index}Z`)],
    ['a table in another unit', table('time_ms', 3, (index) => `${(EPOCH + index) * 1e6}`)],
    ['JSON Lines', table('{"timestamp":"2526-01-05T00:00:00Z"}', 1, () => '{"timestamp":"2526-01-05T00:00:01Z"}')],
    ['an export', ['{"Datapoints":[{"Timestamp":"2526-01-05T00:00:00Z","Sum":1}]}']],
  ])('moments after this century in %s', async (_what, lines) => {
    await expect(read(lines)).rejects.toThrow(/lies after the year 2099; correct it/);
  });

  test.each([
    ['a table', table('timestamp_ms', 20, (index) => String(EPOCH + index))],
    ['JSON Lines', table('{"timestamp_ms":1767571200}', 20, (index) => `{"timestamp_ms":${EPOCH + index}}`)],
  ])('dates of today in another unit than the name of their column says, in %s', async (_what, lines) => {
    await expect(read(lines)).rejects.toThrow(/a date of today in seconds, while the name of its column says mill/);
    expect((await read(lines, { timeUnit: 's' })).durationSeconds).toBe(19);
  });

  test('milliseconds since a start stay what the name of their column says', async () => {
    const lines = table('timestamp_ms', 21, (index) => String(60_000 * (index + 1)));
    expect((await read(lines)).durationSeconds).toBe(20 * 60);
  });
});

describe('what is guessed of a trace is a note', () => {
  test.each<[string, string[], RegExp]>([
    ['whole numbers', table('timestamp', 30, (index) => String(index * 500)), /whole numbers.*taken for seconds/],
    ['fractions', table('timestamp', 30, (index) => (index * 500.1).toFixed(3)), /numbers without.*taken for seconds/],
    ['moments of a metric', table('time,requests', 24, (index) => `${index},5`), /no date, taken for seconds/],
    ['the only row', table('timestamp,value', 1, () => `${minute(0)},5`), /only row is taken for a step of 60 s/],
    [
      'the order of month and day',
      table('time,requests', 9, (index) => `0${index + 1}/01/2026 6:15 PM,5`),
      /taken for month\/day\/year/,
    ],
    [
      'parts of the traffic',
      table('timestamp,endpoint,invocations', 20, (index) => `${minute(index)},${index % 2 === 0 ? 'a' : 'b'},5`),
      /rows of all values of "endpoint" are added up/,
    ],
    [
      'a name of a counter that falls',
      table('timestamp,requests_total', 20, (index) => `${minute(index)},${(index * 7) % 5}`),
      /fall too often for a counter/,
    ],
    [
      'metrics in JSON Lines',
      table('{"time":0,"count":1}', 5, (index) => `{"time":${60 * (index + 1)},"count":4}`),
      /"count" is taken/,
    ],
  ])('%s', async (_what, lines, note) => {
    expect((await read(lines)).notes?.join('\n')).toMatch(note);
  });

  test.each([
    ['a day above 12 tells the order', table('time,requests', 9, (index) => `01/1${index}/2026 6:15 PM,5`)],
    ['traffic that is too dense for milliseconds', table('timestamp', 30, (index) => String(index * 2))],
  ])('%s, so that there is none', async (_what, lines) => {
    expect((await read(lines)).notes ?? []).toEqual([]);
  });
});

describe('a row is not taken for a request where it has counts', () => {
  test.each([
    [
      'a table with tokens',
      table('timestamp,requests,input_tokens,output_tokens', 5, (index) => `${minute(index)},9,900,90`),
      /^trace:1: the column "requests" counts requests/,
    ],
    [
      'JSON Lines with tokens',
      table('{"ts":1,"requests":3,"input_tokens":5,"output_tokens":2}', 1, () => '{}'),
      /^trace:1: "requests" counts requests/,
    ],
    [
      'several series of a metric',
      table('"Time","chat","embed"', 20, (index) => `"${minute(index)}","${index}",""`),
      /^trace:21: the table has 2 columns of numbers at even steps/,
    ],
  ])('in %s', async (_what, lines, message) => {
    await expect(read(lines)).rejects.toThrow(message);
  });

  test('JSON Lines with a moment and a count are counts per step', async () => {
    const lines = table(JSON.stringify({ timestamp: minute(0), count: 3 }), 9, (index) =>
      JSON.stringify({ timestamp: minute(index + 1), count: 3 }),
    );
    expect(await read(lines)).toMatchObject({ requestCount: 30, durationSeconds: 600 });
  });

  test('rows of numbers at uneven moments are requests', async () => {
    const lines = table('time,prompt,answer', 20, (index) => `${EPOCH + index * index},${index},2`);
    expect(await read(lines)).toMatchObject({ requestCount: 20 });
  });
});

describe('numbers that count no requests are refused', () => {
  test.each(['Average', 'p99', 'ModelLatency', 'CPUUtilization', 'latency_ms', 'duration', 'status', 'responseTime'])(
    'in the column %s',
    async (name) => {
      const lines = table(`timestamp,${name}`, 5, (index) => `${minute(index)},200`);
      await expect(read(lines)).rejects.toThrow(`trace:2: the column "${name}" counts no requests by its name;`);
    },
  );

  test.each(['p99', 'Average', 'BytesProcessed'])('in an export with the label %s', async (label) => {
    const document = JSON.stringify({ Label: label, Datapoints: [{ Timestamp: minute(0), Sum: 3 }] });
    await expect(read([document])).rejects.toThrow(/counts no requests; export Invocations/);
  });

  test('an export with messages of CloudWatch is refused', async () => {
    const document = {
      MetricDataResults: [{ Id: 'm', Timestamps: [minute(0)], Values: [1] }],
      Messages: [{ Code: 'MaxMetricsExceeded', Value: 'too many' }],
    };
    await expect(read([JSON.stringify(document)])).rejects.toThrow(
      /CloudWatch says of the export .*MaxMetricsExceeded/,
    );
  });

  test.each(['chat', 'requests', 'calls', 'Sum'])('but not in the column %s', async (name) => {
    expect((await read(table(`timestamp,${name}`, 5, (index) => `${minute(index)},2`))).requestCount).toBe(10);
  });
});

describe('numbers of a metric', () => {
  const noisy = (index: number): number => 100_000 + index * 60 + ((index * 7919) % 50);

  test('that only rise and rise unevenly are those of a counter, whatever the name', async () => {
    const lines = table('timestamp,value', 60, (index) => `${minute(index)},${noisy(index)}`);
    const workload = await read(lines);
    expect(workload.requestCount).toBe(noisy(59) - noisy(0));
    expect(workload.notes?.join()).toContain('taken for a counter');
    expect((await read(lines, { valueKind: 'count' })).requestCount).toBeGreaterThan(6_000_000);
  });

  test.each([
    ['a straight line', (index: number) => Math.round(100 + index * 1.3)],
    ['a curve', (index: number) => Math.round(1000 * (1 - Math.cos((index / 60) * Math.PI)))],
    ['stairs', (index: number) => 10 * Math.floor(index / 10) + 10],
    ['a constant', () => 40],
  ])('that rise like %s are counts', async (_what, value) => {
    const lines = table('timestamp,value', 60, (index) => `${minute(index)},${value(index)}`);
    const sum = Array.from({ length: 60 }, (_one, index) => value(index)).reduce((all, one) => all + one, 0);
    expect((await read(lines)).requestCount).toBe(sum);
  });

  test('of several counters are refused', async () => {
    const lines = table(
      'timestamp,instance,http_requests_total',
      20,
      (index) => `${minute(index)},${index % 2 === 0 ? 'a' : 'b'},${index}`,
    );
    await expect(read(lines)).rejects.toThrow(/is a counter, and "instance" names several of them/);
  });

  test('per minute are told by a name with underlines', async () => {
    const lines = table('timestamp,requests_per_minute', 20, (index) => `${EPOCH + index * 10},60`);
    expect((await read(lines)).requestCount).toBe(200);
  });

  test('with a point before three digits, between semicolons, are refused', async () => {
    const lines = table('time;requests', 20, (index) => `${minute(index)};${index < 9 ? 980 : '1.100'}`);
    await expect(read(lines)).rejects.toThrow(/may be thousands or fractions/);
  });

  test('of CloudWatch Logs Insights are read', async () => {
    const lines = table('bin(5m),count(*)', 20, (index) => `2026-01-05 00:${String(index).padStart(2, '0')}:00.000,4`);
    expect((await read(lines)).requestCount).toBe(80);
  });

  test.each(['+99:99', '+15:00', '-05:60'])('with the zone %s, which no place has, are refused', async (zone) => {
    await expect(read(table('timestamp,value', 3, () => `2026-01-05T01:00:00${zone},4`))).rejects.toThrow(
      /^trace:2: the timestamp is/,
    );
  });

  test('with zones of two digits, as databases write them, are read', async () => {
    const workload = await read(table('timestamp,value', 3, (index) => `2026-01-05 0${index + 1}:00:00+01,4`));
    expect(workload).toMatchObject({ startsAt: EPOCH, utcOffsetSeconds: 3600 });
  });
});
