import { parseTemplateText } from '../../../bin/input/template-text';

const read = (text: string): unknown => parseTemplateText(text, 'stack.yaml');

describe('a template as text', () => {
  test('is JSON, or YAML that says the same', () => {
    const template = {
      Resources: { A: { Type: 'T', Properties: { N: 4, On: true, Nothing: null, List: [1, 'two'] } } },
    };
    expect(read(JSON.stringify(template))).toEqual(template);
    expect(
      read('Resources:\n  A:\n    Type: T\n    Properties: {N: 4, On: true, Nothing: null, List: [1, two]}\n'),
    ).toEqual(template);
  });

  test.each<[string, unknown]>([
    ['!Ref Endpoint', { Ref: 'Endpoint' }],
    ['!Condition IsLive', { Condition: 'IsLive' }],
    ['!GetAtt Endpoint.EndpointName', { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] }],
    ['!GetAtt Nested.Outputs.Name', { 'Fn::GetAtt': ['Nested', 'Outputs.Name'] }],
    ['!GetAtt [Endpoint, EndpointName]', { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] }],
    ['!Sub endpoint/${Name}/variant/main', { 'Fn::Sub': 'endpoint/${Name}/variant/main' }],
    ['!Sub ["${A}", {A: !Ref B}]', { 'Fn::Sub': ['${A}', { A: { Ref: 'B' } }] }],
    [
      '!Join ["/", [endpoint, !GetAtt E.EndpointName]]',
      { 'Fn::Join': ['/', ['endpoint', { 'Fn::GetAtt': ['E', 'EndpointName'] }]] },
    ],
    ['!If [IsLive, 2, !Ref "AWS::NoValue"]', { 'Fn::If': ['IsLive', 2, { Ref: 'AWS::NoValue' }] }],
    ['!Select [0, !GetAZs ""]', { 'Fn::Select': [0, { 'Fn::GetAZs': '' }] }],
    [
      '!Transform {Name: "AWS::Include", Parameters: {Location: a}}',
      { 'Fn::Transform': { Name: 'AWS::Include', Parameters: { Location: 'a' } } },
    ],
    ['{Fn::Sub: "${A}"}', { 'Fn::Sub': '${A}' }],
    ['2010-09-09', '2010-09-09'],
    ['no', 'no'],
    ['"4"', '4'],
  ])('reads %s', (text, expected) => expect(read(`V: ${text}\n`)).toEqual({ V: expected }));

  test('follows anchors', () => {
    expect(read('A: &a {x: 1}\nB: *a\n')).toEqual({ A: { x: 1 }, B: { x: 1 } });
  });

  test('keeps names that objects have of themselves', () => {
    expect(Object.keys(read('__proto__: 1\nconstructor: 2\n') as object)).toEqual(['__proto__', 'constructor']);
  });

  test.each<[string, string, string]>([
    ['a function that does not exist', 'A:\n  B: !Reff C\n', 'stack.yaml:2: !Reff is not a function of CloudFormation'],
    ['an attribute without a name', 'A: !GetAtt B\n', 'stack.yaml:1: !GetAtt B names no attribute'],
    ['a key twice', 'A: 1\nA: 2\n', 'stack.yaml:2: this is not YAML (Map keys must be unique'],
    ['a key that is a list', '? [a]\n: 1\n', 'stack.yaml:1: a key is not text'],
    ['an anchor that is not there', 'A: *b\n', 'stack.yaml:1: *b names no anchor'],
    ['an anchor inside itself', 'A: &a [*a]\n', 'stack.yaml is nested too deeply'],
    ['text', 'hello', 'stack.yaml is neither JSON nor YAML of a template'],
    ['nothing', '', 'stack.yaml is neither JSON nor YAML of a template'],
    ['several documents', 'A: 1\n---\nB: 2\n', 'stack.yaml:2: another document begins'],
    ['tabs', 'A:\n\tB: 1\n', 'stack.yaml:2: this is not YAML (Tabs are not allowed'],
    [
      'blocks without end',
      'A:\n' + Array.from({ length: 3000 }, (_, n) => `${' '.repeat(n + 1)}a:\n`).join(''),
      'stack.yaml is nested too deeply',
    ],
    ['broken JSON', '{"a":', 'stack.yaml is not JSON ('],
  ])('refuses %s', (_, text, message) => expect(() => read(text)).toThrow(message));

  test('refuses a few lines that say millions of values', () => {
    const lines = Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`);
    expect(() => read(`a0: &a0 [1]\n${lines.join('\n')}\n`)).toThrow('has more than 2000000 values');
  });

  test('refuses what is nested without end', () => {
    expect(() => read(`A: ${'['.repeat(200_000)}`)).toThrow(/^stack.yaml/);
  });
});
