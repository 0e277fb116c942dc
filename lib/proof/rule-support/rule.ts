import type { Rule } from '../finding';
import type { TemplateModel } from '../../template';

/** A rule on the model of some templates. */
export type ProofRule = Rule<TemplateModel>;

/** `a, b or c`. */
export function either(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]!}`;
}
