import { Token } from 'aws-cdk-lib';
import { Construct, type IConstruct } from 'constructs';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import { FleetScaling } from '../scaling/fleet-scaling';
import type { IScalableFleet } from '../scaling/scalable-fleet';
import type { FleetAtMaximum } from './decide/requests-in-flight';

/**
 * Returns the fleets of an endpoint at their maximum, as far as the app scales them; undefined where one of them is not known. Complete only
 * when all constructs exist, at the end of the synthesis.
 */
export function fleetsAtMaximum(endpoint: IInvocableEndpoint): FleetAtMaximum[] | undefined {
  if (!Construct.isConstruct(endpoint)) return undefined;
  const { root } = endpoint.node;
  const scalings = root.node.findAll().filter((construct) => construct instanceof FleetScaling);
  const fleets = replicaFleets(endpoint).map((fleet): FleetAtMaximum | undefined => {
    const { minCapacity, maxCapacity } = scalings.find((scaling) => scaling.fleet === fleet) ?? {};
    const { maxConcurrencyPerInstance } = fleet;
    if (maxCapacity === undefined || Token.isUnresolved(maxCapacity)) return undefined;
    if (Token.isUnresolved(maxConcurrencyPerInstance)) return undefined;
    return {
      maxCapacity,
      maxConcurrencyPerReplica: maxConcurrencyPerInstance,
      ...(Token.isUnresolved(minCapacity) ? {} : { minCapacity }),
    };
  });
  const known = fleets.filter((fleet) => fleet !== undefined);
  return known.length === 0 || known.length < fleets.length ? undefined : known;
}

/** Fleets of instances or copies behind an endpoint; the variants of an endpoint that has several are its children. */
export function replicaFleets(endpoint: IInvocableEndpoint): IScalableFleet[] {
  if (!Construct.isConstruct(endpoint)) return [];
  return [endpoint, ...endpoint.node.children].filter(isReplicaFleet);
}

/** True for a fleet whose capacity counts instances or copies; that of a serverless endpoint counts provisioned concurrency. */
function isReplicaFleet(construct: IConstruct): construct is IScalableFleet {
  return (
    'scalableDimension' in construct &&
    (construct as IScalableFleet).predefinedMetrics.provisionedConcurrencyUtilization === undefined
  );
}

/** True for a serverless endpoint, as far as the app declares it. */
export function isServerless(endpoint: IInvocableEndpoint): boolean {
  return (
    'predefinedMetrics' in endpoint &&
    (endpoint as unknown as IScalableFleet).predefinedMetrics.provisionedConcurrencyUtilization !== undefined
  );
}
