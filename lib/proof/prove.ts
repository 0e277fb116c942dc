import { branchesOf, JUDGED_TYPES, type Branch } from './branches';
import { certainFindings, firstOfEach, type Judgement } from './judgement';
import type { ConditionalWarnings, Finding, Proof, ProofOptions } from './finding';
import { checkNesting, declaredConditions, TemplateModel, type TemplateDocument } from '../template';
import { ALARM_RULES } from './rules/alarms';
import { CAPACITY_RULES } from './rules/capacity';
import { COMPONENT_RULES } from './rules/components';
import { DEPLOYMENT_RULES } from './rules/deployment';
import { INSTANCE_RULES } from './rules/instances';
import { HOST_RULES } from './rules/hosts';
import { MAPPING_RULES } from './rules/mappings';
import { MATH_RULES } from './rules/math';
import { METRIC_RULES } from './rules/metrics';
import { PERMISSION_RULES } from './rules/permissions';
import { POLICY_RULES } from './rules/policies';
import { STATISTIC_RULES } from './rules/statistics';
import { STREAM_RULES } from './rules/streams';
import { TARGET_RULES } from './rules/targets';
import { SCHEDULE_RULES } from './rules/schedules';
import { THRESHOLD_RULES } from './rules/thresholds';
import { DELIVERY_RULES } from './rules/deliveries';
import { FEATURE_RULES } from './rules/features';
import { GUARDRAIL_RULES } from './rules/guardrails';
import { MOVEMENT_RULES } from './rules/movement';
import { NAME_RULES } from './rules/names';
import { ORDER_RULES } from './rules/order';
import { TRACKING_RULES } from './rules/tracking';
import { VARIANT_RULES } from './rules/variants';
import { WAKE_RULES } from './rules/wake';
import type { ProofRule } from './rule-support/rule';

/** Every rule, in the order of the catalogue. */
export const RULES: readonly ProofRule[] = [
  ...METRIC_RULES,
  ...NAME_RULES,
  ...TRACKING_RULES,
  ...STATISTIC_RULES,
  ...MATH_RULES,
  ...ALARM_RULES,
  ...THRESHOLD_RULES,
  ...TARGET_RULES,
  ...SCHEDULE_RULES,
  ...CAPACITY_RULES,
  ...STREAM_RULES,
  ...DELIVERY_RULES,
  ...MAPPING_RULES,
  ...WAKE_RULES,
  ...COMPONENT_RULES,
  ...VARIANT_RULES,
  ...HOST_RULES,
  ...GUARDRAIL_RULES,
  ...FEATURE_RULES,
  ...POLICY_RULES,
  ...MOVEMENT_RULES,
  ...INSTANCE_RULES,
  ...DEPLOYMENT_RULES,
  ...ORDER_RULES,
  ...PERMISSION_RULES,
];

/**
 * Returns the certain and the likely faults in the scaling of some templates. They are judged together, so that one may refer to another.
 * A value that only the deployment decides is no fault.
 *
 * @throws InputError when a document is not a template
 */
export function prove(templates: readonly TemplateDocument[], options: ProofOptions = {}): Finding[] {
  return [...proofOf(templates, options).findings];
}

/**
 * Returns the same findings, and the warnings behind conditions that the defaults do not lead to.
 *
 * @throws InputError when a document is not a template
 */
export function proofOf(templates: readonly TemplateDocument[], options: ProofOptions = {}): Proof {
  checkNesting(templates);
  const branches = branchesOf(templates).map((branch) => ({ branch, ...judge(branch.templates, options) }));
  const byDefault = branches.filter(({ branch }) => branch.isDefault);
  const conditional = branches.length > 1 ? conditionalFindings(templates, branches, options) : [];
  const lists = [
    certainFindings(branches),
    // Defaults of parameters count as their values.
    certainFindings(byDefault.length > 0 ? byDefault : branches),
    conditional.flatMap(({ condition, value, findings }) =>
      findings
        .filter(({ severity }) => severity === 'error')
        .map((finding) => ({
          ...finding,
          severity: 'warning' as const,
          message: `when condition ${condition} is ${value}: ${finding.message}`,
        })),
    ),
  ];
  const found = firstOfEach(lists);
  const findings = unique(found).sort(
    (a, b) => order(a) - order(b) || compare(a.template, b.template) || compare(a.logicalId, b.logicalId),
  );
  return { findings, conditionalWarnings: furtherWarnings(found, conditional) };
}

/** Warnings under each truth value of a condition that no list before has. */
function furtherWarnings(
  found: readonly Finding[],
  conditional: readonly ConditionalFindings[],
): readonly ConditionalWarnings[] {
  const known = [...found];
  return conditional.flatMap(({ condition, value, findings }) => {
    const warnings = firstOfEach([known, findings.filter(({ severity }) => severity === 'warning')]).slice(
      known.length,
    );
    known.push(...warnings);
    return warnings.length === 0 ? [] : [{ condition, value, findings: warnings }];
  });
}

/** Findings that hold under one truth value of a condition. */
interface ConditionalFindings {
  readonly condition: string;
  readonly value: boolean;
  readonly findings: readonly Finding[];
}

/** Findings under each truth value of each condition. Defaults do not count in branches to which they do not lead. */
function conditionalFindings(
  templates: readonly TemplateDocument[],
  branches: readonly (Judgement & { readonly branch: Branch })[],
  options: ProofOptions,
): ConditionalFindings[] {
  const judged = branches.map((one) =>
    one.branch.isDefault || !one.readsDefaults
      ? one
      : { branch: one.branch, ...judge(one.branch.templates, options, true) },
  );
  return declaredConditions(templates, JUDGED_TYPES[0]).flatMap((declared) =>
    [true, false].flatMap((value) => {
      const chosen = judged.filter(({ branch }) => branch.holds(declared) === value);
      return chosen.length === 0 ? [] : [{ condition: declared.name, value, findings: certainFindings(chosen) }];
    }),
  );
}

/** Findings in templates whose conditions are decided. */
function judge(templates: readonly TemplateDocument[], options: ProofOptions, areDefaultsOpen = false): Judgement {
  const model = new TemplateModel(templates, { areDefaultsOpen });
  const findings = RULES.flatMap((rule) =>
    [...rule.check(model, options)].map(({ at, property, message, remedy, severity }): Finding => ({
      rule: rule.id,
      severity: severity ?? rule.severity,
      template: at.template,
      logicalId: at.logicalId,
      property,
      message: readable(message),
      remedy: remedy ?? rule.remedy,
    })),
  );
  const { readsDefaults } = model;
  return { findings, has: ({ template, logicalId }) => model.has(template, logicalId), readsDefaults };
}

/** Message with its variables as templates write them: `${NAME}`. */
function readable(message: string): string {
  return message.replace(/<(?:\d+ )?([\w:. -]+)>/g, '${$1}');
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
