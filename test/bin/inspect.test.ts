import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseInspection, parseRecording } from '../../lib/inspection/contract';
import { runTidegate } from '../support/command-line';
import { getProducts } from '../support/price-lists';
import { pastResponses, PAST_RESOURCE, PAST_SECRET, PAST_START, saveResponses } from '../support/saved-responses';

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-inspect-'));
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const tidegate = (...args: readonly string[]) => runTidegate(args);

const at = (name: string): string => path.join(folder, name);
const read = (...names: string[]): string => fs.readFileSync(path.join(folder, ...names), 'utf8');

describe('tidegate inspect --from', () => {
  beforeAll(async () => {
    saveResponses(at('saved'), pastResponses());
    expect((await tidegate('inspect', '--from', at('saved'), '--out', at('now'))).code).toBe(0);
  });

  test('writes a template with limits, policies, schedules and the alarms of step policies, and nothing else', () => {
    const { Resources } = JSON.parse(read('now', 'template.json')) as {
      Resources: { [id: string]: { Type: string; Properties: { [name: string]: unknown } } };
    };
    expect(Object.entries(Resources).map(([id, { Type }]) => `${id} ${Type.split('::')[2]}`)).toEqual([
      'Endpoint Endpoint',
      'EndpointConfig EndpointConfig',
      'Target ScalableTarget',
      'Policyrequests ScalingPolicy',
      'Policyemergency ScalingPolicy',
      'Alarmlegacytoobusy Alarm',
    ]);
    expect(Resources['Target']!.Properties).toMatchObject({
      MinCapacity: 1,
      MaxCapacity: 6,
      ResourceId: PAST_RESOURCE,
    });
    expect(Resources['Alarmlegacytoobusy']!.Properties['AlarmActions']).toEqual([{ Ref: 'Policyemergency' }]);
    expect(Resources['EndpointConfig']!.Properties['ProductionVariants']).toMatchObject([{ InitialInstanceCount: 2 }]);
  });

  test('writes a manifest and a recording that their readers take', () => {
    const manifest = parseInspection('inspection.json', read('now', 'inspection.json'));
    expect(manifest).toMatchObject({
      source: 'saved-json',
      endpointName: 'legacy',
      accountId: '111122223333',
      region: 'eu-west-1',
      window: { start: PAST_START, end: PAST_START + 2880 * 60, periodSeconds: 60 },
      missing: [],
    });
    expect(manifest.fleets[0]!.service).toMatchObject({ method: 'little', meanSeconds: 0.6, periods: 2880 });
    const recording = parseRecording('recording.json', read('now', 'recording.json'));
    expect(new Set(recording.series.instances)).toEqual(new Set([2]));
    expect(recording.series.modelLatencySeconds[0]).toBeCloseTo(0.6, 9);
  });

  test('names commands to run next that run as they stand, with a price file where the table has no price', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      const { stdout } = await tidegate('inspect', '--from', 'saved', '--out', 'now');
      const next = [...stdout.matchAll(/^ {2}npx tidegate (.*)$/gm)].map(([, line]) => line!);
      expect(next).toEqual([
        'prove now',
        'prices update --region eu-west-1',
        'agree now --prices tidegate.prices.json',
        'simulate now --prices tidegate.prices.json',
        'tune now --prices tidegate.prices.json',
      ]);
      expect((await tidegate('simulate', 'now')).stderr).toContain('no hosting price is known');
      // The list as the download would have it.
      fs.writeFileSync('list.json', JSON.stringify(getProducts([{ instanceType: 'ml.g5.xlarge', usd: '1.57' }])));
      expect((await tidegate('prices', 'update', '--from', 'list.json')).code).toBe(0);
      for (const line of [next[0]!, next[2]!, `${next[3]!} --no-advice`, `${next[4]!} --candidates 2 --workers 0`]) {
        const { code, stderr } = await tidegate(...line.split(' '));
        expect({ line, stderr, worked: code < 2 }).toMatchObject({ line, worked: true });
      }
    } finally {
      process.chdir(before);
    }
  });

  test('refuses a folder that it wrote itself, which needs nothing more', async () => {
    const { code, stderr } = await tidegate('inspect', '--from', at('now'), '--out', at('again'));
    expect(code).toBe(2);
    expect(stderr).toContain(`for example tidegate simulate ${at('now')}`);
    expect(fs.existsSync(at('again'))).toBe(false);
  });

  test('copies no value that may be a secret', () => {
    for (const file of fs.readdirSync(at('now'))) expect(read('now', file)).not.toContain(PAST_SECRET);
  });
});

