import * as fc from 'fast-check';
import { parseTrace, splitLines, type Workload, type WorkloadRequest } from '../../../lib/simulation/traffic';
import { parseDateTime } from '../../../lib/simulation/traffic/timestamps';

function read(text: string, options: { readonly seed?: number } = {}): Promise<Workload> {
  return parseTrace(text.split('\n'), { name: 'trace', ...options });
}

async function requestsOf(text: string): Promise<WorkloadRequest[]> {
  return [...(await read(text)).requests()];
}

/** Requests in each step of a workload. */
function countsOf(workload: Workload, stepSeconds: number): number[] {
  const counts = Array.from({ length: Math.round(workload.durationSeconds / stepSeconds) }, () => 0);
  for (const { atSeconds } of workload.requests()) counts[Math.floor(atSeconds / stepSeconds)]++;
  return counts;
}

describe('a trace of requests', () => {
  test.each([
    [
      'dates with fractions, as in the Azure trace',
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.5000000,374,44\n2023-11-16 18:15:50.7500000,396,109',
    ],
    [
      'ISO dates, with a byte order mark and Windows line ends',
      '\ufeffTIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16T18:15:46.5Z,374,44\r\n2023-11-16T19:15:50.75+01:00,396,109\r\n',
    ],
    ['seconds, with other header names', 'arrived_at,num_prefill_tokens,num_decode_tokens\n5,374,44\n9.25,396,109'],
    ['milliseconds since 1970', 'timestamp,input_tokens,output_tokens\n1700158546500,374,44\n1700158550750,396,109'],
    [
      'the columns of BurstGPT',
      'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,374,44,418,"Conversation, log"\n9.25,GPT-4,396,109,505,API log',
    ],
    [
      'columns in another order and quoted',
      '"GeneratedTokens","ContextTokens","Time"\n"44","374","0"\n"109","396","4.25"',
    ],
    [
      'JSON Lines in milliseconds',
      '{"timestamp": 0, "input_length": 374, "output_length": 44}\n{"timestamp": 4250, "input_length": 396, "output_length": 109}\n',
    ],
  ])('is read with %s', async (_, text) => {
    const requests = await requestsOf(text);
    expect(requests).toHaveLength(2);
    expect(requests[0]).toEqual({ atSeconds: 0, contextTokens: 374, generatedTokens: 44 });
    expect(requests[1]).toMatchObject({ contextTokens: 396, generatedTokens: 109 });
    expect(requests[1].atSeconds).toBeCloseTo(4.25, 5);
  });

  test('says what it is', async () => {
    const workload = await read('TIMESTAMP,ContextTokens,GeneratedTokens\n0,1,1\n90,1,1');
    expect(workload).toMatchObject({
      name: 'trace',
      description: 'per-request CSV: 2 requests in 90 s',
      durationSeconds: 90,
      requestCount: 2,
    });
  });

  test('is put in order when rows are out of order by a little', async () => {
    const requests = await requestsOf('time,context_tokens,generated_tokens\n10,1,1\n8,2,2\n300,3,3\n20,4,4');
    expect(requests.map((request) => [request.atSeconds, request.contextTokens])).toEqual([
      [0, 2],
      [2, 1],
      [12, 4],
      [292, 3],
    ]);
  });

  test('draws token lengths by the seed when it has moments only', async () => {
    const text = 'timestamp\n0\n1\n2';
    const first = [...(await read(text, { seed: 1 })).requests()];
    expect([...(await read(text, { seed: 1 })).requests()]).toEqual(first);
    expect([...(await read(text, { seed: 2 })).requests()]).not.toEqual(first);
    for (const request of first) expect(request.contextTokens).toBeGreaterThan(0);
  });

  test('may say 0 tokens', async () => {
    expect(await requestsOf('time,context_tokens,generated_tokens\n0,0,0')).toEqual([
      { atSeconds: 0, contextTokens: 0, generatedTokens: 0 },
    ]);
  });
});

describe('a trace of counts', () => {
  test('spreads each count over its step', async () => {
    const workload = await read('# a service\n# step_seconds=60\nrequests\n3\n0\n100\n');
    expect(workload).toMatchObject({ durationSeconds: 180, requestCount: 103 });
    expect(countsOf(workload, 60)).toEqual([3, 0, 100]);
    const moments = [...workload.requests()].map((request) => request.atSeconds);
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
  });

  test('spreads independently: gaps vary as those of Poisson arrivals do', async () => {
    const workload = await read('# step_seconds=1\nrequests\n50000');
    const moments = [...workload.requests()].map((request) => request.atSeconds);
    const gaps = moments.slice(1).map((at, index) => (at - moments[index]) * 50_000);
    const variance = gaps.reduce((sum, gap) => sum + (gap - 1) ** 2, 0) / gaps.length;
    // Exponential gaps of mean 1 have variance 1, equal steps have 0.
    expect(variance).toBeGreaterThan(0.95);
    expect(variance).toBeLessThan(1.05);
  });

  test('spreads uniformly: mean and variance of the place within a step', async () => {
    const workload = await read('# step_seconds=1\nrequests\n50000');
    let sum = 0;
    let squares = 0;
    for (const { atSeconds } of workload.requests()) {
      sum += atSeconds;
      squares += (atSeconds - 0.5) ** 2;
    }
    // Uniform on 0..1: mean 1/2 (standard error 0.0013), variance 1/12 = 0.0833.
    expect(Math.abs(sum / 50_000 - 0.5)).toBeLessThan(0.0065);
    expect(squares / 50_000).toBeCloseTo(1 / 12, 2);
  });

  test('gives the same requests for the same seed, whichever steps surround them', async () => {
    const first = [...(await read('# step_seconds=1\nrequests\n5\n7')).requests()];
    const second = [...(await read('# step_seconds=1\nrequests\n999\n7')).requests()];
    expect(second.slice(999)).toEqual(first.slice(5));
    const other = [...(await read('# step_seconds=1\nrequests\n5\n7', { seed: 2 })).requests()];
    expect(other).not.toEqual(first);
  });

  test('carries fractions on, so that the sum stays right', async () => {
    // 0.5 + 0.5 = 1 in the second step, 2.75 + 0.25 = 3 in the last.
    const workload = await read('# step_seconds=10\nrequests\n0.5\n0.5\n2.75\n0.25');
    expect(countsOf(workload, 10)).toEqual([0, 1, 2, 1]);
    expect(countsOf(await read(`# step_seconds=1\nrequests\n${'0.1\n'.repeat(10)}`), 1)[9]).toBe(1);
  });

  test('is not expanded: the first request of ten thousand million comes at once', async () => {
    const workload = await read(`# step_seconds=1\nrequests\n${'1000000000\n'.repeat(10)}`);
    expect(workload.requestCount).toBe(1e10);
    expect(workload.requests().next().value.atSeconds).toBeLessThan(1e-6);
  });

  test('keeps every count, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(40), { minLength: 1, maxLength: 50 }), async (counts) => {
        fc.pre(counts.some((count) => count > 0));
        const workload = await read(`# step_seconds=5\nrequests\n${counts.join('\n')}`);
        expect(countsOf(workload, 5)).toEqual(counts);
      }),
    );
  });
});

