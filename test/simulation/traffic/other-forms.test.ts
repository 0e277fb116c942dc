import { parseTrace, type TraceOptions, type Workload } from '../../../lib/simulation/traffic';

function read(text: string, options: Partial<TraceOptions> = {}): Promise<Workload> {
  return parseTrace(text.split('\n'), { name: 'trace', ...options });
}

const rows = (count: number, row: (index: number) => string, header?: string): string =>
  [...(header === undefined ? [] : [header]), ...Array.from({ length: count }, (_one, index) => row(index))].join('\n');

/** One request every 3 seconds. */
const SPACING_SECONDS = 3;
const START = 1_767_225_600;

describe('the unit of timestamps is told', () => {
  test.each<[string, string]>([
    ['seconds since 1970', rows(40, (index) => `${START + SPACING_SECONDS * index}`, 'timestamp')],
    ['milliseconds since 1970', rows(40, (index) => `${(START + SPACING_SECONDS * index) * 1e3}`, 'ts')],
    ['microseconds since 1970', rows(40, (index) => `${(START + SPACING_SECONDS * index) * 1e6}`, 'time')],
    ['nanoseconds since 1970', rows(40, (index) => `${START + SPACING_SECONDS * index}000000000`, 'start_time')],
    ['seconds from the start', rows(40, (index) => `${SPACING_SECONDS * index}`, 'arrived_at')],
    ['seconds with fractions', rows(40, (index) => `${(SPACING_SECONDS * index).toFixed(3)}`, 'arrival')],
    ['milliseconds by the name of the column', rows(40, (index) => `${SPACING_SECONDS * index * 1e3}`, 'timestamp_ms')],
    [
      'microseconds by the name of the column',
      rows(40, (index) => `${SPACING_SECONDS * index * 1e6}`, 'arrival_time_us'),
    ],
    [
      'seconds in JSON Lines, by their fractions',
      rows(40, (index) =>
        JSON.stringify({ timestamp: SPACING_SECONDS * index + 0.25, input_length: 9, output_length: 4 }),
      ),
    ],
    [
      'whole milliseconds in JSON Lines',
      rows(40, (index) =>
        JSON.stringify({ timestamp: SPACING_SECONDS * index * 1e3, input_length: 9, output_length: 4 }),
      ),
    ],
    [
      'seconds since 1970 in JSON Lines, with other names',
      rows(40, (index) =>
        JSON.stringify({ ts: START + SPACING_SECONDS * index, prompt_tokens: 9, completion_tokens: 4 }),
      ),
    ],
    [
      'dates in JSON Lines, without tokens',
      rows(40, (index) =>
        JSON.stringify({ time: new Date((START + SPACING_SECONDS * index) * 1e3).toISOString(), status: 200 }),
      ),
    ],
  ])('by %s', async (_what, text) => {
    const { durationSeconds, requestCount } = await read(text);
    expect(requestCount).toBe(40);
    expect(durationSeconds).toBeCloseTo(39 * SPACING_SECONDS, 3);
  });

  test('whole numbers that would be hundreds of requests per second as milliseconds are seconds, and a note says so', async () => {
    const text = rows(400, (index) => JSON.stringify({ timestamp: 3 * index, input_length: 9, output_length: 4 }));
    const { durationSeconds, notes } = await read(text);
    expect(durationSeconds).toBe(3 * 399);
    expect(notes).toEqual([
      'the timestamps are whole numbers without a date, taken for seconds; say otherwise with --time-unit',
    ]);
    expect((await read(text, { timeUnit: 'ms' })).durationSeconds).toBeCloseTo((3 * 399) / 1e3, 6);
  });

  test('a table of milliseconds is not taken for weeks', async () => {
    const { durationSeconds, notes } = await read(rows(60, (index) => `${index * 2500}`, 'timestamp'));
    expect(durationSeconds).toBeCloseTo(59 * 2.5, 6);
    expect(notes).toEqual([
      'the timestamps are whole numbers without a date, taken for milliseconds; say otherwise with --time-unit',
    ]);
  });
});

