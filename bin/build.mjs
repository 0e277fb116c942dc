#!/usr/bin/env node
// Bundles with esbuild: every Lambda handler into assets/<name>/index.js, the live page into dist/page.html, the command
// line and its threads into dist/cli, the CDK app into dist/app/index.cjs, the check of expressions into dist/expression, parts of the AWS SDK
// for the local engine's Lambda runtime into dist/lambda-runtime. Commands of the clone call it every time: it returns at once when nothing
// changed since the last build.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isUpToDate, markUpToDate } from './build-stamp.mjs';
import { lockSetUp } from './set-up-lock.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const inProject = (...parts) => path.join(projectDirectory, ...parts);

const common = {
  absWorkingDir: projectDirectory,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'silent',
  legalComments: 'none',
  metafile: true,
};

/** Loads esbuild only where something is built. */
async function esbuild(options) {
  const { build: bundle } = await import('esbuild');
  return bundle(options);
}

/** For packages that ask where their module is, which a CommonJS bundle cannot tell them by itself. */
const WITH_MODULE_URL = {
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: `const moduleUrl = require('node:url').pathToFileURL(__filename).href;` },
};

function writeMetafile(name, metafile) {
  fs.mkdirSync(inProject('dist', 'meta'), { recursive: true });
  fs.writeFileSync(inProject('dist', 'meta', `${name}.json`), JSON.stringify(metafile));
}

