import * as fs from 'node:fs';
import * as path from 'node:path';
import * as ts from 'typescript';
import { projectDirectory, sourceFiles } from './imports';

/** A comment, message or name that a stranger would have to decode. */
export interface Wording {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Openings that ask a question instead of naming the thing or the action. */
const QUESTION = /^(What|How|Where|Whether|Who|Whom|Whose)\b/;

/** Phrases that have a plain counterpart: a maximum, a rollback, a response, a notification. */
const OBSCURE =
  /\b(so (many|long|often|much|few)|(is|are|was|were|be|been|being) told|told (of|by|about)|tells of|nobody|(taken|takes?|took) back|answers its|comes? down to|are asked of|is asked of|is no (JSON|number|text|time|object|list))\b/i;

/** Superlatives in names of limits; MAX_ and MIN_ say the same in the field's words. */
const SUPERLATIVE = /^(MOST|LEAST|LONGEST|SHORTEST|DEEPEST|LARGEST|SMALLEST|FEWEST|HIGHEST|LOWEST)_(?!HOUR)/;

/** Every wording to replace in the TypeScript files below a folder: comments, strings and names of constants. */
export function obscureWordings(folder: string): Wording[] {
  return sourceFiles(folder).flatMap(wordingsOfFile);
}

function wordingsOfFile(file: string): Wording[] {
  const text = fs.readFileSync(path.join(projectDirectory, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found: Wording[] = [];
  const add = (position: number, said: string): void => {
    const { line } = source.getLineAndCharacterOfPosition(position);
    found.push({ file, line: line + 1, text: said.replace(/\s+/g, ' ').trim().slice(0, 120) });
  };

  const seen = new Set<number>();
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) {
      if (seen.has(range.pos)) continue;
      seen.add(range.pos);
      const comment = text.slice(range.pos, range.end);
      for (const part of partsOf(comment)) if (QUESTION.test(part) || OBSCURE.test(part)) add(range.pos, part);
    }
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      if (OBSCURE.test(node.text)) add(node.getStart(), node.text);
    }
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && SUPERLATIVE.test(node.name.text)) {
      add(node.getStart(), node.name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The body of a comment and the text of each of its tags, without stars and slashes. */
function partsOf(comment: string): string[] {
  const body = comment
    .replace(/^\/\*\*?|\*\/$/g, '')
    .replace(/^\s*(\*|\/\/) ?/gm, '')
    .trim();
  return body
    .split(/\n\s*\n|(?:^|\s)@(?:default|returns?|throws|param \S+)\s+(?:- )?/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
