import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const projectDirectory = path.resolve(__dirname, '../..');

test('every folder of handlers and decisions has tests that a change has to fail', () => {
  const program =
    "import { mutationFolders, testsOf } from './test/mutation/folders.mjs';" +
    'console.log(JSON.stringify(mutationFolders().map((folder) => [folder, testsOf(folder)])))';
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: projectDirectory,
    encoding: 'utf8',
  });
  const folders = JSON.parse(printed) as [folder: string, tests: string[]][];
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
