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
import type { FleetScaling } from '../scaling/fleet-scaling';
import type { IScalableFleet } from '../scaling/scalable-fleet';
import {
  RunningTrainingJobs,
  type CostGuardProps,
  type GuardedFleetProps,
  type ProtectedFleetProps,
} from './cost-guard-props';
import { checkBudget } from './decide/budget-period';
import { checkFloors, HOURS_PER_LONGEST_MONTH } from './decide/floors';
import { DEFAULT_FORECAST_SMOOTHING_SECONDS, DEFAULT_THRESHOLDS } from './decide/plan';
import { findPrices } from './guard-prices';
import { checkWholeDurations } from '../runtime/whole-amounts';

/** Returns the configuration of the handler; throws one InputError that lists every problem of the props. */
export function guardConfiguration(scope: Construct, name: string, props: CostGuardProps): GuardConfiguration {
  const problems: string[] = [];
  const fleets = (props.fleets ?? []).flatMap((fleet, index) => {
    const wrong = checkScaling(`fleets[${index}].scaling`, fleet.scaling);
    problems.push(...wrong);
    return wrong.length > 0 ? [] : [scaledFleet(scope, props, fleet, problems)];
  });
  problems.push(...repeated(fleets));
  const training = trainingConfiguration(scope, props, problems);
  const thresholds = { ...DEFAULT_THRESHOLDS, ...defined(props.thresholds ?? {}) };
  problems.push(...checkThresholds(thresholds));
  problems.push(...budgetProblems(props.budgetUsd, fleets));
  if (!Token.isUnresolved(name) && !/^[A-Za-z0-9._-]{1,128}$/.test(name))
    problems.push(
      `guardName ('${name}') cannot be part of the budget parameter's name; use letters, digits, dots, hyphens and underscores`,
    );
  problems.push(...checkWholeDurations('seconds', { forecastSmoothing: props.forecastSmoothing }));
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

/** Returns the problems of a month's budget: out of range, or spent by the protected floors alone. */
function budgetProblems(budgetUsd: number, fleets: readonly GuardedFleetConfiguration[]): readonly string[] {
  if (Token.isUnresolved(budgetUsd)) return [];
  const budget = { amountUsd: budgetUsd, periodStart: null, periodEnd: null };
  const range = checkBudget(budget, null).map((problem) => problem.replace('amountUsd', 'budgetUsd'));
  if (range.length > 0) return range;
  return checkFloors(`budgetUsd (${budgetUsd})`, budgetUsd, fleets, HOURS_PER_LONGEST_MONTH);
}

/**
 * Returns the configuration of a fleet that somebody else registered, whose limits are theirs; throws one InputError that lists every
 * problem.
 *
 * @param guarded fleets that the guard has already
 */
export function protectedFleet(
  scope: Construct,
  props: CostGuardProps,
  fleet: IScalableFleet,
  { protectedFloor }: ProtectedFleetProps,
  guarded: readonly GuardedFleetConfiguration[],
): GuardedFleetConfiguration {
  throwProblems(scope.node.path, checkEndpoint(fleet));
  const problems: string[] = [];
  const limits = { minCapacity: null, maxCapacity: null, protectedFloor };
  const configuration = fleetConfiguration(scope, props, fleet, limits, problems);
  const all = [...guarded, configuration];
  throwProblems(scope.node.path, [...problems, ...repeated(all), ...budgetProblems(props.budgetUsd, all)]);
  return configuration;
}

/** Returns the problem of something else than an endpoint, from a language without types. */
function checkEndpoint(fleet: unknown): string[] {
  const { minAllowedCapacity, resourceId } = (fleet ?? {}) as Partial<IScalableFleet>;
  if (minAllowedCapacity !== undefined && resourceId !== undefined) return [];
  const given = isScaling(fleet) ? `a FleetScaling; put it into fleets, or give its endpoint` : `${kindOf(fleet)}`;
  return [
    `protect takes the endpoint whose scalable target somebody else registered, not ${given}; the guard finds the target by the names ` +
      'of the endpoint and its variant: guard.protect(GpuEndpoint.fromGpuEndpointAttributes(...), { protectedFloor: 1 })',
  ];
}

/** Returns the problem of a scaling that is none: a ScalableTarget of aws-cdk-lib tells neither endpoint nor instance types. */
function checkScaling(property: string, scaling: unknown): string[] {
  if (isScaling(scaling)) return [];
  return [
    `${property} is ${kindOf(scaling)}, not a FleetScaling; for a fleet that is registered in another way call ` +
      'guard.protect(endpoint, { protectedFloor: 1 }), which leaves its scalable target to its owner',
  ];
}

function isScaling(value: unknown): value is FleetScaling {
  return ((value ?? {}) as Partial<FleetScaling>).fleet?.resourceId !== undefined;
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  // Bundles number their classes.
  const name = value.constructor.name.replace(/\d+$/, '');
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** Returns the problems of fleets that are guarded twice, which would be charged twice. */
function repeated(fleets: readonly GuardedFleetConfiguration[]): string[] {
  const ids = fleets.map(({ resourceId }) => resourceId);
  return [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))].map(
    (id) => `${displayedId(id)} is guarded twice, and would be charged twice; give it once, in fleets or to protect`,
  );
}

