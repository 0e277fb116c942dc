import { prove } from '../../../lib/proof/prove';
import type { ProofRule } from '../../../lib/proof/rule-support/rule';
import type { Resources } from './templates';

/** Rule → pairs of a template with a fault and a similar one without. */
export interface RuleCases {
  readonly [rule: string]: readonly (readonly [faulty: Resources, correct: Resources])[];
}

/** Rules with a finding in some resources, each once. */
export function rulesOf(Resources: Resources, quotas?: { readonly [type: string]: number }): string[] {
  const findings = prove([{ name: 't.json', document: { Resources } }], quotas === undefined ? {} : { quotas });
  return [...new Set(findings.map(({ rule }) => rule))].sort();
}

/** Severity of the finding of a rule; undefined without one. */
export function severityOf(Resources: Resources, rule: string): string | undefined {
  return prove([{ name: 't.json', document: { Resources } }]).find((finding) => finding.rule === rule)?.severity;
}

/**
 * Tests the rules of a file with pairs of templates.
 *
 * @param otherwiseTested rules that have tests of another kind in the same file
 */
export function testRules(
  rules: readonly ProofRule[],
  cases: RuleCases,
  otherwiseTested: readonly string[] = [],
): void {
  describe('each rule', () => {
    test('has a case', () => {
      expect([...Object.keys(cases), ...otherwiseTested].sort()).toEqual(rules.map(({ id }) => id).sort());
    });

    const rows = Object.entries(cases).flatMap(([rule, pairs]) =>
      pairs.map((pair, index) => [rule, index + 1, ...pair] as const),
    );

    test.each(rows)('%s finds the fault (%i)', (rule, _index, faulty) => {
      expect(rulesOf(faulty)).toContain(rule);
    });

    test.each(rows)('%s finds nothing in the correct template (%i)', (rule, _index, _faulty, correct) => {
      expect(rulesOf(correct)).not.toContain(rule);
    });
  });
}
