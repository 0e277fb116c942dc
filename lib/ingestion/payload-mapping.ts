import { Token } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { InputError } from '../core/errors';
import { checkExpression } from '../runtime/expression-checker';
import { formatPayloadMapping, MAX_EXPRESSION_LENGTH } from './decide/payload-mapping';

/** Change of a payload between the records and the endpoint: a JMESPath expression, or a Lambda function. */
export class PayloadMapping {
  /**
   * Result of a JMESPath expression over the JSON payload, as JSON.
   *
   * JMESPath always ends; an evaluation may take a second and has a limit of its size. A payload that is not JSON, an error of a function and a
   * result of null are failures of the record.
   *
   * https://jmespath.org/specification.html
   *
   * @param expression for example `{inputs: prompt, parameters: {max_new_tokens: max_tokens}}`, at most 1,024 characters
   * @throws InputError for another text, with the column
   */
  public static jmesPath(expression: string): PayloadMapping {
    const problem = Token.isUnresolved(expression)
      ? 'it is known only after the deployment; give a plain text'
      : expression.length > MAX_EXPRESSION_LENGTH
        ? `it has ${expression.length} characters, of at most ${MAX_EXPRESSION_LENGTH}; use PayloadMapping.lambdaFunction`
        : checkExpression(expression);
    if (problem !== undefined) {
      throw new InputError(
        `the JMESPath expression '${expression}' cannot be used: ${problem}; https://jmespath.org/specification.html has the language`,
      );
    }
    return new PayloadMapping(formatPayloadMapping({ kind: 'jmespath', expression }));
  }

  /**
   * Body that a Lambda function returns for a payload, of any media type. The function is invoked once a record, with
   * `{ "body": "…", "isBase64Encoded": false, "contentType": "application/json" }`; the body is base64 where it is not UTF-8 text. It returns
   * `{ "body": "…" }`, with `isBase64Encoded` where needed, or throws.
   *
   * @param handler function, or an alias or version of one; it has 15 seconds
   */
  public static lambdaFunction(handler: lambda.IFunction): PayloadMapping {
    return new PayloadMapping(formatPayloadMapping({ kind: 'lambda', functionArn: handler.functionArn }), handler);
  }

  private constructor(
    /** Text of the mapping in the consumer's environment. */
    public readonly definition: string,
    /** Function that changes the payload; undefined for an expression. */
    public readonly handler?: lambda.IFunction,
  ) {}
}
