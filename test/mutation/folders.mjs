// Which folders are mutated, and which tests belong to each.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Tests of a folder that lie elsewhere than its path says: `lambda/x` in `test/lambda/x`, `lib/x/decide` in `test/x/decide`. */
const TESTS = {
  'lambda/clients': [
    'test/lambda/clients',
    'test/lambda/capacity-forecaster/clients.test.ts',
    'test/lambda/configuration-sweeper/clients.test.ts',
    'test/lambda/cost-guard/clients.test.ts',
    'test/lambda/notification-webhook/handler.test.ts',
    'test/lambda/scale-events/clients.test.ts',
    'test/lambda/stream-consumer/endpoint-runtime.test.ts',
  ],
  'lib/cost/decide': ['test/cost/decide', 'test/cost/contract.test.ts'],
  'lib/features/decide': ['test/features'],
  'lib/ingestion/decide': [
    'test/ingestion/checkpoint.test.ts',
    'test/ingestion/drain-rate.test.ts',
    'test/ingestion/event-source-mapping.test.ts',
    'test/ingestion/hang.test.ts',
    'test/ingestion/in-flight-limit.test.ts',
    'test/ingestion/result-messages.test.ts',
    'test/ingestion/payload-mapping.test.ts',
    'test/ingestion/record-field.test.ts',
    'test/ingestion/redrive.test.ts',
    'test/ingestion/requests-in-flight.test.ts',
    'test/ingestion/response-facts.test.ts',
    'test/ingestion/session.test.ts',
    'test/ingestion/shard-count.test.ts',
    'test/ingestion/shard-notices.test.ts',
    'test/ingestion/spill.test.ts',
    'test/ingestion/verdict.test.ts',
  ],
  // The response of a custom resource is tested with the handler that sends it.
  'lambda/support': ['test/lambda/support', 'test/lambda/cost-guard-release'],
  'lib/preflight/decide': ['test/preflight'],
  'lib/training/decide': ['test/training/capacity-failure.test.ts', 'test/training/training-failure.test.ts'],
};

function subfolders(folder) {
  return fs
    .readdirSync(path.join(projectDirectory, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`)
    .sort();
}

/** Every folder of the handlers, and every folder of decisions. */
export function mutationFolders() {
  const decisions = subfolders('lib')
    .map((room) => `${room}/decide`)
    .filter((folder) => fs.existsSync(path.join(projectDirectory, folder)));
  return [...subfolders('lambda'), ...decisions.flatMap((folder) => [folder, ...subfolders(folder)])];
}

/** Test files and folders whose tests have to notice a change in the folder. */
export function testsOf(folder) {
  const own = folder.startsWith('lambda/') ? `test/${folder}` : `test/${folder.replace(/^lib\//, '')}`;
  return TESTS[folder] ?? [own];
}

/** Test files that tests load from other folders, directly or not. */
export function testFilesLoaded(tests) {
  const isTest = (file) => file.startsWith('test/');
  const loaded = new Set(tests.flatMap(filesOf));
  const own = new Set(loaded);
  for (const file of loaded) for (const other of importsOf(file)) if (isTest(other)) loaded.add(other);
  return [...loaded].filter((file) => !own.has(file)).sort();
}

function filesOf(test) {
  if (test.endsWith('.ts')) return [test];
  return fs
    .readdirSync(path.join(projectDirectory, test), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.posix.join(test, name));
}

/** Returns the files of the project that a file imports. */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(fs.readFileSync(path.join(projectDirectory, file), 'utf8'), true, true);
  return importedFiles
    .filter(({ fileName }) => fileName.startsWith('.'))
    .flatMap(({ fileName }) => {
      const base = path.posix.join(path.posix.dirname(file), fileName);
      const name = [base, `${base}.ts`, `${base}/index.ts`].find((one) => isFile(path.join(projectDirectory, one)));
      return name === undefined ? [] : [name];
    });
}

function isFile(name) {
  return fs.statSync(name, { throwIfNoEntry: false })?.isFile() === true;
}