describe('the numbers of a metric', () => {
  const minute = (index: number): string => `2026-01-01 00:${String(index).padStart(2, '0')}:00`;
  const metric = (header: string, value: (index: number) => string | number): string =>
    rows(20, (index) => `${minute(index)},${value(index)}`, header);

  test.each<[string, string, number]>([
    ['whole numbers are counts', metric('Time,Value', () => 30), 600],
    ['fractions are rates per second', metric('Time,Value', () => '0.5000'), 600],
    ['a rate in the name is one per second', metric('time,requests/s', () => 2), 2400],
    ['rps is one too', metric('time,rps', () => 2), 2400],
    ['a rate per minute', metric('time,requests per minute', () => 2), 40],
    ['a counter has differences', metric('time,http_requests_total', (index) => 1000 + 7 * index), 7 * 19],
    [
      'a counter that is reset begins again',
      metric('time,requests_total', (index) => (index < 10 ? 500 + index : index - 10)),
      9 + 9,
    ],
  ])('%s', async (_what, text, requests) => {
    expect((await read(text)).requestCount).toBe(requests);
  });

  test('are what the flags say', async () => {
    const text = metric('Time,Value', () => '0.5');
    expect((await read(text, { valueKind: 'count' })).requestCount).toBe(10);
    expect((await read(text, { valueKind: 'per-minute' })).requestCount).toBe(10);
    expect((await read(text)).notes).toEqual([
      'the numbers have fractions, and are taken for requests per second; say otherwise with --rate minute or --rate step',
    ]);
  });

  test('rows of a clock that is late now and then keep their steps', async () => {
    const late = [0, 61, 120, 179, 241, 300];
    const { durationSeconds, requestCount } = await read(
      rows(6, (index) => `${START + late[index]!},10`, 'time,count'),
    );
    expect({ durationSeconds, requestCount }).toEqual({ durationSeconds: 360, requestCount: 60 });
  });

  test('steps without a row have no requests, and a note counts them', async () => {
    const text = ['time,count', `${START},5`, `${START + 60},5`, `${START + 240},5`].join('\n');
    const { durationSeconds, notes } = await read(text);
    expect(durationSeconds).toBe(300);
    expect(notes).toEqual(['2 of 5 steps have no row, and are taken to have no requests']);
  });
});

describe('tables of other tools', () => {
  test('semicolons, decimal commas and days first, as spreadsheets write them', async () => {
    const text = rows(10, (index) => `31.01.2026 13:0${index};0,5`, 'Zeit;Wert').replace(
      'Zeit;Wert',
      'timestamp;value',
    );
    const workload = await read(text);
    expect(workload).toMatchObject({ requestCount: 300, startsAt: Date.UTC(2026, 0, 31, 13) / 1e3 });
  });

  test('tabs, and times with AM and PM', async () => {
    const workload = await read(rows(3, (index) => `1/31/2026 1:0${index}:00 PM\t4`, 'time\tcount'));
    expect(workload).toMatchObject({ requestCount: 12, startsAt: Date.UTC(2026, 0, 31, 13) / 1e3 });
  });

  test('a moment and other columns are one request in each row', async () => {
    const text = rows(
      50,
      (index) => `${START + index}123456789,200,${9 * index},512,,b2s=,load,${index},POST,https://x.example/i,`,
    );
    const workload = await read(text);
    expect(workload).toMatchObject({ requestCount: 50, durationSeconds: 49 });
    expect(workload.notes).toEqual(['each row is taken for one request; of its 11 columns only "timestamp" is read']);
  });

  test('a named moment and unknown columns are too', async () => {
    const text = rows(
      5,
      (index) => `${(START + index) * 1e3},${100 + index},GET /,200,true`,
      'timeStamp,elapsed,label,responseCode,success',
    );
    expect(await read(text)).toMatchObject({ requestCount: 5, durationSeconds: 4 });
  });

  test('a moment and a number are counts per step, without a header too', async () => {
    expect(await read(rows(5, (index) => `${START + 60 * index},12`))).toMatchObject({
      requestCount: 60,
      durationSeconds: 300,
    });
  });

  test.each<[string, string, string, (index: number) => string]>([
    ['a column of another name', 'minute', 'minute,requests', (index) => `2026-01-31 13:0${index},4`],
    [
      'a column beside others',
      'key_as_string',
      'doc_count;key_as_string',
      (index) => `4;2026-01-31T13:0${index}:00.000Z`,
    ],
    ['numbers since 1970', 'x', 'x,requests', (index) => `${Date.UTC(2026, 0, 31, 13, index)},4`],
  ])('the time is found by its values: %s', async (_what, column, header, row) => {
    const workload = await read(rows(9, row, header));
    expect(workload).toMatchObject({
      requestCount: 36,
      startsAt: Date.UTC(2026, 0, 31, 13) / 1e3,
      durationSeconds: 540,
    });
    expect(workload.notes).toContain(`column "${column}" is taken for the time`);
  });

  test('requests with tokens have their time found by its values, too', async () => {
    const text = rows(9, (index) => `31.01.2026 13:0${index},90,4`, 'when,prompt_tokens,completion_tokens');
    const workload = await read(text);
    expect(workload).toMatchObject({
      requestCount: 9,
      durationSeconds: 480,
      startsAt: Date.UTC(2026, 0, 31, 13) / 1e3,
    });
    expect([...workload.requests()][0]).toEqual({ atSeconds: 0, contextTokens: 90, generatedTokens: 4 });
  });

  test.each<[string, string, (index: number) => string]>([
    ['with counts', 'Date,Time,requests', (index) => `2026-01-31,13:0${index}:00,4`],
    ['the time first', 'time;date;count', (index) => `"13:0${index}";"31.01.2026";4`],
    ['a date beside a whole moment', 'date,time,requests', (index) => `2026-01-31,2026-01-31T13:0${index}:00Z,4`],
  ])('a moment in two columns is put together: %s', async (_what, header, row) => {
    expect(await read(rows(9, row, header))).toMatchObject({
      requestCount: 36,
      startsAt: Date.UTC(2026, 0, 31, 13) / 1e3,
      durationSeconds: 540,
    });
  });

  test('the rates of a load generator are those of all its parts together', async () => {
    const header = 'Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,Total Request Count';
    const text = rows(
      20,
      (index) =>
        `${START + (index >> 1)},9,${index % 2 === 0 ? 'POST,/chat' : ',Aggregated'},${index % 2 === 0 ? 1 : 4}.0,0.0,85,${index}`,
      header,
    );
    expect(await read(text)).toMatchObject({ requestCount: 40, durationSeconds: 10 });
  });
});