function handlerNames() {
  return fs
    .readdirSync(inProject('lambda'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && fs.existsSync(inProject('lambda', entry.name, 'index.ts')))
    .map((entry) => entry.name)
    .sort();
}

async function buildHandlers() {
  const names = handlerNames();
  for (const name of names) {
    const result = await esbuild({
      ...common,
      entryPoints: [`lambda/${name}/index.ts`],
      outfile: `assets/${name}/index.js`,
      minify: true,
      keepNames: true,
      mainFields: ['module', 'main'],
    });
    writeMetafile(`handler-${name}`, result.metafile);
  }
  // A handler that is gone must not be deployed from an old build.
  if (fs.existsSync(inProject('assets')))
    for (const left of fs.readdirSync(inProject('assets')))
      if (!names.includes(left)) fs.rmSync(inProject('assets', left), { recursive: true });
}

/**
 * Bundles the command line, the threads of `tidegate tune`, the process that decodes parquet files, and what they share. The code of each
 * command is in files of its own, so that a command reads no other's.
 */
async function buildCommandLine() {
  fs.rmSync(inProject('dist', 'cli'), { recursive: true, force: true });
  const result = await esbuild({
    ...common,
    format: 'esm',
    splitting: true,
    entryPoints: ['bin/tidegate.ts', 'bin/commands/tune-worker.ts', 'lib/traffic-file/parquet-worker.ts'],
    entryNames: '[name]',
    chunkNames: 'part-[hash]',
    outdir: 'dist/cli',
    outExtension: { '.js': '.mjs' },
    // Packages that are CommonJS ask for modules of Node.js in this way.
    banner: {
      js: `import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);`,
    },
    define: { __dirname: 'import.meta.dirname' },
    sourcemap: 'linked',
    minifyWhitespace: true,
    minifySyntax: true,
    mainFields: ['module', 'main'],
  });
  writeMetafile('command-line', result.metafile);
}

/** The CDK stays outside: it finds files of its own beside its modules, and the app shares it with whoever installed the package. */
async function buildApp() {
  const result = await esbuild({
    ...common,
    entryPoints: ['bin/app.ts'],
    // Two folders deep like the rooms of lib, so that they find their assets from here too.
    outfile: 'dist/app/index.cjs',
    sourcemap: 'linked',
    external: ['aws-cdk-lib', 'constructs', 'esbuild'],
  });
  writeMetafile('app', result.metafile);
}

/** Part of the handlers that the constructs call at synthesis: the check of expressions. */
async function buildExpressionCheck() {
  const result = await esbuild({
    ...common,
    entryPoints: ['lambda/support/json-expression.ts'],
    outfile: 'dist/expression/index.cjs',
    minify: true,
    keepNames: true,
    mainFields: ['module', 'main'],
  });
  writeMetafile('expression', result.metafile);
}

/** Parts of the AWS SDK that handlers of the CDK itself find in Lambda's runtime, for the local engine, which finds them here. */
async function buildLambdaRuntime() {
  for (const name of ['client-lambda', 'client-s3', 'client-sfn']) {
    const result = await esbuild({
      ...common,
      stdin: { contents: `module.exports = require('@aws-sdk/${name}');`, resolveDir: projectDirectory },
      outfile: `dist/lambda-runtime/@aws-sdk/${name}/index.js`,
      minify: true,
      keepNames: true,
      mainFields: ['module', 'main'],
    });
    writeMetafile(`lambda-runtime-${name}`, result.metafile);
  }
}

async function buildPage() {
  const { bundlePage } = await import(pathToFileURL(inProject('lib', 'local', 'report', 'page', 'bundle.mjs')).href);
  const files = await bundlePage(inProject('dist', 'page.html'));
  const inputs = Object.fromEntries(files.map((file) => [path.relative(projectDirectory, file), {}]));
  writeMetafile('page', { inputs });
}

/** Folder of an npm package, `node_modules/name` or `node_modules/@scope/name`, also of one inside another; undefined for own files. */
function packageFolder(file) {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

/** Texts of licences that are the same for everybody. */
const COMMON_TEXTS = {
  'Apache-2.0': () => fs.readFileSync(inProject('LICENSE'), 'utf8').trim(),
  'MIT-0': () =>
    [
      'MIT No Attribution',
      'Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the\n' +
        '"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,\n' +
        'distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so.',
      'THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF\n' +
        'MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY\n' +
        'CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE\n' +
        'SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.',
    ].join('\n\n'),
};

/** Writes the name, version, licence and licence text of every package that is part of a bundle. */
function writeNotices() {
  const meta = inProject('dist', 'meta');
  const folders = new Set(
    fs.readdirSync(meta).flatMap((name) => {
      const { inputs } = JSON.parse(fs.readFileSync(path.join(meta, name), 'utf8'));
      return Object.keys(inputs).flatMap((file) => packageFolder(file) ?? []);
    }),
  );
  const notices = [...folders].map((folder) => {
    const { name, version, license } = JSON.parse(fs.readFileSync(inProject(folder, 'package.json'), 'utf8'));
    const texts = fs
      .readdirSync(inProject(folder))
      .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
      .sort()
      .map((file) => fs.readFileSync(inProject(folder, file), 'utf8').trim());
    // These licences name nobody; others name their owner, and a package without its text cannot be bundled.
    const common = COMMON_TEXTS[license];
    if (texts.length === 0 && common === undefined) throw new Error(`${name} ${version} has no licence text`);
    if (texts.length === 0) texts.push(common());
    return { title: `${name} ${version} (${license})`, text: texts.join('\n\n') };
  });
  // Packages of one project share a text, which is printed once.
  const byText = new Map();
  for (const { title, text } of notices) byText.set(text, [...(byText.get(text) ?? []), title]);
  const parts = [...byText].map(([text, titles]) => `${[...new Set(titles)].sort().join('\n')}\n\n${text}\n`).sort();
  const head = 'The files of this package contain these packages, under these licences.\n';
  fs.writeFileSync(inProject('dist', 'THIRD-PARTY-NOTICES.txt'), [head, ...parts].join(`\n${'-'.repeat(80)}\n\n`));
}

/** Bundles a script of maintainers, which is no part of the package. */
export async function buildScript(entryPoint, outfile) {
  try {
    await esbuild({
      ...common,
      ...WITH_MODULE_URL,
      entryPoints: [entryPoint],
      outfile,
      mainFields: ['module', 'main'],
    });
  } finally {
    const { stop } = await import('esbuild');
    await stop();
  }
}

export async function build() {
  if (isUpToDate(projectDirectory)) return;
  const release = lockSetUp(projectDirectory);
  try {
    // Another command may have built meanwhile.
    if (!isUpToDate(projectDirectory)) await buildAll();
  } finally {
    release();
  }
}

async function buildAll() {
  fs.mkdirSync(inProject('dist'), { recursive: true });
  const { stop } = await import('esbuild');
  try {
    // One after the other: half the memory of all at once, at the price of half a second.
    for (const part of [buildHandlers, buildCommandLine, buildApp, buildExpressionCheck, buildLambdaRuntime, buildPage])
      await part();
    writeNotices();
    markUpToDate(projectDirectory);
  } finally {
    await stop(); // its process would stay beside a command that runs for minutes
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) await build();
