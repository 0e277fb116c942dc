import * as fs from 'node:fs';
import * as path from 'node:path';
import * as ts from 'typescript';

export const projectDirectory = path.resolve(__dirname, '../..');

/** One import (or re-export) in a source file: `to` is a path in the project or the name of a package. */
export interface Import {
  readonly from: string;
  readonly to: string;
  readonly external: boolean;
}

export function sourceFiles(directory: string): string[] {
  return fs.readdirSync(path.join(projectDirectory, directory), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(directory, entry.name);
    if (entry.isDirectory()) return sourceFiles(name);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts') ? [name] : [];
  });
}

function resolveRelative(from: string, specifier: string): string {
  const base = path.join(path.dirname(from), specifier);
  const candidates = [base, `${base}.ts`, path.join(base, 'index.ts')];
  const found = candidates.find((name) => {
    const file = path.join(projectDirectory, name);
    return fs.existsSync(file) && fs.statSync(file).isFile();
  });
  if (found === undefined) throw new Error(`${from} imports '${specifier}', which is no file of the project`);
  return found;
}

/** Every import of every TypeScript file below the given folders, read with TypeScript's own scanner. */
export function readImports(directories: readonly string[]): Import[] {
  return directories.flatMap(sourceFiles).flatMap((from) => {
    const text = fs.readFileSync(path.join(projectDirectory, from), 'utf8');
    return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => {
      const external = !fileName.startsWith('.');
      return { from, to: external ? fileName : resolveRelative(from, fileName), external };
    });
  });
}
