import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Alias,
  type Document,
  type Node,
} from 'yaml';
import { InputError } from '../../lib/core/errors';
import { indentFlows } from './flow-indent';

/** Maximum number of values, far above that of CloudFormation; aliases of aliases exceed it in a few lines. */
const MAX_NODES = 2_000_000;

/** Tags that do not stand for `Fn::`. */
const PLAIN_FUNCTIONS = ['Ref', 'Condition'];

/** Functions with a short form. Source: CloudFormation template reference, intrinsic functions and rule-specific functions. */
const FUNCTIONS = [
  ...PLAIN_FUNCTIONS,
  'And',
  'Base64',
  'Cidr',
  'Contains',
  'EachMemberEquals',
  'EachMemberIn',
  'Equals',
  'FindInMap',
  'GetAtt',
  'GetAZs',
  'GetStackOutput',
  'If',
  'ImportValue',
  'Join',
  'Length',
  'Not',
  'Or',
  'RefAll',
  'Select',
  'Split',
  'Sub',
  'ToJsonString',
  'Transform',
  'ValueOf',
  'ValueOfAll',
];

/**
 * Parses a CloudFormation template from JSON or YAML. Short forms such as `!GetAtt` become the functions for which they stand.
 *
 * @param warn receives notes about repeated keys
 * @throws InputError with the file and the line, when the text is neither
 */
