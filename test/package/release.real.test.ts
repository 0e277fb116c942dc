import * as fs from 'node:fs';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { MINUTES, packedTarball, pythonPackages, runProgram } from './packed';

const inDist = (...names: string[]): string => path.join(projectDirectory, 'dist', ...names);

interface Callable {
  readonly name?: string;
  readonly parameters?: readonly { readonly name: string }[];
}

interface PublicType {
  readonly initializer?: Callable;
  readonly methods?: readonly Callable[];
}

/** Public types of the library by name, such as `tidegate.inference.GpuEndpoint`. */
function publicTypes(): { readonly [name: string]: PublicType } {
  const assembly = fs.readFileSync(path.join(projectDirectory, '.jsii'), 'utf8');
  return (JSON.parse(assembly) as { readonly types: { readonly [name: string]: PublicType } }).types;
}

describe('what a release would publish', () => {
  test(
    'passes the check and is laid out whole: tarball, wheel, source distribution, API reference and notes',
    () => {
      const packages = ['--tarball', packedTarball(), '--python', pythonPackages()];
      const printed = runProgram('npm', ['run', '--silent', 'release:check', '--', ...packages], {
        cwd: projectDirectory,
      });
      expect(printed).toContain('everything that would be published is in dist/release');
      expect(fs.readdirSync(inDist('release')).sort()).toEqual(['API.md', 'notes.md', 'npm', 'python']);
      expect(fs.readdirSync(inDist('release', 'python')).length).toBe(2);
      expect(fs.readFileSync(inDist('release', 'notes.md'), 'utf8')).toMatch(/^- /m);
      const reference = fs.readFileSync(inDist('release', 'API.md'), 'utf8');
      expect(Object.keys(publicTypes()).length).toBeGreaterThan(100);
      expect(Object.keys(publicTypes()).filter((name) => !reference.includes(name))).toEqual([]);
    },
    10 * MINUTES,
  );

  test('names every parameter: one that takes its properties apart has no name, and no compiler of Java takes the code', () => {
    packedTarball();
    const nameless = Object.entries(publicTypes()).flatMap(([type, { initializer, methods = [] }]) =>
      [{ name: 'constructor', ...initializer }, ...methods].flatMap(({ name, parameters = [] }) =>
        parameters.filter((one) => !/^[a-z]\w*$/.test(one.name)).map((one) => `${type}.${name}: ${one.name}`),
      ),
    );
    expect(nameless).toEqual([]);
  });
});
