import * as fc from 'fast-check';
import { InputError } from '../../../lib/core/errors';
import { parseTrace, splitLines } from '../../../lib/simulation/traffic';
import { splitCells } from '../../../lib/simulation/traffic/trace-text';

async function refusal(lines: Iterable<string>): Promise<string> {
  const name = 'hostile.csv';
  try {
    await parseTrace(lines, { name });
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error('the trace was accepted');
}

const AZURE = 'TIMESTAMP,ContextTokens,GeneratedTokens';
const COUNTS = '# step_seconds=60\nrequests';
const LINES = '{"timestamp": 0, "input_length": 1, "output_length": 1}';

function statistics(datapoint: string): string {
  return `{"Label": "x", "Datapoints": [\n{"Timestamp": "2026-01-01T00:00:00Z", "Sum": 1},\n${datapoint}]}`;
}

test.each([',', ';', '\t'] as const)('cells in quotes may be of any length, split by %j', (delimiter) => {
  const at = { name: 'hostile.csv', line: 1 };
  const long = 'x""'.repeat(4_000_000);
  const cells = splitCells(`a${delimiter}"${long}"${delimiter} "b${delimiter}c" `, at, delimiter);
  expect(cells.map(({ length }) => length)).toEqual([1, 8_000_000, 3]);
  expect(cells[2]).toBe(`b${delimiter}c`);
  expect(() => splitCells(`"${long}`, at, delimiter)).toThrow(/^hostile\.csv:1: the quotes in .* do not match/);
});

describe('a hostile trace', () => {
  test.each([
    ['nothing', '', /^hostile\.csv:1: the file is empty; accepted are: /],
    ['comments only', '# hello\n# step_seconds=1', /^hostile\.csv:2: the file is empty/],
    ['a header only', AZURE, /^hostile\.csv:1: the header has no rows below it/],
    ['a header of counts only', COUNTS, /^hostile\.csv:2: the header has no rows/],
    ['a header of a metric only', 'timestamp,value\n', /^hostile\.csv:1: the header has no rows/],
    ['no header', '229\n211', /^hostile\.csv:1: the first line, "229", is not the header of a trace; accepted are/],
    ['an unknown header', 'when,what\n1,2', /^hostile\.csv:1: the first line, "when,what", is not the header/],
    ['a missing column', 'TIMESTAMP,ContextTokens\n0,1', /^hostile\.csv:1: .* has no column for generated tokens/],
    ['no time column', 'ContextTokens,GeneratedTokens\n1,1', /^hostile\.csv:1: .* has no column for a timestamp/],
    ['too few cells', `${AZURE}\n0,1,1\n1,1`, /^hostile\.csv:3: the row has 2 columns, the header 3 \(TIMESTAMP, Con/],
    ['too many cells', `${COUNTS}\n1,2`, /^hostile\.csv:3: the row has 2 columns, the header 1 \(requests\)/],
    ['a NaN', `${AZURE}\n0,NaN,1`, /^hostile\.csv:2: ContextTokens is "NaN"; it must be a number from 0 to/],
    ['an Infinity', `${AZURE}\n0,1,Infinity`, /^hostile\.csv:2: GeneratedTokens is "Infinity"; it must be a number/],
    [
      'a number too large',
      `${COUNTS}\n5\n1e999`,
      /^hostile\.csv:4: requests is "1e999"; it must be a number from 0 to 1000000000/,
    ],
    ['a negative count', `${COUNTS}\n-3`, /^hostile\.csv:3: requests is "-3"; .* Correct the value or remove the row/],
    ['hexadecimal', `${COUNTS}\n0x10`, /^hostile\.csv:3: requests is "0x10"/],
    ['an empty cell', `${AZURE}\n0,,1`, /^hostile\.csv:2: ContextTokens is empty/],
    ['an empty line within', `${COUNTS}\n1\n\n2`, /^hostile\.csv:4: the line is empty; fill it or remove it/],
    ['a NUL', `${AZURE}\n0,1,1\n1,\u00001,1`, /^hostile\.csv:3: the line contains a NUL character/],
    ['a NUL in the header', `${AZURE}\u0000\n0,1,1`, /^hostile\.csv:1: the line contains a NUL character/],
    ['a compressed file', '\u001f\ufffd\u0008\u0000', /^hostile\.csv:1: the file is compressed; .* ends in \.gz/],
    ['a timestamp that is none', `${AZURE}\nsoon,1,1`, /^hostile\.csv:2: the timestamp is "soon"; write it like 2023/],
    ['an empty timestamp', `${AZURE}\n,1,1`, /^hostile\.csv:2: the timestamp is empty/],
    [
      'an impossible date',
      `${AZURE}\n2023-02-30 00:00:00,1,1`,
      /^hostile\.csv:2: the timestamp is "2023-02-30 00:00:00"/,
    ],
    [
      'a date among numbers',
      `${AZURE}\n1,1,1\n2023-02-03,1,1`,
      /^hostile\.csv:3: the timestamp is "2023-02-03"; write it a number/,
    ],
    ['a negative timestamp', `${AZURE}\n-1,1,1`, /^hostile\.csv:2: the timestamp is "-1"/],
    ['an endless timestamp', `${AZURE}\n1e999,1,1`, /^hostile\.csv:2: the timestamp is "1e999"/],
    [
      'rows far out of order',
      `${AZURE}\n1000,1,1\n10,1,1`,
      /^hostile\.csv:3: the timestamp "10" lies 990\.0 s before .* Sort the file by time/,
    ],
    [
      'counts without a step',
      'requests\n1',
      /^hostile\.csv:1: the length of a step is missing; write a line such as "# step_seconds=60"/,
    ],
    [
      'a step of 0',
      '# step_seconds=0\nrequests\n1',
      /^hostile\.csv:1: step_seconds is "0"; it must be a number from 0\.001/,
    ],
    ['a step that is no number', '# step_seconds=NaN\nrequests\n1', /^hostile\.csv:1: step_seconds is "NaN"/],
    ['nothing but zeros', `${COUNTS}\n0\n0`, /^hostile\.csv:4: every count is 0; give a trace with requests/],
    ['two rows of one period', 'timestamp,value\n5,1\n65,1\n65,2', /^hostile\.csv:4: two rows have this timestamp/],
    [
      'countless periods',
      'timestamp,value\n0,1\n1,1\n99999999999,1',
      /^hostile\.csv:4: the trace reaches from line 2 to here over 1\.2e\+6 days/,
    ],
    [
      'one wild timestamp',
      `${AZURE}\n0,1,1\n1767571200,1,1\n1767571201,1,1`,
      /^hostile\.csv:3: the trace reaches from line 2 to here over 20458 days; the maximum is 456 days\. Correct the timestamp/,
    ],
    [
      'steps of a day for a thousand years',
      `# step_seconds=86400\nrequests\n${'1\n'.repeat(1000)}`,
      /^hostile\.csv:1002: the trace has 1000 steps of 86400 s, 1000 days; the maximum is 456 days/,
    ],
    [
      'windows of arrivals that never end',
      '0,1,1,Weibull,0.0086,1\n600,1,1,Weibull,0.0086,1',
      /^hostile\.csv:[12]: the window has more than \d+ requests at a rate of 1 for 600 s/,
    ],
    [
      'nothing but comments',
      '# more\n'.repeat(100_001),
      /^hostile\.csv:100001: the file has more than 100000 empty lines and comments/,
    ],
    ['an open quote', `${AZURE}\n"0,1,1`, /^hostile\.csv:2: the quotes in .* do not match/],
    ['a broken JSON line', `${LINES}\n{"timestamp": 1`, /^hostile\.csv:2: the line is not valid JSON/],
    ['a JSON line that is no object', `${LINES}\n7`, /^hostile\.csv:2: the line is "7"; it must be an object/],
    [
      'a JSON line without tokens',
      `${LINES}\n{"timestamp": 1, "input_length": 2}`,
      /^hostile\.csv:2: output_length is missing/,
    ],
    [
      'a JSON line with text for a number',
      `{"timestamp": "0", "input_length": 2}`,
      /^hostile\.csv:1: timestamp is "0"/,
    ],
    ['a JSON line with a number too large', LINES.replace('1,', '1e999,'), /^hostile\.csv:1: input_length is Infinity/],
    ['a JSON document cut off', '{\n"Label": "x",\n"Datapoints": [', /^hostile\.csv:3: the file is not valid JSON/],
    [
      'a JSON document of another kind',
      '{\n"Alarms": []\n}',
      /^hostile\.csv:1: the JSON has neither Datapoints nor Metric/,
    ],
    ['a JSON list', '[1, 2]', /^hostile\.csv:1: the JSON has neither Datapoints nor MetricDataResults/],
    ['an export without datapoints', '{"Datapoints": []}', /^hostile\.csv:1: the export has no datapoint/],
    [
      'a negative sum',
      statistics('{"Timestamp": "2026-01-01T00:01:00Z", "Sum": -1}'),
      /^hostile\.csv:3: Datapoints\[1\]\.Sum is -1/,
    ],
    [
      'an average',
      statistics('{"Timestamp": "2026-01-01T00:01:00Z", "Average": 1}'),
      /^hostile\.csv:3: .* export with --statistics Sum/,
    ],
    ['a datapoint without a moment', statistics('{"Sum": 1}'), /Datapoints\[1\]\.Timestamp is missing/],
    [
      'several metrics',
      '{"MetricDataResults": [{"Values": []}, {"Values": []}]}',
      /^hostile\.csv:1: MetricDataResults has 2 results; export one metric/,
    ],
    [
      'lists of unequal length',
      '{"MetricDataResults": [{"Timestamps": ["2026-01-01"], "Values": [1, 2]}]}',
      /^hostile\.csv:1: there are 1 Timestamps, but 2 Values/,
    ],
    [
      'text among the values',
      '{"MetricDataResults": [{\n"Timestamps": ["2026-01-01", "2026-01-02"],\n"Values": [\n1,\n"x"\n]}]}',
      /^hostile\.csv:5: Values\[1\] is "x"/,
    ],
  ])('with %s is refused with its line, the value and the way out', async (_, text, message) => {
    expect(await refusal(text.split('\n'))).toMatch(message);
  });

  test('with a line of 10 MB is refused with its length, not with its content', async () => {
    const message = await refusal([AZURE, '0,1,1', 'x'.repeat(10_000_000)]);
    expect(message).toMatch(/^hostile\.csv:3: the line has 10000000 characters; the maximum is 65536/);
    expect(await refusal(['x'.repeat(10_000_000)])).toMatch(/^hostile\.csv:1: the line has 10000000 characters/);
    expect(await refusal([`{"a": "${'x'.repeat(10_000_000)}"}`])).toMatch(
      /^hostile\.csv:1: the line has 10000009 char/,
    );
  });

  test('that never ends its line is refused before memory runs out', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    let given = 0;
    function* endless(): Generator<string> {
      for (;;) {
        given++;
        yield megabyte;
      }
    }
    await expect(parseTrace(splitLines(endless(), { name: 'endless' }), { name: 'endless' })).rejects.toThrow(
      /^endless:1: the line has more than 67108864 characters/,
    );
    expect(given).toBeLessThan(70);
  });

  test('is read in the time of its length, whatever blanks and digits its cells have', async () => {
    const blanks = ' '.repeat(200_000);
    const digits = '1'.repeat(200_000);
    expect(splitCells(`"a",${blanks}b${blanks},""`, { name: 'blanks.csv', line: 1 })).toEqual(['a', 'b', '']);
    expect(await refusal([AZURE, `"0",${blanks}${digits}x,1`])).toMatch(/^hostile\.csv:2: /);
  }, 10_000);

  test('shows values cut short and without control characters', async () => {
    const message = await refusal([AZURE, `0,${'9'.repeat(50)}\u001b[31m,1`]);
    expect(message).toContain(`"${'9'.repeat(40)}..."`);
    expect(message).not.toContain('\u001b');
  });

  test('of any text is read or refused with its name and a line, never anything else', async () => {
    const cell = fc.oneof(
      fc.constantFrom(
        '0',
        '1',
        '-1',
        'NaN',
        '',
        '"',
        '#',
        '{',
        '[1]',
        '1e999',
        'requests',
        'timestamp',
        'value',
        AZURE,
        LINES,
      ),
      fc.string({ maxLength: 12 }),
    );
    const line = fc.array(cell, { maxLength: 4 }).map((cells) => cells.join(','));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
        try {
          const workload = await parseTrace(lines, { name: 'any' });
          expect(Number.isFinite(workload.durationSeconds)).toBe(true);
          expect(workload.requestCount).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as Error).message).toMatch(/^any:[1-9]\d*: /);
        }
      }),
      { numRuns: 500 },
    );
  });
});
