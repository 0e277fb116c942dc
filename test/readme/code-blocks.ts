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
  return ['README.md', ...rooms].filter((file) => fs.existsSync(path.join(projectDirectory, file)));
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
