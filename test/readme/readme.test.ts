import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Annotations } from 'aws-cdk-lib';
import * as ts from 'typescript';
import { projectDirectory } from '../architecture/imports';
import { type CodeBlock, codeBlocks, examplePrograms, readmeFiles } from './code-blocks';
import { runProgram } from './run-program';

const blocks = readmeFiles().flatMap(codeBlocks);
const typescriptBlocks = blocks.filter(({ language }) => language === 'ts');
const pythonBlocks = blocks.filter(({ language }) => language === 'python');

/** The compiler's messages for all blocks and examples together, each with its place. */
function typeErrors(): string[] {
  const names = new Map(
    [...typescriptBlocks, ...examplePrograms()].map((block, index) => [
      path.join(projectDirectory, 'test', `readme-block-${index}.ts`),
      block,
    ]),
  );
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    moduleDetection: ts.ModuleDetectionKind.Force,
    types: ['node'],
    paths: {
      tidegate: [path.join(projectDirectory, 'lib/index.ts')],
      'tidegate/decide': [path.join(projectDirectory, 'lib/decide.ts')],
    },
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => names.has(name) || fileExists(name);
  host.readFile = (name) => names.get(name)?.code ?? readFile(name);
  host.getSourceFile = (name, ...rest) => {
    const block = names.get(name);
    return block ? ts.createSourceFile(name, block.code, ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest);
  };
  const program = ts.createProgram([...names.keys()], options, host);
  return [...names].flatMap(([name, block]) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(name)).map((diagnostic) => {
      const { line } = ts.getLineAndCharacterOfPosition(diagnostic.file!, diagnostic.start!);
      return `${block.file}:${block.line + line}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')}`;
    }),
  );
}

describe('the READMEs', () => {
  test('have TypeScript examples on the front page and in the rooms', () => {
    expect(new Set(typescriptBlocks.map(({ file }) => file)).size).toBeGreaterThanOrEqual(6);
  });

  test('have examples that compile, as have the folders of examples/', () => expect(typeErrors()).toEqual([]), 60_000);

  test('show the first example of the front page and of every room with constructs in Python too', () => {
    const python = new Set(pythonBlocks.map(({ file }) => file));
    const typescript = new Set(typescriptBlocks.map(({ file }) => file));
    expect([...typescript].filter((file) => !python.has(file))).toEqual([]);
  });

  test('have examples in Python that Python parses', () => {
    const program = 'import ast, json, sys\nfor name, code in json.load(sys.stdin): ast.parse(code, name)';
    const input = JSON.stringify(pythonBlocks.map(({ file, line, code }) => [`${file}:${line}`, code]));
    const { stderr } = spawnSync(process.env.PYTHON ?? 'python3', ['-c', program], { input, encoding: 'utf8' });
    expect(stderr).toBe('');
  });

  test.each(typescriptBlocks.map((block): [string, CodeBlock] => [`${block.file}:${block.line}`, block]))(
    'have an example at %s that runs',
    (_, block) => {
      const warned = jest.spyOn(Annotations.prototype, 'addWarningV2');
      try {
        expect(() => runProgram(`${block.file}:${block.line}`, block.code)).not.toThrow();
        // A reader who copies an endpoint pays for a GPU: it has to have a model.
        expect(warned.mock.calls.filter(([id]) => id === 'tidegate:missing-model')).toEqual([]);
      } finally {
        warned.mockRestore();
      }
    },
  );

  test('keep the first stack example within 20 lines', () => {
    const first = typescriptBlocks.find(({ file }) => file === 'README.md');
    expect(first!.code.split('\n').length).toBeLessThanOrEqual(20);
  });

  test('name only npm scripts that exist', () => {
    const { scripts } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8')) as {
      scripts: object;
    };
    const known = new Set(Object.keys(scripts));
    const named = blocks.flatMap(({ code }) => [
      ...code.matchAll(/npm (?:run )?(start|test|build|lint|[a-z]+:[a-z]+)\b/g),
    ]);
    expect(named.map((match) => match[1]!).filter((name) => !known.has(name))).toEqual([]);
  });

  test('link to files that exist', () => {
    const links = readmeFiles().flatMap((file) => {
      const text = fs.readFileSync(path.join(projectDirectory, file), 'utf8');
      return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => ({
        file,
        target: target!,
      }));
    });
    expect(links.length).toBeGreaterThan(15);
    const broken = links.filter(
      ({ file, target }) => !fs.existsSync(path.join(projectDirectory, path.dirname(file), target)),
    );
    expect(broken).toEqual([]);
  });

  test.each([
    'inference',
    'scaling',
    'ingestion',
    'training',
    'cost',
    'monitoring',
    'platform',
    'proof',
    'preflight',
    'rehearsal',
    'simulation',
    'local',
  ])('have the five headings in room %s', (room) => {
    const text = fs.readFileSync(path.join(projectDirectory, 'lib', room, 'README.md'), 'utf8');
    const headings = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
    for (const heading of [
      'What it gives you',
      'Smallest example',
      'What is created',
      'How it decides',
      'Limits and failure modes',
    ])
      expect(headings).toContain(heading);
  });
});