describe('a folder of tidegate inspect', () => {
  beforeAll(async () => {
    // Five hours in which the fleet of 2 × 4 slots is nearly full twice: it completes at most 192 requests a minute.
    const responses = pastResponses({
      minutes: 300,
      serviceSeconds: 2.5,
      region: 'us-east-1',
      requestsAt: (minute) => 60 + Math.round(130 * Math.abs(Math.sin((minute / 300) * 2 * Math.PI))),
    });
    saveResponses(at('busy-saved'), responses);
    expect((await tidegate('inspect', '--from', at('busy-saved'), '--out', at('busy'))).code).toBe(0);
  });

  test('gives the concurrency at which latency began to grow, and the service time below it', () => {
    const [fleet] = parseInspection('inspection.json', read('busy', 'inspection.json')).fleets;
    expect(fleet).toMatchObject({ slotsPerInstance: 4, slotsFrom: 'measured' });
    expect(fleet!.service!.meanSeconds).toBeCloseTo(2.5, 1);
  });

  test('is what prove, simulate, tune and compare run on, without a flag', async () => {
    const proof = await tidegate('prove', at('busy'));
    expect(proof.stderr).toBe('');
    expect(proof.stdout).toContain('0 errors');
    const unknown = `tidegate: the agreement of a rehearsal with the recorded past is not known; run tidegate agree ${at('busy')}\n`;
    const simulated = await tidegate('simulate', at('busy'), '--no-advice');
    expect(simulated.stderr).toBe(unknown);
    expect(simulated.stdout).toMatch(/fleet +ml\.g5\.xlarge; 4 requests at a time per instance; 1 to 6 instances/);
    expect(simulated.stdout).toMatch(/service lognormal, mean 2\.5/);
    const tuned = await tidegate('tune', at('busy'), '--candidates', '4', '--workers', '0');
    expect(tuned.stderr).toBe(unknown);
    expect(tuned.stdout).toContain(PAST_RESOURCE);
    const compared = await tidegate('compare', at('busy'), '--seeds', '1', '--to', '1800', '--json');
    expect(compared).toMatchObject({ code: 0, stderr: '' });
    const { settings } = JSON.parse(compared.stdout) as { settings: unknown };
    expect(settings).toMatchObject({ slotsPerInstance: 4 });
  });

  test('names the alarms of rollbacks, which it does not read and prove does not miss', async () => {
    const responses = pastResponses({ minutes: 60, region: 'us-east-1' });
    const alarms = { AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'legacy errors' }] } };
    responses['endpoint.json'] = { ...responses['endpoint.json'], LastDeploymentConfig: alarms };
    saveResponses(at('rollback-saved'), responses);
    await tidegate('inspect', '--from', at('rollback-saved'), '--out', at('rollback'));
    expect(read('rollback', 'template.json')).toContain('legacy errors');
    expect((await tidegate('prove', at('rollback'))).stdout).not.toContain('rollback-alarm-of-nothing');
    fs.cpSync(at('rollback/template.json'), at('alone.json'));
    expect((await tidegate('prove', at('alone.json'))).stdout).toContain('rollback-alarm-of-nothing');
  });

  test('yields to flags', async () => {
    const profile = at('own-profile.json');
    fs.writeFileSync(profile, '{"distribution": "constant", "meanSeconds": 0.25}');
    const { stdout } = await tidegate('simulate', at('busy'), '--no-advice', '--profile', profile);
    expect(stdout).toMatch(/service constant, mean 0\.25 s/);
    const trace = at('own-trace.csv');
    fs.writeFileSync(trace, `# step_seconds=60\nrequests\n${'7\n'.repeat(30)}`);
    expect((await tidegate('simulate', at('busy'), '--no-advice', '--trace', trace)).stdout).toContain('210 requests');
  });

  test('is the present number of instances where nothing scales', async () => {
    const responses = pastResponses({ minutes: 600, region: 'us-east-1' });
    for (const part of ['scalable-targets', 'scaling-policies', 'scheduled-actions']) {
      const member =
        { 'scalable-targets': 'ScalableTargets', 'scaling-policies': 'ScalingPolicies' }[part] ?? 'ScheduledActions';
      responses[`${part}.variant.AllTraffic.json`] = { [member]: [] };
    }
    delete responses['alarms.variant.AllTraffic.json'];
    saveResponses(at('fixed-saved'), responses);
    const { stderr } = await tidegate('inspect', '--from', at('fixed-saved'), '--out', at('fixed'));
    expect(stderr).toContain('nothing scales it: no scalable target is registered');
    expect(read('fixed', 'template.json')).not.toContain('ScalableTarget');
    const simulated = await tidegate('simulate', at('fixed'), '--no-advice');
    expect(simulated.stdout).toMatch(/2 to 2 instances/);
    expect((await tidegate('prove', at('fixed'))).stdout).not.toContain('FixedCapacity');
  });

  test('without traffic asks for --trace', async () => {
    const responses = pastResponses({ minutes: 10 });
    delete responses['metrics.variant.AllTraffic.json'];
    saveResponses(at('quiet-saved'), responses);
    await tidegate('inspect', '--from', at('quiet-saved'), '--out', at('quiet'));
    for (const command of ['simulate', 'tune']) {
      const { code, stderr } = await tidegate(command, at('quiet'));
      expect(code).toBe(2);
      expect(stderr).toContain('the inspection recorded no request; give the traffic with --trace');
    }
    expect((await tidegate('compare', at('quiet'))).stderr).toContain(
      'has no traffic (fleets: endpoint/legacy/variant/AllTraffic)',
    );
  });
});

