import * as fs from 'node:fs';
import * as path from 'node:path';
import { RULES } from '../../lib/proof/prove';
import { projectDirectory } from '../architecture/imports';

const page = fs.readFileSync(path.join(projectDirectory, 'lib/proof/RULES.md'), 'utf8');

test('has one line for each rule', () => {
  const rows = RULES.map(
    ({ id, severity, reason, remedy, source }) => `| \`${id}\` | ${severity} | ${reason} | ${remedy} | ${source} |`,
  );
  expect(page.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
});

test('has ids that differ', () => {
  expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
});

test('has rules of every file, and a test file beside each', () => {
  const files = fs.readdirSync(path.join(projectDirectory, 'lib/proof/rules'));
  const declared = files.flatMap((file) => {
    const text = fs.readFileSync(path.join(projectDirectory, 'lib/proof/rules', file), 'utf8');
    return [...text.matchAll(/^ {4}id: '([^']+)'/gm)].map(([, id]) => id);
  });
  expect(declared.sort()).toEqual(RULES.map(({ id }) => id).sort());
  const tests = fs.readdirSync(path.join(__dirname, 'rules'));
  expect(tests.sort()).toEqual(files.map((file) => file.replace(/\.ts$/, '.test.ts')).sort());
});
