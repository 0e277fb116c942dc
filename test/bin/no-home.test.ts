import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { edgeEnvironmentsDirectory } from '../../lib/emulator/state-directory';
import { projectDirectory } from '../architecture/imports';

jest.mock('node:os', () => ({
  ...jest.requireActual<typeof os>('node:os'),
  homedir: () => {
    throw new Error('uv_os_homedir returned ENOENT');
  },
}));

/** Makes Node.js know no home, as for a user whose number has no name. */
const WITHOUT_HOME = `const os = require('node:os');
os.homedir = () => { throw new Error('uv_os_homedir returned ENOENT'); };
require('node:module').syncBuiltinESMExports();`;

describe('a user without a home', () => {
  test('runs commands, which keep no compiled code', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-home-'));
    const preload = path.join(folder, 'without-home.cjs');
    fs.writeFileSync(preload, WITHOUT_HOME);
    const { XDG_CACHE_HOME: _none, ...environment } = process.env;
    const command = [path.join(projectDirectory, 'bin', 'tidegate.mjs'), 'prove', '--rules', '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', preload, ...command], {
      encoding: 'utf8',
      env: { ...environment, TIDEGATE_SET_UP: '1' },
    });
    fs.rmSync(folder, { recursive: true });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect((JSON.parse(stdout) as { rules: unknown[] }).rules.length).toBeGreaterThan(50);
  }, 60_000);

  test('is told what to set where something is kept between runs', () => {
    expect(() => edgeEnvironmentsDirectory({})).toThrow(/^the user has no home .*; set HOME or XDG_CACHE_HOME/);
    expect(edgeEnvironmentsDirectory({ XDG_CACHE_HOME: '/cache' })).toContain(path.join('/cache', 'tidegate'));
  });
});
