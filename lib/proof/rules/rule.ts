import type { Rule } from '../finding';
import type { ProofModel } from '../model';

/** A rule over the model of some templates. */
export type ProofRule = Rule<ProofModel>;

/** `a, b or c`. */
export function either(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]!}`;
}
