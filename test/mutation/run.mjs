#!/usr/bin/env node
// Mutation testing of the handlers and the decisions, a folder at a time: Stryker changes the code in a copy of the tree, one
// place at a time, and the folder's own tests have to fail.
//   npm run test:mutation                                         every folder
//   npm run test:mutation -- lambda/scale-events lib/cost/decide  some
//   npm run test:mutation -- lib/cost/decide/meter.ts:20-60       a file, or lines of it
// Every change that no test noticed is listed in .local/mutation, in a file each. Exit code 1: one is below the threshold.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';
import { mutationFolders, testFilesLoaded, testsOf } from './folders.mjs';

/** Lowest score of a folder, in percent of its mutants. */
const THRESHOLD_PERCENT = 85;

/** Tests that wait for real deadlines, or play scenarios for seconds, which every change that no test notices would pay for. */
const SLOW_TESTS = [
  String.raw`/(silence|model|deliveries)\.test\.ts$`,
  String.raw`/stream-consumer/(capacity|fleet|freshness|hang|laws|outage|process-warnings)\.test\.ts$`,
];

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const reportDirectory = path.join(projectDirectory, '.local', 'mutation');

/** Folder of a part, which is a folder, or a file with or without a range of lines. */
function folderOf(part) {
  return /\.ts(:\d+-\d+)?$/.test(part) ? path.posix.dirname(part) : part;
}

/** Options of Stryker for one part: the copy of the tree holds only what the tests of its folder load. */
function optionsOf(part) {
  const folder = folderOf(part);
  const tests = testsOf(folder);
  const others = known.filter((other) => other.startsWith(`${folder}/`)).map((other) => `!${other}/**`);
  return {
    mutate: part === folder ? [`${folder}/**/*.ts`, ...others] : [part],
    testRunner: 'jest-open',
    plugins: [
      '@stryker-mutator/jest-runner',
      path.join(projectDirectory, 'test/mutation/runner.mjs'),
      path.join(projectDirectory, 'test/mutation/ignored-text.mjs'),
    ],
    ignorers: ['log-text'],
    jest: {
      projectType: 'custom',
      configFile: 'jest.config.cjs',
      enableFindRelatedTests: true,
      config: {
        roots: ['<rootDir>/test', '<rootDir>/lib', '<rootDir>/lambda'],
        testMatch: tests.map((test) => `<rootDir>/${test}${test.endsWith('.ts') ? '' : '/**/*.test.ts'}`),
        testPathIgnorePatterns: SLOW_TESTS,
        setupFiles: ['<rootDir>/test/support/jest-setup.ts', '<rootDir>/test/support/first-counterexample.cjs'],
        globalSetup: null, // bundles, which these tests do not load
        testEnvironment: path.join(projectDirectory, 'test/mutation/environment.cjs'), // which Stryker extends
        testTimeout: 30_000,
      },
    },
    coverageAnalysis: 'perTest',
    concurrency: Math.min(2, os.availableParallelism()),
    // Generous, as machines are shared: a loop without an end is recognised by its count of passes.
    timeoutMS: 60_000,
    dryRunTimeoutMinutes: 30,
    disableTypeChecks: false,
    ignorePatterns: [
      '/*',
      '!/lib',
      '!/lambda',
      '!/test',
      '/test/*',
      '!/test/support',
      ...[...tests, ...testFilesLoaded(tests)].flatMap(copied),
      '!/jest.config.cjs',
      '!/package.json',
      '!/tsconfig.json',
    ],
    tempDirName: path.join('.local', 'stryker'),
    reporters: ['progress-append-only'],
    allowEmpty: false,
    thresholds: { high: 100, low: THRESHOLD_PERCENT, break: null },
    warnings: { slow: false },
    // Warnings are of processes that were stopped, which the table counts as detected.
    logLevel: process.env.MUTATION_LOG ?? 'error',
    allowConsoleColors: false,
  };
}

/** Patterns that bring a test, or a file that it loads, with the folders above it and the files beside it, into the copy. */
function copied(test) {
  const folder = test.endsWith('.ts') ? path.posix.dirname(test) : test;
  const parts = folder.split('/');
  return parts.slice(1).map((_, index) => `!/${parts.slice(0, index + 2).join('/')}`);
}

function summaryOf(part, results, seconds) {
  const count = (...statuses) => results.filter(({ status }) => statuses.includes(status)).length;
  const detected = count('Killed', 'Timeout');
  const undetected = count('Survived', 'NoCoverage');
  const score = detected + undetected === 0 ? 100 : (100 * detected) / (detected + undetected);
  return {
    part,
    mutants: detected + undetected,
    detected,
    survived: count('Survived'),
    uncovered: count('NoCoverage'),
    errors: count('RuntimeError', 'CompileError'),
    score,
    seconds,
  };
}

/** Writes the changes that no test noticed, by place. */
function writeSurvivors(part, results) {
  const lines = results
    .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
    .map(({ fileName, location, mutatorName, replacement, status }) => {
      const file = path.relative(projectDirectory, fileName);
      return `${file}:${location.start.line}:${location.start.column} ${mutatorName} ${status}: ${replacement?.replaceAll(/\s+/g, ' ').slice(0, 160)}`;
    })
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  fs.mkdirSync(reportDirectory, { recursive: true });
  fs.writeFileSync(path.join(reportDirectory, `${part.replaceAll(/[/:]/g, '-')}.txt`), `${lines.join('\n')}\n`);
}

function printTable(summaries) {
  const row = (cells) =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(40) : String(cell).padStart(10))).join('');
  console.log(row(['changed', 'mutants', 'detected', 'survived', 'uncovered', 'errors', 'score', 'seconds']));
  for (const { part, mutants, detected, survived, uncovered, errors, score, seconds } of summaries)
    console.log(
      row([part, mutants, detected, survived, uncovered, errors, `${score.toFixed(1)} %`, Math.round(seconds)]),
    );
}

const known = mutationFolders();
const wanted = process.argv.slice(2).map((name) => name.replace(/\/$/, ''));
const unknown = wanted.filter((name) => !known.includes(folderOf(name)));
if (unknown.length > 0) {
  console.error(
    `unknown ${unknown.join(', ')}; known are files (FILE.ts or FILE.ts:FROM-TO) in, and all of, ${known.join(', ')}`,
  );
  process.exit(2);
}

process.chdir(projectDirectory);
const summaries = [];
for (const part of wanted.length > 0 ? wanted : known) {
  const start = performance.now();
  const results = await new Stryker(optionsOf(part)).runMutationTest();
  summaries.push(summaryOf(part, results, (performance.now() - start) / 1000));
  writeSurvivors(part, results);
  printTable(summaries.slice(-1));
}
console.log();
printTable(summaries);
const below = summaries.filter(({ score }) => score < THRESHOLD_PERCENT);
if (below.length > 0)
  console.error(
    `\nbelow ${THRESHOLD_PERCENT} %: ${below.map(({ part }) => part).join(', ')}; the survivors are listed in .local/mutation`,
  );
process.exit(below.length > 0 ? 1 : 0);
