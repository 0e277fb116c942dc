import type { Finding } from './finding';
import { ProofModel, type ProofOptions, type ProofTemplate } from './model';
import { CAPACITY_RULES } from './rules/capacity';
import { DEPLOYMENT_RULES } from './rules/deployment';
import { INSTANCE_RULES } from './rules/instances';
import { METRIC_RULES } from './rules/metrics';
import { PERMISSION_RULES } from './rules/permissions';
import { POLICY_RULES } from './rules/policies';
import type { ProofRule } from './rules/rule';

/** Every rule, in the order of the catalogue. */
export const RULES: readonly ProofRule[] = [
  ...METRIC_RULES,
  ...CAPACITY_RULES,
  ...POLICY_RULES,
  ...INSTANCE_RULES,
  ...DEPLOYMENT_RULES,
  ...PERMISSION_RULES,
];

/**
 * Everything that is certainly or probably wrong with the scaling of some templates, judged together so that one may refer to another.
 * What only a deployment decides is not accused.
 *
 * @throws InputError when a document is no template
 */
export function prove(templates: readonly ProofTemplate[], options?: ProofOptions): Finding[] {
  const model = new ProofModel(templates, options);
  const findings = RULES.flatMap((rule) =>
    [...rule.check(model)].map(({ at, property, message, remedy, severity }): Finding => ({
      rule: rule.id,
      severity: severity ?? rule.severity,
      template: at.template,
      logicalId: at.logicalId,
      property,
      message,
      remedy: remedy ?? rule.remedy,
    })),
  );
  return unique(findings).sort(
    (a, b) => order(a) - order(b) || compare(a.template, b.template) || compare(a.logicalId, b.logicalId),
  );
}

function order({ severity }: Finding): number {
  return severity === 'error' ? 0 : 1;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}
