#!/usr/bin/env node
// Bundles with esbuild: every Lambda handler into assets/<name>/index.js, the live page into dist/page.html, the command
// line into dist/tidegate.cjs and its threads into dist/tune-worker.cjs, the CDK app into dist/app/index.cjs. Two seconds,
// so commands of the clone call it every time.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as esbuild, stop } from 'esbuild';

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

async function buildCommandLine() {
  const result = await esbuild({
    ...common,
    entryPoints: ['bin/tidegate.ts'],
    outfile: 'dist/tidegate.cjs',
    sourcemap: 'linked',
    mainFields: ['module', 'main'],
  });
  writeMetafile('command-line', result.metafile);
  // The threads of `tidegate tune` start from a file of their own.
  const worker = await esbuild({
    ...common,
    entryPoints: ['bin/commands/tune-worker.ts'],
    outfile: 'dist/tune-worker.cjs',
    sourcemap: 'linked',
    mainFields: ['module', 'main'],
  });
  writeMetafile('tune-worker', worker.metafile);
}

/** Its packages stay outside: the CDK finds files of its own beside its modules. */
async function buildApp() {
  const result = await esbuild({
    ...common,
    entryPoints: ['bin/app.ts'],
    // Two folders deep like the rooms of lib, so that they find their assets from here too.
    outfile: 'dist/app/index.cjs',
    sourcemap: 'linked',
    packages: 'external',
  });
  writeMetafile('app', result.metafile);
}

async function buildPage() {
  const { bundlePage } = await import(pathToFileURL(inProject('lib', 'local', 'page', 'bundle.mjs')).href);
  await bundlePage(inProject('dist', 'page.html'));
}

export async function build() {
  fs.mkdirSync(inProject('dist'), { recursive: true });
  try {
    // One after the other: half the memory of all at once, at the price of half a second.
    for (const part of [buildHandlers, buildCommandLine, buildApp, buildPage]) await part();
  } finally {
    await stop(); // its process would stay beside a command that runs for minutes
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) await build();
