import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { projectDirectory } from '../architecture/imports';

function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['test/hostile/run.mjs', '--commands', '0', '--workers', '1', ...args], {
    cwd: projectDirectory,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    timeout: 170_000,
  });
}

test('hostile inputs of every form are read or refused with a message, without a crash, a hang or a number that is none', () => {
  const { status, stdout, stderr } = run(['--inputs', '250', '--seed', '11']);
  expect(stderr).toBe('');
  expect(stdout).not.toContain('FAILED');
  expect(stdout).toMatch(/^all +\d{3,} +\d+ +\d+ +0 +[\d.]+ *$/m);
  expect(status).toBe(0);
}, 180_000);

test('a crash, a number that is none and a hang are found, shrunk, and printed with what repeats them', () => {
  const { status, stdout } = run(['--self-test', '--inputs', '16'], { TIDEGATE_HOSTILE_MS: '400' });
  expect(stdout).toMatch(
    /FAILED crash, seed 1, input 0\n {2}crash: TypeError: no such member\n[^]*?smallest input: "X"\n/,
  );
  expect(stdout).toMatch(/FAILED not a number, seed 1, input 0\n {2}not a number: cost is Infinity\n/);
  expect(stdout).toMatch(
    /FAILED endless, seed 1, input \d\n {2}hang: no end after (?:1\.2 s of the processor|7\.2 s)\n {2}again: npm run test:hostile/,
  );
  expect(stdout).toMatch(/^sound +4 +\d +\d +0 /m);
  expect(status).toBe(1);
}, 180_000);
