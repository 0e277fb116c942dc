import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { type CommandLineSurroundings, EXIT, findProjectDirectory, runCommandLine } from '../../bin/command-line';
import { InputError } from '../../lib/core/errors';
import type { LocalRunOptions } from '../../lib/local/options';
import type { RunReport } from '../../lib/local/report/run-report';
import type { TourOptions, TourReport } from '../../lib/local/tour/tour';

const projectDirectory = path.resolve(__dirname, '../..');

async function run(
  args: readonly string[],
  runLocal: CommandLineSurroundings['runLocal'] = async () => ({ ok: true }) as RunReport,
  signal = new AbortController().signal,
  directory = projectDirectory,
) {
  let out = '';
  let err = '';
  let options: LocalRunOptions | undefined;
  let tour: TourOptions | undefined;
  const code = await runCommandLine(args, {
    projectDirectory: directory,
    signal,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    runLocal: async (given, surroundings) => {
      options = given;
      return runLocal(given, surroundings);
    },
    runTour: async (given) => {
      tour = given;
      return { ok: false } as TourReport;
    },
  });
  return { code, out, err, options, tour };
}

describe('tidegate local', () => {
  test('runs the default traffic at twenty times the speed without flags', async () => {
    const { code, options } = await run(['local']);
    expect(code).toBe(EXIT.ok);
    expect(options).toEqual({
      projectDirectory,
      stage: 'local',
      trace: null,
      speed: 20,
      seed: 1,
      budgetUsd: null,
      chaos: false,
      quietMetrics: 'zeros',
      keep: false,
      server: null,
      model: null,
      modelName: null,
      payload: null,
      ingest: 'kinesis',
      endpoint: null,
      outDirectory: path.join(projectDirectory, '.local', 'report'),
      durationSeconds: null,
      pagePort: 4580,
      assemblyDirectory: null,
    });
  });

  test('of an installed package leaves its report where the user is, and nothing in node_modules', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-installed-'));
    const installed = path.join(folder, 'node_modules', 'tidegate');
    fs.mkdirSync(installed, { recursive: true });
    fs.copyFileSync(path.join(projectDirectory, 'package.json'), path.join(installed, 'package.json'));
    try {
      for (const flags of [['local'], ['local', '--tour', 'endpoints']]) {
        const { options, tour } = await run(flags, undefined, undefined, installed);
        expect((options ?? tour)!.outDirectory).toBe(path.resolve('.local', 'report'));
      }
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  test.each<[string, Partial<LocalRunOptions>]>([
    ['--trace a.csv', { trace: 'a.csv' }],
    ['--speed 1', { speed: 1 }],
    ['--speed 120', { speed: 120 }],
    ['--speed 2.5', { speed: 2.5 }],
    ['--seed 0', { seed: 0 }],
    ['--budget 2.5', { budgetUsd: 2.5 }],
    ['--chaos --keep', { chaos: true, keep: true }],
    ['--quiet-metrics missing', { quietMetrics: 'missing' }],
    ['--stage dev', { stage: 'dev' }],
    ['--ingest kafka', { ingest: 'kafka' }],
    ['--server triton', { server: 'triton' }],
    ['--server torchserve', { server: 'torchserve' }],
    ['--server onnx', { server: 'onnx' }],
    ['--model model.tar.gz', { model: 'model.tar.gz' }],
    ['--endpoint http://127.0.0.1:4566/', { endpoint: 'http://127.0.0.1:4566' }],
    ['--duration 600', { durationSeconds: 600 }],
    ['--port 0', { pagePort: 0 }],
    ['--no-page', { pagePort: null }],
    ['--out there', { outDirectory: path.resolve('there') }],
    ['--assembly cdk.out', { assemblyDirectory: path.resolve('cdk.out') }],
  ])('reads %s', async (flags, expected) => {
    const { code, options, err } = await run(['local', ...flags.split(' ')]);
    expect(err).toBe('');
    expect(code).toBe(EXIT.ok);
    expect(options).toMatchObject(expected);
  });

  test.each([
    ['--speed abc', "--speed is 'abc'; it must be a number from 1 to 120"],
    ['--speed 0.5', "--speed is '0.5'"],
    ['--speed 121', "--speed is '121'"],
    ['--speed NaN', "--speed is 'NaN'"],
    ['--speed Infinity', "--speed is 'Infinity'"],
    ['--speed 0x10', "--speed is '0x10'"],
    ['--seed -1', "--seed is '-1'"],
    ['--seed 1.5', "--seed is '1.5'; it must be a whole number"],
    ['--budget 0', "--budget is '0'"],
    ['--budget -3', "--budget is '-3'"],
    ['--budget 1e9', "--budget is '1e9'"],
    ['--duration 5', "--duration is '5'"],
    ['--port 70000', "--port is '70000'"],
    ['--stage ../x', "--stage is '../x'"],
    ['--endpoint somewhere', "--endpoint is 'somewhere'; give a URL"],
    ['--endpoint ftp://x', 'its protocol must be http or https'],
    ['--endpoint https://kinesis.us-east-1.amazonaws.com', 'a local run never talks to AWS itself'],
    ['--trace', "option '--trace <file>' argument missing"],
    ['--spead 3', "unknown option '--spead' (Did you mean --speed?)"],
    ['extra', 'too many arguments'],
  ])('refuses %s with one message and exit code 2', async (flags, message) => {
    const { code, err, options } = await run(['local', ...flags.split(' ')]);
    expect(code).toBe(EXIT.badInput);
    expect(err).toContain(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(options).toBeUndefined();
  });

  test('exits with 1 when the run is not sound', async () => {
    expect((await run(['local'], async () => ({ ok: false }) as RunReport)).code).toBe(EXIT.failed);
  });

  test('exits with 2 and the message alone when the user has to correct something', async () => {
    const { code, err } = await run(['local'], async () => {
      throw new InputError('trace.csv:3: the value is missing');
    });
    expect(code).toBe(EXIT.badInput);
    expect(err).toBe('tidegate: trace.csv:3: the value is missing\n');
  });

  test('exits with 1 and the message alone when something failed', async () => {
    const { code, err } = await run(['local'], async () => {
      throw new Error('cdk deploy failed');
    });
    expect(code).toBe(EXIT.failed);
    expect(err).toBe('tidegate: cdk deploy failed\n');
  });

  test('exits with 130 after an interrupt', async () => {
    const controller = new AbortController();
    const { code } = await run(
      ['local'],
      async () => {
        controller.abort(new Error('ended by SIGINT'));
        throw new Error('ended by SIGINT');
      },
      controller.signal,
    );
    expect(code).toBe(EXIT.interrupted);
  });
});

describe('tidegate', () => {
  test('suggests the command that was meant', async () => {
    const { code, err } = await run(['loca']);
    expect(code).toBe(EXIT.badInput);
    expect(err).toBe("tidegate: unknown command 'loca' (Did you mean local?)\n");
  });

  test.each([[[]], [['--help']], [['local', '--help']]])('prints its help for %j', async (args) => {
    const { code, out } = await run(args);
    expect(code).toBe(EXIT.ok);
    expect(out).toContain('Usage: tidegate');
  });

  test('prints the version of the package', async () => {
    expect((await run(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('finds the project above a file, unless it is told', () => {
    expect(findProjectDirectory(__dirname, {})).toBe(projectDirectory);
    expect(findProjectDirectory(__dirname, { TIDEGATE_PROJECT_DIRECTORY: '/elsewhere' })).toBe('/elsewhere');
  });
});

describe('tidegate local --tour', () => {
  test('plays the tour of endpoints on stage dev at sixty times the speed, and exits with 1 when it fails', async () => {
    const { code, options, tour } = await run(['local', '--tour', 'endpoints']);
    expect(options).toBeUndefined();
    expect(tour).toEqual({
      tour: 'endpoints',
      projectDirectory,
      stage: 'dev',
      speed: 60,
      seed: 1,
      outDirectory: path.join(projectDirectory, '.local', 'report'),
    });
    expect(code).toBe(EXIT.failed);
  });

  test('takes speed, seed, stage and folder', async () => {
    const flags = '--speed 30 --seed 7 --stage local --out there'.split(' ');
    const { tour } = await run(['local', '--tour', 'endpoints', ...flags]);
    expect(tour).toMatchObject({ speed: 30, seed: 7, stage: 'local', outDirectory: path.resolve('there') });
  });

  test('takes the tour that is named', async () => {
    expect((await run(['local', '--tour', 'learning'])).tour).toMatchObject({
      tour: 'learning',
      stage: 'dev',
      speed: 60,
    });
  });

  test('refuses flags that are about traffic, and tours that do not exist', async () => {
    const { code, err, tour } = await run(['local', '--tour', 'endpoints', '--chaos', '--budget', '5']);
    expect(tour).toBeUndefined();
    expect(code).toBe(EXIT.badInput);
    expect(err).toBe('tidegate: --tour goes with --speed, --seed, --stage, --out only; leave out --budget, --chaos\n');
    const unknown = await run(['local', '--tour', 'pipelines']);
    expect(unknown.code).toBe(EXIT.badInput);
    expect(unknown.err).toContain('Allowed choices are endpoints');
  });
});
