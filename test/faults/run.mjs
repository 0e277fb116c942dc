#!/usr/bin/env node
// Takes every protection of the table out, one at a time and in memory, and sees its named test fail without it and pass with it.
//   npm run test:faults            the whole table
//   npm run test:faults -- F4 F28  some faults
// Exit code 1: a test is red with its protection or green without it, or the table no longer fits the sources.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const workDirectory = path.join(projectDirectory, '.local', 'faults');
const require = createRequire(import.meta.url);
const baseConfig = require('../../jest.config.cjs');

/** Limit of the run: about 3 minutes on two idle cores, several times that on a machine that others use. */
const MAX_SECONDS = 1800;
/** Project in which every protection is in place. */
const PROTECTED = 'protected';

/** The table and its checks are TypeScript: bundled, then loaded. */
function loadTable() {
  const outfile = path.join(workDirectory, 'table.cjs');
  buildSync({
    stdin: {
      contents: "export * from './faults';\nexport * from './fault-table';\nexport * from './table-problems';",
      resolveDir: path.join(projectDirectory, 'test/faults'),
    },
    bundle: true,
    platform: 'node',
    outfile,
    external: ['typescript'],
    logLevel: 'error',
  });
  return require(outfile);
}

/** Settings of one project: the base configuration with sources from which something is removed. */
function projectOf(name, testFiles, removals) {
  const project = { ...baseConfig };
  for (const setting of ['transform', 'maxWorkers', 'reporters', 'globalSetup']) delete project[setting];
  const { transform } = baseConfig;
  const [[pattern, [, swc]]] = Object.entries(transform);
  return {
    ...project,
    setupFiles: [...project.setupFiles, '<rootDir>/test/support/first-counterexample.cjs'],
    // One identity for all: they share the cache of transformed sources, whose keys tell the removals apart.
    id: 'tidegate-faults',
    displayName: name,
    rootDir: projectDirectory,
    testMatch: testFiles.map((file) => `<rootDir>/${file}`),
    transform: {
      [pattern]: ['<rootDir>/test/faults/without-protection.cjs', { rootDirectory: projectDirectory, swc, removals }],
    },
  };
}

/** Runs the named tests with every protection, and each without its own; returns the outcome of every test. */
function runJest(cases, namePattern) {
  const outputFile = path.join(workDirectory, 'outcomes.json');
  fs.rmSync(outputFile, { force: true });
  const files = [...new Set(cases.map(({ test }) => test.file))];
  const config = {
    rootDir: projectDirectory,
    projects: [
      projectOf(PROTECTED, files, []),
      ...cases.map(({ key, test, removals }) => projectOf(key, [test.file], removals)),
    ],
    maxWorkers: 2,
    testTimeout: 45_000, // which Jest ignores in projects
    reporters: [[path.join(projectDirectory, 'test/faults/result-reporter.cjs'), { outputFile }]],
  };
  const configFile = path.join(workDirectory, 'jest.config.json');
  fs.writeFileSync(configFile, JSON.stringify(config, null, 1));
  const names = [...new Set(cases.map(({ test }) => namePattern(test.name)))];
  const jest = path.join(projectDirectory, 'node_modules', 'jest', 'bin', 'jest.js');
  const result = spawnSync(
    process.execPath,
    [jest, '--config', configFile, '--testNamePattern', `^(${names.join('|')})$`],
    {
      cwd: projectDirectory,
      stdio: ['ignore', 'inherit', 'pipe'],
      encoding: 'utf8',
      timeout: MAX_SECONDS * 1000,
      killSignal: 'SIGKILL',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (fs.existsSync(outputFile)) return JSON.parse(fs.readFileSync(outputFile, 'utf8'));
  throw new Error(
    `the tests did not finish (${result.error?.message ?? `exit code ${result.status}`}):\n${result.stderr.slice(-2000)}`,
  );
}

/** Judges one protection by the outcomes of its test. */
function judge({ key, test }, outcomes, namePattern) {
  const named = new RegExp(`^${namePattern(test.name)}$`);
  const of = (project) => outcomes.filter((outcome) => outcome.project === project && outcome.file === test.file);
  const ran = (project) =>
    of(project).filter(
      ({ name, status }) => name !== undefined && named.test(name) && (status === 'passed' || status === 'failed'),
    );
  const broken = [...of(PROTECTED), ...of(key)].find(({ status }) => status === 'broken');
  if (broken !== undefined) return { red: false, verdict: `cannot run: ${broken.message.trim().slice(0, 400)}` };
  const before = ran(PROTECTED);
  if (before.length === 0) return { red: false, verdict: 'no such test' };
  const failing = before.find(({ status }) => status === 'failed');
  if (failing !== undefined)
    return { red: false, verdict: `red with its protection: ${failing.message.slice(0, 400)}` };
  const after = ran(key).filter(({ status }) => status === 'failed');
  return after.length > 0 ? { red: true, verdict: 'yes' } : { red: false, verdict: 'GREEN without its protection' };
}

fs.mkdirSync(workDirectory, { recursive: true });
const { FAULTS, namePattern, tableProblems } = loadTable();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((id) => !FAULTS.some((fault) => fault.id === id));
if (unknown.length > 0) {
  console.error(`unknown fault ${unknown.join(', ')}; known are ${FAULTS.map(({ id }) => id).join(', ')}`);
  process.exit(2);
}
const faults = FAULTS.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
const problems = tableProblems(faults, projectDirectory);
if (problems.length > 0) {
  console.error(`The table no longer fits the sources:\n  ${problems.join('\n  ')}`);
  process.exit(1);
}

const start = performance.now();
const cases = faults.flatMap(({ id, protections }) =>
  protections.map((protection, index) => ({ ...protection, key: `${id}.${index + 1}`, id })),
);
const outcomes = cases.length === 0 ? [] : runJest(cases, namePattern);
let green = 0;
for (const fault of faults) {
  console.log(`${fault.id.padEnd(4)} ${fault.fault}`);
  for (const one of cases.filter(({ id }) => id === fault.id)) {
    const { red, verdict } = judge(one, outcomes, namePattern);
    if (!red) green++;
    console.log(`       protection  ${one.protection}`);
    console.log(`       test        ${one.test.file}: ${one.test.name}`);
    console.log(`       seen red    ${verdict}`);
  }
  if (fault.open !== undefined) console.log(`       open        ${fault.open}`);
}
const without = faults.filter(({ protections }) => protections.length === 0).length;
const open = faults.filter(({ open }) => open !== undefined).length;
console.log(
  `\n${faults.length} faults, ${without} of them without a protection, ${open} with something open; ` +
    `${cases.length} protections, ${cases.length - green} seen red without (${Math.round((performance.now() - start) / 1000)} s)`,
);
process.exit(green > 0 ? 1 : 0);
