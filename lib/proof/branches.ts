import {
  applyChoice,
  choiceByDefaults,
  choicesOf,
  conditionKeys,
  holds,
  type ConditionChoice,
  type DeclaredCondition,
  type TemplateDocument,
} from '../template';

/** Maximum number of independent conditions of which every choice is judged. */
const MAX_CONDITIONS = 8;

/** Maximum length of the templates of all choices together, in characters. */
const MAX_CHARACTERS = 12_000_000;

/** Types that rules read: conditions of other resources make no difference. Beyond the maxima, the types of scaling alone. */
export const JUDGED_TYPES = [
  /^AWS::(SageMaker|ApplicationAutoScaling|CloudWatch|IAM|Lambda|Serverless|Kinesis)::/,
  /^AWS::(SageMaker|ApplicationAutoScaling|CloudWatch)::/,
] as const;

/** Templates under one choice of their conditions. */
export interface Branch {
  readonly templates: readonly TemplateDocument[];
  /** True if the defaults of the parameters lead here, as far as they decide. */
  readonly isDefault: boolean;
  /** Truth value of a condition; undefined where the choice does not decide it. */
  readonly holds: (declared: DeclaredCondition) => boolean | undefined;
}

/**
 * Templates under each choice of their conditions. Beyond the maxima: the choices to which the defaults of parameters lead; where even
 * these are too many, the templates with the rest of their conditions undecided.
 */
export function branchesOf(templates: readonly TemplateDocument[]): Branch[] {
  const size = templates.reduce((sum, { document }) => sum + JSON.stringify(document ?? null).length, 0);
  const isFew = (keys: readonly string[]): boolean =>
    keys.length <= MAX_CONDITIONS && size * 2 ** keys.length <= MAX_CHARACTERS;
  const sets = JUDGED_TYPES.map((types) => conditionKeys(templates, types));
  const byDefault = choiceByDefaults([...new Set(sets.flat())], templates);
  const branch = (choice: ConditionChoice): Branch => ({
    templates: applyChoice(templates, choice),
    isDefault: [...choice].every(([key, value]) => (byDefault.get(key) ?? value) === value),
    holds: (declared) => holds(declared, templates, choice),
  });
  const all = sets.find(isFew);
  if (all !== undefined) return choicesOf(all).map(branch);
  const open = sets.map((set) => set.filter((key) => !byDefault.has(key))).find(isFew) ?? [];
  return choicesOf(open).map((choice) => branch(new Map([...byDefault, ...choice])));
}
