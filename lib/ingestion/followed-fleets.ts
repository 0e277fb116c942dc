import { Aspects, Lazy, Stack } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import { describeStatements } from '../scaling/describe-statements';
import type { IScalableFleet } from '../scaling/scalable-fleet';
import { INGESTION_ENVIRONMENT, type FollowedFleet } from './contract';
import { fleetsAtMaximum, replicaFleets } from './endpoint-fleets';

/** Returns the fleets of an endpoint if the number of replicas of all of them can be read; none otherwise. */
export function readableFleets(endpoint: IInvocableEndpoint): IScalableFleet[] {
  const fleets = replicaFleets(endpoint);
  return fleets.every(({ stateSource }) => stateSource !== undefined) ? fleets : [];
}

/** Variables of a consumer whose requests in flight follow the fleets of its endpoint, where the app scales all of them. */
export function capacityEnvironment(
  scope: Construct,
  endpoint: IInvocableEndpoint,
  parallelizationFactor: number,
): { readonly [name: string]: string } {
  return {
    // The scaling of the endpoint may be declared after its stream.
    [INGESTION_ENVIRONMENT.fleets]: Lazy.string({ produce: () => followedFleets(scope, endpoint) }),
    [INGESTION_ENVIRONMENT.parallelizationFactor]: String(parallelizationFactor),
  };
}

/** Adds the permission to read the number of replicas to a policy, where the app scales the fleets of the endpoint. */
export function grantCapacity(scope: Construct, endpoint: IInvocableEndpoint, policy: iam.Policy): void {
  let isGranted = false;
  Aspects.of(scope).add({
    visit: (node) => {
      if (node !== scope || isGranted || followedFleets(scope, endpoint) === undefined) return;
      isGranted = true;
      policy.addStatements(...describeStatements(readableFleets(endpoint)));
    },
  });
}

function followedFleets(scope: Construct, endpoint: IInvocableEndpoint): string | undefined {
  if (fleetsAtMaximum(endpoint) === undefined) return undefined;
  const fleets = readableFleets(endpoint).map(
    ({ resourceId, fleetName, maxConcurrencyPerInstance }): FollowedFleet => ({
      resourceId,
      fleetName,
      maxConcurrencyPerReplica: maxConcurrencyPerInstance,
    }),
  );
  return fleets.length === 0 ? undefined : Stack.of(scope).toJsonString(fleets);
}