describe('what is no trace is named, with the way out', () => {
  test.each<[string, string, RegExp]>([
    [
      'a load balancer',
      'https 2026-01-01T00:00:02.527264Z app/lb/50dc6c495c0c9188 192.0.2.10:2817 10.0.0.1:80 0.086 "GET / HTTP/1.1"',
      /looks like an access log of an Application Load Balancer.*awk/,
    ],
    [
      'a web server',
      '192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.0" 200 2326',
      /looks like an access log of a web server.*sed/,
    ],
    [
      'Prometheus',
      '{"status":"success","data":{"resultType":"matrix","result":[]}}',
      /looks like an answer of Prometheus.*jq/,
    ],
    ['a browser', '{"log":{"version":"1.2","entries":[]}}', /looks like an HTTP archive/],
    [
      'dates that do not tell day from month',
      'minute,requests\n01/02/2026 13:00,4',
      /^trace:2: the timestamp is "01\/02\/2026 13:00", which does not tell day from month; write it like 2026-01-31/,
    ],
    [
      'several columns of moments',
      'opened,closed,code\n2026-01-31 13:00:00,2026-01-31 13:00:01,200',
      /^trace:2: "opened", "closed" all hold moments; call the column with the arrivals "timestamp"/,
    ],
    ['two columns of a moment without rows', 'date,time,requests', /^trace:1: the header has no rows below it/],
    ['no moment at all', 'minute,requests\nfirst,4', /^trace:1: the first line, "minute,requests", is not the header/],
    ['k6', 'metric_name,timestamp,metric_value,check', /looks like the CSV of k6/],
  ])('%s', async (_what, text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});

describe('an export that is not whole, or of another metric, is refused', () => {
  const point = { Timestamp: '2026-01-01T00:00:00Z', Sum: 5 };
  const result = (more: object): string =>
    JSON.stringify({ MetricDataResults: [{ Id: 'a', Timestamps: [point.Timestamp], Values: [5], ...more }] });

  test.each<[string, string, RegExp]>([
    [
      'further pages',
      JSON.stringify({ ...JSON.parse(result({})), NextToken: 'abc' }),
      /cut off \(NextToken\); leave out --max-items/,
    ],
    ['part of the data', result({ StatusCode: 'PartialData' }), /not whole \(StatusCode "PartialData"\)/],
    [
      'latencies by their unit',
      JSON.stringify({ Datapoints: [{ ...point, Unit: 'Microseconds' }] }),
      /the datapoints are in Microseconds/,
    ],
    [
      'latencies by their label',
      result({ StatusCode: 'Complete', Label: 'ModelLatency' }),
      /counts no requests; export Invocations/,
    ],
    [
      'a share of each instance',
      JSON.stringify({ Label: 'InvocationsPerInstance', Datapoints: [point] }),
      /counts no requests/,
    ],
  ])('%s', async (_what, text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  test('and a whole one is read', async () => {
    expect((await read(result({ StatusCode: 'Complete', Label: 'Invocations' }))).requestCount).toBe(5);
  });
});