describe('a CloudWatch export', () => {
  test('is read from CSV, in any order, a missing period being empty', async () => {
    const rows = ['2014-04-10 00:09:00,5.0', '2014-04-10 00:04:00,2', '2014-04-10 00:19:00,7'];
    const workload = await read(`timestamp,value\n${rows.join('\n')}`);
    expect(workload.durationSeconds).toBe(1200);
    expect(countsOf(workload, 300)).toEqual([2, 5, 0, 7]);
  });

  test('is read from the JSON of get-metric-statistics', async () => {
    const document = {
      Label: 'Invocations',
      Datapoints: [
        { Timestamp: '2026-01-01T00:02:00+00:00', Sum: 4.0, Unit: 'None' },
        { Timestamp: '2026-01-01T00:00:00+00:00', Sum: 3.0, Unit: 'None' },
        { Timestamp: '2026-01-01T00:01:00+00:00', Sum: 0.0, Unit: 'None' },
      ],
    };
    for (const indent of [0, 4]) {
      expect(countsOf(await read(JSON.stringify(document, undefined, indent)), 60)).toEqual([3, 0, 4]);
    }
  });

  test('is read from the JSON of get-metric-data', async () => {
    const document = {
      MetricDataResults: [
        {
          Id: 'm1',
          Label: 'Invocations',
          Timestamps: ['2026-01-01T00:10:00+00:00', '2026-01-01T00:05:00+00:00'],
          Values: [6, 2],
          StatusCode: 'Complete',
        },
      ],
      Messages: [],
    };
    for (const indent of [0, 4]) {
      expect(countsOf(await read(JSON.stringify(document, undefined, indent)), 300)).toEqual([2, 6]);
    }
  });

  test('has a step of a minute when there is one datapoint only', async () => {
    expect((await read('timestamp,value\n2026-01-01 00:00:00,5')).durationSeconds).toBe(60);
  });
});

describe('parseDateTime', () => {
  test.each([
    ['1970-01-01 00:00:00', 0],
    ['2000-02-29T12:00:00Z', 951_825_600],
    ['2023-11-16 18:15:46.5', 1_700_158_546.5],
    ['2023-11-16T19:15:46.5+01:00', 1_700_158_546.5],
    ['2023/11/16 18:15', 1_700_158_500],
    ['2023-11-16', 1_700_092_800],
  ])('reads %s', (text, expected) => {
    expect(parseDateTime(text)).toBe(expected);
  });

  test.each([
    '2023-02-29 00:00:00',
    '2023-13-01',
    '2023-00-10',
    '2023-01-01 24:00:00',
    '2023-01-01 00:60',
    'yesterday',
    '',
  ])('refuses %p', (text) => {
    expect(parseDateTime(text)).toBeUndefined();
  });

  test('agrees with the calendar of the engine', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true }), (date) => {
        expect(parseDateTime(date.toISOString())).toBeCloseTo(date.getTime() / 1000, 3);
      }),
    );
  });

  test('reads the most common form like the others', () => {
    const two = (most: number) => fc.nat(most).map((part) => String(part).padStart(2, '0'));
    const fraction = fc.oneof(fc.constant(''), fc.stringMatching(/^\.\d{1,13}$/));
    const zone = fc.constantFrom('', 'Z', '+00:00');
    fc.assert(
      fc.property(two(99), two(13), two(32), two(24), two(60), two(61), fraction, zone, (y, mo, d, h, mi, s, f, z) => {
        const rest = `${h}:${mi}:${s}${f}`;
        // Slashes are read by the pattern.
        const expected = parseDateTime(`20${y}/${mo}/${d} ${rest}${z}`);
        for (const between of [' ', 'T'])
          expect(parseDateTime(`20${y}-${mo}-${d}${between}${rest}${z}`)).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('splitLines', () => {
  test('cuts at line ends wherever the chunks are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.stringMatching(/^[a\r\n]{0,6}$/), { maxLength: 8 }), async (chunks) => {
        const lines: string[] = [];
        for await (const line of splitLines(chunks, { name: 'text' })) lines.push(line);
        const expected = chunks.join('').split('\n');
        if (expected[expected.length - 1] === '') expected.pop();
        expect(lines).toEqual(expected.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line)));
      }),
    );
  });
});
