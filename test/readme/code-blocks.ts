import * as fs from 'node:fs';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

/** A fenced code block of a README: where it stands and what it says. */
export interface CodeBlock {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

/** The READMEs of the project: the front page and one for each room. */
export function readmeFiles(): string[] {
  const rooms = fs.readdirSync(path.join(projectDirectory, 'lib')).map((room) => path.join('lib', room, 'README.md'));
  const examples = ['.', ...exampleNames()].map((name) => path.join('examples', name, 'README.md'));
  return ['README.md', 'bin/README.md', ...rooms, ...examples].filter((file) =>
    fs.existsSync(path.join(projectDirectory, file)),
  );
}

/** Names of the folders of examples/, each a program of its own. */
export function exampleNames(): string[] {
  const folder = path.join(projectDirectory, 'examples');
  return fs.readdirSync(folder).filter((name) => fs.statSync(path.join(folder, name)).isDirectory());
}

/** The programs of examples/ in TypeScript. */
export function examplePrograms(): CodeBlock[] {
  return exampleNames().map((name) => {
    const file = path.join('examples', name, 'app.ts');
    return { file, line: 1, language: 'ts', code: fs.readFileSync(path.join(projectDirectory, file), 'utf8') };
  });
}

/** A program in Python and the one in TypeScript that it repeats. */
export interface ProgramPair {
  readonly python: CodeBlock;
  readonly typescript: CodeBlock;
}

/** Every program in Python, of the READMEs and of examples/, with the one in TypeScript beside it: in a README the block before it. */
export function pythonPrograms(): ProgramPair[] {
  const blocks = readmeFiles()
    .flatMap(codeBlocks)
    .filter(({ language }) => language === 'ts' || language === 'python');
  const pairs = blocks.flatMap((python, index) => {
    if (python.language !== 'python') return [];
    const typescript = blocks[index - 1];
    if (typescript?.file !== python.file || typescript.language !== 'ts')
      throw new Error(`${python.file}:${python.line} has no program in TypeScript before it`);
    return [{ python, typescript }];
  });
  const examples = examplePrograms().flatMap((typescript) => {
    const file = typescript.file.replace(/\.ts$/, '.py');
    const place = path.join(projectDirectory, file);
    if (!fs.existsSync(place)) return [];
    return [{ python: { file, line: 1, language: 'python', code: fs.readFileSync(place, 'utf8') }, typescript }];
  });
  return [...pairs, ...examples];
}

/** Every fenced code block of a README, in order. */
export function codeBlocks(file: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  fs.readFileSync(path.join(projectDirectory, file), 'utf8')
    .split('\n')
    .forEach((text, index) => {
      const fence = /^```(\w*)/.exec(text);
      if (open === undefined && fence) open = { language: fence[1]!, line: index + 2, lines: [] };
      else if (open !== undefined && text.startsWith('```')) {
        blocks.push({ file, line: open.line, language: open.language, code: open.lines.join('\n') });
        open = undefined;
      } else open?.lines.push(text);
    });
  return blocks;
}
