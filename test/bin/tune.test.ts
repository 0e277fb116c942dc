import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runCommandLine } from '../../bin/command-line';
import { tuneCommand } from '../../bin/commands/tune';
import { InputError } from '../../lib/core/errors';
import type { Tuning } from '../../lib/simulation/tune';
import { projectDirectory } from '../architecture/imports';
import { CHAT, chatTemplate } from '../simulation/blueprint/chat-template';

const WORKER_FILE = path.join(projectDirectory, 'dist', 'cli', 'tune-worker.mjs');

let folder: string;
let template: string;
let trace: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-tune-'));
  template = write('Chat.template.json', JSON.stringify(wasteful()));
  // Eight hours: a quarter of a request to 6 requests a second and back.
  const counts = Array.from({ length: 480 }, (_, minute) => Math.round(15 + 170 * (1 - Math.cos(minute / 76))));
  trace = write('trace.csv', `# step_seconds=60\nrequests\n${counts.join('\n')}\n`);
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Keeps two of eight slots in use. */
function wasteful(): object {
  return JSON.parse(JSON.stringify(chatTemplate()).replace('"TargetValue":5.6', '"TargetValue":2')) as object;
}

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

async function tune(args: readonly string[], { isTTY = false, workerFile = WORKER_FILE } = {}) {
  let stdout = '';
  let stderr = '';
  let code: number | undefined;
  const command = tuneCommand({
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text), isTTY },
    onExitCode: (given) => {
      code = given;
    },
    workerFile,
  });
  command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  await command.parseAsync(args, { from: 'user' });
  return { stdout, stderr, code };
}

const usual = (...more: readonly string[]): string[] => [
  ...['--template', template, '--trace', trace, '--service-mean', '2', '--candidates', '40', '--workers', '0'],
  ...more,
];

