import { compileExpression, ExpressionError, expressionProblem } from '../../../lambda/support/json-expression';

const MEBIBYTE = 1024 * 1024;

describe('the check of an expression', () => {
  test.each([
    '@',
    'prompt',
    '{inputs: prompt, parameters: {max_new_tokens: max_tokens || `16`}}',
    "join('\\n', messages[].content)",
    "{x: 'nofn(1)'}",
    'length(items)',
    'sort_by(items, &age)[-1].name',
  ])('accepts %s', (expression) => {
    expect(expressionProblem(expression)).toBeUndefined();
  });

  test.each([
    ['', 'column 1: it ends too early'],
    ['{inputs: prompt', 'column 16: it ends too early'],
    ['a b', "column 3: 'b' is not expected here"],
    ['a.b.', 'column 5: it ends too early'],
    ['a ~ b', "column 3: '~' is no part of JMESPath"],
    ["{a: 'unclosed", "column 5: ''unclosed' is no part of JMESPath"],
    ['items[].nofn(@)', 'column 9: there is no function nofn(); there are abs, avg'],
    ['join(`1`)', 'Expected at least 2 arguments for function join(), received 1'],
  ])('refuses %s with the place', (expression, problem) => {
    expect(expressionProblem(expression)).toContain(problem);
  });

  test('refuses lists that double again and again', () => {
    expect(expressionProblem(`@${'|[@,@][]'.repeat(60)}`)).toMatch(/longer than 1000 ms|grows too large/);
  }, 30_000);
});

describe('an expression', () => {
  test('makes JSON of a value', () => {
    const evaluate = compileExpression("{inputs: join(' ', messages[].content), parameters: {max_new_tokens: max}}");
    expect(JSON.parse(evaluate({ messages: [{ content: 'a' }, { content: 'b' }], max: 3 }, MEBIBYTE))).toEqual({
      inputs: 'a b',
      parameters: { max_new_tokens: 3 },
    });
  });

  test.each([
    ['a', {}, 'its result is null'],
    ['length(a)', { a: 1 }, 'Invalid argument type for function length()'],
    // Each step shares what it repeats, which takes no memory before it is written.
    [`@${'|[@,@]'.repeat(40)}`, {}, 'its result is larger than 1048576 bytes'],
    ['{a: a, b: a}', { a: 'x'.repeat(600_000) }, 'its result is larger than 1048576 bytes'],
    ['{a: a}', { a: 'ü'.repeat(600_000) }, 'its result is larger than 1048576 bytes'],
  ])('%# fails on a value with the reason', (expression, value, reason) => {
    expect(() => compileExpression(expression)(value, MEBIBYTE)).toThrow(ExpressionError);
    expect(() => compileExpression(expression)(value, MEBIBYTE)).toThrow(reason);
  });

  test('ends in time on a value that makes it slow', () => {
    const evaluate = compileExpression(`@${'|[@,@][]'.repeat(12)}`);
    expect(evaluate(1, MEBIBYTE).length).toBeGreaterThan(4096);
    const startedAt = performance.now();
    expect(() => evaluate(new Array(20_000).fill(1), MEBIBYTE)).toThrow(ExpressionError);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  }, 30_000);
});
