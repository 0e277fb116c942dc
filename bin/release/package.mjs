#!/usr/bin/env node
// Makes what is published beside the npm package, from its tarball:
//   node bin/release/package.mjs python      the wheel and the source distribution for PyPI, into dist/python
//   node bin/release/package.mjs languages   the code of Java, .NET and Go, which is not compiled here, into dist/java, dist/dotnet and dist/go
//   node bin/release/package.mjs api         the API reference, dist/API.md
// With --tarball FILE nothing is packed; the tarball's code, docs and assets are those that the packages get.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const distDirectory = path.join(projectDirectory, 'dist');

const { values, positionals } = parseArgs({ options: { tarball: { type: 'string' } }, allowPositionals: true });
const [name] = positionals;

/** Folder, for this command alone, with a copy of the package under its own name, so that examples in it import `tidegate` as users do. */
const stageDirectory = path.join(distDirectory, 'stage', String(name));
const packageDirectory = path.join(stageDirectory, 'node_modules', 'tidegate');

/** Runs a program of an npm package; its output is shown when it fails. */
function run(command, args, cwd = projectDirectory) {
  // The banner about the version of Node.js speaks to users of the packages, not to those who make them.
  const env = { ...process.env, JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: process.versions.node.split('.')[0] };
  try {
    return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    process.stderr.write(`${error.stdout ?? ''}${error.stderr ?? ''}`);
    process.stderr.write(
      `tidegate: ${path.basename(command)} ${args.join(' ')} failed: ${error.message.split('\n')[0]}\n`,
    );
    process.exit(1);
  }
}

const tool = (name, args, cwd) =>
  run(process.execPath, [path.join(projectDirectory, 'node_modules', name, 'bin', name), ...args], cwd);

/** Packs the npm package, which builds it, and returns the tarball. */
function pack() {
  const destination = path.join(distDirectory, 'npm');
  fs.rmSync(destination, { recursive: true, force: true });
  fs.mkdirSync(destination, { recursive: true });
  run('npm', ['pack', '--silent', '--pack-destination', destination]);
  return path.join(
    destination,
    fs.readdirSync(destination).find((name) => name.endsWith('.tgz')),
  );
}

/** Unpacks the tarball beside the installed dependencies, with the fixture that its examples are compiled in. */
function stage(tarball) {
  fs.rmSync(stageDirectory, { recursive: true, force: true });
  fs.mkdirSync(packageDirectory, { recursive: true });
  run('tar', ['-xzf', tarball, '-C', packageDirectory, '--strip-components=1']);
  fs.cpSync(path.join(projectDirectory, 'bin', 'release', 'rosetta'), path.join(packageDirectory, 'rosetta'), {
    recursive: true,
  });
  const assemblyFile = path.join(packageDirectory, '.jsii');
  const assembly = JSON.parse(fs.readFileSync(assemblyFile, 'utf8'));
  // Blocks of READMEs are whole programs with imports of their own; examples in docstrings stand in the fixture.
  for (const { readme } of [assembly, ...Object.values(assembly.submodules ?? {})])
    if (readme) readme.markdown = readme.markdown.replace(/^```ts$/gm, '```ts nofixture');
  fs.writeFileSync(assemblyFile, JSON.stringify(assembly));
}

/** Compiles every example and translates it, unless it did before; an example that does not compile ends the command. */
function translateExamples() {
  const cache = path.join(distDirectory, 'examples.tabl.json');
  // One batch compiles them together: one by one takes many times as long.
  const flags = ['--compile', '--fail', '--batch', '1000', '--cache', cache, '--directory', packageDirectory];
  tool('jsii-rosetta', ['extract', ...flags, packageDirectory]);
}

/** Generates the packages of the targets from the tarball itself; `unknown` says what becomes of examples that nobody translated. */
function generate(tarball, targets, unknown, flags = []) {
  for (const target of targets) fs.rmSync(path.join(distDirectory, target), { recursive: true, force: true });
  const from = ['--pack-command', `echo ${JSON.stringify(tarball)}`, '--no-npmignore'];
  const examples = ['--rosetta-unknown-snippets', unknown];
  const all = ['--targets', ...targets, '--outdir', distDirectory, ...from, ...examples, ...flags, packageDirectory];
  tool('jsii-pacmak', all);
}

function filesBelow(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

const inProject = (file) => path.relative(process.cwd(), file) || '.';

const COMMANDS = {
  python: (tarball) => {
    translateExamples();
    generate(tarball, ['python'], 'fail');
    const wheel = filesBelow(path.join(distDirectory, 'python')).find((file) => file.endsWith('.whl'));
    return `${inProject(wheel)}, ${(fs.statSync(wheel).size / 1e6).toFixed(1)} MB; install it with: pip install ${inProject(wheel)}`;
  },
  languages: (tarball) => {
    const targets = ['java', 'dotnet', 'go'];
    translateExamples();
    // Go repeats what is inherited from the CDK, examples of the CDK included.
    generate(tarball, targets, 'verbatim', ['--code-only']);
    return targets
      .map((target) => [
        target,
        filesBelow(path.join(distDirectory, target)).filter((file) => /\.(java|cs|go)$/.test(file)),
      ])
      .map(([target, files]) => `${inProject(path.join(distDirectory, target))}: ${files.length} files`)
      .join('\n');
  },
  api: () => {
    // The assemblies of the dependencies are looked for below the package.
    fs.symlinkSync(path.join(projectDirectory, 'node_modules'), path.join(packageDirectory, 'node_modules'), 'dir');
    const file = path.join(distDirectory, 'API.md');
    tool('jsii-docgen', ['--output', file], packageDirectory);
    return `${inProject(file)}, ${(fs.statSync(file).size / 1e6).toFixed(1)} MB`;
  },
};

if (positionals.length !== 1 || !Object.hasOwn(COMMANDS, name)) {
  process.stderr.write(
    `tidegate: packages are made for one of ${Object.keys(COMMANDS).join(', ')}; got '${positionals.join(' ')}'\n`,
  );
  process.exit(2);
}
const tarball = values.tarball === undefined ? pack() : path.resolve(values.tarball);
if (!fs.existsSync(tarball)) {
  process.stderr.write(`tidegate: --tarball: there is no file '${values.tarball}'; leave it out to pack one\n`);
  process.exit(2);
}
stage(tarball);
process.stdout.write(`${COMMANDS[name](tarball)}\n`);
fs.rmSync(stageDirectory, { recursive: true, force: true });
