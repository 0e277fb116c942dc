import { proofOf, prove, RULES } from '../../lib/proof/prove';
import { applyChoice } from '../../lib/template';
import { realTime, tracking, variantTarget, type Properties, type Resources } from './support/templates';

describe('conditions', () => {
  const judged = (Resources: Resources, Conditions: Properties): string[] =>
    prove([{ name: 't.json', document: { Conditions, Resources } }]).map(
      ({ rule, logicalId }) => `${rule} ${logicalId}`,
    );
  const isProd = { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] };

  test('what is wrong on every branch is certain', () => {
    const zero = {
      ...realTime(),
      P: tracking(),
      Target: variantTarget({ MinCapacity: { 'Fn::If': ['Prod', 0, '0'] } }),
    };
    expect(judged(zero, { Prod: isProd })).toEqual(['zero-where-impossible Target']);
  });

  test('what a resource has wrong whenever it is there is certain', () => {
    const optional = {
      ...realTime(),
      Target: { ...variantTarget({ MinCapacity: 0 }), Condition: 'Prod' },
      P: { ...tracking(), Condition: 'Prod' },
    };
    expect(judged(optional, { Prod: isProd })).toEqual(['zero-where-impossible Target']);
  });

  test('what one branch has right has no finding', () => {
    const Conditions = { Prod: isProd, Dev: { 'Fn::Not': [{ Condition: 'Prod' }] } };
    const either = {
      ...realTime(
        { ModelName: { 'Fn::If': ['Dev', { Ref: 'AWS::NoValue' }, 'm'] } },
        { ExecutionRoleArn: { Ref: 'Role' } },
      ),
      P: tracking(),
      Target: variantTarget({ MinCapacity: { 'Fn::If': ['Prod', 1, 0] } }),
    };
    expect(judged(either, Conditions)).toEqual([]);
  });

  test('one parameter does not equal two texts at once', () => {
    const Conditions = { Prod: isProd, Test: { 'Fn::Equals': [{ Ref: 'Stage' }, 'test'] } };
    const Resources = {
      ...realTime(
        {},
        {
          AsyncInferenceConfig: {
            'Fn::If': ['Prod', { 'Fn::If': ['Test', {}, { Ref: 'AWS::NoValue' }] }, { Ref: 'AWS::NoValue' }],
          },
        },
      ),
      P: tracking(),
      Target: variantTarget({ MinCapacity: 0 }),
    };
    expect(judged(Resources, Conditions)).toEqual(['zero-where-impossible Target']);
  });

  test('more conditions than can be tried leave their values unknown', () => {
    const names = Array.from({ length: 12 }, (_one, index) => `C${index}`);
    const nested = names.reduce<unknown>((inner, name) => ({ 'Fn::If': [name, inner, 1] }), 0);
    expect(judged({ ...realTime(), P: tracking(), Target: variantTarget({ MinCapacity: nested }) }, {})).toEqual([]);
  });
});

