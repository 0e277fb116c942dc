import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectDirectory } from '../architecture/imports';

const { version } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8')) as {
  readonly version: string;
};

/** Runs the function of the release check that reads the changelog. */
function changesOf(changelog: string, of: string): { readonly title: string; readonly text: string } {
  const module = pathToFileURL(path.join(projectDirectory, 'bin', 'release', 'changelog.mjs')).href;
  const program = `import { changesOf } from '${module}'; console.log(JSON.stringify(changesOf(...JSON.parse(process.argv[1]))))`;
  const args = ['--input-type=module', '-e', program, JSON.stringify([changelog, of])];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as ReturnType<typeof changesOf>;
}

const CHANGELOG = `# Changelog

## [Unreleased]

### Added

- A thing to come.

## [0.2.0] - 2026-12-01

### Fixed

- A fault.

## [0.1.0] - 2026-11-01

`;

describe('the changes of a release', () => {
  test('are those of the section of its version, with its date', () => {
    expect(changesOf(CHANGELOG, '0.2.0')).toEqual({ title: '2026-12-01', text: '### Fixed\n\n- A fault.' });
  });

  test('are the unreleased ones before there is such a section', () => {
    expect(changesOf(CHANGELOG, '0.3.0')).toEqual({ title: 'Unreleased', text: '### Added\n\n- A thing to come.' });
  });

  test('are none in a section without an entry', () => {
    expect(changesOf(CHANGELOG, '0.1.0').text).toBe('');
  });
});

describe('the check before a release', () => {
  /** Runs the check in a clone whose files can be changed, with packages that stand for those that a build makes. */
  function check(flags: readonly string[], change: (clone: string) => void): { code: number | null; text: string } {
    const clone = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-release-'));
    try {
      for (const name of ['package.json', 'CHANGELOG.md', 'LICENSE', 'README.md', 'bin/release'])
        fs.cpSync(path.join(projectDirectory, name), path.join(clone, name), { recursive: true });
      execFileSync('git', ['init', '--quiet'], { cwd: clone });
      execFileSync(
        'git',
        ['-c', 'user.name=T', '-c', 'user.email=t@example.com', 'commit', '-qm', 'x', '--allow-empty'],
        {
          cwd: clone,
        },
      );
      fs.mkdirSync(path.join(clone, 'packages', 'package'), { recursive: true });
      fs.mkdirSync(path.join(clone, 'packages', 'python'));
      fs.cpSync(path.join(clone, 'package.json'), path.join(clone, 'packages', 'package', 'package.json'));
      execFileSync('tar', ['-czf', 'tidegate.tgz', 'package'], { cwd: path.join(clone, 'packages') });
      change(clone);
      const args = ['--tarball', 'packages/tidegate.tgz', '--python', 'packages/python', ...flags];
      const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/release/check.mjs', ...args], {
        cwd: clone,
        encoding: 'utf8',
      });
      return { code: status, text: stdout + stderr };
    } finally {
      fs.rmSync(clone, { recursive: true, force: true });
    }
  }

  test('names what the tarball and the Python packages lack', () => {
    const { code, text } = check([], () => {});
    expect(code).toBe(1);
    expect(text).toMatch(
      /problem {2}tidegate\.tgz lacks build\/index\.js, build\/index\.d\.ts, .*LICENSE.*: look at "files"/,
    );
    expect(text).toContain(`has no tidegate-${version}-py3-none-any.whl`);
    expect(text).toContain(`ok       git: no tag v${version} yet`);
  });

  test('refuses a version whose tag exists', () => {
    const { code, text } = check([], (clone) => void execFileSync('git', ['tag', `v${version}`], { cwd: clone }));
    expect(code).toBe(1);
    expect(text).toContain(`problem  the tag v${version} exists already: raise "version" in package.json`);
  });

  test('refuses to release what the changelog has no dated section of', () => {
    const { code, text } = check(['--release'], (clone) => {
      execFileSync('git', ['remote', 'add', 'origin', clone], { cwd: clone });
      fs.writeFileSync(path.join(clone, 'CHANGELOG.md'), CHANGELOG.replaceAll('0.1.0', '0.0.1'));
    });
    expect(code).toBe(1);
    expect(text).toContain(`CHANGELOG.md has no dated section of ${version}: rename "## [Unreleased]"`);
  });
});
