import * as fs from 'node:fs';
import * as path from 'node:path';
import { parse } from 'yaml';
import { projectDirectory } from '../architecture/imports';

const read = (...names: string[]): string => fs.readFileSync(path.join(projectDirectory, ...names), 'utf8');

/** Floor of `engines.node`, which is a version and everything above it. */
function floorOf(packageJson: string): number {
  const { engines } = JSON.parse(packageJson) as { readonly engines: { readonly node: string } };
  const [, major] = /^>= ?(\d+)(?:\.[\d.]+)?$/.exec(engines.node) ?? [];
  if (major === undefined) throw new Error(`engines.node is ${engines.node}`);
  return Number(major);
}

describe('the supported versions of Node.js', () => {
  const { jobs } = parse(read('.github', 'workflows', 'ci.yml')) as {
    readonly jobs: { readonly test: { readonly strategy: { readonly matrix: { readonly node: number[] } } } };
  };
  const tested = jobs.test.strategy.matrix.node;

  test('are those of continuous integration, in the package and in what people read', () => {
    expect(floorOf(read('package.json'))).toBe(Math.min(...tested));
    const words = `Node.js ${tested.join(' or ')}`;
    for (const file of ['README.md', 'CONTRIBUTING.md', 'bin/setup.mjs']) expect(read(file)).toContain(words);
    expect(read('CHANGELOG.md')).toContain(`Node.js ${tested.join(' and ')} are the supported versions`);
    expect(read('test', 'package', 'packed.ts')).toContain(`[${tested.join(', ')}].map((version) => \`node-`);
  });

  test.each(['aws-cdk-lib', 'aws-cdk', 'jsii'])('are versions that %s takes', (name) => {
    const floor = floorOf(read('node_modules', name, 'package.json'));
    expect(Math.min(...tested)).toBeGreaterThanOrEqual(floor);
  });
});
