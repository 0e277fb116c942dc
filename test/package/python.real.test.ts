import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { codeBlocks, readmeFiles } from '../readme/code-blocks';
import { MINUTES, oldestApp, pythonPackages, pythonWithWheel, runProgram } from './packed';
import { ONE_OF_EACH } from './one-of-each';
import { templatesOf } from './templates';
import { transformSync } from '@swc/core';

const APP = path.join(projectDirectory, 'test', 'package', 'one_of_each.py');

describe('the wheel for Python', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-python-'));
  let python: string;
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  beforeAll(() => void (python = pythonWithWheel()), 20 * MINUTES);

  /** Runs a Python program in a folder of its own, on the version of Node.js of the tests. */
  function run(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
    const silence = process.versions.node.split('.')[0];
    return runProgram(python, args, {
      cwd,
      env: { ...process.env, JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: silence, ...env },
      timeout: 5 * MINUTES,
    });
  }

  test(
    'gives the same templates as TypeScript for a stack with a construct of every room',
    () => {
      const own = path.join(folder, 'python');
      fs.mkdirSync(own);
      expect(run([APP], own, { CDK_OUTDIR: path.join(own, 'cdk.out') }).trim()).toBe('PolicyProof 3');

      const theirs = path.join(oldestApp(), 'same');
      fs.mkdirSync(theirs);
      const module = { type: 'commonjs' } as const;
      const { code } = transformSync(ONE_OF_EACH, {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module,
      });
      fs.writeFileSync(path.join(theirs, 'app.js'), code);
      runProgram(process.execPath, ['app.js'], {
        cwd: theirs,
        env: { ...process.env, CDK_OUTDIR: path.join(theirs, 'cdk.out') },
      });

      const templates = templatesOf(path.join(own, 'cdk.out'));
      expect(Object.keys(templates)).toEqual(['Mine.template.json', 'Others.template.json', 'Whole.template.json']);
      expect(templates).toEqual(templatesOf(path.join(theirs, 'cdk.out')));
    },
    10 * MINUTES,
  );

  test('brings the command tidegate', () => {
    const printed = runProgram(path.join(path.dirname(python), 'tidegate'), ['--version'], { cwd: folder });
    expect(printed).toMatch(/^\d+\.\d+\.\d+/);
  });

  test('has examples in Python in its docstrings', () => {
    const wheel = path.join(path.dirname(path.dirname(python)), 'lib');
    const [version] = fs.readdirSync(wheel);
    const file = path.join(wheel, version!, 'site-packages', 'tidegate', 'inference', '__init__.py');
    const text = fs.readFileSync(file, 'utf8');
    expect(text).toContain('inference.GpuEndpoint(self, "Chat",');
    expect(text).not.toMatch(/new inference\.\w+\(/);
  });

  test(
    'runs every example of the READMEs in Python',
    () => {
      const blocks = readmeFiles()
        .flatMap(codeBlocks)
        .filter(({ language }) => language === 'python');
      expect(blocks.length).toBeGreaterThan(8);
      // One process runs them all: starting the CDK takes seconds.
      const programs = blocks.map(({ file, line, code }) => ({ name: `${file}:${line}`, code }));
      fs.writeFileSync(path.join(folder, 'programs.json'), JSON.stringify(programs));
      const runAll = [
        'import json',
        'for program in json.load(open("programs.json")):',
        '    exec(compile(program["code"], program["name"], "exec"), {"__name__": "__main__"})',
        '    print(program["name"])',
      ];
      const printed = run(['-c', runAll.join('\n')], folder);
      expect(printed.trim().split('\n')).toEqual(programs.map(({ name }) => name));
    },
    10 * MINUTES,
  );

  test('comes with a source distribution', () => {
    expect(fs.readdirSync(pythonPackages()).some((name) => name.endsWith('.tar.gz'))).toBe(true);
  });
});
