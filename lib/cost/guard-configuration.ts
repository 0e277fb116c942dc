import { Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import {
  checkGuardedFleet,
  checkThresholds,
  type GuardConfiguration,
  type GuardedFleetConfiguration,
  type GuardedTraining,
} from './contract';
import type { CostGuardProps, GuardedFleetProps } from './cost-guard-props';
import { DEFAULT_FORECAST_SMOOTHING_SECONDS, DEFAULT_THRESHOLDS } from './decide/plan';
import { findPrices } from './guard-prices';

/** What the handler is told; throws one InputError that lists every problem of the props. */
export function guardConfiguration(scope: Construct, name: string, props: CostGuardProps): GuardConfiguration {
  const problems: string[] = [];
  const fleets = (props.fleets ?? []).map((fleet) => fleetConfiguration(scope, props, fleet, problems));
  const training = trainingConfiguration(scope, props, problems);
  const thresholds = { ...DEFAULT_THRESHOLDS, ...defined(props.thresholds ?? {}) };
  problems.push(...checkThresholds(thresholds));
  if (!Token.isUnresolved(props.budgetUsd) && !(Number.isFinite(props.budgetUsd) && props.budgetUsd > 0))
    problems.push(`budgetUsd (${props.budgetUsd}) is no amount above 0; give what may be spent in a month, in USD`);
  if (fleets.length === 0 && training === null)
    problems.push('there is nothing to guard; give fleets, training, or both');
  if (!Token.isUnresolved(name) && !/^[A-Za-z0-9._-]{1,128}$/.test(name))
    problems.push(
      `guardName ('${name}') cannot be part of the budget parameter's name; use letters, digits, dots, hyphens and underscores`,
    );
  throwProblems(scope.node.path, problems);
  return {
    name,
    dryRun: props.dryRun ?? false,
    fleets,
    training,
    thresholds,
    forecastSmoothingSeconds: props.forecastSmoothing?.toSeconds() ?? DEFAULT_FORECAST_SMOOTHING_SECONDS,
  };
}

function fleetConfiguration(
  scope: Construct,
  props: CostGuardProps,
  { scaling, variantName, instanceTypes, protectedFloor }: GuardedFleetProps,
  problems: string[],
): GuardedFleetConfiguration {
  const { fleet, minCapacity, maxCapacity } = scaling;
  const found = findPrices(scope, props, instanceTypes, 'hosting');
  const configuration = {
    resourceId: fleet.resourceId,
    endpointName: fleet.fleetName,
    variantName,
    scalableDimension: fleet.scalableDimension,
    minCapacity,
    maxCapacity,
    protectedFloor: protectedFloor ?? minCapacity,
    pricesPerHourUsd: 'prices' in found ? found.prices : {},
  };
  const name = fleet.node.path;
  if (instanceTypes.length === 0) problems.push(`${name}: instanceTypes is empty; name every type the fleet may use`);
  else if ('problems' in found) problems.push(...found.problems.map((problem) => `${name}: ${problem}`));
  else problems.push(...checkGuardedFleet({ ...configuration, resourceId: name }));
  if (configuration.protectedFloor < fleet.lowestCapacity)
    problems.push(
      `${name}: protectedFloor (${configuration.protectedFloor}) is below ${fleet.lowestCapacity}, ` +
        `the fewest instances this kind of fleet can have; raise protectedFloor`,
    );
  return configuration;
}

function trainingConfiguration(scope: Construct, props: CostGuardProps, problems: string[]): GuardedTraining | null {
  if (props.training === undefined) return null;
  const { jobNamePrefix, instanceTypes } = props.training;
  if (jobNamePrefix === '')
    problems.push(
      'training: jobNamePrefix is empty; name what the jobs to meter begin with, not every job of the account',
    );
  if (instanceTypes.length === 0) problems.push('training: instanceTypes is empty; name every type the jobs may use');
  const found = findPrices(scope, props, instanceTypes, 'training');
  if ('problems' in found) problems.push(...found.problems.map((problem) => `training: ${problem}`));
  return { jobNamePrefix, pricesPerHourUsd: 'prices' in found ? found.prices : {} };
}

/** The entries that are given, so that a default is not overwritten with undefined. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
