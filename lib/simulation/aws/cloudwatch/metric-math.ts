import { InputError } from '../../../core/errors';

/** Values by period, oldest first; undefined without data. */
export type Row = readonly (number | undefined)[];

/** A parsed metric-math expression. */
export interface Expression {
  /** Ids that the expression refers to, each once. */
  readonly ids: readonly string[];
  /** True if a value depends on those of its own period alone. */
  readonly isPointwise: boolean;
  /** Returns the expression's values for the rows of its ids; all rows have the given length. */
  evaluate(rowOf: (id: string) => Row, length: number): Row;
  /** Returns the value of one period from those of the ids in it, for a pointwise expression. */
  valueAt(value: (id: string) => number | undefined): number | undefined;
}

type Node =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'negate'; readonly operand: Node }
  | { readonly kind: 'each'; readonly compute: keyof typeof EACH; readonly operand: Node }
  | { readonly kind: 'if'; readonly condition: Node; readonly then: Node; readonly otherwise?: Node }
  | { readonly kind: 'across'; readonly reduce: keyof typeof ACROSS; readonly operands: readonly Node[] }
  | { readonly kind: 'fill'; readonly operand: Node; readonly filler: number | 'REPEAT' | 'LINEAR' };

const TOKEN = /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z][A-Za-z0-9_]*)|(&&|\|\||[=!<>]=|[-+*/^<>(),[\]]))/y;

/** Operators of two operands. Comparisons and logic give 1 for true and 0 for false; any number but 0 is true. */
const OPERATORS = {
  '+': (left: number, right: number): number => left + right,
  '-': (left: number, right: number): number => left - right,
  '*': (left: number, right: number): number => left * right,
  '/': (left: number, right: number): number | undefined => (right === 0 ? undefined : left / right),
  '^': (left: number, right: number): number => left ** right,
  '==': (left: number, right: number): number => Number(left === right),
  '!=': (left: number, right: number): number => Number(left !== right),
  '<=': (left: number, right: number): number => Number(left <= right),
  '>=': (left: number, right: number): number => Number(left >= right),
  '<': (left: number, right: number): number => Number(left < right),
  '>': (left: number, right: number): number => Number(left > right),
  AND: (left: number, right: number): number => Number(left !== 0 && right !== 0),
  OR: (left: number, right: number): number => Number(left !== 0 || right !== 0),
};

type Operator = keyof typeof OPERATORS;

/** Spellings of the operators, from those that bind least to those that bind most. */
const LEVELS: readonly { readonly [spelling: string]: Operator }[] = [
  { OR: 'OR', '||': 'OR' },
  { AND: 'AND', '&&': 'AND' },
  { '==': '==', '!=': '!=', '<=': '<=', '>=': '>=', '<': '<', '>': '>' },
  { '+': '+', '-': '-' },
  { '*': '*', '/': '/' },
  { '^': '^' },
];

/** Functions of one value, period by period. */
const EACH = { ABS: Math.abs, CEIL: Math.ceil, FLOOR: Math.floor, LOG: Math.log, LOG10: Math.log10 };

