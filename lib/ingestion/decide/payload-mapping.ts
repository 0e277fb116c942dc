import { InputError } from '../../core/errors';

/** Maximum length of an expression, characters: all environment variables of a function have 4 KB together. */
export const MAX_EXPRESSION_LENGTH = 1_024;

/** Way in which a payload is changed. */
export type PayloadMappingSource =
  /** JMESPath expression over the JSON of the payload. */
  | { readonly kind: 'jmespath'; readonly expression: string }
  /** Lambda function that gets the payload and returns another one. */
  | { readonly kind: 'lambda'; readonly functionArn: string };

/** Formats a mapping for the environment of a consumer. */
export function formatPayloadMapping(source: PayloadMappingSource): string {
  return source.kind === 'jmespath' ? `jmespath:${source.expression}` : `lambda:${source.functionArn}`;
}

/** Parses the text of a mapping; throws an {@link InputError} for another text. */
export function parsePayloadMapping(text: string): PayloadMappingSource {
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon);
  const rest = text.slice(colon + 1);
  if (kind === 'jmespath' && rest !== '') return { kind, expression: rest };
  if (kind === 'lambda' && rest !== '') return { kind, functionArn: rest };
  throw new InputError(`the mapping is '${text}'; expected jmespath:<expression> or lambda:<ARN of a function>`);
}