export function parseTemplateText(text: string, file: string, warn: Warn = warnOnStderr): unknown {
  if (/^\s*[{[]/.test(text)) {
    try {
      return finite(JSON.parse(text), file);
    } catch (error) {
      if (error instanceof InputError) throw error;
      const comment = commentLine(text);
      if (comment !== undefined) {
        throw new InputError(
          `${file}:${comment}: JSON has no comments, and CloudFormation refuses them; remove it, or write the template in YAML with #`,
        );
      }
      const yaml = isDeep(text) ? undefined : flowYaml(text, file, warn);
      if (yaml !== undefined) return yaml;
      throw new InputError(`${file} is not JSON (${(error as Error).message}); synthesize the template again`);
    }
  }
  let template: unknown;
  try {
    template = finite(parseYaml(text, file, warn), file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    // Deep nesting exceeds the stack, in the parser or here.
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${file} is nested too deeply for a template (${(error as Error).message})`);
  }
  if (typeof template === 'object' && template !== null) return template;
  throw new InputError(
    `${file} is neither JSON nor YAML of a template; give a CloudFormation template, for example from cdk synth`,
  );
}

/** Returns a template without a number that is none: JSON has larger ones than a computer, and YAML has `.inf` and `.nan`. */
function finite(template: unknown, file: string): unknown {
  // Nesting may exceed the stack.
  const open: (readonly [value: unknown, path: string])[] = [[template, '']];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, path] = next;
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new InputError(`${file}: ${path} is ${value}, which a template cannot have; correct the value`);
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, member] of Object.entries(value)) open.push([member, path === '' ? name : `${path}.${name}`]);
  }
  return template;
}

/** Receiver of warnings about a template that is read nevertheless. */
type Warn = (message: string) => void;

function warnOnStderr(message: string): void {
  process.stderr.write(`tidegate: ${message}\n`);
}

/** Number of the first line with a comment outside of texts; undefined without one. */
function commentLine(text: string): number | undefined {
  // A match of the whole would need a stack as long as the text.
  const mark = /"|#|\/[/*]?/g;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    if (found[0] === '"') {
      const end = endOfText(text, found.index);
      if (end === undefined) return undefined;
      mark.lastIndex = end + 1;
    } else if (found[0].length === 2) return text.slice(0, found.index).split('\n').length;
    else return undefined;
  }
  return undefined;
}

/** Place of the quote that ends the text which begins at `start`; undefined where none does. */
function endOfText(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return undefined;
}

/** Maximum nesting of brackets in a template. */
const MAX_BRACKETS = 500;

/** True if brackets are nested more deeply than in any template. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (const letter of text) {
    if (letter === '[' || letter === '{') depth++;
    else if (letter === ']' || letter === '}') depth--;
    if (depth > MAX_BRACKETS) return true;
  }
  return false;
}

/** Template of YAML that begins like JSON; undefined where it is none. */
function flowYaml(text: string, file: string, warn: Warn): unknown {
  try {
    const template = parseYaml(text, file, warn);
    return typeof template === 'object' && template !== null ? template : undefined;
  } catch {
    return undefined;
  }
}

function parseYaml(text: string, file: string, warn: Warn): unknown {
  let lineCounter = new LineCounter();
  const parse = (source: string): Document.Parsed =>
    // Of several documents in a file the parser takes the first, with an error only at this level. Prettier errors show the line, for which
    // the parser searches long ones again and again.
    parseDocument(source, { lineCounter, logLevel: 'error', uniqueKeys: false, prettyErrors: false });
  let document = parse(text);
  // CloudFormation and SAM take brackets and quoted texts at any indent; lines stay as they are.
  if (document.errors.some(({ code }) => LAYOUT_ERRORS.includes(code)) && !isDeep(text)) {
    const before = lineCounter;
    lineCounter = new LineCounter();
    const indented = parse(indentFlows(text));
    if (indented.errors.length === 0) document = indented;
    else lineCounter = before;
  }
  const [error] = document.errors;
  if (error !== undefined) {
    const [what = ''] = error.message.split('\n');
    if (/call stack/.test(what)) throw new InputError(`${file} is nested too deeply for a template`);
    const { line } = lineCounter.linePos(error.pos[0]);
    if (error.code === 'MULTIPLE_DOCS') {
      throw new InputError(
        `${file}:${line}: another document begins; a template is one, so give each a file of its own`,
      );
    }
    throw new InputError(`${file}:${line}: this is not YAML (${what}); repair the line`);
  }
  return new YamlReader(document, lineCounter, file, warn).value(document.contents);
}

/** Errors of YAML about the indent of brackets and quoted texts. */
const LAYOUT_ERRORS: readonly string[] = ['BAD_INDENT', 'MISSING_CHAR', 'TAB_AS_INDENT'];

class YamlReader {
  private nodes = 0;
  /** Node of each alias: finding it searches the whole document. */
  private readonly aliased = new Map<Alias, Node | undefined>();

  public constructor(
    private readonly document: Document,
    private readonly lineCounter: LineCounter,
    private readonly file: string,
    private readonly warn: Warn,
  ) {}

  public value(node: unknown): unknown {
    if (++this.nodes > MAX_NODES) {
      throw new InputError(
        `${this.file} has more than ${MAX_NODES} values (aliases count each time), so it is not a template`,
      );
    }
    if (isAlias(node)) {
      if (!this.aliased.has(node)) this.aliased.set(node, node.resolve(this.document));
      const meant = this.aliased.get(node);
      if (meant === undefined)
        throw this.problem(node, `*${node.source} names no anchor; write &${node.source} before it`);
      return this.value(meant);
    }
    const plain = this.plain(node);
    const tag = (node as { readonly tag?: string } | null)?.tag;
    return tag?.startsWith('!') === true ? this.function(tag.slice(1), plain, node as Node) : plain;
  }

  private plain(node: unknown): unknown {
    if (isMap(node)) {
      const entries = new Map<string, unknown>();
      for (const { key, value } of node.items) {
        const name = this.key(key);
        if (entries.has(name)) {
          const { line } = this.lineCounter.linePos((key as Node).range?.[0] ?? 0);
          this.warn(
            `${this.file}:${line}: ${name} is there twice, and the later one counts, as in CloudFormation; remove one`,
          );
        }
        entries.set(name, this.value(value));
      }
      return Object.fromEntries(entries);
    }
    if (isSeq(node)) return node.items.map((item) => this.value(item));
    return isScalar(node) ? node.value : null;
  }

  private key(node: unknown): string {
    const key = this.value(node);
    if (typeof key === 'object' && key !== null) throw this.problem(node as Node, 'a key is not text');
    return String(key);
  }

  private function(name: string, value: unknown, node: Node): unknown {
    if (!FUNCTIONS.includes(name)) {
      throw this.problem(
        node,
        `!${name} is not a function of CloudFormation; there are ${FUNCTIONS.map((one) => `!${one}`).join(', ')}`,
      );
    }
    if (PLAIN_FUNCTIONS.includes(name)) return { [name]: value };
    if (name !== 'GetAtt' || typeof value !== 'string') return { [`Fn::${name}`]: value };
    const dot = value.indexOf('.');
    if (dot <= 0) throw this.problem(node, `!GetAtt ${value} names no attribute; write LOGICAL_ID.ATTRIBUTE`);
    return { 'Fn::GetAtt': [value.slice(0, dot), value.slice(dot + 1)] };
  }

  private problem(node: Node, what: string): InputError {
    const line = this.lineCounter.linePos(node.range?.[0] ?? 0).line;
    return new InputError(`${this.file}:${line}: ${what}`);
  }
}
