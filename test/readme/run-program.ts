import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { transformSync } from '@swc/core';
import { projectDirectory } from '../architecture/imports';

/** Runs a TypeScript program as a module of its own, with `tidegate` meaning this checkout, in an empty folder that is removed afterwards. */
export function runProgram(name: string, program: string): void {
  const { code } = transformSync(program, {
    filename: name,
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  const load = (module: string): unknown => {
    if (module === 'tidegate') return jest.requireActual(path.join(projectDirectory, 'lib'));
    if (module === 'tidegate/decide') return jest.requireActual(path.join(projectDirectory, 'lib/decide'));
    return jest.requireActual(module);
  };
  const directory = process.cwd();
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-readme-'));
  process.chdir(scratch); // an App that is synthesised leaves its assembly here
  try {
    new Function('require', 'exports', code)(load, {});
  } finally {
    process.chdir(directory);
    fs.rmSync(scratch, { recursive: true });
  }
}
