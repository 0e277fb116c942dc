import { ArnFormat, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { CheckedCall } from '../catalog/dependent-permissions';
import { parseResourceId, SAGEMAKER_SERVICE_NAMESPACE } from '../catalog/scalable-resource';
import { acknowledgeWildcards } from '../runtime/acknowledge';
import { acknowledgeDependentWildcards, dependentStatements } from '../runtime/dependent-grants';
import type { IScalableFleet } from './scalable-fleet';

/**
 * Allows a handler to read and set the limits of fleets. Application Auto Scaling also checks what the handler may do with the endpoints
 * and with alarms: the statements contain that too.
 *
 * @returns the actions on every resource, for the acknowledgement of the caller
 */
export function grantLimits(
  handler: Pick<lambda.IFunction, 'role' | 'addToRolePolicy'>,
  fleets: readonly IScalableFleet[],
): string[] {
  const scope = handler.role!;
  const targets = Stack.of(scope).formatArn({
    service: 'application-autoscaling',
    resource: 'scalable-target/*',
    arnFormat: ArnFormat.NO_RESOURCE_NAME,
  });
  const calls = registrations(scope, fleets);
  const statements = [
    new iam.PolicyStatement({
      sid: 'Limit',
      actions: ['application-autoscaling:RegisterScalableTarget'],
      resources: [targets],
      conditions: {
        StringEquals: {
          'application-autoscaling:service-namespace': unique(fleets.map(({ serviceNamespace }) => serviceNamespace)),
          'application-autoscaling:scalable-dimension': unique(
            fleets.map(({ scalableDimension }) => scalableDimension),
          ),
        },
      },
    }),
    new iam.PolicyStatement({
      sid: 'SeeLimits',
      actions: ['application-autoscaling:DescribeScalableTargets'],
      resources: ['*'],
    }),
    ...dependentStatements(scope, calls),
  ];
  for (const statement of statements) handler.addToRolePolicy(statement);
  acknowledgeWildcards(
    scope,
    [targets],
    'The ARN of a scalable target ends in an id that the service generates and CloudFormation does not return; ' +
      'conditions limit the statement to the namespace and the dimension of the fleets.',
  );
  return ['application-autoscaling:DescribeScalableTargets', ...acknowledgeDependentWildcards(scope, calls)];
}

/** Registrations of the fleets, one call for each scalable dimension. */
function registrations(scope: iam.IRole, fleets: readonly IScalableFleet[]): CheckedCall[] {
  return unique(fleets.map(({ scalableDimension }) => scalableDimension)).map((scalableDimension) => {
    const scaled = fleets.filter((fleet) => fleet.scalableDimension === scalableDimension);
    const arnsOf = (areComponents: boolean): string[] =>
      unique(scaled.flatMap((fleet) => (isComponent(fleet) === areComponents ? [scaledArn(scope, fleet)] : [])));
    return {
      call: 'application-autoscaling:RegisterScalableTarget',
      scalableDimension,
      arns: { EndpointArn: arnsOf(false), ComponentArn: arnsOf(true) },
    };
  });
}

function isComponent({ resourceId }: IScalableFleet): boolean {
  return parseResourceId(resourceId)?.kind === 'inference-component';
}

/** ARN of the endpoint or the inference component of a fleet. SageMaker writes the names in ARNs in lower case. */
function scaledArn(scope: iam.IRole, fleet: IScalableFleet): string {
  const known = fleet.scaledResourceArn ?? fleet.instances?.endpointArn ?? fleet.stateSource?.arn;
  if (known !== undefined) return known;
  return Stack.of(scope).formatArn({
    service: SAGEMAKER_SERVICE_NAMESPACE,
    resource: isComponent(fleet) ? 'inference-component' : 'endpoint',
    resourceName: Token.isUnresolved(fleet.fleetName) ? fleet.fleetName : fleet.fleetName.toLowerCase(),
  });
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
