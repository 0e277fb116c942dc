import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { transformSync } from '@swc/core';
import { projectDirectory } from '../architecture/imports';
import { pythonPrograms } from '../readme/code-blocks';
import { testWith } from '../support/needs';
import { MINUTES, mypy, oldestApp, pythonPackages, pythonWithWheel, runProgram } from './packed';
import { ONE_OF_EACH } from './one-of-each';
import { templatesOf } from './templates';

const APP = path.join(projectDirectory, 'test', 'package', 'one_of_each.py');

/** Runs the programs of programs.json; every app that program N makes leaves its assembly in out-N-M. */
const RUN_PYTHON = `
import json, aws_cdk
kept, made = aws_cdk.App, []
for index, code in enumerate(json.load(open("programs.json"))):
    made.clear()
    def app(**props):
        made.append(kept(outdir=f"out-{index}-{len(made)}", **props))
        return made[-1]
    aws_cdk.App = app
    exec(compile(code, f"program {index}", "exec"), {"__name__": "__main__"})
    for one in made:
        one.synth()
`;

/** As above, for programs in JavaScript. */
const RUN_TYPESCRIPT = `
const cdk = require('aws-cdk-lib');
JSON.parse(require('node:fs').readFileSync('programs.json', 'utf8')).forEach((code, index) => {
  const made = [];
  class App extends cdk.App {
    constructor(props) {
      super({ outdir: 'out-' + index + '-' + made.length, ...props });
      made.push(this);
    }
  }
  const replaced = Object.create(cdk, { App: { value: App } });
  new Function('require', 'exports', code)((name) => (name === 'aws-cdk-lib' ? replaced : require(name)), {});
  for (const app of made) app.synth();
});
`;

function commonJs(program: string): string {
  const jsc = { target: 'es2022', parser: { syntax: 'typescript' } } as const;
  return transformSync(program, { jsc, module: { type: 'commonjs' } }).code;
}

/** Saves programs for the runners above in a new folder. */
function save(folder: string, programs: readonly string[]): void {
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'programs.json'), JSON.stringify(programs));
}

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
      fs.writeFileSync(path.join(theirs, 'app.js'), commonJs(ONE_OF_EACH));
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

  const checker = mypy();

  testWith(checker === undefined ? 'mypy, which pip could not install' : undefined)(
    'has types with which every program of the READMEs and examples passes mypy --strict',
    () => {
      const programs = path.join(folder, 'typed');
      fs.mkdirSync(programs);
      for (const { python: block } of pythonPrograms())
        fs.writeFileSync(path.join(programs, `${block.file.replace(/\W/g, '_')}_${block.line}.py`), block.code);
      fs.writeFileSync(path.join(programs, 'wrong.py'), 'from tidegate import scaling\nscaling.FleetScaling(7)\n');
      const files = fs.readdirSync(programs);
      const flags = ['-m', 'mypy', '--strict', '--python-executable', python, '--no-error-summary'];
      const { stdout, stderr } = spawnSync(checker!, [...flags, ...files], { cwd: programs, encoding: 'utf8' });
      const errors = `${stdout}${stderr}`.split('\n').filter((line) => line.includes(': error: '));
      expect(errors.filter((line) => !line.startsWith('wrong.py:'))).toEqual([]);
      // The types are those of the wheel: without any, everything would pass.
      expect(errors.join()).toContain('[call-arg]');
    },
    15 * MINUTES,
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
    'gives for every program of the READMEs and examples in Python the templates of the TypeScript beside it',
    () => {
      const programs = pythonPrograms();
      expect(programs.length).toBeGreaterThan(10);
      const own = path.join(folder, 'readme');
      const theirs = path.join(oldestApp(), 'readme');
      // One process a language runs them all: starting the CDK takes seconds.
      save(
        own,
        programs.map(({ python: block }) => block.code),
      );
      run(['-c', RUN_PYTHON], own);
      save(
        theirs,
        programs.map(({ typescript }) => commonJs(typescript.code)),
      );
      runProgram(process.execPath, ['-e', RUN_TYPESCRIPT], { cwd: theirs });

      let compared = 0;
      programs.forEach(({ python: { file, line } }, index) => {
        const templates = templatesOf(path.join(own, `out-${index}-0`));
        const place = `${file}:${line}`;
        expect({ place, templates }).toEqual({ place, templates: templatesOf(path.join(theirs, `out-${index}-0`)) });
        compared += Object.keys(templates).length;
      });
      // Only a validation plugin alone has no stack.
      expect(compared).toBeGreaterThanOrEqual(programs.length - 1);
    },
    10 * MINUTES,
  );

  test('comes with a source distribution', () => {
    expect(fs.readdirSync(pythonPackages()).some((name) => name.endsWith('.tar.gz'))).toBe(true);
  });
});
