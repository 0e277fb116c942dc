import { Token } from 'aws-cdk-lib';

/** Names of endpoints, variants and components, in the API reference of SageMaker. */
const NAME = /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/;

/** A name as SageMaker takes it. */
export function checkName(property: string, name: string | undefined): string[] {
  if (name === undefined || Token.isUnresolved(name) || NAME.test(name)) return [];
  return [
    `${property} '${name}' must be 1 to 63 letters, digits and hyphens, beginning and ending with a letter or digit`,
  ];
}

/** A whole number within limits, in a unit. */
export function checkWhole(property: string, value: number, least: number, most: number, unit = ''): string[] {
  if (Token.isUnresolved(value)) return [];
  if (Number.isInteger(value) && value >= least && value <= most) return [];
  const range = most === Infinity ? `${least} or more` : `${least} to ${most}`;
  return [`${property} (${[value, unit].join(' ').trim()}) must be a whole number, ${range}`];
}
