import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { COMPONENT_NAME_VARIABLE, ENDPOINT_NAME_VARIABLE } from './contract';

/** An inference component as its callers name it. */
export interface InvokedComponent {
  readonly endpointName: string;
  readonly componentName: string;
  /** The endpoint, the component, and what else an invocation is authorised on. */
  readonly resourceArns: string[];
}

/** Lets someone invoke a component, synchronously and with a streamed answer; a Lambda function is told endpoint and component. */
export function grantComponentInvoke(grantee: iam.IGrantable, component: InvokedComponent): iam.Grant {
  if (grantee instanceof lambda.Function) {
    grantee.addEnvironment(ENDPOINT_NAME_VARIABLE, component.endpointName);
    grantee.addEnvironment(COMPONENT_NAME_VARIABLE, component.componentName);
  }
  return iam.Grant.addToPrincipal({
    grantee,
    actions: ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream'],
    resourceArns: component.resourceArns,
  });
}