describe('tidegate tune', () => {
  test('promises no saving on minutes of traffic, and says which trace would do', async () => {
    const rows = ['13:37:02', '13:37:11', '13:37:20', '13:37:31', '13:37:44'].map((time) => `2026-03-16T${time}Z`);
    const short = write('short.csv', `timestamp\n${rows.join('\n')}\n`);
    const two = write('Two.template.json', JSON.stringify(chatTemplate({ target: { MinCapacity: 2 } })));
    const args = ['--template', two, '--trace', short, '--candidates', '8', '--workers', '0'];
    const { stdout, code } = await tune([...args, '--json']);
    const [tuning] = (JSON.parse(stdout) as { tunings: Tuning[] }).tunings;
    expect(tuning).toMatchObject({ verdict: 'too-little-traffic', saving: null, code: null });
    expect(code).toBe(0);
    const text = (await tune(args)).stdout;
    expect(text).toContain('no recommendation: 5 requests in 42 seconds are too little to promise a saving');
    expect(text).toContain('Mon 16 Mar 2026 13:37:02 to 13:37:44, UTC');
    expect(text).not.toMatch(/saves \d/);
  });

  test('prints today, the best, the saving and the construct to paste, and exits with 0', async () => {
    const { stdout, stderr, code } = await tune(usual());
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^endpoint\/chat\/variant\/main {2}\(.*Chat\.template\.json\)\n/);
    for (const part of [
      /^traffic {6}trace\.csv: [\d,]+ requests in 8 hours$/m,
      /^objective {4}99 % wait at most 1 s; mean service time (2\.0|1\.9)\d s$/m,
      /^search {7}40 candidates on the first 5\.3 hours, \d+ rehearsed on the whole trace, request by request; \d+ of them keep the objective$/m,
      /^today {8}concurrency at 2, out 60 s, in 300 s$/m,
      /^cost per month +[\d,]+ USD +[\d,]+ USD$/m,
      /^held out: served well +[\d.]+ % +[\d.]+ %$/m,
      /^saves [\d.]+ %, [\d,]+ USD a month; on the held-out part alone [\d.]+ %$/m,
      /^ {2}const fleet = new scaling\.FleetScaling\(this, 'Scaling', \{$/m,
      /^ {2}fleet\.scaleOn(Concurrency|Invocations)\('[a-z]+', \{$/m,
    ]) {
      expect(stdout).toMatch(part);
    }
  });

  test('prints the whole result as JSON, the same bytes for any number of threads', async () => {
    const none = await tune(usual('--json'));
    const { tunings } = JSON.parse(none.stdout) as { tunings: Tuning[] };
    expect(tunings).toHaveLength(1);
    expect(tunings[0]).toMatchObject({
      resourceId: CHAT,
      verdict: 'saves',
      settings: { seed: 1, sloPercent: 99, sloWaitSeconds: 1, provisioning: 'lognormal, median 258 s, sigma 0.2' },
      search: { method: 'pooled', candidates: 40, seconds: 19_200 },
      today: { minCapacity: 1, maxCapacity: 8 },
    });
    expect(tunings[0]!.best!.whole.sloPercent).toBeGreaterThanOrEqual(99);
    expect(none.stdout).not.toMatch(/NaN|Infinity/);
    expect((await tune(usual('--json', '--workers', '1'))).stdout).toBe(none.stdout);
    expect((await tune(usual('--json', '--workers', '3'))).stdout).toBe(none.stdout);
    expect((await tune(usual('--json', '--seed', '2'))).stdout).not.toBe(none.stdout);
  }, 60_000);

  test('exits with 1 where no candidate keeps the objective, and shows the nearest', async () => {
    const profile = write('profile.json', '{"measuredSeconds": [1, 90]}');
    const args = [
      '--template',
      template,
      '--trace',
      trace,
      '--profile',
      profile,
      '--candidates',
      '5',
      '--workers',
      '0',
    ];
    const { stdout, code } = await tune(args);
    expect(code).toBe(1);
    expect(stdout).toContain('no candidate serves 99.00 % well; the nearest serves');
    expect(stdout).toContain('take longer than the 60 s of their time-out');
  }, 120_000);

  test('exits with 0 where today is best', async () => {
    const best = write('Best.template.json', JSON.stringify(chatTemplate()));
    const counts = write('few.csv', `# step_seconds=60\nrequests\n${Array(60).fill(6).join('\n')}\n`);
    const { stdout, code } = await tune([
      '--template',
      best,
      '--trace',
      counts,
      '--candidates',
      '10',
      '--workers',
      '0',
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("today's policy is best");
    expect(stdout).not.toContain('FleetScaling');
  });

  test('tunes every fleet, or the one that is asked for, and says which it leaves out', async () => {
    const other = write('Other.template.json', JSON.stringify(wasteful()).replaceAll('"chat"', '"summary"'));
    const queue = write(
      'Queue.template.json',
      JSON.stringify(chatTemplate({ config: { AsyncInferenceConfig: {} } })).replaceAll('"chat"', '"queue"'),
    );
    const few = ['--trace', trace, '--service-mean', '2', '--candidates', '5', '--workers', '0'];
    const all = await tune(['--template', template, other, queue, ...few]);
    expect(all.stdout).toContain('endpoint/chat/variant/main');
    expect(all.stdout).toContain('endpoint/summary/variant/main');
    expect(all.stderr).toContain('not tuned: endpoint/queue/variant/main is asynchronous');
    expect(all.stderr).toContain('each of the 2 fleets is given all of the traffic; --fleet NAME takes one');
    const one = await tune(['--template', template, other, '--fleet', 'summary', ...few]);
    expect(one.stdout).not.toContain(CHAT);
  }, 60_000);

  test('draws a progress bar on a terminal and takes it away', async () => {
    const { stderr } = await tune(usual('--candidates', '5'), { isTTY: true });
    expect(stderr).toContain('\rtune'.slice(1));
    expect(stderr.endsWith('\r\u001b[2K')).toBe(true);
  });

  test('fails with the reason when a thread dies', async () => {
    const workerFile = write('dying.cjs', "throw new Error('out of memory');");
    const failure = tune(usual('--workers', '2'), { workerFile });
    await expect(failure).rejects.toThrow('a thread of the tuning ended: out of memory');
    await expect(failure).rejects.not.toThrow(InputError);
  });

  test('is a command of tidegate, and exits with 2 for bad input', async () => {
    let stdout = '';
    let stderr = '';
    const run = (...args: readonly string[]): Promise<number> =>
      runCommandLine(['tune', ...args], {
        projectDirectory,
        stdout: { write: (text: string) => (stdout += text) } as never,
        stderr: { write: (text: string) => (stderr += text) },
        signal: new AbortController().signal,
        runLocal: () => Promise.reject(new Error('not here')),
        runTour: () => Promise.reject(new Error('not here')),
      });
    expect(await run('--help')).toBe(0);
    expect(stdout).toContain('--candidates <n>');
    expect(await run('--template', template, '--trace', path.join(folder, 'gone.csv'))).toBe(2);
    expect(stderr).toMatch(/--trace is '.*gone\.csv', and there is no such file; check the path/);
  });
});

describe('tidegate tune refuses', () => {
  test.each([
    [['--slo', '100'], "--slo is '100'; it must be a number from 50 to 99.999"],
    [['--slo-wait', 'soon'], "--slo-wait is 'soon'; it must be a number from 0 to 3600"],
    [['--candidates', '0'], "--candidates is '0'; it must be a number from 1 to 100000"],
    [['--candidates', '2.5'], "--candidates is '2.5'; it must be a whole number"],
    [['--workers', '17'], "--workers is '17'; it must be a number from 0 to 16"],
    [['--service-mean', '0'], "--service-mean is '0'; it must be a number from 0.001 to 86400"],
    [['--fleet', 'voice'], "--fleet is 'voice', and no fleet has this name; there are endpoint/chat/variant/main"],
    [['--min-capacity', '9'], '--min-capacity is 9, above the maximum of endpoint/chat/variant/main (8)'],
    [['--profile', 'x.json'], "--profile is 'x.json' and --service-mean is 2; both say how long requests take"],
    [['--template', 'gone.json'], "--template is 'gone.json', which cannot be read (ENOENT)"],
  ])('%j', async (flags, message) => {
    const refusal = tune(usual(...flags));
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(message);
  });

  test('a template whose only fleet is asynchronous, with the way out', async () => {
    const queue = write('Async.template.json', JSON.stringify(chatTemplate({ config: { AsyncInferenceConfig: {} } })));
    await expect(tune(['--template', queue, '--trace', trace])).rejects.toThrow(
      /is asynchronous: it scales on the backlog of a queue.*try its targets with tidegate simulate/,
    );
  });

  test('more requests than a rehearsal plays, before they are walked through', async () => {
    const many = write('many.csv', `# step_seconds=1\nrequests\n${'1000000000\n'.repeat(600)}`);
    await expect(tune(usual('--trace', many))).rejects.toThrow(
      `${many} has 600000000000 requests in this window; a rehearsal plays them one by one and takes at most 100000000.`,
    );
  });

  test('a fleet without a known price, before anything else, naming the flag', async () => {
    const args = usual('--region', 'eu-west-1', '--candidates', '5');
    const refusal = tune(args.map((arg) => (arg === trace ? 'not-yet-read.csv' : arg)));
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(
      /no hosting price is known for ml.g5.xlarge in eu-west-1.*--price ml.g5.xlarge=USD/s,
    );
    const { stdout } = await tune([...args, '--price', 'ml.g5.xlarge=1.6', 'ml.g6.xlarge=1.3']);
    expect(stdout).toContain('cost per month');
  });

  test.each(['0', '2'])('in the words of the rehearsal, with %s threads', async (workers) => {
    const schedules = {
      ScheduledActions: [{ ScheduledActionName: 'x', Schedule: 'cron(soon)', ScalableTargetAction: {} }],
    };
    const file = write(
      'Bad.template.json',
      JSON.stringify(chatTemplate({ target: { MinCapacity: 1, MaxCapacity: 8, ...schedules } })),
    );
    const refusal = tune(['--template', file, '--trace', trace, '--candidates', '5', '--workers', workers]);
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(/cron/);
  });
});
