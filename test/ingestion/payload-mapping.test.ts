import { App, CfnParameter, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { PayloadMapping } from '../../lib/ingestion';
import { formatPayloadMapping, parsePayloadMapping } from '../../lib/ingestion/decide/payload-mapping';

describe('the text of a mapping', () => {
  test.each([
    { kind: 'jmespath', expression: '{inputs: prompt}' },
    { kind: 'lambda', functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:shape:live' },
  ] as const)('is read as it was written: $kind', (source) => {
    expect(parsePayloadMapping(formatPayloadMapping(source))).toEqual(source);
  });

  test.each(['', 'jmespath:', 'lambda:', 'prompt', 'jsonata:a'])("is refused: '%s'", (text) => {
    expect(() => parsePayloadMapping(text)).toThrow(
      `the mapping is '${text}'; expected jmespath:<expression> or lambda`,
    );
  });
});

describe('a payload mapping', () => {
  test('is an expression', () => {
    const mapping = PayloadMapping.jmesPath('{inputs: prompt}');
    expect(mapping.definition).toBe('jmespath:{inputs: prompt}');
    expect(mapping.handler).toBeUndefined();
  });

  test('is a function', () => {
    const stack = new Stack(new App(), 'Test');
    const handler = lambda.Function.fromFunctionArn(
      stack,
      'Shape',
      'arn:aws:lambda:us-east-1:123456789012:function:shape',
    );
    const mapping = PayloadMapping.lambdaFunction(handler);
    expect(mapping.definition).toBe('lambda:arn:aws:lambda:us-east-1:123456789012:function:shape');
    expect(mapping.handler).toBe(handler);
  });

  test.each([
    ['{inputs: prompt', "the JMESPath expression '{inputs: prompt' cannot be used: column 16: it ends too early"],
    ['a.nofn(@)', 'column 3: there is no function nofn()'],
    ['a'.repeat(1025), 'it has 1025 characters, of at most 1024; use PayloadMapping.lambdaFunction'],
  ])('refuses an expression with the place: %s', (expression, message) => {
    expect(() => PayloadMapping.jmesPath(expression)).toThrow(message);
  });

  test('refuses an expression that is known after the deployment only', () => {
    const parameter = new CfnParameter(new Stack(new App(), 'Test'), 'Shape');
    expect(() => PayloadMapping.jmesPath(parameter.valueAsString)).toThrow('known only after the deployment');
  });
});