describe('saved responses', () => {
  const parts = ['template.json', 'trace.json', 'service-profile.json', 'recording.json'] as const;

  async function inspected(name: string, ...flags: string[]): Promise<string[]> {
    const result = await tidegate('inspect', '--from', at(name), '--out', at(`${name}-out`), ...flags);
    expect(result).toMatchObject({ code: 0 });
    return parts.map((part) => read(`${name}-out`, part));
  }

  /** Objects with their members in the opposite order, as another client may print them. */
  function reversed(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, member]) => [name, reversed(member)]),
    );
  }

  test('are read in every encoding and form that shells and versions of the AWS CLI give them', async () => {
    const responses = pastResponses({ minutes: 60 });
    saveResponses(at('plain'), responses);
    const expected = await inspected('plain');
    const encodings: { readonly [name: string]: (text: string) => string | Buffer } = {
      'utf-8-bom': (text) => `\uFEFF${text}`,
      // What Windows PowerShell writes for `>`.
      'utf-16le': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'),
      'utf-16be': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(),
      reordered: (text) => JSON.stringify(reversed(JSON.parse(text))),
      crlf: (text) => text.replace(/\n/g, '\r\n'),
      // Version 1 of the CLI prints epoch seconds.
      epoch: (text) => text.replace(/"(2026-[^"]+)"/g, (_, time: string) => String(Date.parse(time) / 1000)),
    };
    for (const [name, encode] of Object.entries(encodings)) {
      saveResponses(at(name), responses, encode);
      expect(await inspected(name)).toEqual(expected);
    }
  });

  test('are told apart by their content, whatever their files are called', async () => {
    const responses = pastResponses({ minutes: 60 });
    saveResponses(at('named'), responses);
    const renamed = Object.fromEntries(
      Object.entries(responses).map(([file, response], index) => [
        `${index}-${file.split('.')[0]!.replace(/-/g, '_')}.txt`,
        response,
      ]),
    );
    saveResponses(at('renamed'), renamed);
    expect(await inspected('renamed')).toEqual(await inspected('named'));
  });

  test('in pages are joined, by the AWS CLI or by hand', async () => {
    const responses = pastResponses({ minutes: 60 });
    saveResponses(at('one-page'), responses);
    const file = 'metrics.variant.AllTraffic.json';
    const { MetricDataResults: results } = responses[file] as {
      MetricDataResults: { Timestamps: string[]; Values: number[] }[];
    };
    const half = (from: number, to: number, StatusCode: string): object[] =>
      results.map((one) => ({
        ...one,
        Timestamps: one.Timestamps.slice(from, to),
        Values: one.Values.slice(from, to),
        StatusCode,
      }));
    const joined = [...half(0, 30, 'PartialData'), ...half(30, 60, 'Complete')];
    saveResponses(at('pages'), { ...responses, [file]: { MetricDataResults: joined } });
    expect(await inspected('pages')).toEqual(await inspected('one-page'));
    expect(parseInspection('', read('pages-out', 'inspection.json')).notes).toEqual(
      parseInspection('', read('one-page-out', 'inspection.json')).notes,
    );
  });

  test('that end too early are named', async () => {
    const responses = pastResponses({ minutes: 60 });
    const file = 'metrics.variant.AllTraffic.json';
    const metrics = responses[file] as { MetricDataResults: { StatusCode: string }[] };
    metrics.MetricDataResults[0]!.StatusCode = 'PartialData';
    saveResponses(at('cut'), { ...responses, [file]: { ...metrics, NextToken: 'abc' } });
    const { stderr } = await tidegate('inspect', '--from', at('cut'), '--out', at('cut-out'));
    expect(stderr).toContain('invocations is incomplete (PartialData)');
    expect(stderr).toContain('ends with a NextToken: it is the first page of several');
  });

  test('that are missing are named with the command that saves them', async () => {
    const responses = pastResponses({ minutes: 60 });
    delete responses['scheduled-actions.variant.AllTraffic.json'];
    saveResponses(at('partial'), responses);
    // A denied call leaves an empty file.
    fs.writeFileSync(path.join(at('partial'), 'scaling-policies.variant.AllTraffic.json'), '');
    const { code, stderr } = await tidegate('inspect', '--from', at('partial'), '--out', at('partial-out'));
    expect(code).toBe(0);
    expect(stderr).toContain(
      'aws application-autoscaling describe-scheduled-actions --service-namespace sagemaker --resource-id endpoint/legacy/variant/AllTraffic ' +
        '--region eu-west-1 --output json > scheduled-actions.variant.AllTraffic.json',
    );
    expect(stderr.match(/application-autoscaling:DescribeScalingPolicies is needed/g)).toHaveLength(1);
    const { missing } = parseInspection('', read('partial-out', 'inspection.json'));
    expect(missing.map(({ action }) => action).sort()).toEqual([
      'application-autoscaling:DescribeScalingPolicies',
      'application-autoscaling:DescribeScheduledActions',
    ]);
    const commands = await tidegate('inspect', '--from', at('partial'), '--commands');
    expect(commands.stdout).toContain('--region eu-west-1');
    expect(commands.stdout.trim().split('\n')).toHaveLength(2);
  });

  test.each([
    [
      'YAML',
      'EndpointName: legacy\nEndpointArn: x\n',
      /endpoint\.json is YAML, not JSON; save it again with --output json/,
    ],
    ['a table', '-----\n|  x  |\n', /is a table, not JSON/],
    ['cut JSON', '{"EndpointName": "leg', /endpoint\.json is not valid JSON/],
    ['a list', '["legacy"]', /has a list; save the whole output/],
    [
      'a name that a shell would run',
      '{"EndpointName": "$(reboot)", "EndpointConfigName": "x"}',
      /a name of SageMaker has letters/,
    ],
  ])('that are %s are refused', async (name, text, message) => {
    const where = saveResponses(at(`bad-${name.replace(/\W/g, '')}`), pastResponses({ minutes: 10 }));
    fs.writeFileSync(path.join(where, 'endpoint.json'), text);
    const { code, stderr } = await tidegate('inspect', '--from', where, '--out', at('bad-out'));
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(fs.existsSync(at('bad-out'))).toBe(false);
  });

  test('print commands for the region of the environment where nothing names one, and for none that is guessed', async () => {
    const { AWS_REGION, AWS_DEFAULT_REGION, AWS_CONFIG_FILE } = process.env;
    delete process.env['AWS_REGION'];
    process.env['AWS_CONFIG_FILE'] = at('no-such-config');
    try {
      process.env['AWS_DEFAULT_REGION'] = 'ap-southeast-2';
      const there = await tidegate('inspect', '--endpoint', 'legacy', '--commands');
      expect(there.stdout).toContain('describe-endpoint --endpoint-name legacy --region ap-southeast-2 ');
      delete process.env['AWS_DEFAULT_REGION'];
      const nowhere = await tidegate('inspect', '--endpoint', 'legacy', '--commands');
      expect(nowhere).toMatchObject({ code: 2, stdout: '' });
      expect(nowhere.stderr).toContain('no region is known; give --region, or set AWS_REGION');
    } finally {
      for (const [name, value] of Object.entries({ AWS_REGION, AWS_DEFAULT_REGION, AWS_CONFIG_FILE })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  test('of a configuration with a hostile variant give no command', async () => {
    const responses = pastResponses({ minutes: 10 });
    const config = responses['endpoint-config.json'] as { ProductionVariants: object[] };
    config.ProductionVariants = [{ VariantName: 'a"; reboot; "', ModelName: 'm' }];
    saveResponses(at('hostile'), responses);
    const { code, stdout, stderr } = await tidegate('inspect', '--from', at('hostile'), '--commands');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('VariantName is "a\\"; reboot; \\""');
  });
});

describe('tidegate inspect', () => {
  test('replaces an earlier inspection, and no other folder', async () => {
    saveResponses(at('again-saved'), pastResponses({ minutes: 60 }));
    const run = () => tidegate('inspect', '--from', at('again-saved'), '--out', at('again'));
    await run();
    fs.rmSync(path.join(at('again-saved'), 'metrics.variant.AllTraffic.json'));
    await run();
    expect(fs.readdirSync(at('again')).sort()).toEqual(['inspection.json', 'template.json']);
    const refused = await tidegate('inspect', '--from', at('again-saved'), '--out', at('again-saved'));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('which has other files and no inspection.json; name a new or an empty folder');
  });

  test.each([
    [['--endpoint', 'chat'], /--out is missing/],
    [['--out', 'x'], /--endpoint is missing/],
    [['--from', 'no-such-folder', '--out', 'x'], /there is no such folder/],
    [['--endpoint', 'a b', '--out', 'x'], /--endpoint is "a b"; a name of SageMaker/],
    [['--from', 'a', '--terraform', 'b', '--out', 'x'], /exclude each other/],
    [['--endpoint', 'chat', '--days', '500', '--out', 'x'], /--days is '500'; it must be a number from 0.01 to 455/],
    [['--endpoint', 'chat', '--end', 'tomorrow', '--out', 'x'], /--end is 'tomorrow'/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await tidegate('inspect', ...args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
