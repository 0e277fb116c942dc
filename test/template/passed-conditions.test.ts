import * as fc from 'fast-check';
import { applyDefaults, choicesOf, conditionKeys, applyChoice, type TemplateDocument } from '../../lib/template';
import { prove } from '../../lib/proof/prove';

type Body = { readonly [name: string]: unknown };

/** A template whose limits depend on its own condition. */
const CHILD: Body = {
  Parameters: { Stage: { Type: 'String', Default: 'dev' } },
  Conditions: { IsLive: { 'Fn::Equals': [{ Ref: 'Stage' }, 'live'] } },
  Resources: {
    Size: { Type: 'Test::Size', Properties: { Maximum: { 'Fn::If': ['IsLive', 40, 4] } } },
    Spare: { Type: 'Test::Spare', Condition: 'IsLive' },
  },
};

const ROOT_PARAMETERS = { Parameters: { Environment: { Type: 'String', Default: 'live' } } };

function stack(file: string, parameters: Body, more: Body = {}): Body {
  return {
    Type: 'AWS::CloudFormation::Stack',
    Properties: { TemplateURL: `./${file}`, Parameters: parameters },
    ...more,
  };
}

function given(files: { readonly [file: string]: Body }): TemplateDocument[] {
  return Object.entries(files).map(([name, document]) => ({ name, document }));
}

/** Resources of a template, the first one if no name is given, after the defaults have decided. */
function resources(
  templates: readonly TemplateDocument[],
  index = 0,
): { readonly [id: string]: { Properties?: Body } } {
  return (applyDefaults(templates)[index]!.document as { Resources: { [id: string]: { Properties?: Body } } })
    .Resources;
}

describe('a condition of a nested stack', () => {
  test.each<[string, Body, Body, number | undefined]>([
    ['a literal', {}, { Stage: 'live' }, 40],
    ['a literal that is not the default', {}, { Stage: 'test' }, 4],
    ['a parameter of its own, whose default decides', ROOT_PARAMETERS, { Stage: { Ref: 'Environment' } }, 40],
    [
      'a value of a mapping',
      { Mappings: { Stages: { eu: { Name: 'live' } } } },
      { Stage: { 'Fn::FindInMap': ['Stages', 'eu', 'Name'] } },
      40,
    ],
    [
      'one of two values by a condition of its own',
      { ...ROOT_PARAMETERS, Conditions: { IsTest: { 'Fn::Equals': [{ Ref: 'Environment' }, 'test'] } } },
      { Stage: { 'Fn::If': ['IsTest', 'dev', 'live'] } },
      40,
    ],
    ['nothing: then its own default decides', ROOT_PARAMETERS, {}, 4],
    [
      'a value that only the deployment knows',
      { Resources: { Topic: { Type: 'AWS::SNS::Topic' } } },
      { Stage: { Ref: 'Topic' } },
      undefined,
    ],
    [
      'a parameter without a default',
      { Parameters: { Environment: { Type: 'String' } } },
      { Stage: { Ref: 'Environment' } },
      undefined,
    ],
  ])('is decided where the stack around it passes %s', (_, root, parameters, maximum) => {
    const { Resources, ...rest } = root as { Resources?: Body };
    const templates = given({
      'child.json': CHILD,
      'root.json': { ...rest, Resources: { ...Resources, Child: stack('child.json', parameters) } },
    });
    const { Size, Spare } = resources(templates);
    expect(Size!.Properties!['Maximum']).toEqual(maximum ?? { 'Fn::If': ['IsLive', 40, 4] });
    expect(Spare === undefined).toBe(maximum === 4);
  });

  test('is decided through two stacks, in any order of the templates', () => {
    const files = {
      'root.json': {
        ...ROOT_PARAMETERS,
        Resources: { Middle: stack('middle.json', { Kind: { Ref: 'Environment' } }) },
      },
      'middle.json': {
        Parameters: { Kind: { Type: 'String', Default: 'dev' } },
        Resources: { Child: stack('child.json', { Stage: { Ref: 'Kind' } }) },
      },
      'child.json': CHILD,
    };
    fc.assert(
      fc.property(fc.shuffledSubarray(Object.keys(files), { minLength: 3 }), (names) => {
        const templates = names.map((name) => ({ name, document: files[name as keyof typeof files] }));
        expect(resources(templates, names.indexOf('child.json'))['Size']!.Properties!['Maximum']).toBe(40);
      }),
    );
  });

  test('has no default where two stacks pass different values, and is decided where they pass the same', () => {
    const twice = (one: string, other: string): TemplateDocument[] =>
      given({
        'child.json': CHILD,
        'root.json': {
          Resources: { A: stack('child.json', { Stage: one }), B: stack('child.json', { Stage: other }) },
        },
      });
    expect(resources(twice('live', 'live'))['Size']!.Properties!['Maximum']).toBe(40);
    expect(resources(twice('live', 'dev'))['Size']!.Properties!['Maximum']).toEqual({ 'Fn::If': ['IsLive', 40, 4] });
  });

  test('is the condition of the stack around it: no branch has one without the other', () => {
    const templates = given({
      'child.json': CHILD,
      'root.json': {
        ...ROOT_PARAMETERS,
        Conditions: { IsLive: { 'Fn::Equals': [{ Ref: 'Environment' }, 'live'] } },
        Resources: {
          Child: stack('child.json', { Stage: { Ref: 'Environment' } }),
          Alarm: { Type: 'Test::Alarm', Condition: 'IsLive' },
        },
      },
    });
    const keys = conditionKeys(templates, /^/);
    expect(keys).toHaveLength(1);
    for (const choice of choicesOf(keys)) {
      const [child, root] = applyChoice(templates, choice).map(({ document }) =>
        Object.keys((document as { Resources: Body }).Resources),
      );
      expect([child!.includes('Spare'), root!.includes('Alarm')]).toEqual(
        child!.includes('Spare') ? [true, true] : [false, false],
      );
    }
  });

  test('is no branch where a literal decides it: a fault of the other branch is not reported', () => {
    const child = {
      ...CHILD,
      Resources: {
        Target: {
          Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
          Properties: {
            ServiceNamespace: 'sagemaker',
            ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
            ResourceId: 'endpoint/chat/variant/main',
            MinCapacity: { 'Fn::If': ['IsLive', 1, 9] },
            MaxCapacity: 4,
          },
        },
      },
    };
    const faults = (parameters: Body): string[] =>
      prove(given({ 'child.json': child, 'root.json': { Resources: { Child: stack('child.json', parameters) } } }))
        .filter(({ message }) => message.includes('MaxCapacity') || message.includes('MinCapacity'))
        .map(({ severity }) => severity);
    expect(faults({ Stage: 'live' })).toEqual([]);
    expect(faults({ Stage: 'dev' })).toEqual(['error']);
  });
});
