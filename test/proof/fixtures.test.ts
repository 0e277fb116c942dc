import * as fs from 'node:fs';
import * as path from 'node:path';
import { prove } from '../../lib/proof/prove';

const folder = path.join(__dirname, 'fixtures');

/** What each template does wrong: severity, rule, resource. Nothing else may be said of it. */
const WRONG: { readonly [file: string]: readonly string[] } = {
  'arn-for-name': [
    'error arn-for-name Slow',
    'error scalable-target-invalid Fleet',
    'warning latency-in-microseconds Slow',
    'warning target-without-policy Fleet',
  ],
  'async-on-invocations': ['error metric-not-published Follow', 'error predefined-metric-mismatch FollowToo'],
  'backlog-of-real-time': ['error metric-not-published QueueAlarm', 'error metric-wrong-dimensions QueueAlarm'],
  'burstable-fleet': ['error burstable-instance-type SmallConfig', 'error burstable-instance-type TinyConfig'],
  'component-never-wakes': ['error zero-without-wake Copies', 'warning copies-above-host Copies'],
  'deploy-resets-counts': ['warning counts-reset-on-deploy ScorerEndpoint'],
  'full-access-role': ['warning full-access-policy Serving'],
  'grant-of-sync-only': ['error invoke-grant-incomplete QueueGrant', 'warning invoke-grant-incomplete ChatGrant'],
  'managed-scaling-with-model': ['error managed-scaling-on-model-variant ScorerConfig'],
  'policy-astray': [
    'error policy-without-target Astray',
    'error predefined-metric-mismatch Cpu',
    'error schedule-invalid Fleet',
    'error zero-where-impossible Fleet',
  ],
  'synthesis-time-in-names': [
    'warning target-without-policy Fleet',
    'warning unstable-name ScorerConfig',
    'warning unstable-name ScorerEndpoint',
    'warning unstable-name ScorerModel',
  ],
};

test('every fixture has its list', () => {
  const files = fs.readdirSync(folder).map((file) => file.replace(/\.template\.json$/, ''));
  expect(files.sort()).toEqual(Object.keys(WRONG).sort());
});

test.each(Object.entries(WRONG))('%s: exactly its mistakes are named', (file, wrong) => {
  const document: unknown = JSON.parse(fs.readFileSync(path.join(folder, `${file}.template.json`), 'utf8'));
  const findings = prove([{ name: file, document }]);
  expect(findings.map(({ severity, rule, logicalId }) => `${severity} ${rule} ${logicalId}`).sort()).toEqual(
    [...wrong].sort(),
  );
});
