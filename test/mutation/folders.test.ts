import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const projectDirectory = path.resolve(__dirname, '../..');

/** Prints the value of an expression over the names that the module of folders exports. */
function evaluate(expression: string): unknown {
  const program =
    "import * as folders from './test/mutation/folders.mjs'; const { mutationFolders, testFilesLoaded, testsOf } = folders;" +
    `console.log(JSON.stringify(${expression}))`;
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: projectDirectory, encoding: 'utf8' }),
  );
}

test('the copy of the tree has the files that tests load from other folders', () => {
  expect(evaluate("testFilesLoaded(testsOf('lambda/clients'))")).toEqual(
    expect.arrayContaining(['test/cost/decide/fixtures.ts']),
  );
  expect(evaluate("testFilesLoaded(['test/cost/decide'])")).not.toContain('test/cost/decide/fixtures.ts');
});

test('every folder of handlers and decisions has tests that a change has to fail', () => {
  const folders = evaluate('mutationFolders().map((folder) => [folder, testsOf(folder)])') as [string, string[]][];
  expect(folders.map(([folder]) => folder)).toEqual(expect.arrayContaining(['lambda/cost-guard', 'lib/cost/decide']));
  const missing = folders.filter(([, tests]) => !tests.every((one) => fs.existsSync(path.join(projectDirectory, one))));
  expect(missing).toEqual([]);

  // A test with the name of a file, in the room of the folder, is one of the folder's tests, unless a construct has that name too.
  const exists = (file: string): boolean => fs.existsSync(path.join(projectDirectory, file));
  const left = folders.flatMap(([folder, tests]) =>
    fs
      .readdirSync(path.join(projectDirectory, folder))
      .filter((file) => folder.startsWith('lib/') && !exists(`lib/${folder.split('/')[1]!}/${file}`))
      .map((file) => `test/${folder.split('/')[1]!}/${path.basename(file, '.ts')}.test.ts`)
      .filter((test) => exists(test) && !tests.some((one) => test === one || test.startsWith(`${one}/`))),
  );
  expect(left).toEqual([]);
});