/** Resource id for people; parts that the deployment decides have no text. */
function displayedId(resourceId: string): string {
  return Token.isUnresolved(resourceId) ? 'a fleet' : resourceId;
}

function scaledFleet(
  scope: Construct,
  props: CostGuardProps,
  { scaling, protectedFloor }: GuardedFleetProps,
  problems: string[],
): GuardedFleetConfiguration {
  const { fleet, minCapacity, maxCapacity } = scaling;
  const limits = { minCapacity, maxCapacity, protectedFloor: protectedFloor ?? minCapacity };
  return fleetConfiguration(scope, props, fleet, limits, problems);
}

function fleetConfiguration(
  scope: Construct,
  props: CostGuardProps,
  fleet: IScalableFleet,
  limits: Pick<GuardedFleetConfiguration, 'minCapacity' | 'maxCapacity' | 'protectedFloor'>,
  problems: string[],
): GuardedFleetConfiguration {
  const { instances } = fleet;
  const instanceTypes = instances?.instanceTypes ?? [];
  const found = findPrices(scope, props, instanceTypes, 'hosting');
  const configuration = {
    resourceId: fleet.resourceId,
    endpointName: fleet.fleetName,
    variantName: instances?.variantName ?? '',
    scalableDimension: fleet.scalableDimension,
    ...limits,
    pricesPerHourUsd: 'prices' in found ? found.prices : {},
  };
  const name = fleet.node.path;
  if (instances === undefined)
    problems.push(
      `${name}: the capacity of this fleet counts no instances, which the guard meters; guard a fleet of instances`,
    );
  else if (instanceTypes.length === 0)
    problems.push(`${name}: the instance types are not known; give instanceTypes where the endpoint is imported`);
  else if ('problems' in found) problems.push(...found.problems.map((problem) => `${name}: ${problem}`));
  else problems.push(...checkGuardedFleet({ ...configuration, resourceId: name }));
  if (configuration.protectedFloor < fleet.minAllowedCapacity)
    problems.push(
      `${name}: protectedFloor (${configuration.protectedFloor}) is below ${fleet.minAllowedCapacity}, ` +
        `the minimum of this kind of fleet; raise protectedFloor`,
    );
  return configuration;
}

/** Beginnings of the names that CreateTrainingJob takes (API reference). */
const JOB_NAME_PREFIX = /^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$/;

function trainingConfiguration(scope: Construct, props: CostGuardProps, problems: string[]): GuardedTraining | null {
  if (props.training === undefined) return null;
  const { jobNamePrefix, instanceTypes, runningJobs = RunningTrainingJobs.FINISH } = props.training;
  if (jobNamePrefix === '')
    problems.push(
      'training: jobNamePrefix is empty, which would meter every job of the account; give the prefix of the jobs to meter',
    );
  else if (!Token.isUnresolved(jobNamePrefix) && !JOB_NAME_PREFIX.test(jobNamePrefix))
    problems.push(
      `training: jobNamePrefix ('${jobNamePrefix}') begins no name of a training job; use at most 63 letters, digits and hyphens, a letter or a digit first`,
    );
  if (instanceTypes.length === 0) problems.push('training: instanceTypes is empty; name every type the jobs may use');
  const found = findPrices(scope, props, instanceTypes, 'training');
  if ('problems' in found) problems.push(...found.problems.map((problem) => `training: ${problem}`));
  return { jobNamePrefix, runningJobs, pricesPerHourUsd: 'prices' in found ? found.prices : {} };
}

/** Returns the entries that are defined, so that none overwrites a default with undefined. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
