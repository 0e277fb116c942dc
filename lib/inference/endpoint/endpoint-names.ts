import { ArnFormat, Names, Stack, Token, Tokenization } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { throwProblems } from '../../core/errors';
import { checkName, type Resolved } from '../value-checks';

/** Names of an endpoint and of its variant. */
export interface EndpointNameProps {
  /**
   * Name of the endpoint, at most 63 letters, digits and hyphens. A change replaces the endpoint.
   *
   * @default - a unique name made from the construct's path
   */
  readonly endpointName?: string;

  /**
   * Name of the variant, at most 63 letters, digits and hyphens.
   *
   * @default main
   */
  readonly variantName?: string;
}

/** Default name of a variant that is created here. */
const DEFAULT_VARIANT_NAME = 'main';

/**
 * Resolves the names of an endpoint. Alarms name the endpoint before it is created, so its name has to be known at synth.
 *
 * @internal
 */
export function resolveNames(scope: IConstruct, props: EndpointNameProps): Resolved<Required<EndpointNameProps>> {
  const variantName = props.variantName ?? DEFAULT_VARIANT_NAME;
  return {
    value: { endpointName: props.endpointName ?? uniqueName(scope), variantName },
    problems: [...checkName('endpointName', props.endpointName), ...checkName('variantName', variantName)],
  };
}

/**
 * Name of the variant of an existing endpoint. Nothing tells it but the one who gives it: scaling and alarms of a variant that does not
 * exist would be deployed without an error, and do nothing.
 *
 * @throws InputError where it is missing, as in a language without types, or no name
 * @internal
 */
export function importedVariantName(
  scope: IConstruct,
  { endpointName, variantName }: { readonly endpointName: string; readonly variantName: string | undefined },
): string {
  const command = `aws sagemaker describe-endpoint --endpoint-name ${endpointName} --query 'ProductionVariants[].VariantName'`;
  throwProblems(
    scope.node.path,
    variantName === undefined || variantName === ''
      ? [
          `variantName is missing, and the name of the endpoint (${endpointName}) does not tell it: the SageMaker Python SDK calls a variant ` +
            `AllTraffic, Tidegate main; give one of those that "${command}" lists`,
        ]
      : checkName('variantName', variantName),
  );
  return variantName!;
}

/**
 * Name that is known at synth, made from the construct's path.
 *
 * @internal
 */
export function uniqueName(scope: IConstruct): string {
  return Names.uniqueResourceName(scope, { maxLength: 63, separator: '-' }).toLowerCase();
}

/**
 * Number as the value of a tag, also where it is known only at deploy time.
 *
 * @internal
 */
export function tagValue(value: number): string {
  return Tokenization.stringifyNumber(value);
}

/**
 * ARN of an endpoint in the stack's account and region; the name is lower case in it whatever its case elsewhere.
 *
 * @internal
 */
export function endpointArn(stack: Stack, endpointName: string): string {
  return sageMakerArn(stack, 'endpoint', endpointName);
}

/**
 * ARN of an inference component in the stack's account and region.
 *
 * @internal
 */
export function componentArn(stack: Stack, componentName: string): string {
  return sageMakerArn(stack, 'inference-component', componentName);
}

function sageMakerArn(stack: Stack, resource: string, name: string): string {
  return stack.formatArn({
    service: 'sagemaker',
    resource,
    resourceName: Token.isUnresolved(name) ? name : name.toLowerCase(),
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
  });
}
