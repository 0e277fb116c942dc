import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

function runApp(context: object) {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-app-'));
  try {
    const environment = { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) };
    const { status, stderr } = spawnSync(process.execPath, ['bin/app.mjs'], {
      cwd: projectDirectory,
      env: environment,
      encoding: 'utf8',
    });
    return { status, stderr, files: fs.readdirSync(outdir) };
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

  test('ends an unknown stage with one message and exit code 2', () => {
    const { status, stderr } = runApp({ stage: 'prdo' });
    expect(status).toBe(2);
    expect(stderr).toBe("unknown stage 'prdo'; nearest: prod, dev, local (choose with -c stage=NAME)\n");
  });
});
