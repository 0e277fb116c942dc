import { ArnFormat, Names, Stack, Token, Tokenization } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** What the variant is called unless told otherwise. */
export const DEFAULT_VARIANT_NAME = 'main';

/** A name that is known at synth, made from the construct's path: alarms and scaling name it before it exists. */
export function uniqueName(scope: IConstruct): string {
  return Names.uniqueResourceName(scope, { maxLength: 63, separator: '-' }).toLowerCase();
}

/** A number as the value of a tag, also where it is only known at deploy time. */
export function tagValue(value: number): string {
  return Tokenization.stringifyNumber(value);
}

/** The ARN of an endpoint in the stack's account and region; the name is lower-case in it whatever its case elsewhere. */
export function endpointArn(stack: Stack, endpointName: string): string {
  return sageMakerArn(stack, 'endpoint', endpointName);
}

/** The ARN of an inference component in the stack's account and region. */
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
