import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { transformSync } from '@swc/core';
import { projectDirectory } from '../architecture/imports';
import { testWith } from '../support/needs';
import { MINUTES, devDependencies, goModule, javaClassPath, languagePackages, oldestApp, runProgram } from './packed';
import { templatesOf } from './templates';

const EXAMPLE = path.join(projectDirectory, 'examples', 'gpu-endpoint');

const JAVA = {
  'software.amazon.awscdk:aws-cdk-lib': devDependencies['aws-cdk-lib']!,
  'software.constructs:constructs': devDependencies['constructs']!,
  'software.amazon.jsii:jsii-runtime': devDependencies['jsii-pacmak']!,
  'org.jetbrains:annotations': '19.0.0',
  'javax.annotation:javax.annotation-api': '1.3.2',
};

/** Newest versions, which `go get -u` makes of the requirements of the generated module. */
const GO = {
  'github.com/aws/aws-cdk-go/awscdk/v2': 'v2.276.0',
  'github.com/aws/constructs-go/constructs/v10': 'v10.8.1',
  'github.com/aws/jsii-runtime-go': 'v1.142.0',
};

describe('the code for other languages', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-languages-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  const classPath = javaClassPath(JAVA);
  const goFolder = goModule(GO);

  let typescript: ReturnType<typeof templatesOf>;
  beforeAll(() => {
    languagePackages();
    const app = path.join(oldestApp(), 'gpu-endpoint');
    fs.mkdirSync(app);
    const jsc = { target: 'es2022', parser: { syntax: 'typescript' } } as const;
    const program = fs.readFileSync(path.join(EXAMPLE, 'app.ts'), 'utf8');
    fs.writeFileSync(path.join(app, 'app.js'), transformSync(program, { jsc, module: { type: 'commonjs' } }).code);
    runProgram(process.execPath, ['app.js'], { cwd: app, env: environment(app) });
    typescript = templatesOf(path.join(app, 'cdk.out'));
    expect(Object.keys(typescript)).toEqual(['GpuEndpoint.template.json']);
  }, 20 * MINUTES);

  function environment(app: string): NodeJS.ProcessEnv {
    const [major] = process.versions.node.split('.');
    const silence = { JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: major };
    return { ...process.env, ...silence, CDK_OUTDIR: path.join(app, 'cdk.out') };
  }

  test('is generated for Java, .NET and Go, with every public class', () => {
    for (const [language, suffix] of [
      ['java', '.java'],
      ['dotnet', '.cs'],
      ['go', '.go'],
    ] as const) {
      const files = fs.readdirSync(path.join(languagePackages(), language), { recursive: true }) as string[];
      const names = new Set(files.map((name) => path.basename(name, suffix)));
      for (const type of ['GpuEndpoint', 'CostGuard', 'StreamIngestion', 'PlatformStack'])
        expect(names).toContain(type);
    }
  });

  testWith(classPath === undefined ? 'a JDK, Maven and the CDK for Java' : undefined)(
    'compiles as Java, and an example in Java gives the template of TypeScript',
    () => {
      const app = path.join(folder, 'java');
      const main = path.join(languagePackages(), 'java', 'src', 'main');
      fs.cpSync(path.join(main, 'resources'), path.join(app, 'classes'), { recursive: true });
      const sources = (fs.readdirSync(path.join(main, 'java'), { recursive: true }) as string[])
        .filter((name) => name.endsWith('.java'))
        .map((name) => path.join(main, 'java', name));
      const program = path.join(EXAMPLE, 'GpuEndpointApp.java');
      runProgram('javac', ['-nowarn', '-proc:none', '-d', 'classes', '-cp', classPath!, ...sources, program], {
        cwd: app,
      });
      runProgram('java', ['-cp', `classes${path.delimiter}${classPath}`, 'GpuEndpointApp'], {
        cwd: app,
        env: environment(app),
      });
      expect(templatesOf(path.join(app, 'cdk.out'))).toEqual(typescript);
    },
    15 * MINUTES,
  );

  testWith(goFolder === undefined ? 'Go and the CDK for Go' : undefined)(
    'compiles as Go, and an example in Go gives the template of TypeScript',
    () => {
      const app = goFolder!;
      const name = 'github.com/tidegate/tidegate-go/tidegate';
      const module = path.join(app, 'tidegate');
      fs.cpSync(path.join(languagePackages(), 'go', 'tidegate'), module, { recursive: true });
      // The generated module requires the oldest CDK that the package takes, which the registry may not have.
      const requirements = Object.entries(GO).map(([required, version]) => `require ${required} ${version}`);
      const header = `module ${name}\n\ngo 1.25\n\n`;
      fs.writeFileSync(path.join(module, 'go.mod'), `${header}${requirements.join('\n')}\n`);
      fs.cpSync(path.join(EXAMPLE, 'app.go'), path.join(app, 'app.go'));
      const go = (...args: readonly string[]): string =>
        runProgram('go', args, { cwd: app, env: environment(app), timeout: 20 * MINUTES });
      go('mod', 'edit', `-require=${name}@v0.0.0`, `-replace=${name}@v0.0.0=./tidegate`);
      go('build', '-mod=mod', `${name}/...`);
      go('build', '-mod=mod', '-o', 'app', '.');
      runProgram(path.join(app, 'app'), [], { cwd: app, env: environment(app) });
      expect(templatesOf(path.join(app, 'cdk.out'))).toEqual(typescript);
    },
    30 * MINUTES,
  );
});
