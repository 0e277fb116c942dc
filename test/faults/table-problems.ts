import * as fs from 'node:fs';
import * as path from 'node:path';
import * as ts from 'typescript';
import type { Fault } from './fault-table';

/** Returns what of a table no longer fits the sources: texts that do not occur once, and tests that do not exist. */
export function tableProblems(faults: readonly Fault[], projectDirectory: string): string[] {
  const texts = new Map<string, string>();
  const read = (file: string): string => {
    const where = path.join(projectDirectory, file);
    if (!texts.has(file)) texts.set(file, fs.existsSync(where) ? fs.readFileSync(where, 'utf8') : '');
    return texts.get(file)!;
  };
  const names = new Map<string, string[]>();
  const namesOf = (file: string): string[] => {
    if (!names.has(file)) names.set(file, testNames(file, read(file)));
    return names.get(file)!;
  };
  return faults.flatMap(({ id, protections, open }) => [
    ...(protections.length === 0 && open === undefined
      ? [`${id} has neither a protection nor a reason to be open`]
      : []),
    ...protections.flatMap(({ removals, test }) => [
      ...removals.flatMap(({ file, find, replace }) => {
        const count = read(file).split(find).length - 1;
        const shown = JSON.stringify(find.length > 60 ? `${find.slice(0, 60)}…` : find);
        if (find === replace) return [`${id}: the removal of ${shown} removes nothing`];
        return count === 1 ? [] : [`${id}: ${shown} occurs ${count} times in ${file}; it has to occur once`];
      }),
      ...(namesOf(test.file).includes(test.name) ? [] : [`${id}: ${test.file} has no test '${test.name}'`]),
    ]),
  ]);
}

/** Returns the names of the tests of a file: the titles of their groups and their own, as in the source. */
export function testNames(file: string, text: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node, groups: readonly string[]): void => {
    let inside = groups;
    if (ts.isCallExpression(node)) {
      const [title] = node.arguments;
      const kind = calleeName(node.expression);
      if (
        title !== undefined &&
        ts.isStringLiteralLike(title) &&
        (kind === 'describe' || kind === 'test' || kind === 'it')
      ) {
        inside = [...groups, title.text];
        if (kind !== 'describe') names.push(inside.join(' '));
      }
    }
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true), []);
  return names;
}

/** Name at the root of a callee: `test` for `test.each([…])`. */
function calleeName(expression: ts.Expression): string | undefined {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isPropertyAccessExpression(expression) || ts.isCallExpression(expression))
    return calleeName(expression.expression);
  return ts.isTaggedTemplateExpression(expression) ? calleeName(expression.tag) : undefined;
}
