import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { readTemplates } from '../../../bin/input/template-files';
import { templateFiles } from '../../../bin/input/template-paths';

const FILES = [
  'cdk.out/manifest.json',
  'cdk.out/tree.json',
  'cdk.out/One.template.json',
  'cdk.out/Two.template.json',
  'cdk.out/OneNested1A2B.nested.template.json',
  'cdk.out/assembly-Prod/Three.template.json',
  'cdk.out/assembly-Prod/assembly-Deep/Four.template.json',
  'cdk.out/asset.0123/Foreign.template.json',
  'sam/template.yaml',
  'sam/Other.template.yml',
  'plain/stack.yaml',
  'plain/readme.md',
  'empty/readme.md',
  'app/package.json',
  'app/cdk.out/App.template.json',
  'odd/[a].template.json',
  'odd/{b}.yaml',
];

let folder: string;
const before = process.cwd();

beforeAll(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate template paths ')));
  for (const file of FILES) {
    fs.mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), '{"Resources":{}}');
  }
  fs.mkdirSync(path.join(folder, 'inner'));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  fs.rmSync(folder, { recursive: true, force: true });
});

const ALL_OF_CDK_OUT = [
  'cdk.out/One.template.json',
  'cdk.out/OneNested1A2B.nested.template.json',
  'cdk.out/Two.template.json',
  'cdk.out/assembly-Prod/Three.template.json',
  'cdk.out/assembly-Prod/assembly-Deep/Four.template.json',
];

describe('template paths', () => {
  test.each<[string, string[], string[]]>([
    ['a file', ['sam/template.yaml'], ['sam/template.yaml']],
    ['a file that is not there, whose reader says so', ['gone.json'], ['gone.json']],
    ['standard input', ['-'], ['-']],
    ['a cloud assembly with its nested ones, without assets', ['cdk.out'], ALL_OF_CDK_OUT],
    ['a folder with a separator at its end', ['cdk.out/'], ALL_OF_CDK_OUT],
    ['a folder of YAML', ['sam'], ['sam/Other.template.yml', 'sam/template.yaml']],
    [
      'a pattern',
      ['cdk.out/*.template.json'],
      ['cdk.out/One.template.json', 'cdk.out/OneNested1A2B.nested.template.json', 'cdk.out/Two.template.json'],
    ],
    ['a pattern with a choice', ['cdk.out/{One,Two}.template.json'], [ALL_OF_CDK_OUT[0]!, ALL_OF_CDK_OUT[2]!]],
    ['a pattern over folders', ['*/stack.y*ml'], ['plain/stack.yaml']],
    ['a pattern over any depth', ['**/Four.*'], ['cdk.out/assembly-Prod/assembly-Deep/Four.template.json']],
    ['a pattern of folders', ['s[a]m'], ['sam/Other.template.yml', 'sam/template.yaml']],
    ['a file whose name looks like a pattern', ['odd/[a].template.json', 'odd/{b}.yaml'], FILES.slice(-2)],
    [
      'each file once',
      ['cdk.out/Two.template.json', './cdk.out/Two.template.json', 'cdk.out/T*.template.json'],
      ['cdk.out/Two.template.json'],
    ],
    [
      'files in the order in which they are named',
      ['sam/template.yaml', 'cdk.out/One.template.json'],
      [FILES[8]!, FILES[2]!],
    ],
  ])('name %s', (_what, given, files) => expect(templateFiles(given)).toEqual(files.map(path.normalize)));

  test('lead out of the working directory, by patterns too', () => {
    process.chdir(path.join(folder, 'inner'));
    try {
      expect(templateFiles(['../s*/template.yaml'])).toEqual([path.join('..', 'sam', 'template.yaml')]);
      expect(templateFiles([path.join(folder, '*', 'stack.yaml')])).toEqual([path.join(folder, 'plain', 'stack.yaml')]);
      expect(templateFiles([path.join(folder, 'sam')])).toHaveLength(2);
    } finally {
      process.chdir(folder);
    }
  });

  test.each<[string, string, string]>([
    [
      'a folder without a template',
      'empty',
      "--template is 'empty', a folder without a template (*.template.json, *.template.yaml, *.template.yml or template.yaml",
    ],
    ['a folder with other YAML', 'plain', 'name its files, such as plain/stack.yaml'],
    ['the folder of an app', 'app', 'give app/cdk.out'],
    ['a pattern without a match', 'cdk.out/*.yaml', "'cdk.out/*.yaml', a pattern that matches no file"],
    ['a pattern in a folder that is not there', 'gone/*.json', "'gone/*.json', a pattern that matches no file"],
    [
      'a pattern of folders without a template',
      'empt?',
      "'empt?', a pattern that matches folders without a template (*.template.json",
    ],
  ])('refuse %s', (_what, given, message) =>
    expect(() => templateFiles([given])).toThrow(message.replaceAll('/', path.sep === '/' ? '/' : '\\')),
  );

  test('are read with their names', () => {
    expect(readTemplates({ template: ['cdk.out', 'sam/*.yml'] }).map(({ name }) => name)).toEqual(
      [...ALL_OF_CDK_OUT, 'sam/Other.template.yml'].map(path.normalize),
    );
  });
});
