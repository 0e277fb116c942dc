import type { Random } from '../../simulation/random';
import type { ResourceRequest } from './resource-provider';

const MAX_NAME_LENGTH = 63;
const SUFFIX_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const SUFFIX_LENGTH = 12;

/**
 * Generates a name for a resource whose template gives none: stack, logical id and a random suffix, as CloudFormation does.
 * In lower case, because names in SageMaker's ARNs are in lower case and IAM compares ARNs by case.
 */
export function generatedName({ stackName, logicalId }: ResourceRequest, random: Random): string {
  const suffix = Array.from(
    { length: SUFFIX_LENGTH },
    () => SUFFIX_LETTERS[random.integer(SUFFIX_LETTERS.length)],
  ).join('');
  const stem = `${stackName}-${logicalId}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '');
  return `${stem.slice(0, MAX_NAME_LENGTH - SUFFIX_LENGTH - 1).replace(/-+$/, '')}-${suffix}`;
}

/** True if property values are equal, in any order of their members. */
export function sameProperties(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([x], [y]) => x.localeCompare(y))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
