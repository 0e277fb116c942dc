import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

/** Context of cdk.json, with which the toolkit runs the app. */
const { context: flags } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'cdk.json'), 'utf8')) as {
  readonly context: object;
};

type AppRun = ReturnType<typeof startApp>;
const runs = new Map<string, AppRun>();

/** Runs the app, once for the same context and region. */
function runApp(context: object, profileRegion = ''): AppRun {
  const key = JSON.stringify([context, profileRegion]);
  const run = runs.get(key) ?? startApp(context, profileRegion);
  runs.set(key, run);
  return run;
}

function startApp(context: object, profileRegion: string) {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-app-'));
  try {
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      CDK_OUTDIR: outdir,
      CDK_CONTEXT_JSON: JSON.stringify({ ...flags, ...context }),
    };
    // The toolkit sets it to AWS_REGION or to the region of the profile.
    if (profileRegion === '') delete environment['CDK_DEFAULT_REGION'];
    else environment['CDK_DEFAULT_REGION'] = profileRegion;
    const { status, stderr } = spawnSync(process.execPath, ['bin/app.mjs'], {
      cwd: projectDirectory,
      env: environment,
      encoding: 'utf8',
    });
    const files = fs.readdirSync(outdir);
    const manifest = path.join(outdir, 'manifest.json');
    const regions = fs.existsSync(manifest)
      ? [...fs.readFileSync(manifest, 'utf8').matchAll(/"aws:\/\/unknown-account\/([a-z0-9-]+)"/g)].map(
          ([, name]) => name,
        )
      : [];
    return { status, stderr, files, region: [...new Set(regions)].join() };
  } finally {
    fs.rmSync(outdir, { recursive: true });
  }
}

describe('the app', () => {
  test('defines the stack of the stage that is asked for', () => {
    const { status, files } = runApp({ stage: 'dev' });
    expect(status).toBe(0);
    expect(files).toContain('Tidegate-dev.template.json');
  });

  test('takes local when none is asked for', () => {
    expect(runApp({}).files).toContain('Tidegate-local.template.json');
  });

  test.each<[string, object, string, string]>([
    ['the context', { stage: 'dev', region: 'us-west-2' }, 'us-east-1', 'us-west-2'],
    ['the profile where the context names none', { stage: 'dev' }, 'us-west-2', 'us-west-2'],
    ['us-east-1 where neither names one', { stage: 'dev' }, '', 'us-east-1'],
    ['its configuration for the stage local, whatever the profile', { stage: 'local' }, 'us-west-2', 'us-east-1'],
  ])('deploys to the region of %s', (_, context, profileRegion, region) => {
    expect(runApp(context, profileRegion).region).toBe(region);
  });

  test('refuses a region without prices or images with the ways out of a stage', () => {
    const { status, stderr } = runApp({ stage: 'dev', region: 'ap-east-2' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/no hosting price is known for ml\.g5\.xlarge in ap-east-2/);
    expect(stderr).toMatch(/give pricesPerHourUsd: \{ 'ml\.g5\.xlarge': USD_PER_HOUR/);
    expect(stderr).toMatch(/AWS lists no image sagemaker-scikit-learn.*leave trainingInstanceTypes out/);
  });

  test('ends an unknown stage with one message and exit code 2', () => {
    const { status, stderr } = runApp({ stage: 'prdo' });
    expect(status).toBe(2);
    expect(stderr).toBe("unknown stage 'prdo'; nearest: prod, dev, local (choose with -c stage=NAME)\n");
  });
});