/** Functions that combine several rows into one, from the values present in each period. */
const ACROSS = {
  AVG: (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length,
  MAX: (values: readonly number[]): number => Math.max(...values),
  MIN: (values: readonly number[]): number => Math.min(...values),
  SUM: (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0),
};

/**
 * Parses the part of CloudWatch metric math that alarms of scaling policies and rollouts use
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html): numbers, ids, `+ - * / ^`, comparisons, `AND`
 * and `OR` (also `&&` and `||`), parentheses, `IF(condition, x, y)`, `ABS`, `CEIL`, `FLOOR`, `LOG` and `LOG10` of a value,
 * `FILL(x, number | REPEAT | LINEAR)` and `AVG`, `MAX`, `MIN` and `SUM` of a list such as `[a, b]`.
 *
 * The result is missing where an operand is missing, the divisor is zero or the value is no real number; a list combines the values that
 * are present.
 *
 * @throws InputError for anything else.
 */
export function parseExpression(text: string): Expression {
  const node = new Parser(text).parse();
  const ids = new Set<string>();
  collectIds(node, ids);
  return {
    ids: [...ids],
    isPointwise: isPointwise(node),
    evaluate: (rowOf, length) => evaluate(node, rowOf, length),
    valueAt: (value) => valueOf(node, { value, filled: () => undefined }),
  };
}

class Parser {
  private readonly tokens: string[] = [];
  private position = 0;

  public constructor(private readonly text: string) {
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (match === null) throw this.problem(`cannot read '${text.slice(at).trim()}'`);
      this.tokens.push((match[1] ?? match[2] ?? match[3])!);
    }
  }

  public parse(): Node {
    const node = this.expression();
    if (this.position < this.tokens.length) throw this.problem(`unexpected '${this.peek()}' at the end`);
    return node;
  }

  /** Operands of one level of operators, joined from the left. */
  private expression(level = 0): Node {
    const spellings = LEVELS[level];
    if (spellings === undefined) return this.factor();
    let left = this.expression(level + 1);
    for (let token = this.peek(); token !== undefined && Object.hasOwn(spellings, token); token = this.peek()) {
      this.position++;
      left = { kind: 'binary', operator: spellings[token]!, left, right: this.expression(level + 1) };
    }
    return left;
  }

  private factor(): Node {
    const token = this.take();
    if (token === '-') return { kind: 'negate', operand: this.expression(LEVELS.length - 1) };
    if (token === '(') {
      const inner = this.expression();
      this.expect(')');
      return inner;
    }
    if (/^\d/.test(token)) return { kind: 'number', value: Number(token) };
    if (this.peek() === '(') {
      if (token === 'FILL') return this.fill();
      if (token === 'IF') return this.choice();
      if (isAcross(token)) return { kind: 'across', reduce: token, operands: this.list(token) };
      if (isEach(token)) {
        this.expect('(');
        const operand = this.expression();
        this.expect(')');
        return { kind: 'each', compute: token, operand };
      }
      const known = [...Object.keys(ACROSS), ...Object.keys(EACH), 'FILL', 'IF'];
      throw this.problem(`unknown function ${token}; known are ${known.join(', ')}`);
    }
    if (/^[a-z]/.test(token)) return { kind: 'id', id: token };
    throw this.problem(`'${token}' is not an id (ids begin with a lower-case letter)`);
  }

  private choice(): Node {
    this.expect('(');
    const condition = this.expression();
    this.expect(',');
    const then = this.expression();
    if (this.peek() !== ',') {
      this.expect(')');
      return { kind: 'if', condition, then };
    }
    this.position++;
    const otherwise = this.expression();
    this.expect(')');
    return { kind: 'if', condition, then, otherwise };
  }

  private list(name: string): Node[] {
    this.expect('(');
    if (this.peek() !== '[') throw this.problem(`${name} takes a list in brackets only, such as ${name}([a, b])`);
    const operands: Node[] = [];
    do {
      this.position++;
      operands.push(this.expression());
    } while (this.peek() === ',');
    this.expect(']');
    this.expect(')');
    return operands;
  }

  private fill(): Node {
    this.expect('(');
    const operand = this.expression();
    this.expect(',');
    const token = this.take();
    let filler: number | 'REPEAT' | 'LINEAR';
    if (token === 'REPEAT' || token === 'LINEAR') filler = token;
    else filler = token === '-' ? -Number(this.take()) : Number(token);
    if (typeof filler === 'number' && !Number.isFinite(filler)) {
      throw this.problem(`FILL takes a number, REPEAT or LINEAR, not '${token}'`);
    }
    this.expect(')');
    return { kind: 'fill', operand, filler };
  }

  private peek(): string | undefined {
    return this.tokens[this.position];
  }

  private take(): string {
    const token = this.tokens[this.position++];
    if (token === undefined) throw this.problem('the expression is incomplete');
    return token;
  }

  private expect(wanted: string): void {
    const token = this.take();
    if (token !== wanted) throw this.problem(`expected '${wanted}' instead of '${token}'`);
  }

  private problem(text: string): InputError {
    return new InputError(`metric math '${this.text}': ${text}`);
  }
}

function isAcross(name: string): name is keyof typeof ACROSS {
  return Object.hasOwn(ACROSS, name);
}

