import { InputError } from '../core/errors';
import { branchesOf, certainFindings, declaredConditions, firstOfEach, type Branch, type Judgement } from './branches';
import type { Finding } from './finding';
import { ProofModel } from './model';
import type { ProofOptions, ProofTemplate } from './subjects';
import { ALARM_RULES } from './rules/alarms';
import { CAPACITY_RULES } from './rules/capacity';
import { COMPONENT_RULES } from './rules/components';
import { DEPLOYMENT_RULES } from './rules/deployment';
import { INSTANCE_RULES } from './rules/instances';
import { HOST_RULES } from './rules/hosts';
import { MATH_RULES } from './rules/math';
import { METRIC_RULES } from './rules/metrics';
import { PERMISSION_RULES } from './rules/permissions';
import { POLICY_RULES } from './rules/policies';
import { STATISTIC_RULES } from './rules/statistics';
import { STREAM_RULES } from './rules/streams';
import { TARGET_RULES } from './rules/targets';
import { VARIANT_RULES } from './rules/variants';
import { WAKE_RULES } from './rules/wake';
import type { ProofRule } from './rules/rule';

/** Every rule, in the order of the catalogue. */
export const RULES: readonly ProofRule[] = [
  ...METRIC_RULES,
  ...STATISTIC_RULES,
  ...MATH_RULES,
  ...ALARM_RULES,
  ...TARGET_RULES,
  ...CAPACITY_RULES,
  ...STREAM_RULES,
  ...WAKE_RULES,
  ...COMPONENT_RULES,
  ...VARIANT_RULES,
  ...HOST_RULES,
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
  for (const template of templates) checkDepth(template);
  const branches = branchesOf(templates).map((branch) => ({ branch, ...judge(branch.templates, options) }));
  const byDefault = branches.filter(({ branch }) => branch.isDefault);
  const found = firstOfEach([
    certainFindings(branches),
    // Defaults of parameters are taken for their values.
    certainFindings(byDefault.length > 0 ? byDefault : branches),
    branches.length > 1 ? conditionalErrors(templates, branches, options) : [],
  ]);
  return unique(found).sort(
    (a, b) => order(a) - order(b) || compare(a.template, b.template) || compare(a.logicalId, b.logicalId),
  );
}

function errorsOf(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ severity }) => severity === 'error');
}

/** Errors that one condition alone brings about, as warnings. Defaults of parameters say nothing of branches that they do not lead to. */
function conditionalErrors(
  templates: readonly ProofTemplate[],
  branches: readonly (Judgement & { readonly branch: Branch })[],
  options?: ProofOptions,
): Finding[] {
  const judged = branches.map((one) =>
    one.branch.isDefault
      ? one
      : { branch: one.branch, ...judge(one.branch.templates, { ...options, areDefaultsOpen: true }) },
  );
  return firstOfEach(
    declaredConditions(templates).flatMap((declared) =>
      [true, false].map((value) => {
        const chosen = judged.filter(({ branch }) => branch.holds(declared) === value);
        if (chosen.length === 0) return [];
        return errorsOf(certainFindings(chosen)).map((finding) => ({
          ...finding,
          severity: 'warning' as const,
          message: `when condition ${declared.name} is ${value}: ${finding.message}`,
        }));
      }),
    ),
  );
}

/** Everything that is wrong with the templates once their conditions are decided. */
function judge(templates: readonly ProofTemplate[], options?: ProofOptions): Judgement {
  const model = new ProofModel(templates, options);
  const findings = RULES.flatMap((rule) =>
    [...rule.check(model)].map(({ at, property, message, remedy, severity }): Finding => ({
      rule: rule.id,
      severity: severity ?? rule.severity,
      template: at.template,
      logicalId: at.logicalId,
      property,
      message: readable(message),
      remedy: remedy ?? rule.remedy,
    })),
  );
  return { findings, has: ({ template, logicalId }) => model.has(template, logicalId) };
}

/** Place holders of what only the deployment gives, as templates write them. */
function readable(message: string): string {
  return message.replace(/<(?:\d+ )?([\w:. -]+)>/g, '${$1}');
}

/** No template that CloudFormation takes is nested deeper. */
const DEEPEST = 500;

function checkDepth({ name, document }: ProofTemplate): void {
  let level: unknown[] = [document];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST)
      throw new InputError(`${name}: the document is nested deeper than ${DEEPEST} levels; it is no template`);
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  }
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
