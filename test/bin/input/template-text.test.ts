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
    [
      'a number beyond all numbers',
      '{"A": [{"B": 1e309}]}',
      'stack.yaml: A.0.B is Infinity, which a template cannot have',
    ],
    ['a number that is none', 'A:\n  B: .nan\n', 'stack.yaml: A.B is NaN, which a template cannot have'],
    ['an attribute without a name', 'A: !GetAtt B\n', 'stack.yaml:1: !GetAtt B names no attribute'],
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

  test('refuses errors in long lines by their lines alone: showing the place in each would take as long as all of them together', () => {
    const document = `{"a": "${'\n'.repeat(3)}${'x'.repeat(200_000)}"}`;
    const text = `A: b: c\n${`${document}\n`.repeat(20)}`;
    expect(() => read(text)).toThrow(
      /^stack\.yaml:1: this is not YAML \(Nested mappings are not allowed in compact mappings\); repair the line$/,
    );
  });

  test('refuses what is nested without end', () => {
    expect(() => read(`A: ${'['.repeat(200_000)}`)).toThrow(/^stack.yaml/);
  });
});

describe('layouts that CloudFormation and SAM take', () => {
  const wanted = {
    A: { Statement: [{ Effect: 'Allow', Principal: { Service: 's' } }], Text: 'one two', After: 3 },
    B: 'x',
  };

  test.each<[string, string]>([
    [
      'brackets that end at the indent of their key',
      'A:\n  Statement: [{\n    "Effect": "Allow",\n    "Principal": {"Service": "s"}\n  }]\n  Text: one two\n  After: 3\nB: x\n',
    ],
    [
      'brackets without any indent',
      'A:\n  Statement: [\n{Effect: Allow,\nPrincipal: {Service: s}}\n]\n  Text: one two\n  After: 3\nB: x\n',
    ],
    [
      'quoted texts that go on at a lower indent',
      'A:\n  Statement: [{Effect: Allow, Principal: {Service: s}}]\n  Text: "one\ntwo"\n  After: 3\nB: x\n',
    ],
    [
      'brackets in items of a list, with comments in them',
      "A:\n  Statement:\n  - {\n    Effect: 'Allow', # a comment with a ]\n    Principal: {Service: s}\n  }\n  Text: one two\n  After: 3\nB: x\n",
    ],
  ])('%s', (_what, text) => {
    expect(read(text)).toEqual(wanted);
  });

  test('brackets in a block of text stay text', () => {
    const text = 'A:\n  Code: |\n    x = [\n    1]\n  List: [\n  1\n  ]\nB: it is [not] a list\n';
    expect(read(text)).toEqual({ A: { Code: 'x = [\n1]\n', List: [1] }, B: 'it is [not] a list' });
  });

  test('functions of rules', () => {
    const text =
      'Rules:\n  R:\n    RuleCondition: !Contains [[prod], !Ref Stage]\n    Assertions:\n      - Assert: !EachMemberEquals [!ValueOf [Subnets, VpcId], !Ref VpcId]\n      - Assert: !EachMemberIn [!ValueOfAll [T, A], !RefAll T]\n';
    expect(read(text)).toEqual({
      Rules: {
        R: {
          RuleCondition: { 'Fn::Contains': [['prod'], { Ref: 'Stage' }] },
          Assertions: [
            { Assert: { 'Fn::EachMemberEquals': [{ 'Fn::ValueOf': ['Subnets', 'VpcId'] }, { Ref: 'VpcId' }] } },
            { Assert: { 'Fn::EachMemberIn': [{ 'Fn::ValueOfAll': ['T', 'A'] }, { 'Fn::RefAll': 'T' }] } },
          ],
        },
      },
    });
  });

  test('a key twice: the later one counts, and its line is told', () => {
    const told: string[] = [];
    expect(parseTemplateText('A: 1\nB: 2\nA: 3\n', 'stack.yaml', (message) => told.push(message))).toEqual({
      A: 3,
      B: 2,
    });
    expect(told).toEqual([
      'stack.yaml:3: A is there twice, and the later one counts, as in CloudFormation; remove one',
    ]);
  });

  test('brackets at the root with what JSON has not', () => {
    expect(read("{Resources: {A: {Type: 'T'}},}")).toEqual({ Resources: { A: { Type: 'T' } } });
  });

  test('comments in JSON are named', () => {
    expect(() =>
      read('{\n  "Resources": {\n    // the endpoint\n    "A": {"Type": "T", "Url": "https://x"}\n  }\n}'),
    ).toThrow('stack.yaml:3: JSON has no comments');
  });

  test('comments in JSON are found after long texts, and before them', () => {
    const long = `"${'x\\"'.repeat(4_000_000)}"`;
    expect(() => read(`{\n  "A": ${long}, // Kept\n}`)).toThrow('stack.yaml:2: JSON has no comments');
    expect(() => read(`{ /* Kept */\n  "A": ${long}`)).toThrow('stack.yaml:1: JSON has no comments');
  });

  test('list items of many marks keep the indent of a block', () => {
    const marks = '- '.repeat(4_000);
    expect(() => read(`A: [1,\n2]\n${marks}B: |\n x\n`)).toThrow(/^stack\.yaml/);
  });

  test('what is no layout of anything is still refused with its line', () => {
    expect(() => read('A:\n  B: [1, 2\nC: 3\n')).toThrow(/^stack\.yaml:\d: this is not YAML/);
  });
});
