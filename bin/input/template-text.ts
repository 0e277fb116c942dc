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

/** Maximum number of values, far above that of CloudFormation; aliases of aliases exceed it in a few lines. */
const MAX_NODES = 2_000_000;

/** Tags that do not stand for `Fn::`. */
const PLAIN_FUNCTIONS = ['Ref', 'Condition'];

/** Functions with a short form. Source: CloudFormation template reference, intrinsic functions. */
const FUNCTIONS = [
  ...PLAIN_FUNCTIONS,
  'And',
  'Base64',
  'Cidr',
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
  'Select',
  'Split',
  'Sub',
  'ToJsonString',
  'Transform',
];

/**
 * Parses a CloudFormation template from JSON or YAML. Short forms such as `!GetAtt` become the functions for which they stand.
 *
 * @throws InputError with the file and the line, when the text is neither
 */
export function parseTemplateText(text: string, file: string): unknown {
  if (/^\s*[{[]/.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new InputError(`${file} is not JSON (${(error as Error).message}); synthesize the template again`);
    }
  }
  let template: unknown;
  try {
    template = parseYaml(text, file);
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

function parseYaml(text: string, file: string): unknown {
  const lineCounter = new LineCounter();
  // Of several documents in a file the parser takes the first, with an error only at this level.
  const document = parseDocument(text, { lineCounter, logLevel: 'error' });
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
  return new YamlReader(document, lineCounter, file).value(document.contents);
}

class YamlReader {
  private nodes = 0;
  /** Node of each alias: finding it searches the whole document. */
  private readonly aliased = new Map<Alias, Node | undefined>();

  public constructor(
    private readonly document: Document,
    private readonly lineCounter: LineCounter,
    private readonly file: string,
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
    if (isMap(node)) return Object.fromEntries(node.items.map(({ key, value }) => [this.key(key), this.value(value)]));
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
