import * as iam from 'aws-cdk-lib/aws-iam';
import type { IScalableFleet } from './scalable-fleet';

/** Returns the permissions to read the state of these fleets only. */
export function describeStatements(fleets: readonly IScalableFleet[]): iam.PolicyStatement[] {
  const arnsOf = (areComponents: boolean): string[] => [
    ...new Set(
      fleets.flatMap(({ stateSource, scalableDimension }) =>
        stateSource !== undefined && scalableDimension.includes(':inference-component:') === areComponents
          ? [stateSource.arn]
          : [],
      ),
    ),
  ];
  const allow = (action: string, resources: string[]): iam.PolicyStatement[] =>
    resources.length === 0 ? [] : [new iam.PolicyStatement({ actions: [action], resources })];
  return [
    ...allow('sagemaker:DescribeEndpoint', arnsOf(false)),
    ...allow('sagemaker:DescribeInferenceComponent', arnsOf(true)),
  ];
}
