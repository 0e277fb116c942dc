import * as fs from 'node:fs';
import * as path from 'node:path';
import * as ts from 'typescript';
import { projectDirectory, sourceFiles } from './imports';

/** A name that a file declares and exports; re-exports are not among them. */
export interface ExportedName {
  readonly name: string;
  readonly file: string;
  /** Types are exported beside what takes or returns them; values are exported to be used. */
  readonly isValue: boolean;
}

/** Every name that the TypeScript files below some folders declare and export. */
export function exportedNames(folders: readonly string[]): ExportedName[] {
  return folders.flatMap(sourceFiles).flatMap((file) => {
    const text = fs.readFileSync(path.join(projectDirectory, file), 'utf8');
    const { statements } = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022);
    return (
      statements
        .filter((statement) => ts.canHaveModifiers(statement) && isExported(statement))
        .flatMap((statement) => {
          const isValue = !ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement);
          return namesOf(statement).map((name) => ({ name, file, isValue }));
        })
        // A constant may stand beside a type of its name.
        .filter(({ name }, index, all) => all.findIndex((other) => other.name === name) === index)
    );
  });
}

const isExported = (statement: ts.HasModifiers): boolean =>
  ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
  }
  const { name } = statement as ts.Statement & { readonly name?: ts.Node };
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : [];
}

/** Identifiers of each file below some folders. */
export function identifiersOf(folders: readonly string[]): Map<string, ReadonlySet<string>> {
  return new Map(
    folders.flatMap(sourceFiles).map((file) => {
      const text = fs.readFileSync(path.join(projectDirectory, file), 'utf8');
      return [file, new Set(text.match(/[A-Za-z_$][\w$]*/g))];
    }),
  );
}
