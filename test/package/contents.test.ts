import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

const MEBIBYTE = 1024 * 1024;

/** Files that npm would pack, from what is built already; the folders `build` and `.jsii` are there after `npm run build:jsii` only. */
function packed(): { readonly path: string; readonly size: number }[] {
  const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: projectDirectory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const parsed = JSON.parse(text) as object;
  const [pack] = Object.values(parsed) as { readonly files: { readonly path: string; readonly size: number }[] }[];
  return pack!.files;
}

function notices(): string {
  return fs.readFileSync(path.join(projectDirectory, 'dist', 'THIRD-PARTY-NOTICES.txt'), 'utf8');
}

describe('the packed package', () => {
  const files = packed();
  const names = files.map((file) => file.path);

  test('has every file of the repository that runs without a build: programs, their pins, training code', () => {
    const tracked = execFileSync('git', ['ls-files', 'lib'], { cwd: projectDirectory, encoding: 'utf8' })
      .split('\n')
      .filter((name) => /\.(py|cjs)$|requirements\.txt$|\/triton\/|\/torchserve\/|^lib\/training\/assets\//.test(name))
      .filter((name) => !/\.(ts|in)$/.test(name));
    expect(tracked.length).toBeGreaterThan(20);
    expect(tracked.filter((name) => !names.includes(name))).toEqual([]);
  });

  test('has the commands, the app with its settings, the page and every handler', () => {
    const handlers = fs
      .readdirSync(path.join(projectDirectory, 'lambda'))
      .filter((name) => fs.existsSync(path.join(projectDirectory, 'lambda', name, 'index.ts')));
    expect(names).toEqual(
      expect.arrayContaining([
        'bin/tidegate.mjs',
        'bin/app.mjs',
        'cdk.json',
        'dist/cli/tidegate.mjs',
        'dist/cli/parquet-worker.mjs',
        'dist/cli/tune-worker.mjs',
        'dist/app/index.cjs',
        'dist/lambda-runtime/@aws-sdk/client-s3/index.js',
        'dist/page.html',
        'dist/THIRD-PARTY-NOTICES.txt',
        'LICENSE',
        ...handlers.map((name) => `assets/${name}/index.js`),
      ]),
    );
  });

  test('has no sources, source maps, reports of the bundler, tests or pictures', () => {
    const unwanted = names.filter(
      (name) =>
        /\.map$|^dist\/meta|^test\/|\.png$|__pycache__/.test(name) || (name.endsWith('.ts') && !name.endsWith('.d.ts')),
    );
    expect(unwanted).toEqual([]);
  });

  test('without the compiled library stays below 17 MiB unpacked', () => {
    const own = files.filter((file) => !/^(build\/|\.jsii)/.test(file.path));
    expect(own.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(17 * MEBIBYTE);
  });
});

describe('the third-party notices', () => {
  test.each(['zod', 'yaml', 'commander', 'hyparquet', 'uplot', 'cdk-nag', '@aws-sdk/client-sagemaker', '@smithy/core'])(
    'name %s, which a bundle contains',
    (name) => {
      expect(notices()).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\S+ \\([A-Za-z0-9.-]+\\)$`, 'm'));
    },
  );

  test('have licences that allow redistribution, and the text of each', () => {
    const allowed = ['MIT', 'MIT-0', 'Apache-2.0', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause'];
    const packages = [...notices().matchAll(/^\S+ \d+\.\d+\.\S+ \((.*)\)$/gm)];
    expect(packages.length).toBeGreaterThan(20);
    expect(packages.filter(([, licence]) => !allowed.includes(licence!)).map(([line]) => line)).toEqual([]);
    const parts = notices()
      .split(/^-{80}$/m)
      .slice(1);
    expect(parts.filter((part) => part.length < 400)).toEqual([]);
  });
});