function isEach(name: string): name is keyof typeof EACH {
  return Object.hasOwn(EACH, name);
}

function collectIds(node: Node, ids: Set<string>): void {
  switch (node.kind) {
    case 'number':
      return;
    case 'id':
      ids.add(node.id);
      return;
    case 'binary':
      collectIds(node.left, ids);
      collectIds(node.right, ids);
      return;
    case 'across':
      for (const operand of node.operands) collectIds(operand, ids);
      return;
    case 'if':
      for (const part of [node.condition, node.then, node.otherwise]) if (part !== undefined) collectIds(part, ids);
      return;
    case 'negate':
    case 'each':
    case 'fill':
      collectIds(node.operand, ids);
  }
}

/** True without a filler that looks at other periods. */
function isPointwise(node: Node): boolean {
  switch (node.kind) {
    case 'number':
    case 'id':
      return true;
    case 'binary':
      return isPointwise(node.left) && isPointwise(node.right);
    case 'across':
      return node.operands.every(isPointwise);
    case 'if':
      return [node.condition, node.then, node.otherwise].every((part) => part === undefined || isPointwise(part));
    case 'negate':
    case 'each':
      return isPointwise(node.operand);
    case 'fill':
      return typeof node.filler === 'number' && isPointwise(node.operand);
  }
}

/** One period of the rows. */
interface Period {
  /** Value of an id. */
  value(id: string): number | undefined;
  /** Value of a filler that looks at other periods. */
  filled(node: Filled): number | undefined;
}

type Filled = Extract<Node, { readonly kind: 'fill' }>;

function evaluate(node: Node, rowOf: (id: string) => Row, length: number): Row {
  if (node.kind === 'id') return rowOf(node.id);
  const rows = new Map<string | Filled, Row>();
  const known = (key: string | Filled, read: () => Row): Row => {
    const present = rows.get(key);
    if (present !== undefined) return present;
    const row = read();
    rows.set(key, row);
    return row;
  };
  let index = 0;
  const period: Period = {
    value: (id) => known(id, () => rowOf(id))[index],
    filled: (fill) => known(fill, () => filledRow(evaluate(fill.operand, rowOf, length), fill.filler))[index],
  };
  const values = new Array<number | undefined>(length);
  for (; index < length; index++) values[index] = valueOf(node, period);
  return values;
}

function valueOf(node: Node, period: Period): number | undefined {
  switch (node.kind) {
    case 'number':
      return node.value;
    case 'id':
      return period.value(node.id);
    case 'negate': {
      const value = valueOf(node.operand, period);
      return value === undefined ? undefined : -value;
    }
    case 'across': {
      const values: number[] = [];
      for (const operand of node.operands) {
        const value = valueOf(operand, period);
        if (value !== undefined) values.push(value);
      }
      return values.length === 0 ? undefined : ACROSS[node.reduce](values);
    }
    case 'each': {
      const value = valueOf(node.operand, period);
      return value === undefined ? undefined : realNumber(EACH[node.compute](value));
    }
    case 'if': {
      const condition = valueOf(node.condition, period);
      const chosen = condition === undefined ? undefined : condition !== 0 ? node.then : node.otherwise;
      return chosen === undefined ? undefined : valueOf(chosen, period);
    }
    case 'fill':
      return typeof node.filler === 'number' ? (valueOf(node.operand, period) ?? node.filler) : period.filled(node);
    case 'binary':
      return apply(node.operator, valueOf(node.left, period), valueOf(node.right, period));
  }
}

function apply(operator: Operator, left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return undefined;
  return realNumber(OPERATORS[operator](left, right));
}

function realNumber(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** Row whose gaps have the value before them, or one on the line between those around them. */
function filledRow(row: Row, filler: Filled['filler']): Row {
  let previous = -1;
  return row.map((value, index) => {
    if (value !== undefined) {
      previous = index;
      return value;
    }
    if (previous < 0) return undefined;
    const before = row[previous]!;
    if (filler === 'REPEAT') return before;
    const next = row.findIndex((candidate, at) => at > index && candidate !== undefined);
    if (next < 0) return undefined;
    return before + ((row[next]! - before) * (index - previous)) / (next - previous);
  });
}
