import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CdkCommand } from '../../../lib/local/deploy/cdk-command';

let projectDirectory: string;
const before = { ...process.env };

beforeAll(() => {
  projectDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-cdk-'));
  const bin = path.join(projectDirectory, 'node_modules', 'aws-cdk', 'bin');
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(path.join(projectDirectory, 'package.json'), '{}');
  // A command that only writes its environment down.
  fs.writeFileSync(path.join(bin, 'cdk'), "require('fs').writeFileSync('env.json', JSON.stringify(process.env));");
  Object.assign(process.env, { AWS_PROFILE: 'mine', CDK_DEFAULT_ACCOUNT: '111122223333', CDK_VALIDATION: 'false' });
});
afterAll(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  fs.rmSync(projectDirectory, { recursive: true, force: true });
});

test('the cdk command reaches the local engine, with no account of the caller, but with its choice of validation', async () => {
  const cdk = new CdkCommand({
    projectDirectory,
    engineUrl: 'http://127.0.0.1:9',
    dataDirectory: projectDirectory,
    signal: new AbortController().signal,
  });
  await cdk.synth({ stage: 'dev' }, path.join(projectDirectory, 'cdk.out'));
  const environment = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'env.json'), 'utf8')) as object;
  expect(environment).toMatchObject({ AWS_ENDPOINT_URL: 'http://127.0.0.1:9', CDK_VALIDATION: 'false' });
  expect(environment).not.toHaveProperty('AWS_PROFILE');
  expect(environment).not.toHaveProperty('CDK_DEFAULT_ACCOUNT');
});
