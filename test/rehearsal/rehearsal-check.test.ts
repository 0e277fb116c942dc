import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { App, CfnParameter, Duration, Stack, Validations } from 'aws-cdk-lib';
import { GpuEndpoint, ModelServer } from '../../lib/inference';
import { RehearsalCheck, type RehearsalScenario } from '../../lib/rehearsal';
import { FleetScaling } from '../../lib/scaling';

const QUIET = new Array<number>(30).fill(12);
/** From 1 to 20 requests per second within a minute: more than 2 instances serve. */
const LAUNCH = [...new Array<number>(5).fill(60), ...new Array<number>(10).fill(1200)];

interface Finding {
  readonly ruleName: string;
  readonly description: string;
  readonly suggestedFix?: string;
  readonly ruleMetadata?: { readonly [key: string]: string };
  readonly violatingConstructs?: readonly unknown[];
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-rehearsal-'));
afterAll(() => fs.rmSync(scratch, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const at = path.join(scratch, name);
  fs.writeFileSync(at, content);
  return at;
}

function countsText(counts: readonly number[]): string {
  return `# step_seconds=60\nrequests\n${counts.join('\n')}\n`;
}

/** Synthesizes an app with one fleet (or none) and returns the findings and the outcome. */
function synth(
  scenarios: RehearsalScenario[],
  {
    maxCapacity = 2,
    scaled = true,
    hasParameter = false,
    ...props
  }: {
    readonly maxCapacity?: number;
    readonly scaled?: boolean;
    /** True if the maximum is a parameter without a default. */
    readonly hasParameter?: boolean;
    readonly parameters?: { readonly [name: string]: string };
  } = {},
): { readonly findings: readonly Finding[]; readonly failed: boolean } {
  const outdir = fs.mkdtempSync(path.join(scratch, 'out-'));
  const app = new App({ outdir });
  Validations.of(app).addPlugins(new RehearsalCheck({ scenarios, ...props }));
  const stack = new Stack(app, 'Chat', { env: { account: '123456789012', region: 'us-east-1' } });
  const fleet = new GpuEndpoint(stack, 'Endpoint', {
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  const largest = hasParameter ? new CfnParameter(stack, 'Largest', { type: 'Number' }).valueAsNumber : maxCapacity;
  if (scaled)
    new FleetScaling(stack, 'Scaling', { fleet, minCapacity: 1, maxCapacity: largest }).scaleOnConcurrency(
      'concurrency',
    );
  let failed = false;
  try {
    app.synth();
  } catch (error) {
    expect((error as Error).message).toMatch(/validation/i);
    failed = true;
  }
  const report = path.join(outdir, 'validation-report.json');
  if (!fs.existsSync(report)) return { findings: [], failed };
  const { pluginReports } = JSON.parse(fs.readFileSync(report, 'utf8')) as {
    readonly pluginReports: readonly { readonly pluginName: string; readonly violations: readonly Finding[] }[];
  };
  return {
    findings: pluginReports.filter(({ pluginName }) => pluginName === 'Rehearsal').flatMap((one) => one.violations),
    failed,
  };
}

const counts = (requests: number[]): RehearsalScenario['counts'] => ({ stepSeconds: 60, requests });

beforeEach(() => {
  jest.spyOn(console, 'log').mockImplementation(() => undefined);
  jest.spyOn(console, 'error').mockImplementation(() => undefined);
  jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
});
afterEach(() => jest.restoreAllMocks());

describe('an app whose fleet passes its scenarios', () => {
  test('is synthesized', () => {
    const { failed, findings } = synth([
      { name: 'quiet', counts: counts(QUIET), failIf: ['slo<99', 'cost>1500/month'] },
      { name: 'quiet, recorded', trace: file('quiet.csv', countsText(QUIET)), failIf: ['slo<99'] },
    ]);
    expect(findings).toEqual([]);
    expect(failed).toBe(false);
  });
});

describe('an app whose fleet fails a scenario', () => {
  test('fails, naming rule, scenario, fleet, threshold, value and remedy', () => {
    const { failed, findings } = synth([
      { name: 'quiet', counts: counts(QUIET), failIf: ['slo<99'] },
      { name: 'Launch day!', counts: counts(LAUNCH), failIf: ['slo<99', 'cost>1/month'] },
    ]);
    expect(failed).toBe(true);
    expect(findings.map(({ ruleName }) => ruleName)).toEqual(['Rehearsal-launch-day-slo', 'Rehearsal-launch-day-cost']);
    const [slo, cost] = findings;
    expect(slo!.description).toMatch(
      /^scenario 'Launch day!': endpoint\/chat-endpoint-\w+\/variant\/main crosses slo<99: it is [\d.]+ % of requests$/,
    );
    expect(slo!.suggestedFix).toContain('raise the maximum from 2 to');
    expect(cost!.description).toMatch(/crosses cost>1\/month: it is [\d.]+ USD$/);
    expect(slo!.ruleMetadata).toMatchObject({ scenario: 'Launch day!', threshold: 'slo<99' });
    expect(Number(slo!.ruleMetadata!['value'])).toBeLessThan(99);
  });

  test('has the same value with the same seed, from counts, from a file and from a compressed file', () => {
    const failIf = ['slo<99'];
    const { findings } = synth([
      { name: 'a', counts: counts(LAUNCH), failIf },
      { name: 'b', trace: file('launch.csv', countsText(LAUNCH)), failIf },
      { name: 'c', trace: file('launch.csv.gz', gzipSync(countsText(LAUNCH))), failIf, seed: 1 },
      { name: 'd', counts: counts(LAUNCH), failIf, seed: 2 },
    ]);
    const values = findings.map(({ ruleMetadata }) => ruleMetadata!['value']);
    expect(values).toHaveLength(4);
    expect(values[1]).toBe(values[0]);
    expect(values[2]).toBe(values[0]);
    expect(values[3]).not.toBe(values[0]);
  });

  test('applies provisioning and the wait of the scenario', () => {
    const failIf = ['slo<100'];
    const values = synth(
      [
        { name: 'slow', counts: counts(LAUNCH), failIf, provisioning: Duration.seconds(525) },
        { name: 'quick', counts: counts(LAUNCH), failIf, provisioning: Duration.seconds(30) },
        { name: 'patient', counts: counts(LAUNCH), failIf, sloWait: Duration.seconds(30) },
        { name: 'default', counts: counts(LAUNCH), failIf },
      ],
      { maxCapacity: 30 },
    ).findings.map(({ ruleMetadata }) => Number(ruleMetadata!['value']));
    expect(values[1]).toBeGreaterThan(values[0]!);
    expect(values[2]).toBeGreaterThan(values[3]!);
  });
});

describe('a scenario that cannot be rehearsed', () => {
  test.each<[string, Partial<RehearsalScenario>, RegExp]>([
    ['no traffic', {}, /give either trace or counts/],
    ['two kinds of traffic', { trace: 'x.csv', counts: counts([1]) }, /give either trace or counts/],
    ['no condition', { counts: counts([1]), failIf: [] }, /failIf is empty/],
    ['an unknown measure', { counts: counts([1]), failIf: ['slow<9'] }, /failIf has 'slow<9'.*nearest: slo/],
    ['a name without letters', { name: '--', counts: counts([1]) }, /name must have at least one letter/],
    ['no requests', { counts: counts([]) }, /holds no request/],
    ['negative requests', { counts: counts([3, -1]) }, /counts\.requests\[1\] \(-1\) must be a whole number/],
    ['NaN', { counts: counts([NaN]) }, /counts\.requests\[0\] \(NaN\)/],
    ['steps of 0 s', { counts: { stepSeconds: 0, requests: [1] } }, /stepSeconds \(0\)/],
    ['a fraction as seed', { counts: counts([1]), seed: 0.5 }, /seed \(0\.5\) must be a whole number/],
    ['provisioning of two days', { counts: counts([1]), provisioning: Duration.days(2) }, /provisioning \(172800 s\)/],
  ])('refuses %s when the check is built', (_, scenario, message) => {
    const build = (): unknown =>
      new RehearsalCheck({ scenarios: [{ name: 'launch', failIf: ['slo<99'], ...scenario }] });
    expect(build).toThrow(message);
  });

  test('refuses an empty list, and two scenarios of one name', () => {
    expect(() => new RehearsalCheck({ scenarios: [] })).toThrow('scenarios is empty');
    const scenario = { name: 'a b', counts: counts([1]), failIf: ['slo<99'] };
    expect(() => new RehearsalCheck({ scenarios: [scenario, { ...scenario, name: 'A-b' }] })).toThrow(
      "'a b' has the same name apart from",
    );
  });

  test.each<[string, () => string, RegExp]>([
    ['a missing trace', () => path.join(scratch, 'none.csv'), /no such file; check the path/],
    ['a folder', () => scratch, /is a folder; name a file in it/],
    ['an empty file', () => file('empty.csv', ''), /empty\.csv:1: the file is empty/],
    [
      'a wrong count',
      () => file('wrong.csv', '# step_seconds=60\nrequests\n4\nmany\n'),
      /wrong\.csv:4: requests is "many"/,
    ],
    ['binary data', () => file('binary.csv', 'requests\u0000'), /binary\.csv:1: the line contains a NUL/],
    [
      'an empty line',
      () => file('hole.csv', '# step_seconds=60\nrequests\n4\n\n5\n'),
      /hole\.csv:4: the line is empty/,
    ],
    ['a cut gzip file', () => file('cut.gz', gzipSync(countsText(LAUNCH)).subarray(0, 30)), /damaged or cut off/],
  ])('fails the synthesis for %s', (_, trace, message) => {
    const { failed, findings } = synth([{ name: 'launch', trace: trace(), failIf: ['slo<99'] }]);
    expect(failed).toBe(true);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ ruleName: 'Rehearsal-launch-input' });
    expect(findings[0]!.description).toMatch(message);
  });

  test('fails the synthesis without a fleet, or without one of the name', () => {
    const scenario = { name: 'launch', counts: counts(QUIET), failIf: ['slo<99'] };
    const without = synth([scenario], { scaled: false });
    expect(without.failed).toBe(true);
    expect(without.findings[0]!.description).toContain('no template has a fleet');
    const { failed, findings } = synth([{ ...scenario, fleet: 'search' }]);
    expect(failed).toBe(true);
    expect(findings[0]!.description).toMatch(/contains 'search'; there are endpoint\//);
  });
});

test('takes values of parameters, and says so where one is needed', () => {
  const scenario = { name: 'quiet', counts: counts(QUIET), failIf: ['slo<99'] };
  const { failed, findings } = synth([scenario], { hasParameter: true });
  expect(failed).toBe(true);
  expect(findings[0]!.ruleName).toBe('Rehearsal-templates');
  expect(findings[0]!.description).toMatch(
    /MaxCapacity is '<Largest>'.*parameter Largest has no default; give it one, or a value with parameters: \{ Largest: 'VALUE' \}/,
  );
  expect(synth([scenario], { hasParameter: true, parameters: { Largest: '2' } })).toEqual({
    failed: false,
    findings: [],
  });
});

test('reads one request per row and JSON Lines like the command line', () => {
  const rows = Array.from({ length: 300 }, (_, index) => index);
  const csv = `\ufeffTIMESTAMP,ContextTokens,GeneratedTokens\r\n${rows.map((at) => `${at},200,100`).join('\r\n')}`;
  const jsonl = rows.map((at) => `{"timestamp":${at * 1000},"input_length":200,"output_length":100}`).join('\n');
  const { findings } = synth([
    { name: 'rows', trace: file('rows.csv', csv), failIf: ['cost>0'] },
    { name: 'lines', trace: file('rows.jsonl', jsonl), failIf: ['cost>0'] },
  ]);
  expect(findings.map(({ ruleMetadata }) => ruleMetadata!['traffic'])).toEqual([
    'per-request CSV: 300 requests in 299 s',
    'JSON Lines: 300 requests in 299 s',
  ]);
  expect(findings[0]!.ruleMetadata!['value']).toBe(findings[1]!.ruleMetadata!['value']);
});
