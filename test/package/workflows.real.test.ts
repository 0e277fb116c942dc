import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { describeWith } from '../support/needs';
import { MINUTES, runProgram } from './packed';

const ACTIONLINT = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12';

/** One finding a line, and the same on every machine: other linters are not called where they happen to be installed. */
const FLAGS = ['-oneline', '-shellcheck=', '-pyflakes='];

const missing = spawnSync('go', ['version']).status === 0 ? undefined : 'Go, which builds actionlint';

/** The newest actionlint, which knows more of the actions and runners of today than the one in the other leg of tests. */
describeWith(missing, 'actionlint, built from source,', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-workflows-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  beforeAll(
    () => void runProgram('go', ['install', ACTIONLINT], { cwd: folder, env: { ...process.env, GOBIN: folder } }),
    10 * MINUTES,
  );

  function findings(files: readonly string[]): string[] {
    const program = path.join(folder, 'actionlint');
    const { stdout, stderr } = spawnSync(program, [...FLAGS, ...files], { cwd: projectDirectory, encoding: 'utf8' });
    return `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
  }

  const workflows = path.join('.github', 'workflows');
  const names = fs.readdirSync(path.join(projectDirectory, workflows));

  test.each(names)('has no finding in %s', (name) => {
    expect(findings([path.join(workflows, name)])).toEqual([]);
  });

  test.each(names)('has a finding in %s once its runner is one that does not exist', (name) => {
    const text = fs.readFileSync(path.join(projectDirectory, workflows, name), 'utf8');
    const broken = path.join(folder, name);
    fs.writeFileSync(broken, text.replace('ubuntu-latest', 'ubuntu-newest'));
    expect(findings([broken]).join()).toContain('label "ubuntu-newest" is unknown');
  });
});
