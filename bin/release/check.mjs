#!/usr/bin/env node
// Checks that this commit can be released, and lays out what would be published in dist/release:
//   node bin/release/check.mjs             a rehearsal: the changes may still be under "Unreleased"
//   node bin/release/check.mjs --release   CHANGELOG.md has a dated section of the version, here and at the origin there is no such tag
// With --tarball FILE and --python FOLDER nothing is built.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { changesOf } from './changelog.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const releaseDirectory = path.join(projectDirectory, 'dist', 'release');

const { values } = parseArgs({
  options: { release: { type: 'boolean', default: false }, tarball: { type: 'string' }, python: { type: 'string' } },
});

const read = (name) => fs.readFileSync(path.join(projectDirectory, name), 'utf8');
const output = (command, args) =>
  execFileSync(command, args, { cwd: projectDirectory, encoding: 'utf8', maxBuffer: 1e9 });
const make = (name, ...rest) => output(process.execPath, [path.join('bin', 'release', 'package.mjs'), name, ...rest]);

const { version, exports: entryPoints, bin, main, types } = JSON.parse(read('package.json'));
const problems = [];
const done = [];

/** Notes of the release, or a problem. */
function checkChangelog() {
  const { title, text } = changesOf(read('CHANGELOG.md'), version);
  if (text === '') problems.push(`CHANGELOG.md has no changes for ${version}: write them under "## [Unreleased]"`);
  else if (values.release && !/^\d{4}-\d{2}-\d{2}$/.test(title))
    problems.push(
      `CHANGELOG.md has no dated section of ${version}: rename "## [Unreleased]" to "## [${version}] - YYYY-MM-DD"`,
    );
  else done.push(`CHANGELOG.md: ${text.split('\n').filter((line) => line.startsWith('- ')).length} changes (${title})`);
  return text;
}

function checkTag() {
  const tag = `v${version}`;
  const listings = [['tag', '--list', tag], ...(values.release ? [['ls-remote', '--tags', 'origin', tag]] : [])];
  if (listings.some((args) => output('git', args).trim() !== ''))
    problems.push(`the tag ${tag} exists already: raise "version" in package.json`);
  else done.push(`git: no tag ${tag} yet`);
}

/** True for paths that package.json promises, such as main and the entry points. */
function checkTarball(tarball) {
  const names = new Set(
    output('tar', ['-tzf', tarball])
      .split('\n')
      .map((name) => name.replace(/^package\//, '')),
  );
  const promised = [
    main,
    types,
    ...Object.values(bin),
    ...Object.values(entryPoints).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry))),
  ];
  const wanted = [
    ...promised.map((name) => name.replace(/^\.\//, '')),
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'dist/THIRD-PARTY-NOTICES.txt',
  ];
  const missing = [...new Set(wanted)].filter((name) => !names.has(name));
  const packed = JSON.parse(output('tar', ['-xzOf', tarball, 'package/package.json'])).version;
  if (missing.length > 0)
    problems.push(`${path.basename(tarball)} lacks ${missing.join(', ')}: look at "files" in package.json`);
  else if (packed !== version)
    problems.push(`${path.basename(tarball)} is of version ${packed}, not ${version}: pack it again`);
  else done.push(`${path.basename(tarball)}: ${names.size} files`);
}

function checkPython(folder) {
  const names = fs.readdirSync(folder);
  for (const wanted of [`tidegate-${version}-py3-none-any.whl`, `tidegate-${version}.tar.gz`])
    if (names.includes(wanted)) done.push(`${wanted}: ${fs.statSync(path.join(folder, wanted)).size} bytes`);
    else problems.push(`${folder} has no ${wanted}: it has ${names.join(', ') || 'nothing'}`);
}

const notes = checkChangelog();
checkTag();
// What costs minutes is not made for a release that is refused anyway.
if (problems.length === 0) {
  if (values.python === undefined) make('python', ...(values.tarball ? ['--tarball', values.tarball] : []));
  const npm = path.join(projectDirectory, 'dist', 'npm');
  const tarball =
    values.tarball ??
    path.join(
      npm,
      fs.readdirSync(npm).find((name) => name.endsWith('.tgz')),
    );
  const python = values.python ?? path.join(projectDirectory, 'dist', 'python');
  checkTarball(tarball);
  checkPython(python);
  if (problems.length === 0) {
    make('api', '--tarball', tarball);
    fs.rmSync(releaseDirectory, { recursive: true, force: true });
    fs.cpSync(tarball, path.join(releaseDirectory, 'npm', path.basename(tarball)));
    fs.cpSync(python, path.join(releaseDirectory, 'python'), { recursive: true });
    fs.cpSync(path.join(projectDirectory, 'dist', 'API.md'), path.join(releaseDirectory, 'API.md'));
    fs.writeFileSync(path.join(releaseDirectory, 'notes.md'), `${notes}\n`);
  }
}

for (const line of done) process.stdout.write(`ok       ${line}\n`);
for (const line of problems) process.stdout.write(`problem  ${line}\n`);
if (problems.length > 0) process.exit(1);
process.stdout.write(
  `${version} can be ${values.release ? 'released' : 'prepared for its release'}; everything that would be published is in dist/release\n`,
);
if (process.env.GITHUB_OUTPUT) fs.appendFileSync(process.env.GITHUB_OUTPUT, `version=${version}\n`);
