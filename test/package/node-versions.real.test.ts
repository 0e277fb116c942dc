import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { describeWith } from '../support/needs';
import { MINUTES, installedApp, nodeBinaries, packedTarball, pythonPackages, pythonWithWheel } from './packed';

const missing =
  process.platform === 'linux' && process.arch === 'x64'
    ? undefined
    : 'Linux on x64, for which npm has packages with Node.js';

describeWith(missing, 'the packages on the supported versions of Node.js', () => {
  let binaries: string;
  beforeAll(() => void (binaries = nodeBinaries()), 10 * MINUTES);

  /** Runs a command with a version of Node.js first in the path; returns all that it printed. */
  function run(version: number, command: string, args: readonly string[], cwd: string): string {
    const folder = path.join(binaries, 'node_modules', `node-${version}`, 'bin');
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, npm_config_prefer_offline: 'true' };
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd,
      env,
      encoding: 'utf8',
      timeout: 8 * MINUTES,
    });
    const text = `${stdout}${stderr}`;
    if (status !== 0)
      throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? status}\n${text}`.slice(0, 6000));
    return text;
  }

  test.each([22, 24])(
    'run an example and its commands on Node.js %i, in TypeScript and in Python, and say nothing about the version',
    (version) => {
      const app = path.join(installedApp('2', '10'), `on-node-${version}`);
      fs.cpSync(path.join(projectDirectory, 'examples', 'gpu-endpoint'), app, { recursive: true });
      fs.writeFileSync(path.join(app, 'package.json'), '{ "type": "module" }');
      expect(run(version, 'node', ['--version'], app)).toMatch(new RegExp(`^v${version}\\.`));
      const printed = [
        run(version, 'npx', ['cdk', 'synth', '--quiet'], app),
        run(version, 'npx', ['tidegate', 'prove', 'cdk.out'], app),
        run(version, 'npx', ['tidegate', 'simulate', 'cdk.out', '--trace', 'requests.csv', '--no-advice'], app),
        run(version, pythonWithWheel(), ['app.py'], app),
      ];
      expect(printed[1]).toContain('no findings');
      expect(printed[2]).toContain('served well');
      expect(printed.join('\n')).not.toMatch(/end-of-life|!!!|ExperimentalWarning|DeprecationWarning/);
    },
    10 * MINUTES,
  );

  test(
    'are what README.md says: its first stack is made from an empty folder without a guess, in both languages',
    () => {
      const wheel = fs.readdirSync(pythonPackages()).find((name) => name.endsWith('.whl'))!;
      const script = path.join(projectDirectory, 'bin', 'release', 'follow-readme.mjs');
      const args = ['--tarball', packedTarball(), '--wheel', path.join(pythonPackages(), wheel)];
      expect(run(24, 'node', [script, ...args], projectDirectory)).toContain('followed without a guess');
    },
    10 * MINUTES,
  );
});
