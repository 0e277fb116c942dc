// Test runner of Stryker: Jest, opened once a process. Stryker's own opens Jest anew for every change, and loads every test file of a folder;
// this one loads the files whose tests reach the change, those first that noticed most of the file's changes for their time, and none after
// the first that fails.
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { Worker } from 'node:worker_threads';
import { strykerPlugins as plugins } from '@stryker-mutator/jest-runner';

/** Processor time that a change may use beyond that of all tests of unchanged code: a loop without an end is one that uses more. */
const EXTRA_PROCESSOR_SECONDS = 5;

const fromJest = createRequire(createRequire(import.meta.url).resolve('jest'));
const fromCore = createRequire(fromJest.resolve('@jest/core'));
const { SearchSource } = fromJest('@jest/core');
const { readConfigs } = fromCore('jest-config');
const { default: Runtime } = fromCore('jest-runtime');
const { default: TestRunner } = createRequire(fromCore.resolve('jest-config'))('jest-runner');

/** Facts that the run of unchanged code leaves to the other processes; the folder is the copy of the tree, which Stryker deletes. */
const FACTS_FILE = 'unchanged.json';

/** A change that was stopped, for the process that comes after the stopped one. */
const stoppedFile = (id) => path.resolve(`stopped-${id}`);

/** Files of the tests by name, with the duration of each file. */
function factsOf(results, processorSeconds) {
  const files = {};
  const milliseconds = {};
  for (const { testFilePath, testResults, perfStats } of results.testResults) {
    milliseconds[testFilePath] = perfStats.runtime;
    for (const { fullName } of testResults) (files[fullName] ??= []).push(testFilePath);
  }
  return { files, milliseconds, processorSeconds };
}

/** Opens Jest: its configuration, and the files that it knows. */
async function open(jestConfig) {
  const { globalConfig, configs } = await readConfigs(
    { $0: 'stryker', _: [], config: JSON.stringify(jestConfig), runInBand: true, silent: true },
    [jestConfig.rootDir ?? process.cwd()],
  );
  const [config] = configs;
  const { hasteFS, moduleMap } = await (
    await Runtime.createHasteMap(config, { console, maxWorkers: 1, resetCache: false, watchman: false })
  ).build();
  const context = { config, hasteFS, moduleMap, resolver: Runtime.createResolver(config, moduleMap) };
  return { globalConfig, context, search: new SearchSource(context), related: new Map() };
}

/** Returns the test files that load a file. */
async function relatedTests({ search, related }, file) {
  if (!related.has(file)) {
    const { tests } = await search.findRelatedTests(new Set([path.resolve(file)]), false);
    related.set(
      file,
      tests.map((test) => test.path),
    );
  }
  return related.get(file);
}

/** Runs a test file; one that cannot be loaded has an error of its own. */
async function runFile({ globalConfig, context }, file, testNamePattern) {
  const runner = new TestRunner({ ...globalConfig, testNamePattern }, {});
  let outcome;
  runner.on('test-file-success', ([, result]) => (outcome = result));
  runner.on(
    'test-file-failure',
    ([, error]) => (outcome = { testFilePath: file, testResults: [], testExecError: error }),
  );
  await runner.runTests([{ context, path: file }], { isInterrupted: () => false }, { serial: true });
  return outcome;
}

const failed = ({ testExecError, testResults }) =>
  testExecError != null || testResults.some(({ status }) => status === 'failed');

function createRunner(injector) {
  const runner = injector.injectFunction(plugins.find(({ name }) => name === 'jest').factory);
  const whole = runner.jestTestAdapter;
  const mutantRun = runner.mutantRun.bind(runner);
  const sessions = new Map();
  /** Changes that a test file noticed, by the changed file and the test file. */
  const noticed = new Map();
  let watch;
  let facts;
  let testFilter;

  /** Runs the tests of a change. */
  async function runChange({ jestConfig, fileNamesUnderTest: [file], testNamePattern }) {
    // The roots hold the folder of the change already.
    const config = { ...jestConfig, roots: runner.jestConfig.roots };
    const key = JSON.stringify(config);
    if (!sessions.has(key)) sessions.set(key, await open(config));
    const session = sessions.get(key);
    const files = testFilter?.flatMap((name) => facts.files[name]) ?? (await relatedTests(session, file));
    const count = (test) => noticed.get(`${file} ${test}`) ?? 0;
    const worth = (test) => (1 + count(test)) / facts.milliseconds[test];
    const testResults = [];
    for (const test of [...new Set(files)].sort((a, b) => worth(b) - worth(a))) {
      testResults.push(await runFile(session, test, testNamePattern));
      if (!failed(testResults.at(-1))) continue;
      noticed.set(`${file} ${test}`, count(test) + 1);
      break;
    }
    const numRuntimeErrorTestSuites = testResults.filter(({ testExecError }) => testExecError != null).length;
    return { results: { testResults, numRuntimeErrorTestSuites } };
  }

  runner.jestTestAdapter = {
    async run(settings) {
      if (facts !== undefined) return runChange(settings);
      const before = process.cpuUsage();
      const outcome = await whole.run(settings);
      const { user, system } = process.cpuUsage(before);
      fs.writeFileSync(FACTS_FILE, JSON.stringify(factsOf(outcome.results, (user + system) / 1e6)));
      return outcome;
    },
  };
  runner.mutantRun = async (options) => {
    const stopped = stoppedFile(options.activeMutant.id);
    if (fs.existsSync(stopped)) return { status: 'timeout' };
    facts ??= JSON.parse(fs.readFileSync(FACTS_FILE, 'utf8'));
    watch ??= new Worker(new URL('watch.mjs', import.meta.url));
    watch.unref();
    testFilter = options.testFilter;
    watch.postMessage({ stopped, processorSeconds: facts.processorSeconds + EXTRA_PROCESSOR_SECONDS });
    try {
      return await mutantRun(options);
    } finally {
      watch.postMessage(undefined);
    }
  };
  return runner;
}
createRunner.inject = ['$injector'];

export const strykerPlugins = [{ kind: 'TestRunner', name: 'jest-open', factory: createRunner }];
