import { COMPONENT_RULES } from '../../../lib/proof/rules/components';
import { withComponent } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import { components, componentTarget, type Resources } from '../support/templates';
import { prove } from '../../../lib/proof/prove';

testRules(
  COMPONENT_RULES,
  {
    'component-created-empty': [
      [withComponent({ RuntimeConfig: { CopyCount: 0 } }), withComponent({ RuntimeConfig: { CopyCount: 1 } })],
      [
        withComponent({ RuntimeConfig: { CopyCount: '0' } }),
        withComponent({
          Specification: { BaseInferenceComponentName: 'base', Container: { ArtifactUrl: 's3://adapters/one' } },
          RuntimeConfig: { CopyCount: 0 },
        }),
      ],
      [
        withComponent({ RuntimeConfig: { CopyCount: 0 } }),
        withComponent({ RuntimeConfig: { CopyCount: { Ref: 'Copies' } } }),
      ],
    ],
  },
  ['zero-not-in-region'],
);

describe('a region', () => {
  const findings = (region: string | undefined, resources: Resources): string[] =>
    prove([{ name: 't.json', document: { Resources: resources }, ...(region !== undefined && { region }) }]).flatMap(
      ({ rule, severity, logicalId }) => (rule === 'zero-not-in-region' ? [`${severity} ${logicalId}`] : []),
    );
  const atZero = { ...components(), Target: componentTarget({ MinCapacity: 0 }) };

  test('that was seen to refuse zero instances refuses these', () => {
    expect(findings('eu-west-3', atZero)).toEqual(['error Config', 'warning Target']);
  });

  test('that accepts them, or one that is unknown, has no finding', () => {
    expect(findings('us-east-1', atZero)).toEqual([]);
    expect(findings(undefined, atZero)).toEqual([]);
  });

  test('that refuses zero takes copies at zero on an instance that stays', () => {
    const kept = components({
      ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 4 },
    });
    expect(findings('eu-west-3', { ...kept, Target: componentTarget({ MinCapacity: 0 }) })).toEqual([]);
    expect(findings('eu-west-3', { ...components(), Target: componentTarget({ MinCapacity: 1 }) })).toEqual([
      'error Config',
    ]);
  });
});
