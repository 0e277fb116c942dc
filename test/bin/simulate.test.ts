import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { InvalidArgumentError } from 'commander';
import { simulateCommand } from '../../bin/commands/simulate';
import { InputError } from '../../lib/core/errors';
import type { Rehearsal } from '../../lib/simulation/rehearse';
import { CHAT, chatTemplate, guardResources } from '../simulation/blueprint/chat-template';

let folder: string;
let template: string;
let trace: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-simulate-'));
  template = write('Chat.template.json', JSON.stringify(chatTemplate()));
  // 20 minutes: quiet, three times as much, quiet.
  const counts = Array.from({ length: 1200 }, (_, second) => (second > 400 && second < 800 ? 9 : 3));
  trace = write('trace.csv', `# step_seconds=1\nrequests\n${counts.join('\n')}\n`);
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

async function simulate(...args: readonly string[]) {
  let stdout = '';
  let stderr = '';
  let code: number | undefined;
  const command = simulateCommand({
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    onExitCode: (given) => {
      code = given;
    },
  });
  command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  await command.parseAsync(args, { from: 'user' });
  return { stdout, stderr, code };
}

const usual = (): string[] => ['--template', template, '--trace', trace];

describe('tidegate simulate', () => {
  test('prints a screen of text for people and exits with 0', async () => {
    const { stdout, stderr, code } = await simulate(...usual());
    expect(code).toBe(0);
    expect(stdout).toMatch(/^endpoint\/chat\/variant\/main {2}\(.*Chat\.template\.json\)\n/);
    for (const word of ['traffic', 'served well', 'wait', 'drops', 'cost', 'scaling actions', 'recommended changes'])
      expect(stdout).toContain(word);
    expect(stderr).toMatch(/^tidegate: neither the traffic nor a flag says how long requests take[^\n]*\n$/);
  });

  test('takes the mean time of a request as a flag, in place of a profile, and assumes nothing then', async () => {
    const { stdout, stderr } = await simulate(...usual(), '--no-advice', '--service-mean', '0.6');
    expect(stderr).toBe('');
    expect(stdout).toContain('service lognormal, mean 0.6 s');
    const withTokens = write('tokens.csv', 'TIMESTAMP,ContextTokens,GeneratedTokens\n0,100,50\n1,200,60\n');
    const own = await simulate('--template', template, '--trace', withTokens, '--no-advice');
    expect(own.stderr).toBe('');
    await expect(simulate(...usual(), '--service-mean', '1', '--profile', 'x.json')).rejects.toThrow(
      "--profile is 'x.json' and --service-mean is 1; both say how long requests take",
    );
  });

  test('prints the whole result as JSON, the same bytes for the same seed', async () => {
    const run = async (seed: string) => (await simulate(...usual(), '--json', '--seed', seed)).stdout;
    const first = await run('7');
    expect(await run('7')).toBe(first);
    expect(await run('8')).not.toBe(first);
    const { rehearsals, crossed } = JSON.parse(first) as { rehearsals: Rehearsal[]; crossed: unknown[] };
    expect(crossed).toEqual([]);
    expect(rehearsals).toHaveLength(1);
    expect(Object.keys(rehearsals[0]!)).toEqual([
      'fleet',
      'traffic',
      'clock',
      'settings',
      'requests',
      'retries',
      'drains',
      'sloPercent',
      'missedBy',
      'latencySeconds',
      'waitSeconds',
      'capacity',
      'cost',
      'scaling',
      'events',
      'timeline',
      'advice',
      'notes',
      'hindsight',
    ]);
    expect(rehearsals[0]).toMatchObject({ fleet: { resourceId: CHAT }, settings: { seed: 7 } });
    expect(first).not.toMatch(/null,?\n\s*"p|NaN|Infinity/);
  });

  test('takes the retries of the callers as flags, and refuses those that contradict each other', async () => {
    const json = async (...more: string[]) => {
      const { stdout } = await simulate(...usual(), '--no-advice', '--json', ...more);
      return (JSON.parse(stdout) as { rehearsals: { retries: { mode: string; maxAttempts: number } }[] }).rehearsals[0]!
        .retries;
    };
    expect(await json('--retries', 'legacy')).toMatchObject({ mode: 'legacy', maxAttempts: 5 });
    expect(await json('--retry-attempts', '7')).toMatchObject({ mode: 'standard', maxAttempts: 7 });
    expect(await json('--retries', 'none')).toMatchObject({ mode: 'none', maxAttempts: 1, attempts: 0 });
    await expect(simulate(...usual(), '--retries', 'none', '--retry-attempts', '3')).rejects.toThrow(
      "--retries is 'none' and --retry-attempts is 3; leave one of them out",
    );
    await expect(simulate(...usual(), '--retries', 'legacy', '--retry-clients', '3')).rejects.toThrow(
      'the legacy mode has no retry quota',
    );
    await expect(simulate(...usual(), '--retry-attempts', '0')).rejects.toThrow('--retry-attempts');
  });

  test('exits with 1 when a threshold is crossed, and says which and by how much', async () => {
    const thresholds = ['--fail-if', 'slo<1', 'cost>100/month', 'peak-instances>100'];
    const { stdout, stderr, code } = await simulate(...usual(), '--json', ...thresholds);
    expect(code).toBe(1);
    expect(stderr).toMatch(/endpoint\/chat\/variant\/main crosses cost>100\/month: it is \d+(\.\d+)? USD/);
    expect(stderr).not.toContain('slo<1');
    const { crossed } = JSON.parse(stdout) as { crossed: unknown[] };
    expect(crossed).toMatchObject([{ resourceId: CHAT, threshold: 'cost>100/month' }]);
  });

  test('rehearses every fleet of every template, or the one that is asked for', async () => {
    const json = JSON.stringify(chatTemplate()).replaceAll('"chat"', '"summary"');
    const other = write('Other.template.json', json);
    const both = await simulate('--template', template, other, '--trace', trace, '--no-advice');
    expect(both.stdout).toContain('endpoint/summary/variant/main');
    expect(both.stderr).toContain('each of the 2 fleets is given all of the traffic');
    const one = await simulate('--template', template, other, '--trace', trace, '--no-advice', '--fleet', 'summary');
    expect(one.stdout).not.toContain(CHAT);
  });

  test('says which fleets it could not rehearse', async () => {
    const resources = {
      Lost: {
        Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
        Properties: { ServiceNamespace: 'sagemaker', ResourceId: 'endpoint/gone/variant/main', MinCapacity: 1 },
      },
    };
    const file = write('Lost.template.json', JSON.stringify(chatTemplate({ resources })));
    const { stderr, code } = await simulate('--template', file, '--trace', trace, '--no-advice');
    expect(code).toBe(0);
    expect(stderr).toContain('not rehearsed: endpoint/gone/variant/main: no template declares this endpoint');
  });

  test('takes the region of a template from the assembly beside it', async () => {
    const assembly = fs.mkdtempSync(path.join(folder, 'assembly-'));
    const file = path.join(assembly, 'Chat.template.json');
    fs.copyFileSync(template, file);
    const artifact = {
      environment: 'aws://unknown-account/eu-west-1',
      properties: { templateFile: 'Chat.template.json' },
    };
    fs.writeFileSync(
      path.join(assembly, 'manifest.json'),
      JSON.stringify({ artifacts: { Chat: artifact, Tree: null } }),
    );
    const run = (...more: string[]) => simulate('--template', file, '--trace', trace, '--no-advice', ...more);
    await expect(run()).rejects.toThrow(
      /no hosting price is known for ml.g5.xlarge in eu-west-1.*--price ml.g5.xlarge=USD/s,
    );
    expect((await run('--region', 'us-east-1')).code).toBe(0);
    expect((await run('--price', 'ml.g5.xlarge=1.6', 'ml.g6.xlarge=1.3')).code).toBe(0);
  });

  test('takes values of parameters', async () => {
    const parameters = { Largest: { Type: 'Number' } };
    const open = chatTemplate({ target: { MaxCapacity: { Ref: 'Largest' } }, parameters });
    const args = ['--template', write('Open.template.json', JSON.stringify(open)), '--trace', trace, '--no-advice'];
    await expect(simulate(...args)).rejects.toThrow(
      /Target\.MaxCapacity is '<Largest>'.*has no default; give it one, or a value with --parameter Largest=VALUE/,
    );
    const { stdout } = await simulate(...args, '--parameter', 'Largest=5', '--json');
    const { rehearsals } = JSON.parse(stdout) as { rehearsals: Rehearsal[] };
    expect(rehearsals[0]!.fleet.maxCapacity).toBe(5);
    await expect(simulate(...args, '--parameter', 'Largest')).rejects.toThrow(
      "--parameter is 'Largest'; write a name and its value",
    );
    await expect(simulate(...args, '--parameter', 'Largst=5')).rejects.toThrow(
      'no template has a parameter Largst; they have Largest',
    );
  });

  describe('with a trace that has dates', () => {
    /** Half an hour of counts that begins at 18:37 in the zone in which it is written, with a rise after 10 minutes. */
    const dated = (): string => {
      const rows = Array.from({ length: 30 }, (_, minute) => {
        const clock = `${minute < 23 ? 18 : 19}:${String((37 + minute) % 60).padStart(2, '0')}`;
        return `2026-03-16T${clock}:00+05:30,${minute > 10 ? 540 : 120}`;
      });
      return write('dated.csv', `timestamp,value\n${rows.join('\n')}\n`);
    };
    const run = (...more: string[]) =>
      simulate('--template', template, '--trace', dated(), '--no-advice', '--start-instances', '1', ...more);

    test('tells the times of the trace, in the zone in which they are written', async () => {
      const { stdout } = await run();
      expect(stdout).toContain('Mon 16 Mar 2026 18:37:00 to 19:07:00, UTC+05:30; 30 minutes');
      expect(stdout).toContain('scaling actions (UTC+05:30)');
      expect(stdout).toMatch(/^ {4}18:\d\d:\d\d {2}1 -> /m);
    });

    test('tells them in another zone that is asked for', async () => {
      const { stdout } = await run('--timezone', 'America/New_York');
      expect(stdout).toContain('Mon 16 Mar 2026 09:07:00 to 09:37:00, America/New_York (UTC-04:00)');
      expect(stdout).toMatch(/^ {4}09:\d\d:\d\d {2}1 -> /m);
    });

    test('has moments in UTC beside the seconds of its JSON', async () => {
      const { stdout } = await run('--json');
      const { rehearsals } = JSON.parse(stdout) as { rehearsals: Rehearsal[] };
      const { clock, traffic, scaling, timeline } = rehearsals[0]!;
      expect(clock).toEqual({ startsAt: '2026-03-16T13:07:00Z', timezone: '+05:30' });
      expect(traffic).toMatchObject({ fromAt: '2026-03-16T13:07:00Z', toAt: '2026-03-16T13:37:00Z' });
      expect(scaling.actions.length).toBeGreaterThan(0);
      for (const { second, at } of [...scaling.actions, ...timeline]) {
        expect(Date.parse(at!) / 1000).toBeCloseTo(Date.parse(clock!.startsAt) / 1000 + second, 3);
      }
    });
  });

  test('says that times are elapsed where the trace has no dates', async () => {
    const { stdout } = await simulate(...usual(), '--no-advice', '--start-instances', '1', '--slo', '100');
    expect(stdout).toContain('+0:00:00 to +0:20:00, elapsed since the start; 20 minutes; the trace has no dates');
    expect(stdout).toContain('scaling actions (elapsed)');
    expect(stdout).toMatch(/^ {4}\+0:\d\d:\d\d {2}1 -> /m);
    const { rehearsals } = JSON.parse((await simulate(...usual(), '--json')).stdout) as { rehearsals: Rehearsal[] };
    expect(rehearsals[0]).toMatchObject({ clock: null });
    expect(rehearsals[0]!.timeline[0]).not.toHaveProperty('at');
  });

  test('writes the report where it is told to', async () => {
    const file = path.join(folder, 'reports', 'chat.html');
    const { stderr } = await simulate(...usual(), '--report', file);
    expect(stderr).toContain(`the report is in ${file}`);
    expect(fs.readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
  });

  test('leaves requests that devices answer out of the demand: a share, or what their metrics measured', async () => {
    const arrived = async (...flags: readonly string[]) => {
      const { stdout } = await simulate(...usual(), '--json', '--no-advice', ...flags);
      return (JSON.parse(stdout) as { rehearsals: Rehearsal[] }).rehearsals[0]!;
    };
    const all = await arrived();
    const quarter = await arrived('--edge-offload', '75');
    expect(quarter.settings.edgeOffload).toBe(0.75);
    expect(quarter.requests.arrived / all.requests.arrived).toBeCloseTo(0.25, 1);
    expect(quarter.capacity.instanceHours).toBeLessThanOrEqual(all.capacity.instanceHours);
    expect(quarter.notes).toContain(
      'devices at the edge answer 75 % of the requests of the trace; the fleet receives the rest',
    );
    // 400 requests, of which 100 went to the cloud.
    const measured = write(
      'devices.log',
      '2026-12-01T00:00:00 {"EdgeRequests":300,"EdgeAskedCloud":60}\n{"EdgeRequests":100,"EdgeAskedCloud":40}\nother\n',
    );
    expect(await arrived('--edge-offload', measured)).toEqual(quarter);
    const { stdout } = await simulate(...usual(), '--no-advice', '--edge-offload', '75');
    expect(stdout).toContain('devices answer 75 % of the requests; the rest arrives here');
  });

  test('takes service times, provisioning, prices and capacity failures', async () => {
    const profile = write('profile.json', '{"distribution": "constant", "meanSeconds": 1}');
    const { stdout } = await simulate(
      ...usual(),
      ...['--json', '--no-advice', '--profile', profile, '--provisioning', '60,90', '--slo-wait', '2', '--slo', '95'],
      ...['--price', 'ml.g5.xlarge=1.5', 'ml.g6.xlarge=1', '--capacity-failure', 'ml.g5.xlarge:0-600'],
      ...[
        '--start',
        '2026-03-01T00:00:00Z',
        '--start-instances',
        '3',
        '--from',
        '60',
        '--to',
        '660',
        '--timeout',
        '30',
      ],
    );
    const { rehearsals } = JSON.parse(stdout) as { rehearsals: Rehearsal[] };
    expect(rehearsals[0]).toMatchObject({
      traffic: { seconds: 600 },
      settings: {
        service: 'constant, mean 1 s',
        provisioning: '2 measured times',
        sloWaitSeconds: 2,
        sloPercent: 95,
        startInstances: 3,
        startSeconds: 1_772_323_200,
        requestTimeoutSeconds: 30,
      },
      cost: { pricesPerHourUsd: { 'ml.g5.xlarge': 1.5, 'ml.g6.xlarge': 1 } },
    });
  });

  test('recommends within the limits it proposes, whatever the fleet starts with', async () => {
    const { code, stdout } = await simulate(
      ...usual(),
      '--slo',
      '100',
      '--provisioning',
      '525',
      '--start-instances',
      '1',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/rehearsed: \d/);
  });

  describe('refuses', () => {
    const file = (name: string, text: string) => (): string => write(name, text);
    test.each<[string, () => string[], RegExp]>([
      [
        'a template that is not there',
        () => ['--template', '/none.json', '--trace', trace],
        /--template is '\/none.json'.*ENOENT.*cdk synth/,
      ],
      [
        'a folder without templates',
        () => [fs.mkdtempSync(path.join(folder, 'empty-')), '--trace', trace],
        /a folder without a template \(\*\.template\.json/,
      ],
      ['a template that is none', () => ['--template', trace, '--trace', trace], /trace.csv is neither JSON nor YAML/],
      [
        'a template without fleets',
        () => ['--template', file('Empty.json', '{"Resources":{}}')(), '--trace', trace],
        /no fleet to rehearse/,
      ],
      [
        'a trace that is not there',
        () => ['--template', template, '--trace', '/none.csv'],
        /--trace is '\/none.csv', and there is no such file/,
      ],
      [
        'a broken trace, with its line',
        () => ['--template', template, '--trace', file('bad.csv', '# step_seconds=1\nrequests\n3\nx\n')()],
        /bad.csv:4/,
      ],
      [
        'a fleet that is not there',
        () => [...usual(), '--fleet', 'nope'],
        /--fleet is 'nope'.*there are endpoint\/chat/,
      ],
      ['a seed with a fraction', () => [...usual(), '--seed', '1.5'], /--seed is '1.5'; it must be a whole number/],
      [
        'a negative provisioning',
        () => [...usual(), '--provisioning=-3'],
        /--provisioning is '-3'; it must be a number from 0 to 86400/,
      ],
      [
        'an offload above all',
        () => [...usual(), '--edge-offload', '101'],
        /--edge-offload is '101'; it must be a number from 0 to 100/,
      ],
      [
        'an offload from a file without messages',
        () => [...usual(), '--edge-offload', file('none.log', 'nothing\n{"EdgeRequests":"x"}\n')()],
        /none.log has no metrics messages with requests/,
      ],
      [
        'an offload from a file that is not there',
        () => [...usual(), '--edge-offload', '/none.log'],
        /--edge-offload is '\/none.log', which cannot be read \(ENOENT\); write the share in percent/,
      ],
      ['an end before the begin', () => [...usual(), '--from', '60', '--to', '30'], /--to is 30 and --from is 60/],
      ['a begin after the trace', () => [...usual(), '--from', '5000'], /begins 5000 s into/],
      ['a share above 100', () => [...usual(), '--slo', '101'], /--slo is '101'; it must be a number from 0 to 100/],
      ['a moment that is none', () => [...usual(), '--start', 'noon'], /--start is 'noon'; write a time such as/],
      ['a price without type', () => [...usual(), '--price', '3'], /--price is '3'; write a type and its USD per hour/],
      [
        'a failure without times',
        () => [...usual(), '--capacity-failure', 'ml.g5.xlarge'],
        /--capacity-failure is 'ml.g5.xlarge'/,
      ],
      ['a threshold of no measure', () => [...usual(), '--fail-if', 'speed>3'], /no measure 'speed'; nearest/],
      [
        'a report where none can be',
        () => [...usual(), '--report', `${trace}/x.html`],
        /--report is '.*x.html', which cannot be written/,
      ],
      [
        'a profile that is no JSON',
        () => [...usual(), '--profile', file('p1.json', '{')()],
        /p1.json: this is not JSON/,
      ],
      [
        'a profile with unknown fields',
        () => [...usual(), '--profile', file('p2.json', '{"mean": 2}')()],
        /p2.json: unknown field "mean"/,
      ],
      [
        'a profile of a distribution that is none',
        () => [...usual(), '--profile', file('p3.json', '{"distribution":"pareto"}')()],
        /p3.json:\n.*distribution is "pareto"; expected 'constant', /,
      ],
      [
        'a profile without mean',
        () => [...usual(), '--profile', file('p4.json', '{"distribution":"gamma"}')()],
        /p4.json.*meanSeconds/s,
      ],
      [
        'a profile whose service times never end',
        () => [...usual(), '--profile', file('p5.json', '{"overheadSeconds":1e308}')()],
        /p5.json: .*overheadSeconds \(1e\+308\) must be a number from 0 to 86400/,
      ],
      [
        'a profile whose draws never end',
        () => [
          ...usual(),
          '--profile',
          file('p6.json', '{"distribution":"gamma","meanSeconds":1,"coefficientOfVariation":1e-160}')(),
        ],
        /p6.json: .*coefficientOfVariation \(1e-160\) must be a number from 0.001 to 100; for none at all give/,
      ],
      [
        'a profile of texts',
        () => [...usual(), '--profile', file('p7.json', '{"overheadSeconds":"5","decodeTokensPerSecond":[3]}')()],
        /p7.json:\n.*overheadSeconds is "5"; expected a number\n.*decodeTokensPerSecond is \[3\]/,
      ],
      [
        'a profile with a method',
        () => [...usual(), '--profile', file('p8.json', '{"distribution":{"toString":1},"measuredSeconds":null}')()],
        /p8.json:\n.*distribution is \{"toString":1\}/,
      ],
      ['a profile without end', () => [...usual(), '--profile', '/dev/zero'], /\/dev\/zero has more; the maximum is/],
      ['a trace without end', () => [...usual(), '--trace', '/dev/zero'], /'\/dev\/zero', which is a device/],
      [
        'an objective of next to nothing',
        () => [...usual(), '--slo-wait', `0.${'0'.repeat(322)}5`],
        /sloWaitSeconds \(5e-323\) must be a number from 0.001/,
      ],
      [
        'a price beyond every price',
        () => [...usual(), '--price', `ml.g5.xlarge=1${'0'.repeat(308)}`],
        /--price is .*from 0.000001 to 1000000/,
      ],
      [
        'more instances than the maximum',
        () => [...usual(), '--start-instances', '99'],
        /99 instances .* it has 1 to 8/,
      ],
      [
        'a type without price',
        () => [
          '--template',
          file('Odd.json', JSON.stringify(chatTemplate()).replaceAll('ml.g5.xlarge', 'ml.odd.huge'))(),
          '--trace',
          trace,
        ],
        /endpoint\/chat\/variant\/main: .*ml.odd.huge/,
      ],
    ])('%s', async (_name, args, message) => {
      const refusal = await simulate(...args()).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).toBeInstanceOf(InputError);
      expect(refusal).not.toBeInstanceOf(InvalidArgumentError);
      expect((refusal as Error).message).toMatch(message);
    });

    test('to run without template or trace', async () => {
      await expect(simulate('--trace', trace)).rejects.toThrow(/no template is given/);
      await expect(simulate('--template', template)).rejects.toThrow(/--trace/);
    });
  });

  test.each(['0.05-0.3', '0.1-100.1', '100.3-200', '33.333-1199.999'])(
    'ends with a capacity failure at fractions of a second: %s',
    async (span) => {
      const args = ['--no-advice', '--json', '--provisioning', '30', '--capacity-failure', `ml.g5.xlarge:${span}`];
      const { rehearsals } = JSON.parse((await simulate(...usual(), ...args)).stdout) as { rehearsals: Rehearsal[] };
      const { events } = rehearsals[0]!;
      expect(events.filter(({ reason }) => reason === 'set by the scenario').map(({ second }) => second)).toEqual(
        span.split('-').map(Number),
      );
    },
  );

  test('shows the guard and its budget', async () => {
    const resources = guardResources({ amountUsd: 100, periodStart: null, periodEnd: null });
    const guarded = write('Guarded.template.json', JSON.stringify(chatTemplate({ resources })));
    const { stdout } = await simulate('--template', guarded, '--trace', trace);
    expect(stdout).toMatch(/budget 100 USD, guard (ok|warn|freeze-growth|shrink)/);
    expect(stdout).toContain('raise the budget to at least');
  });
});