describe('warnings behind conditions', () => {
  const isOn = (name: string) => ({ 'Fn::Equals': [{ Ref: name }, 'yes'] });
  const off = { Type: 'String', Default: 'no' };
  const proofUnder = (Resources: Resources, Parameters: Properties, Conditions: Properties) =>
    proofOf([{ name: 't.json', document: { Parameters, Conditions, Resources } }]);
  const summary = (Resources: Resources, Parameters: Properties, Conditions: Properties) => {
    const { findings, conditionalWarnings } = proofUnder(Resources, Parameters, Conditions);
    return {
      findings: findings.map(({ rule }) => rule),
      conditional: conditionalWarnings.map(
        ({ condition, value, findings: more }) =>
          `${condition} ${value}: ${more.map(({ rule, logicalId }) => `${rule} ${logicalId}`).join(', ')}`,
      ),
    };
  };
  const resets = realTime({}, {}, { RetainAllVariantProperties: false });

  test('are listed by the condition that they need, where the defaults do not lead to them', () => {
    const scaled = {
      ...resets,
      Target: { ...variantTarget(), Condition: 'Scaled' },
      P: { ...tracking(), Condition: 'Scaled' },
    };
    expect(summary(scaled, { Scale: off }, { Scaled: isOn('Scale') })).toEqual({
      findings: [],
      conditional: ['Scaled true: counts-reset-on-deploy Endpoint'],
    });
  });

  test('are listed for the other value of a condition too', () => {
    const unscaled = {
      ...resets,
      Target: { ...variantTarget(), Condition: 'Fixed' },
      P: { ...tracking(), Condition: 'Fixed' },
    };
    const Conditions = { Scaled: isOn('Scale'), Fixed: { 'Fn::Not': [{ Condition: 'Scaled' }] } };
    const on = { Type: 'String', Default: 'yes' };
    expect(summary(unscaled, { Scale: on }, Conditions).conditional).toEqual([
      'Fixed true: counts-reset-on-deploy Endpoint',
    ]);
  });

  test('are none where the defaults lead to them, or where nothing is behind a condition', () => {
    const on = { Type: 'String', Default: 'yes' };
    const scaled = {
      ...resets,
      Target: { ...variantTarget(), Condition: 'Scaled' },
      P: { ...tracking(), Condition: 'Scaled' },
    };
    expect(summary(scaled, { Scale: on }, { Scaled: isOn('Scale') })).toEqual({
      findings: ['counts-reset-on-deploy'],
      conditional: [],
    });
    const good = {
      ...realTime(),
      Target: { ...variantTarget(), Condition: 'Scaled' },
      P: { ...tracking(), Condition: 'Scaled' },
    };
    expect(summary(good, { Scale: off }, { Scaled: isOn('Scale') }).conditional).toEqual([]);
  });

  test('are listed once, under the first condition that has them', () => {
    const twice = {
      ...resets,
      Target: { ...variantTarget({ MaxCapacity: { 'Fn::If': ['Large', 8, 4] } }), Condition: 'Scaled' },
      P: { ...tracking(), Condition: 'Scaled' },
    };
    const Conditions = { Scaled: isOn('Scale'), Large: { 'Fn::And': [{ Condition: 'Scaled' }, isOn('Size')] } };
    expect(summary(twice, { Scale: off, Size: off }, Conditions).conditional).toEqual([
      'Scaled true: counts-reset-on-deploy Endpoint',
    ]);
  });
});

describe('the work for 256 branches', () => {
  const names = Array.from({ length: 8 }, (_one, index) => `C${index}`);
  const Parameters = Object.fromEntries(names.map((name) => [`P${name}`, { Type: 'String', Default: 'no' }]));
  const Conditions = Object.fromEntries(
    names.map((name) => [name, { 'Fn::Equals': [{ Ref: `P${name}` }, 'yes'] }]),
  ) as Properties;
  const resources = (MinCapacity: unknown): Resources => ({
    ...realTime(),
    Target: variantTarget({
      MinCapacity,
      MaxCapacity: names.reduce<unknown>((inner, name, index) => ({ 'Fn::If': [name, index + 2, inner] }), 1),
    }),
  });
  const judgements = (Resources: Resources): number => {
    const check = jest.spyOn(RULES[0]!, 'check');
    try {
      prove([{ name: 't.json', document: { Parameters, Conditions, Resources } }]);
      return check.mock.calls.length;
    } finally {
      check.mockRestore();
    }
  };

  test('is one judgement of each, where no value is a default of a parameter', () => {
    expect(judgements(resources(1))).toBe(256);
  });

  test('is a second one with open defaults, except where the defaults lead', () => {
    expect(judgements(resources({ Ref: 'PC0' }))).toBe(511);
  });

  test('copies nothing that no condition changes', () => {
    const declared: Resources = { ...resources(1), Other: { Type: 'T', Properties: { A: [{ B: 1 }] } } };
    const [branch] = applyChoice([{ name: 't.json', document: { Conditions, Resources: declared } }], new Map());
    const chosen = branch!.document as { readonly Resources: Resources };
    expect(chosen.Resources['Other']).toBe(declared['Other']);
    expect(chosen.Resources['Target']).not.toBe(declared['Target']);
  });
});
