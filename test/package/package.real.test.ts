import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { runInTerminal, screenLines } from '../support/terminal';
import { ONE_OF_EACH } from './one-of-each';
import { MINUTES, installedApp, oldestApp } from './packed';

const MEBIBYTE = 1024 * 1024;

function node(args: readonly string[], cwd: string): string {
  return execFileSync(process.execPath, args, { cwd, encoding: 'utf8', timeout: 3 * MINUTES });
}

/** Files below a folder, with their times of change. */
function listing(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => `${file} ${fs.statSync(file).mtimeMs}`)
    .sort();
}

describe('the package that npm packs', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-package-'));
  let newest: string;
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  beforeAll(() => void (newest = installedApp('2', '10')), 15 * MINUTES);

  test('is at most 24 MiB unpacked, with the library, its types and the notices of what it contains', () => {
    const installed = path.join(newest, 'node_modules', 'tidegate');
    const bytes = listing(installed).reduce(
      (sum, line) => sum + fs.statSync(line.slice(0, line.lastIndexOf(' '))).size,
      0,
    );
    expect(bytes).toBeLessThan(24 * MEBIBYTE);
    for (const file of ['build/index.js', 'build/index.d.ts', '.jsii', 'dist/THIRD-PARTY-NOTICES.txt'])
      expect(fs.existsSync(path.join(installed, file))).toBe(true);
  });

  test('is imported by CommonJS and by modules, with its decisions', () => {
    expect(node(['-p', "Object.keys(require('tidegate')).join()"], newest)).toContain('inference');
    const imports =
      "import { cost } from 'tidegate'; import { scaling } from 'tidegate/decide'; console.log(typeof cost.CostGuard, typeof scaling)";
    expect(node(['--input-type=module', '-e', imports], newest).trim()).toBe('function object');
  });

  test.each([
    // The declarations of the package and of the CDK are checked once.
    ['the newest', () => newest, 'false'],
    ['the oldest', oldestApp, 'true'],
  ])(
    'compiles and synthesizes a stack of every room with %s CDK that it takes',
    (_version, directory, skipLibCheck) => {
      const app = directory();
      fs.writeFileSync(path.join(app, 'app.ts'), ONE_OF_EACH);
      const compiler = path.join(projectDirectory, 'node_modules', 'typescript', 'bin', 'tsc');
      const types = path.join(projectDirectory, 'node_modules', '@types');
      const flags =
        '--strict --target es2022 --module nodenext --moduleResolution nodenext --types node --skipLibCheck';
      node([compiler, ...flags.split(' '), skipLibCheck, '--typeRoots', types, 'app.ts'], app);
      expect(node(['app.js'], app).trim()).toBe('function 3');
    },
    10 * MINUTES,
  );

  test(
    'every command runs from it in a terminal',
    async () => {
      const tidegate = (flags: string): ReturnType<typeof runInTerminal> =>
        runInTerminal([path.join('node_modules', '.bin', 'tidegate'), ...flags.split(' ')], {
          cwd: newest,
          timeoutMs: 2 * MINUTES,
        });
      const counts = Array.from({ length: 60 }, (_, minute) => Math.round(180 + 90 * Math.sin(minute / 15)));
      fs.writeFileSync(path.join(newest, 'trace.csv'), `# step_seconds=60\nrequests\n${counts.join('\n')}\n`);
      node([path.join('node_modules', 'aws-cdk', 'bin', 'cdk'), 'synth', '--quiet', '--app', 'node app.js'], newest);
      const template = 'cdk.out/Mine.template.json';
      for (const [flags, printed] of [
        ['--version', /^\d+\.\d+\.\d+/],
        ['--help', /simulate/],
        ['prove --template cdk.out/Mine.template.json', /no findings|\d errors?/],
        [`simulate --template ${template} --trace trace.csv`, /recommended changes/],
        [`tune --template ${template} --trace trace.csv --candidates 4 --service-mean 2`, /cost per month/],
        ['compare --trace trace.csv --seeds 1', /tidegate-forecast/],
      ] as const) {
        const { text, code } = await tidegate(flags);
        expect(`${flags}: ${code} ${text}`).toMatch(/: [01] /);
        expect(screenLines(text).join('\n')).toMatch(printed);
      }
    },
    10 * MINUTES,
  );

  test(
    'deploys the platform on this machine, from an empty folder, stays up until Ctrl-C, and writes nothing into node_modules',
    async () => {
      const installed = path.join(newest, 'node_modules', 'tidegate');
      const before = listing(installed);
      const cache = path.join(folder, 'cache');
      const { text, code } = await runInTerminal(
        [path.join('node_modules', '.bin', 'tidegate'), 'local', '--duration', '120', '--no-page', '--keep'],
        {
          cwd: newest,
          env: { ...process.env, XDG_CACHE_HOME: cache },
          interruptAt: /tidegate inspect --endpoint \S+ --out chat-now/,
          timeoutMs: 6 * MINUTES,
        },
      );
      expect(`${code} ${text}`).toMatch(/^0 /);
      expect(text).toMatch(/export AWS_ENDPOINT_URL=http:\/\/127\.0\.0\.1:\d+ AWS_REGION=/);
      expect(JSON.parse(fs.readFileSync(path.join(newest, '.local', 'report', 'report.json'), 'utf8'))).toMatchObject({
        ok: true,
      });
      expect(fs.readdirSync(path.join(cache, 'tidegate'))).toEqual(expect.arrayContaining(['venv', 'run']));
      expect(listing(installed)).toEqual(before);
    },
    8 * MINUTES,
  );
});
