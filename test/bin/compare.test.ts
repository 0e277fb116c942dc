import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { compareCommand } from '../../bin/commands/compare';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-compare-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Two hours of counts per minute. */
function trace(): string {
  const file = path.join(folder, 'counts.csv');
  const counts = Array.from({ length: 120 }, (_, minute) => Math.round(300 + 150 * Math.sin(minute / 15)));
  fs.writeFileSync(file, `# step_seconds=60\nrequests\n${counts.join('\n')}\n`);
  return file;
}

async function run(...args: string[]): Promise<string> {
  let output = '';
  const command = compareCommand({ stdout: { write: (text) => (output += text) }, stderr: { write: () => true } });
  await command.exitOverride().parseAsync(args, { from: 'user' });
  return output;
}

test('prints JSON with the window, the settings, the bound, the clairvoyant and every policy', async () => {
  const output = await run(
    '--trace',
    trace(),
    '--from',
    '1800',
    '--to',
    '7200',
    '--seeds',
    '1',
    '--slots',
    '8',
    '--json',
  );
  const comparison = JSON.parse(output) as { policies: { name: string }[] };
  expect(comparison).toMatchObject({
    window: { from: 1800, to: 7200 },
    settings: { slotsPerInstance: 8, serviceMeanSeconds: 2, sloWaitSeconds: 1, provisioningSeconds: 258, seeds: 1 },
    bound: { instanceHours: expect.any(Number) },
    clairvoyant: { instanceHours: expect.any(Number) },
  });
  expect(comparison.policies.find(({ name }) => name === 'tidegate-forecast')).toEqual({
    name: 'tidegate-forecast',
    costRatio: expect.any(Number),
    sloRatio: expect.any(Number),
    waitSeconds: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
    instanceHours: expect.any(Number),
    scaleActions: expect.any(Number),
    seeds: 1,
  });
});

test('writes a timeline for each policy and seed', async () => {
  const timelines = path.join(folder, 'timelines');
  await run('--trace', trace(), '--from', '1800', '--seeds', '2', '--timeline', timelines);
  expect(fs.readdirSync(timelines)).toHaveLength(24);
  const text = fs.readFileSync(path.join(timelines, 'tidegate-forecast-2.csv'), 'utf8');
  expect(text).toMatch(/^second,desired,in_service,billed\n1800,\d+,\d+,\d+\n/);
});

test.each([
  [['--from', 'soon'], "--from is 'soon'; it must be a number of at least 0"],
  [['--from', '7000', '--to', '7200'], 'shorter than 600 seconds'],
  [['--to', '72000'], "up to the trace's end"],
  [['--slots', '0.5'], '--slots is 0.5'],
])('refuses %j', async (flags, message) => {
  await expect(run('--trace', trace(), ...flags)).rejects.toThrow(message);
});

test('refuses a timeline folder that cannot be made', async () => {
  const file = trace();
  await expect(run('--trace', file, '--timeline', path.join(file, 'x'))).rejects.toThrow(
    /--timeline is .*name another/,
  );
});
