import { prove } from '../../lib/proof/prove';
import { realTime, variantTarget, type Properties, type Resources } from './support/templates';

describe('conditions', () => {
  const judged = (Resources: Resources, Conditions: Properties): string[] =>
    prove([{ name: 't.json', document: { Conditions, Resources } }]).map(
      ({ rule, logicalId }) => `${rule} ${logicalId}`,
    );
  const isProd = { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] };

  test('what is wrong on every branch is certain', () => {
    const zero = { ...realTime(), Target: variantTarget({ MinCapacity: { 'Fn::If': ['Prod', 0, '0'] } }) };
    expect(judged(zero, { Prod: isProd })).toEqual(['zero-where-impossible Target']);
  });

  test('what a resource has wrong whenever it is there is certain', () => {
    const optional = { ...realTime(), Target: { ...variantTarget({ MinCapacity: 0 }), Condition: 'Prod' } };
    expect(judged(optional, { Prod: isProd })).toEqual(['zero-where-impossible Target']);
  });

  test('what one branch has right has no finding', () => {
    const Conditions = { Prod: isProd, Dev: { 'Fn::Not': [{ Condition: 'Prod' }] } };
    const either = {
      ...realTime(
        { ModelName: { 'Fn::If': ['Dev', { Ref: 'AWS::NoValue' }, 'm'] } },
        { ExecutionRoleArn: { Ref: 'Role' } },
      ),
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
      Target: variantTarget({ MinCapacity: 0 }),
    };
    expect(judged(Resources, Conditions)).toEqual(['zero-where-impossible Target']);
  });

  test('more conditions than can be tried leave their values unknown', () => {
    const names = Array.from({ length: 12 }, (_one, index) => `C${index}`);
    const nested = names.reduce<unknown>((inner, name) => ({ 'Fn::If': [name, inner, 1] }), 0);
    expect(judged({ ...realTime(), Target: variantTarget({ MinCapacity: nested }) }, {})).toEqual([]);
  });
});
